using Grpc.Core;

namespace Claims.Hosting;

/// <summary>Who calls, for those methods that write it down.</summary>
public static class CallContext
{
    private const string Key = "claims-caller";

    /// <summary>Whom the table of permissions was asked about.</summary>
    /// <exception cref="InvalidOperationException">The call has come past <see cref="CallGuard"/>.</exception>
    public static Identity Caller(this ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.UserState.TryGetValue(Key, out object? caller) && caller is Identity identity
            ? identity
            : throw new InvalidOperationException("Nobody has said who calls.");
    }

    /// <summary>Says who calls.</summary>
    public static void Names(this ServerCallContext context, Identity caller)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.UserState[Key] = caller;
    }
}
