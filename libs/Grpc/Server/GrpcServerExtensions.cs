using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

#pragma warning disable IDE0130, MA0182 // The namespaces in which callers of the packages find these methods.
namespace Microsoft.Extensions.DependencyInjection
{
    public static class GrpcServicesExtensions
    {
        public static IServiceCollection AddGrpc(this IServiceCollection services, Action<GrpcServiceOptions>? configureOptions = null)
        {
            ArgumentNullException.ThrowIfNull(services);
            services.AddRouting();
            services.AddOptions();
            services.TryAddSingleton<InterceptorInstances>();
            services.TryAddSingleton<MappedServices>();
            services.TryAddSingleton(new RegisteredServices(services));
            if (configureOptions is not null)
                services.Configure(configureOptions);
            return services;
        }
    }
}

namespace Microsoft.AspNetCore.Builder
{
    public static class GrpcEndpointRouteBuilderExtensions
    {
        /// <summary>Serves the methods of <typeparamref name="TService"/>, which derives from a generated service base class.</summary>
        public static IEndpointConventionBuilder MapGrpcService<TService>(this IEndpointRouteBuilder endpoints) where TService : class
        {
            ArgumentNullException.ThrowIfNull(endpoints);
            MappedServices services = endpoints.ServiceProvider.GetService<MappedServices>()
                ?? throw new InvalidOperationException("Call AddGrpc on the service collection before MapGrpcService.");
            UnimplementedEndpoints.Map(endpoints, services);
            return new GrpcServiceEndpoints(ServiceMapping<TService>.Map(endpoints, services));
        }

        private sealed class GrpcServiceEndpoints(IReadOnlyList<IEndpointConventionBuilder> methods) : IEndpointConventionBuilder
        {
            public void Add(Action<EndpointBuilder> convention)
            {
                foreach (IEndpointConventionBuilder method in methods)
                    method.Add(convention);
            }

            public void Finally(Action<EndpointBuilder> finallyConvention)
            {
                foreach (IEndpointConventionBuilder method in methods)
                    method.Finally(finallyConvention);
            }
        }
    }
}

namespace Grpc.Core
{
    public static class ServerCallContextExtensions
    {
        /// <summary>The HTTP request that carries the call.</summary>
        public static HttpContext GetHttpContext(this ServerCallContext serverCallContext) =>
            ServerCall.Of(serverCallContext)?.Http ?? throw new InvalidOperationException("The context is not of a call that this server received.");
    }
}
