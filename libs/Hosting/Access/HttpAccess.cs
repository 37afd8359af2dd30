using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Claims.Hosting;

/// <summary>The table of permissions before the routes of a service that speaks HTTP.</summary>
public static class HttpAccess
{
    /// <summary>Lets a request to a route in only where the table lets its caller; <see cref="CallerOf"/> then says who it is.</summary>
    /// <param name="refuse">Answers one that is refused.</param>
    public static void UseAccessControl(this WebApplication app, Func<HttpContext, Status, Task> refuse)
    {
        ArgumentNullException.ThrowIfNull(app);
        AccessControl access = app.Services.GetRequiredService<AccessControl>();
        app.Use(next => async context =>
        {
            // What no route serves is nobody's secret: it is answered that there is nothing.
            if (context.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } route })
            {
                try
                {
                    context.Features.Set(access.Admit(context, route).Caller);
                }
                catch (RpcException refused)
                {
                    await refuse(context, refused.Status);
                    return;
                }
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
