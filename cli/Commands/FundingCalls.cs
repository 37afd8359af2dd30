using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>Calls of the fund's money.</summary>
internal static class FundingCalls
{
    // A closing adds up every posting; the rest answers far sooner.
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(5);

    /// <exception cref="CommandException">The ledger refuses, in its own words, or does not answer.</exception>
    public static async Task<int> CallAsync(Func<Funding.FundingClient, CallOptions, Task<int>> call, CancellationToken cancellationToken)
    {
        using Services services = new(SystemLayout.FromEnvironment());
        string address = services.Layout.LedgerAddress;
        try
        {
            return await call(new Funding.FundingClient(services.Connect(address)), new CallOptions(deadline: DateTime.UtcNow + CallBound, cancellationToken: cancellationToken));
        }
        catch (RpcException e)
        {
            throw Services.Refusal("ledger", address, e);
        }
    }
}
