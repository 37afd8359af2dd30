using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Claims.Hosting;

/// <summary>What the metrics port answers: <c>/metrics</c>, <c>/healthz/live</c>, <c>/healthz/ready</c>, and nothing else; the service's
/// own port answers none of them.</summary>
internal sealed class OperationsEndpoint(HealthCheckService health, MetricsScrape metrics) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(rest => context => context.Features.Get<OperationsConnection>() is null ? rest(context) : AnswerAsync(context));
        next(app);
    };

    private Task AnswerAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return Task.CompletedTask;
        }

        switch (context.Request.Path.Value)
        {
            case "/metrics":
                return AnswerMetricsAsync(context);
            case "/healthz/live":
                context.Response.ContentType = "text/plain";
                return context.Response.WriteAsync("live\n");
            case "/healthz/ready":
                return AnswerReadyAsync(context);
            default:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
        }
    }

    private async Task AnswerMetricsAsync(HttpContext context)
    {
        if (await metrics.ScrapeAsync(context.RequestAborted) is not { } text)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        context.Response.ContentType = PrometheusText.ContentType;
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    private async Task AnswerReadyAsync(HttpContext context)
    {
        HealthReport report = await health.CheckHealthAsync(
            registration => registration.Tags.Contains(Readiness.Tag), context.RequestAborted);
        bool ready = report.Status != HealthStatus.Unhealthy;
        context.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            ready,
            checks = report.Entries.ToDictionary(
                entry => entry.Key, entry => new { ready = entry.Value.Status != HealthStatus.Unhealthy, reason = entry.Value.Description },
                StringComparer.Ordinal),
        }), context.RequestAborted);
    }
}

/// <summary>Which health checks decide whether a service takes traffic.</summary>
public static class Readiness
{
    /// <summary>Tag of an IHealthCheck registration that counts: <c>AddHealthChecks().AddCheck&lt;T&gt;("redis", tags:
    /// [Readiness.Tag])</c>.</summary>
    public const string Tag = "ready";
}
