using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Claims.Hosting;

/// <summary>Counts the calls that are open on a connection, and those that their callers give up, before and behind everything else that a
/// call meets: one that is reset at once never comes as far as its method.</summary>
internal sealed class ResetCalls(TimeProvider time) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(rest => context =>
        {
            if (context.Features.Get<CallerConnection>() is not { } connection) return rest(context);
            // HTTP/2 has read some thousand calls ahead of what closed the connection.
            if (connection.IsClosed)
            {
                context.Abort();
                return Task.CompletedTask;
            }

            connection.BeginCall();
            return WatchAsync(rest(context), context, connection);
        });
        next(app);
    };

    private async Task WatchAsync(Task call, HttpContext context, CallerConnection connection)
    {
        try
        {
            await call;
        }
        finally
        {
            connection.EndCall(time.GetTimestamp());
            if (context.RequestAborted.IsCancellationRequested) connection.Waste();
        }
    }
}
