using Grpc.Core;

namespace Claims.Hosting;

/// <summary>Who makes a call that was admitted.</summary>
public static class CallerOf
{
    /// <summary>The identity that the table of permissions was asked about.</summary>
    public static Identity Call(ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.GetHttpContext().Features.Get<Identity>()
            ?? throw new InvalidOperationException("The call did not come through the guard.");
    }
}
