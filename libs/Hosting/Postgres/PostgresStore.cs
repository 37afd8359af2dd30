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

    /// <summary>Registers the <see cref="NpgsqlDataSource"/> and <see cref="PostgresTrust"/>; at start waits up to 30 s for the server and
    /// migrates; readiness follows the connection. A server that cannot be trusted is told there, and whoever writes asks before.</summary>
    /// <remarks>Call it before the services that use the database are added: hosted services start in the order they were added.</remarks>
    /// <param name="connectionString">Npgsql connection string.</param>
    /// <param name="migrations">The assembly that embeds <c>migrations/*.sql</c>.</param>
    /// <param name="role">The role that the service works as, see <see cref="WithRole"/>; null: the login's own rights. Migrations never
    /// run as it.</param>
    /// <param name="ownerConnectionString">The login that migrates, where it is another one; null or empty: the service's own.</param>
    /// <param name="acceptUnsafe">A server whose answers may be lost is told and taken.</param>
    public static WebApplicationBuilder AddPostgres(this WebApplicationBuilder builder, string connectionString, Assembly migrations,
        string? role = null, string? ownerConnectionString = null, bool acceptUnsafe = false)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(services => Build(role is null ? connectionString : WithRole(connectionString, role), services));
        builder.Services.AddSingleton(services => new PostgresTrust(
            services.GetRequiredService<NpgsqlDataSource>(), acceptUnsafe, services.GetRequiredService<ILogger<PostgresTrust>>()));
        builder.Services.AddHostedService(services => new Migrate(
            () =>
                Build(string.IsNullOrEmpty(ownerConnectionString) ? connectionString : ownerConnectionString, services), migrations,
                services.GetRequiredService<PostgresTrust>(), services.GetRequiredService<ILogger<Migrate>>()));
        builder.Services.AddHostedService<ArchiveWatch>();
        builder.Services.AddHealthChecks().AddCheck<Reachable>("postgres", tags: [Readiness.Tag], timeout: TimeSpan.FromSeconds(2));
        return builder;
    }

    /// <summary>The connection string with which every connection works as a role that its login is a member of, from its first statement
    /// on.</summary>
    /// <param name="role">A lower-case identifier.</param>
    public static string WithRole(string connectionString, string role)
    {
        NpgsqlConnectionStringBuilder connection = new(connectionString)
        {
            // Npgsql resets a connection that goes back to the pool with SET SESSION AUTHORIZATION DEFAULT, which also drops the role.
            NoResetOnClose = true,
        };
        return WithSetting(connection, $"role={role}");
    }

    /// <summary>What a session asks for stands over what the database or the role has: a commit that was answered is on disk, whoever set
    /// synchronous_commit off there. A connection string that names it may ask for more, remote_apply; what is less,
    /// <see cref="PostgresTrust"/> finds.</summary>
    private static string Durable(string connectionString)
    {
        NpgsqlConnectionStringBuilder connection = new(connectionString);
        if (connection.Options?.Contains("synchronous_commit", StringComparison.Ordinal) is true) return connectionString;
        return WithSetting(connection, "synchronous_commit=on");
    }

    private static string WithSetting(NpgsqlConnectionStringBuilder connection, string setting)
    {
        connection.Options = $"{connection.Options} -c {setting}".TrimStart();
        return connection.ConnectionString;
    }

    internal static NpgsqlDataSource Build(string connectionString, IServiceProvider services)
    {
        NpgsqlDataSourceBuilder source = new(Durable(connectionString)) { Name = services.GetRequiredService<ServiceName>().Value };
        source.UseLoggerFactory(services.GetRequiredService<ILoggerFactory>());
        return source.Build();
    }

    /// <summary>Waits up to 30 s for the server, then applies what is missing and logs each file.</summary>
    internal static async Task MigrateAsync(
        NpgsqlDataSource database, Assembly migrations, ILogger logger, CancellationToken cancellationToken)
    {
        await WaitAsync(database, cancellationToken);
        foreach (string file in await Migrations.ApplyAsync(database, migrations, cancellationToken))
        {
            logger.LogInformation(new EventId(1, "migrated"), "Applied migration {File}.", file);
        }
    }

    private static async Task WaitAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
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
            throw new TimeoutException($"PostgreSQL did not answer within {ReachableWithin.TotalSeconds} "
                + $"s: {last?.Message ?? "no connection was refused or made"}", last);
        }
    }

    private sealed class Migrate(Func<NpgsqlDataSource> open, Assembly assembly, PostgresTrust trust, ILogger<Migrate> logger)
        : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            await using NpgsqlDataSource database = open();
            await MigrateAsync(database, assembly, logger, cancellationToken);

            // For the log of whoever starts it; a service that only waits for a mended server need not be started again.
            await trust.FindFaultAsync(cancellationToken);
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>What cannot be trusted is told here, and turns no reader away: the ledger, which is there to write, is not ready by a
    /// check of its own.</summary>
    private sealed class Reachable(PostgresTrust trust) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                return await trust.FindFaultAsync(cancellationToken) is { } fault
                    ? HealthCheckResult.Degraded(fault)
                    : HealthCheckResult.Healthy();
            }
            catch (NpgsqlException exception)
            {
                return HealthCheckResult.Unhealthy("PostgreSQL does not answer", exception);
            }
        }
    }
}
