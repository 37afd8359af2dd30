using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Claims.Hosting;

/// <summary>What every service's Program.cs shares: settings, logs, ports, telemetry, health, a graceful stop.</summary>
/// <example>
/// <code>
/// WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "ledger");
/// LedgerSettings settings = builder.AddSettings&lt;LedgerSettings&gt;();
/// builder.AddPostgres(settings.Postgres, typeof(LedgerSettings).Assembly);
/// WebApplication app = builder.Build();
/// app.MapGrpcService&lt;LedgerApi&gt;();
/// return await ServiceHost.RunAsync(app);
/// </code>
/// </example>
public static class ServiceHost
{
    /// <summary>Exit codes, as in sysexits.h.</summary>
    public const int ExitUnavailable = 69;

    public const int ExitSoftware = 70;

    public const int ExitConfiguration = 78;

    // The service whose Program has not come to RunAsync yet: what it throws is printed as a sentence.
    private static string? s_starting;

    static ServiceHost() => AppDomain.CurrentDomain.UnhandledException += (_, unhandled) =>
    {
        if (s_starting is null || unhandled.ExceptionObject is not Exception exception) return;
        Console.Error.WriteLine(CannotStart(s_starting, exception.Message));
        Environment.Exit(ExitSoftware);
    };

    /// <param name="service">Lower-case name, on every log line and trace: <c>ledger</c>.</param>
    public static WebApplicationBuilder CreateBuilder(string[] args, string service)
    {
        // The service's own directory, so that an appsettings.json of wherever it was started from is not taken for its own.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = service,
            ContentRootPath = AppContext.BaseDirectory,
        });

        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("System", LogLevel.Warning);
        // A line for every status that is not OK; CallGuard logs what fails for reasons of its own.
        builder.Logging.AddFilter("Grpc", LogLevel.Warning);
        // An error for each message that a caller got wrong: whoever may call could fill the log. What fails here is CallGuard's to log.
        builder.Logging.AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.None);
        // One line per command, with its SQL.
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning);
        // Who asks for readiness gets the reason; as a log line it would come with every probe.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddConsole(console => console.FormatterName = JsonLineFormatter.FormatterName);
        builder.Services.AddSingleton<ConsoleFormatter>(
            services => new JsonLineFormatter(service, services.GetRequiredService<TimeProvider>()));

        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(new ServiceName(service));
        return builder;
    }

    /// <summary>Binds section <c>Claims</c> to <typeparamref name="TSettings"/> and to <see cref="HostSettings"/>, both by DataAnnotations,
    /// and opens the ports they name.</summary>
    /// <remarks>On a fault: one sentence per setting on standard error, and the process ends with
    /// <see cref="ExitConfiguration"/>.</remarks>
    /// <param name="mainPort">What <see cref="HostSettings.Port"/> speaks.</param>
    /// <param name="operatorsPort">The port for operators' methods among the settings; without one they are served at the service's
    /// own.</param>
    /// <param name="certificateOptional">Whether callers may come without a certificate, since they log in instead.</param>
    /// <returns>The settings, also registered as a singleton.</returns>
    public static TSettings AddSettings<TSettings>(this WebApplicationBuilder builder, MainPort mainPort = MainPort.Grpc,
        Func<TSettings, int?>? operatorsPort = null, Func<TSettings, bool>? certificateOptional = null)
        where TSettings : class, new()
    {
        try
        {
            s_starting = builder.Environment.ApplicationName;
            return builder.ReadSettings(mainPort, operatorsPort, certificateOptional);
        }
        catch (SettingsException exception)
        {
            foreach (string error in exception.Errors) Console.Error.WriteLine(error);
            Environment.Exit(ExitConfiguration);
            throw;
        }
    }

    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    internal static TSettings ReadSettings<TSettings>(this WebApplicationBuilder builder, MainPort mainPort = MainPort.Grpc,
        Func<TSettings, int?>? operatorsPort = null, Func<TSettings, bool>? certificateOptional = null)
        where TSettings : class, new()
    {
        List<string> errors = [];
        SettingsReader.RefuseUnknown(builder.Configuration, [typeof(HostSettings), typeof(TSettings)], errors);
        SettingsReader.RefuseUnknownLevels(builder.Configuration, errors);
        HostSettings host = SettingsReader.Read<HostSettings>(builder.Configuration, errors);
        TSettings settings = SettingsReader.Read<TSettings>(builder.Configuration, errors);
        if (errors.Count > 0) throw new SettingsException(errors);

        builder.Services.AddSingleton(host);
        builder.Services.AddSingleton(settings);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(host.DrainSeconds));
        builder.Services.Configure<ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
        builder.Services.AddTelemetry(builder.Environment.ApplicationName, host);
        builder.Services.AddSingleton<IStartupFilter, OperationsEndpoint>();
        if (mainPort is MainPort.Grpc) builder.Services.AddSingleton<IStartupFilter, UnreadableRequests>();
        builder.Services.AddSingleton(
            services => new Channels(services.GetRequiredService<ServiceName>(), services.GetService<Tls>()));
        builder.Services.AddSingleton<CallsInProgress>();
        builder.Services.AddSingleton<TurnedAway>();
        builder.Services.AddSingleton<CallerShares>();
        builder.Services.AddSingleton<CallerConnections>();
        builder.Services.AddSingleton<OpenStreams>();
        builder.Services.AddHostedService<Sweep>();
        builder.Services.AddSingleton<IStartupFilter, ResetCalls>();
        builder.Services.AddHealthChecks();
        builder.Services.AddSingleton<IHealthCheckPublisher, ServiceMetrics>();
        // Whoever watches health learns of a change within these; whoever asks is answered at once.
        builder.Services.Configure<HealthCheckPublisherOptions>(
            watched => (watched.Delay, watched.Period) = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)));
        int? operators = operatorsPort?.Invoke(settings);
        builder.Services.AddSingleton(new Served(mainPort, operators));
        builder.Services.AddSingleton(services => new AccessControl(
            operators is not null, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<AccessControl>>()));
        if (mainPort == MainPort.Grpc)
        {
            builder.Services.AddSingleton<CallGuard>();
            builder.Services.AddHostedService(services => services.GetRequiredService<OpenStreams>());
            builder.Services.AddGrpc(grpc => grpc.Interceptors.Add<CallGuard>());
            builder.Services.AddGrpcHealthChecks(
                health => health.Services.Map("", registration => registration.Tags.Contains(Readiness.Tag)));
            builder.Services.AddGrpcReflection();
        }

        Ports.Configure(builder, host, mainPort, operators, certificateOptional?.Invoke(settings) ?? false);
        return settings;
    }

    /// <summary>Starts, serves until SIGTERM or SIGINT, drains, stops.</summary>
    /// <returns>The exit code: 0 after an orderly stop. A failure to start is one sentence on standard error; its detail is in the
    /// log.</returns>
    public static async Task<int> RunAsync(WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        string service = app.Services.GetRequiredService<ServiceName>().Value;
        s_starting = null;
        (MainPort mainPort, int? operatorsPort) = app.Services.GetRequiredService<Served>();
        if (mainPort == MainPort.Grpc)
        {
            app.MapGrpcHealthChecksService();
            app.MapGrpcReflectionService();
        }

        ILogger logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Claims.Hosting.ServiceHost");
        await using (app)
        {
            // Asked before anything starts, so that a second instance has touched neither database nor queue when it leaves.
            if (Ports.Busy(app.Services.GetRequiredService<HostSettings>(), operatorsPort) is { } busy)
            {
                await Console.Error.WriteLineAsync(CannotStart(service, busy));
                return ExitUnavailable;
            }

            try
            {
                await app.StartAsync();
            }
            catch (Exception exception)
            {
                // One that fails before the rest has started takes the start down with it, as a mere cancellation.
                await Console.Error.WriteLineAsync(FailedBackground(app, service) ?? CannotStart(service, exception.Message));
                return exception.InnerException is AddressInUseException ? ExitUnavailable : ExitSoftware;
            }

            CallsInProgress.ShowRare();
            ServiceAddresses addresses = app.Addresses();
            if (mainPort == MainPort.Grpc)
                logger.LogInformation(new EventId(1, "started"), "Serving gRPC at {GrpcAddress} and metrics at {MetricsAddress}.",
                    addresses.Main, addresses.Metrics);
            else
                logger.LogInformation(new EventId(1, "started"), "Serving HTTP at {HttpAddress} and metrics at {MetricsAddress}.",
                    addresses.Main, addresses.Metrics);
            if (!app.Services.GetRequiredService<HostSettings>().Tls.IsConfigured)
            {
                logger.LogInformation(new EventId(3, "loopback_only"),
                    "Without mutual TLS (Claims__Tls__Certificate, Claims__Tls__Key, Claims__Tls__ClientCa) only loopback is served, and a "
                    + "caller is who its header claims-identity says, or claims://role/local.");
            }

            await app.WaitForShutdownAsync();

            // The host stops when a background service fails, and would then report success.
            if (FailedBackground(app, service) is { } failed)
            {
                await Console.Error.WriteLineAsync(failed);
                return ExitSoftware;
            }

            logger.LogInformation(new EventId(2, "stopped"), "Stopped.");
            return 0;
        }
    }

    /// <returns>The sentence for a background part that has failed, or null.</returns>
    private static string? FailedBackground(WebApplication app, string service) =>
        app.Services.GetServices<IHostedService>().OfType<BackgroundService>()
            .FirstOrDefault(background => background.ExecuteTask is { IsFaulted: true }) is { } failed
            ? $"{service} stopped because {failed.GetType().Name} "
                + $"failed: {failed.ExecuteTask!.Exception!.GetBaseException().Message.ReplaceLineEndings(" ")}"
            : null;

    private static string CannotStart(string service, string reason) =>
        $"{service} cannot start: {reason.ReplaceLineEndings(" ").TrimEnd('.')}.";

    /// <summary>Where a started service listens, with the ports that were chosen for 0.</summary>
    public static ServiceAddresses Addresses(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        string[] addresses = [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];
        return new ServiceAddresses(new Uri(addresses[0]), new Uri(addresses[1]), addresses.Length > 2 ? new Uri(addresses[2]) : null);
    }
}

/// <param name="Main"><c>http://127.0.0.1:5101</c></param>
/// <param name="Metrics"><c>http://127.0.0.1:5111</c></param>
/// <param name="Operators">Null where the service has no port for operators.</param>
public sealed record ServiceAddresses(Uri Main, Uri Metrics, Uri? Operators);

internal sealed record ServiceName(string Value);

internal sealed record Served(MainPort MainPort, int? OperatorsPort);
