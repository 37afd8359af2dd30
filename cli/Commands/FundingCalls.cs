using System.CommandLine;
using Claims.V1;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Claims.Cli.Commands;

/// <summary>Calls of the fund's money.</summary>
internal static class FundingCalls
{
    // A closing adds up every posting; the rest answers far sooner.
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(5);

    private static readonly Option<int> Wait = PostedBooks.WaitOption();

    /// <summary>The command, which waits until the books have what was acknowledged before it began.</summary>
    public static Command Waiting(Command command)
    {
        foreach (Command part in command.Subcommands) Waiting(part);
        if (command.Subcommands.Count == 0) command.Add(Wait);
        return command;
    }

    /// <param name="waits">False: the answer does not depend on what was settled.</param>
    /// <exception cref="CommandException">The ledger refuses, in its own words, or does not answer.</exception>
    public static async Task<int> CallAsync(
        ParseResult parsed, Func<Funding.FundingClient, CallOptions, Task<int>> call, CancellationToken cancellationToken,
        bool waits = true)
    {
        using Services services = Services.Of(parsed);
        string address = services.Layout.LedgerAddress;
        BooksReached? reached = !waits
            ? null
            : await PostedBooks.WaitAsync(services, TimeSpan.FromSeconds(parsed.GetValue(Wait)), cancellationToken);
        try
        {
            CallInvoker ledger = services.Connect(address);
            if (reached is not null) ledger = ledger.Intercept(new BooksReachedInterceptor(reached));
            return await call(new Funding.FundingClient(ledger), Options(cancellationToken));
        }
        catch (RpcException e)
        {
            throw Services.Refusal("ledger", address, e);
        }
    }

    public static CallOptions Options(CancellationToken cancellationToken) =>
        new(deadline: DateTime.UtcNow + CallBound, cancellationToken: cancellationToken);
}
