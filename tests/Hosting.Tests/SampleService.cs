using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Claims.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hosting.Tests;

public sealed class SampleSettings
{
    [Required]
    public string Greeting { get; init; } = "";

    [Range(1, 10)]
    public int Copies { get; init; } = 1;

    public bool Loud { get; init; }

    public int? OperatorsPort { get; init; }

    public Dictionary<string, string> Kafka { get; init; } = [];

    /// <summary>A file: while it exists the service is ready.</summary>
    public string? ReadyFile { get; init; }

    public bool FailInBackground { get; init; }

    public bool FailBeforeRun { get; init; }
}

/// <summary>A service as small as one can be; the tests run it as a process of its own.</summary>
internal static class SampleService
{
    private static readonly Meter Meter = new("Claims.Sample");
    private static readonly Counter<long> Greetings =
        Meter.CreateCounter<long>("claims_sample_greetings_total", description: "Greetings given.");

    public static async Task<int> Main(string[] args)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "sample");
        SampleSettings settings = builder.AddSettings<SampleSettings>(operatorsPort: settings => settings.OperatorsPort);
        builder.Services.AddHealthChecks().AddCheck("file", () => settings.ReadyFile is null || File.Exists(settings.ReadyFile)
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy("the file is not there"), tags: [Readiness.Tag]);
        if (settings.FailInBackground) builder.Services.AddHostedService<FailingWorker>();
        if (settings.FailBeforeRun) throw new InvalidDataException("The policy is not there,\nline 3.");

        WebApplication app = builder.Build();
        ILogger logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Claims.Sample");
        app.MapGet("/greet", () =>
        {
            Greetings.Add(1, new KeyValuePair<string, object?>("greeting", settings.Greeting));
            logger.LogInformation(new EventId(1, "greeted"), "Greeted {InsuredId}, called {Name}.", "410105198001011234", "张三");
            return settings.Greeting;
        });
        app.MapGet("/slow", async (HttpContext context) =>
        {
            await context.Response.WriteAsync("begun ");
            await context.Response.Body.FlushAsync();
            TaskCompletionSource stopping = new();
            await using (app.Lifetime.ApplicationStopping.Register(stopping.SetResult)) await stopping.Task;
            await context.Response.WriteAsync("ended");
        });
        return await ServiceHost.RunAsync(app);
    }

    private sealed class FailingWorker : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            throw new InvalidOperationException("The worker lost its way.");
        }
    }
}
