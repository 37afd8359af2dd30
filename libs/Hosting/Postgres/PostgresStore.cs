using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Timeout;

namespace Claims.Hosting;

/// <summary>A service's PostgreSQL database.</summary>
public static class PostgresStore
{
    private static readonly TimeSpan ReachableWithin = TimeSpan.FromSeconds(30);

    /// <summary>Registers the <see cref="NpgsqlDataSource"/>; at start waits up to 30 s for the server and migrates; readiness follows the connection.</summary>
    /// <remarks>Call it before the services that use the database are added: hosted services start in the order they were added.</remarks>
    /// <param name="connectionString">Npgsql connection string.</param>
    /// <param name="migrations">The assembly that embeds <c>migrations/*.sql</c>.</param>
    public static WebApplicationBuilder AddPostgres(this WebApplicationBuilder builder, string connectionString, Assembly migrations)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(services =>
        {
            NpgsqlDataSourceBuilder source = new(connectionString) { Name = services.GetRequiredService<ServiceName>().Value };
            source.UseLoggerFactory(services.GetRequiredService<ILoggerFactory>());
            return source.Build();
        });
        builder.Services.AddHostedService(services => new Migrate(services.GetRequiredService<NpgsqlDataSource>(), migrations, services.GetRequiredService<ILogger<Migrate>>()));
        builder.Services.AddHealthChecks().AddCheck<Reachable>("postgres", tags: [Readiness.Tag], timeout: TimeSpan.FromSeconds(2));
        return builder;
    }

    private sealed class Migrate(NpgsqlDataSource database, Assembly assembly, ILogger<Migrate> logger) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            await WaitAsync(cancellationToken);
            foreach (string file in await Migrations.ApplyAsync(database, assembly, cancellationToken))
            {
                logger.LogInformation(new EventId(1, "migrated"), "Applied migration {File}.", file);
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        private async Task WaitAsync(CancellationToken cancellationToken)
        {
            Exception? last = null;
            ResiliencePipeline patience = OutgoingPipelines.CreateWaiting("postgres-start", ReachableWithin, exception =>
            {
                last = exception;
                return exception is NpgsqlException { IsTransient: true };
            });
            try
            {
                await patience.ExecuteAsync(async token =>
                {
                    await using NpgsqlConnection connection = await database.OpenConnectionAsync(token);
                }, cancellationToken);
            }
            catch (TimeoutRejectedException)
            {
                throw new TimeoutException($"PostgreSQL did not answer within {ReachableWithin.TotalSeconds} s: {last?.Message ?? "no connection was refused or made"}", last);
            }
        }
    }

    private sealed class Reachable(NpgsqlDataSource database) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using NpgsqlCommand command = database.CreateCommand("SELECT 1");
                await command.ExecuteScalarAsync(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (NpgsqlException exception)
            {
                return HealthCheckResult.Unhealthy("PostgreSQL does not answer", exception);
            }
        }
    }
}
