using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Claims.Hosting;

/// <summary>A service that is started with <c>--migrate</c> brings its database to its schema and ends. So the owner's password need not be
/// where the service itself runs.</summary>
public static class MigrationRun
{
    public const string Argument = "--migrate";

    public static bool IsAsked(string[] args) => args.Contains(Argument, StringComparer.Ordinal);

    /// <summary>Waits up to 30 s for the server, applies what is missing, logs each file. Settings that do not concern the database may be
    /// missing.</summary>
    /// <param name="service">As in <see cref="ServiceHost.CreateBuilder"/>.</param>
    /// <param name="migrations">The assembly that embeds <c>migrations/*.sql</c>.</param>
    /// <returns>The exit code: 0 once the database has the schema. A failure is one sentence on standard error.</returns>
    public static async Task<int> RunAsync(string[] args, string service, Assembly migrations)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            [.. args.Where(argument => argument != Argument)], service);
        List<string> errors = [];
        SettingsReader.RefuseUnknown(builder.Configuration, [typeof(Settings)], errors);
        SettingsReader.RefuseUnknownLevels(builder.Configuration, errors);
        Settings settings = SettingsReader.Read<Settings>(builder.Configuration, errors);
        if (errors.Count > 0)
        {
            foreach (string error in errors) await Console.Error.WriteLineAsync(error);
            return ServiceHost.ExitConfiguration;
        }

        await using WebApplication app = builder.Build();
        ILogger logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Claims.Hosting.MigrationRun");
        try
        {
            await using NpgsqlDataSource database = PostgresStore.Build(
                settings.PostgresOwner.Length > 0 ? settings.PostgresOwner : settings.Postgres, app.Services);
            await PostgresStore.MigrateAsync(database, migrations, logger, CancellationToken.None);
        }
        catch (Exception failure) when (failure is MigrationException or NpgsqlException or TimeoutException)
        {
            await Console.Error.WriteLineAsync(
                $"{service} cannot migrate: {failure.Message.ReplaceLineEndings(" ").TrimEnd('.')}.");
            return ServiceHost.ExitSoftware;
        }

        logger.LogInformation(new EventId(2, "schema_complete"), "The database has every migration of this program.");
        return 0;
    }

    /// <summary>Of section <c>Claims</c>, what this needs: the owner's login, else the service's own.</summary>
    private sealed class Settings : IValidatableObject
    {
        [PostgresConnection]
        public string Postgres { get; init; } = "";

        [PostgresConnection]
        public string PostgresOwner { get; init; } = "";

        public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
        {
            if (Postgres.Length == 0 && PostgresOwner.Length == 0) yield return new ValidationResult("is missing", [nameof(PostgresOwner)]);
        }
    }
}
