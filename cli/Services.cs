using System.CommandLine;
using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.Hosting;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Claims.Cli;

/// <summary>Connections to the running system.</summary>
public sealed class Services : IDisposable
{
    private const string IdentityHeader = "claims-identity";

    private readonly List<GrpcChannel> _channels = [];
    private readonly Reach? _reach;

    public Services(SystemLayout layout) => Layout = layout;

    private Services(SystemLayout layout, Reach reach)
        : this(layout) => _reach = reach;

    public SystemLayout Layout { get; }

    /// <summary>The system that the command line names, else this machine's.</summary>
    /// <param name="named">Addresses that options of the command's own give.</param>
    /// <exception cref="CommandException">What it names is no address, or does not go together.</exception>
    public static Services Of(ParseResult parsed, params (string Service, string Address)[] named)
    {
        if (ReachOptions.Of(parsed, named) is not { } reach) return new Services(SystemLayout.FromEnvironment());
        SystemLayout layout = SystemLayout.FromEnvironment();
        // Of a system elsewhere only what is named is called.
        return new Services(
            reach.Addresses.Count == 0 ? layout : layout with
            {
                AdjudicationAddress = reach.Addresses.GetValueOrDefault("adjudication", ""),
                AdjudicationOperatorsAddress = reach.Addresses.GetValueOrDefault("operators", ""),
                EligibilityAddress = reach.Addresses.GetValueOrDefault("eligibility", ""),
                LedgerAddress = reach.Addresses.GetValueOrDefault("ledger", ""),
            }, reach);
    }

    /// <exception cref="CommandException">The address was not named, or the certificate cannot be read.</exception>
    public CallInvoker Connect(string address)
    {
        if (address.Length == 0)
            throw new CommandException("--at does not name a service that this command calls; it names "
                + $"{string.Join(", ", _reach!.Addresses.Keys)}.");
        GrpcChannel channel = ClaimsChannel.To(address, HandlerOf(_reach?.Tls));
        _channels.Add(channel);
        return _reach?.Identity is not { } identity ? channel.CreateCallInvoker() : channel.Intercept(metadata =>
        {
            metadata.Add(IdentityHeader, identity);
            return metadata;
        });
    }

    public void Dispose() => _channels.ForEach(channel => channel.Dispose());

    /// <summary>A sentence for a call that a command cannot do without.</summary>
    /// <exception cref="OperationCanceledException">The call ended because the command is to end.</exception>
    public static CommandException Failure(string service, string address, RpcException e)
    {
        if (e.StatusCode == StatusCode.Cancelled && Interruption.Happened)
            throw new OperationCanceledException("The command is to end.", e);
        bool here = new Uri(address).IsLoopback;
        return new(
            ClaimsChannel.IsBroken(e)
                ? $"{service} at {address} does not answer ({Reason(e)})"
                    + $"{(here ? "; `claims status` shows what runs, `claims up` starts it" : "")}."
                : $"{service} at {address} answered {Operations.SendSummary.StatusName(e.StatusCode)}: {Reason(e)}",
            ExitCodes.Unavailable);
    }

    /// <summary>What a service refused, in its own words; or that it did not answer.</summary>
    public static CommandException Refusal(string service, string address, RpcException e) =>
        e.StatusCode is StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.NotFound
        ? new($"The {service} service says: {e.Status.Detail.TrimEnd('.')}.", ExitCodes.Failed)
        : Failure(service, address, e);

    /// <summary>Without the names of exceptions that Grpc.Net.Client puts before what they say.</summary>
    public static string Reason(RpcException e) =>
        (e.Status.DebugException?.GetBaseException().Message ?? e.Status.Detail).ReplaceLineEndings(" ").TrimEnd('.');

    private static SocketsHttpHandler HandlerOf(TlsSettings? tls)
    {
        try
        {
            return tls is null ? ClaimsChannel.CreateHandler() : ClaimsChannel.CreateHandler(tls);
        }
        catch (SettingsException refused)
        {
            throw new CommandException($"--certificate, --certificate-key or --authority cannot be used: {refused.Reason}.", refused);
        }
    }
}
