using System.Reflection;
using Grpc.Core;
using Grpc.Reflection;
using Grpc.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection.Extensions;

#pragma warning disable IDE0130 // The namespaces in which callers of the packages find these methods.
namespace Microsoft.Extensions.DependencyInjection
{
    public static class GrpcReflectionServiceExtensions
    {
        /// <summary>The reflection service over every gRPC service that the application maps.</summary>
        public static IServiceCollection AddGrpcReflection(this IServiceCollection services)
        {
            ArgumentNullException.ThrowIfNull(services);
            services.AddGrpc();
            services.TryAddSingleton(static provider => new DescriptorIndex(MappedDescriptors(provider.GetRequiredService<EndpointDataSource>())));
            services.TryAddSingleton<ReflectionService>();
            services.TryAddSingleton<ReflectionV1AlphaService>();
            return services;
        }

        private static IEnumerable<Google.Protobuf.Reflection.ServiceDescriptor> MappedDescriptors(EndpointDataSource endpoints) => endpoints.Endpoints
            .Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.ServiceType)
            .OfType<Type>()
            .Distinct()
            .Select(type => type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)!.BindType
                .GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static, null, typeof(Google.Protobuf.Reflection.ServiceDescriptor), [], null)?.GetValue(null))
            .OfType<Google.Protobuf.Reflection.ServiceDescriptor>();
    }
}

namespace Microsoft.AspNetCore.Builder
{
    public static class GrpcReflectionEndpointRouteBuilderExtensions
    {
        /// <summary>Serves grpc.reflection.v1 and v1alpha.</summary>
        public static IEndpointConventionBuilder MapGrpcReflectionService(this IEndpointRouteBuilder endpoints)
        {
            endpoints.MapGrpcService<ReflectionV1AlphaService>();
            return endpoints.MapGrpcService<ReflectionService>();
        }
    }
}
