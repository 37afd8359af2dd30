using System.Diagnostics;
using System.Globalization;
using Claims.V1;
using Code = Claims.V1.VerifyCheck.Types.Code;
using Tampering = Claims.V1.BadRow.Types.Tampering;

namespace Claims.Ledger.Audit;

/// <summary>Everything that the books can be asked without looking outside of their database.</summary>
internal sealed class Verification(Chain chain, ChainReplay replay, BookChecks books, AuditMetrics metrics, ILogger<Verification> logger)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    /// <summary>Progress, then every check, then the head that the chain was replayed to.</summary>
    /// <returns>False, and no news, before a store has been opened.</returns>
    /// <exception cref="Npgsql.NpgsqlException">PostgreSQL could not be asked.</exception>
    public async Task<bool> RunAsync(VerifyRequest request, Func<VerifyNews, Task> tell, CancellationToken cancellationToken)
    {
        if (await chain.StateAsync(cancellationToken) is not { } state) return false;
        VerifyProgress progress = new() { Total = 2 * state.End.Link };
        long told = Stopwatch.GetTimestamp();
        bool clean = true;

        ChainReplay.Outcome outcome = await replay.RunAsync(request.ExpectLink, AdvanceAsync, cancellationToken);
        await CheckedAsync(ChainCheck(outcome, state));
        if (request.ExpectLink > 0) await CheckedAsync(NotedCheck(request, outcome));
        await CheckedAsync(await books.OutsideChainAsync(cancellationToken));
        await CheckedAsync(await books.PositionsAsync(cancellationToken));
        await CheckedAsync(await books.JournalsAsync(AdvanceAsync, cancellationToken));
        await CheckedAsync(await books.BalancesAsync(cancellationToken));
        await CheckedAsync(await books.ActsAsync(cancellationToken));
        await tell(new VerifyNews { Head = new ChainHead { Link = outcome.End.Link, Hash = outcome.End.HashText } });
        metrics.Verified(clean);
        return true;

        async Task AdvanceAsync(int batches)
        {
            progress.Done += batches;
            if (Stopwatch.GetElapsedTime(told) < ProgressInterval) return;
            told = Stopwatch.GetTimestamp();
            await tell(new VerifyNews { Progress = progress.Clone() });
        }

        async Task CheckedAsync(VerifyCheck check)
        {
            clean &= check.Holds;
            if (check.FirstBadRow is { } bad)
                logger.LogError("The books are not as they were posted: {Table} {Key} {Tampering}: {Detail}.", bad.Table, bad.Key,
                bad.Tampering, bad.Detail);
            await tell(new VerifyNews { Check = check });
        }
    }

    /// <summary>A replay cannot miss links that were taken from the chain's end; this instance may remember them.</summary>
    private static VerifyCheck ChainCheck(ChainReplay.Outcome outcome, ChainState state)
    {
        BadRow? bad = outcome.FirstBadRow;
        if (bad is null && state.Broken.Length > 0)
            bad = BadRows.Of("chain_link", Text(outcome.End.Link + 1), Tampering.Removed, state.Broken);
        return new VerifyCheck { Code = Code.Chain, Holds = bad is null, Examined = outcome.Rows, FirstBadRow = bad };
    }

    private static VerifyCheck NotedCheck(VerifyRequest request, ChainReplay.Outcome outcome)
    {
        VerifyCheck check = new() { Code = Code.NotedHead, Examined = outcome.End.Link };
        if (outcome.NotedHash is not { } hash)
            check.FirstBadRow = BadRows.Of(
            "chain_link", Text(request.ExpectLink), Tampering.Removed, $"what is sound of the chain ends at link {outcome.End.Link}");
        else if (Convert.ToHexStringLower(hash) != request.ExpectHash)
            check.FirstBadRow = BadRows.Of("chain_link", Text(request.ExpectLink), Tampering.Changed,
                $"its hash is {Convert.ToHexStringLower(hash)}: the chain was computed anew after that head was noted");
        check.Holds = check.FirstBadRow is null;
        return check;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
