using System.Diagnostics;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Claims.Hosting;

/// <summary>The table of permissions before the routes of a service that speaks HTTP.</summary>
public static class HttpAccess
{
    /// <summary>Lets a request to a route in only where the table lets its caller, and within the caller's share;
    /// <see cref="CallerOf"/> then says who it is.</summary>
    /// <param name="refuse">Answers one that is refused.</param>
    public static void UseAccessControl(this WebApplication app, Func<HttpContext, Status, Task> refuse)
    {
        ArgumentNullException.ThrowIfNull(app);
        AccessControl access = app.Services.GetRequiredService<AccessControl>();
        CallerShares shares = app.Services.GetRequiredService<CallerShares>();
        app.Use(next => async context =>
        {
            // What no route serves is nobody's secret: it is answered that there is nothing.
            if (context.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } route })
            {
                if (Activity.Current is { IsAllDataRequested: true } span) span.DisplayName = route;
                CallerShare? share;
                try
                {
                    Identity caller = access.Admit(context, route).Caller;
                    share = shares.Begin(caller, context.Features.Get<CallerConnection>(), isStream: false);
                    context.Features.Set(caller);
                }
                catch (RpcException refused)
                {
                    await refuse(context, refused.Status);
                    return;
                }

                try
                {
                    await next(context);
                }
                finally
                {
                    share?.End(isStream: false);
                }

                return;
            }

            await next(context);
        });
    }

    /// <summary>Who sent a request that was let in.</summary>
    public static Identity CallerOf(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<Identity>() ?? throw new InvalidOperationException("The request was not let in by the table.");
    }
}
