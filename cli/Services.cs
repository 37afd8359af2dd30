using Claims.Cli.LocalSystem;
using Claims.Hosting;
using Grpc.Core;
using Grpc.Net.Client;

namespace Claims.Cli;

/// <summary>Connections to the running system.</summary>
public sealed class Services : IDisposable
{
    private readonly List<GrpcChannel> _channels = [];

    public Services(SystemLayout layout) => Layout = layout;

    public SystemLayout Layout { get; }

    public CallInvoker Connect(string address)
    {
        GrpcChannel channel = ClaimsChannel.To(address);
        _channels.Add(channel);
        return channel.CreateCallInvoker();
    }

    public void Dispose() => _channels.ForEach(channel => channel.Dispose());

    /// <summary>A sentence for a call that a command cannot do without.</summary>
    public static CommandException Failure(string service, string address, RpcException e) => new(
        e.StatusCode == StatusCode.Unavailable
            ? $"{service} at {address} does not answer ({e.Status.Detail}); `claims status` shows what runs, `claims up` starts it."
            : $"{service} at {address} answered {Operations.SendSummary.StatusName(e.StatusCode)}: {e.Status.Detail}",
        ExitCodes.Unavailable);

    /// <summary>What a service refused, in its own words; or that it did not answer.</summary>
    public static CommandException Refusal(string service, string address, RpcException e) =>
        e.StatusCode is StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.NotFound
        ? new($"The {service} service says: {e.Status.Detail.TrimEnd('.')}.", ExitCodes.Failed)
        : Failure(service, address, e);
}
