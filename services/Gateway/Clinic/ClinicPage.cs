using Claims.Hosting;

namespace Claims.Gateway.Clinic;

/// <summary>The clinics' page: its files, who has logged in, and its own calls.</summary>
/// <param name="made">More files: the description of the calls.</param>
internal sealed class ClinicPage(WebApplication app, IReadOnlyList<(string Path, byte[] Content)> made)
{
    public static bool IsOfPage(HttpRequest request) => request.Path.StartsWithSegments("/clinic", StringComparison.Ordinal);

    /// <summary>Before the table of permissions.</summary>
    public void Use(WebApplication before, OtherSites sites)
    {
        PageFiles files = PageFiles.Read(Path.Combine(AppContext.BaseDirectory, "Page"), made);
        SessionGate gate = app.Services.GetRequiredService<SessionGate>();
        before.Use(async (context, next) =>
        {
            if (IsOfPage(context.Request) && sites.Refused(context.Request, ownAlone: true) is { } otherSite)
            {
                await otherSite.WriteAsync(context);
                return;
            }

            // A page under a name that is not this gateway's would run with that name's cookies.
            if (context.GetEndpoint() is null && sites.Refused(context.Request, ownAlone: true) is null
                && await files.TryServeAsync(context)) return;
            if (await gate.RefusedAsync(context) is { } refused)
            {
                if (refused == SessionGate.LoggedOut) gate.DeleteCookie(context);
                await refused.WriteAsync(context);
                return;
            }

            await next(context);
        });
    }

    /// <summary>After it.</summary>
    public void Map()
    {
        PageRoutes routes = ActivatorUtilities.CreateInstance<PageRoutes>(app.Services, app);
        foreach (IPageRoutes part in app.Services.GetServices<IPageRoutes>()) part.Map(routes);
    }
}
