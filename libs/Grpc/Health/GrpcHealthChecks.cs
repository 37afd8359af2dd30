using System.Diagnostics.CodeAnalysis;
using Grpc.AspNetCore.HealthChecks;
using Grpc.Health;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;

#pragma warning disable IDE0130 // The namespaces in which callers of the packages find these types.
namespace Grpc.AspNetCore.HealthChecks
{
    public sealed class GrpcHealthChecksOptions
    {
        /// <summary>The service names that may be asked for. The empty name, the server as a whole, covers every check.</summary>
        public ServiceMappings Services { get; } = new();
    }

    public sealed class ServiceMappings
    {
        private readonly Dictionary<string, Func<HealthCheckRegistration, bool>> _byName = new(StringComparer.Ordinal) { [""] = static _ => true };

        /// <summary>The health of that service is the worst of the checks that the predicate picks, by name or tags.</summary>
        public void Map(string name, Func<HealthCheckRegistration, bool> predicate) => _byName[name] = predicate;

        internal bool TryGet(string name, [NotNullWhen(true)] out Func<HealthCheckRegistration, bool>? predicate) => _byName.TryGetValue(name, out predicate);
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    public static class GrpcHealthChecksServiceExtensions
    {
        /// <summary>
        /// Health checks for <c>MapGrpcHealthChecksService</c>. Watch learns of changes every
        /// <see cref="HealthCheckPublisherOptions.Period"/> (30 s unless set).
        /// </summary>
        public static IHealthChecksBuilder AddGrpcHealthChecks(this IServiceCollection services, Action<GrpcHealthChecksOptions>? configure = null)
        {
            ArgumentNullException.ThrowIfNull(services);
            services.AddGrpc();
            services.TryAddSingleton<HealthReports>();
            services.AddSingleton<IHealthCheckPublisher>(provider => provider.GetRequiredService<HealthReports>());
            services.TryAddSingleton<HealthService>();
            if (configure is not null)
                services.Configure(configure);
            return services.AddHealthChecks();
        }
    }
}

namespace Microsoft.AspNetCore.Builder
{
    public static class GrpcHealthChecksEndpointRouteBuilderExtensions
    {
        public static IEndpointConventionBuilder MapGrpcHealthChecksService(this IEndpointRouteBuilder endpoints) => endpoints.MapGrpcService<HealthService>();
    }
}
