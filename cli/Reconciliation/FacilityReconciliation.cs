using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Reconciliation;

/// <summary>What reconciling one facility came to.</summary>
/// <param name="Summary">Null where the totals balanced and the lines were not compared.</param>
public sealed record FacilityResult(
    string FacilityCode, TotalsOutcome Outcome, SettlementTotals Centre, SettlementTotals Facility, LinesSummary? Summary,
    IReadOnlyList<LineDifference> Differences)
{
    public bool Reconciled => Summary?.Reconciled ?? (Outcome == TotalsOutcome.Balanced);
}

/// <summary>Holds hospitals' books against the ledger: totals first [3201], then lines [3202] where the totals differ or where
/// asked.</summary>
public sealed class FacilityReconciliation(CallInvoker ledger, ReconciliationPeriod period, bool alwaysLines)
{
    private const int LinesInMessage = 500;
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan FileBound = TimeSpan.FromMinutes(10);

    private readonly V1.Reconciliation.ReconciliationClient _client = new(ledger);

    public static void Add(SettlementTotals totals, FacilityLine line)
    {
        ArgumentNullException.ThrowIfNull(totals);
        ArgumentNullException.ThrowIfNull(line);
        totals.Count += line.Kind == FacilityLine.Types.Kind.Cancel ? -1 : 1;
        totals.TotalFen += line.TotalFen;
        totals.FundPayFen += line.FundPayFen;
    }

    /// <param name="totals">The sums of the lines.</param>
    /// <param name="lines">Read only if they are compared.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT names a line that cannot be compared.</exception>
    public async Task<FacilityResult> OfFacilityAsync(
        string facilityCode, SettlementTotals totals, Func<IAsyncEnumerable<FacilityLine>> lines, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ReconcileTotalsRequest request = new()
        {
            FacilityCode = facilityCode,
            Period = period,
            Figures = { new ReconcileTotalsRequest.Types.FacilityFigures { Totals = totals } },
        };
        ReconcileTotalsReply reply = await _client.ReconcileTotalsAsync(request, null, DateTime.UtcNow + CallBound, cancellationToken);
        ReconcileTotalsReply.Types.Comparison comparison = reply.Comparisons[0];
        return await WithLinesAsync(new FacilityResult(facilityCode, comparison.Outcome, comparison.Centre, totals, null, []), lines,
            cancellationToken);
    }

    /// <summary>Every facility of the lines and every one that has entries in the period, by code.</summary>
    /// <param name="lines">Each names its facility. They are numbered by facility unless they have numbers.</param>
    public async Task<IReadOnlyList<FacilityResult>> OfCityAsync(IEnumerable<FacilityLine> lines, CancellationToken cancellationToken)
    {
        SortedDictionary<string, (SettlementTotals Totals, List<FacilityLine> Lines)> facilities = new(StringComparer.Ordinal);
        foreach (FacilityLine line in lines)
        {
            (SettlementTotals totals, List<FacilityLine> own) = BookOf(line.FacilityCode);
            if (line.LineNumber == 0) line.LineNumber = own.Count + 1;
            Add(totals, line);
            own.Add(line);
        }

        Dictionary<string, SettlementTotals> centre = [];
        using (AsyncServerStreamingCall<FacilityTotals> call = _client.ListFacilityTotals(
            new ListFacilityTotalsRequest { Period = period }, null, DateTime.UtcNow + CallBound, cancellationToken))
        {
            await foreach (FacilityTotals facility in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                centre.Add(facility.FacilityCode, facility.Totals);
                BookOf(facility.FacilityCode);
            }
        }

        List<FacilityResult> results = [];
        foreach ((string facilityCode, (SettlementTotals totals, List<FacilityLine> own)) in facilities)
        {
            SettlementTotals here = centre.GetValueOrDefault(facilityCode) ?? new();
            FacilityResult result = here.Equals(totals) && !alwaysLines
                ? new FacilityResult(facilityCode, TotalsOutcome.Balanced, here, totals, null, [])
                : await OfFacilityAsync(facilityCode, totals, own.ToAsyncEnumerable, cancellationToken);
            results.Add(result);
        }

        return results;

        (SettlementTotals Totals, List<FacilityLine> Lines) BookOf(string facilityCode)
        {
            if (!facilities.TryGetValue(facilityCode, out (SettlementTotals, List<FacilityLine>) book))
                facilities.Add(facilityCode, book = (new SettlementTotals(), []));
            return book;
        }
    }

    private async Task<FacilityResult> WithLinesAsync(
        FacilityResult totals, Func<IAsyncEnumerable<FacilityLine>> lines, CancellationToken cancellationToken)
    {
        if (totals.Outcome == TotalsOutcome.Balanced && !alwaysLines) return totals;
        using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call =
            _client.ReconcileLines(null, DateTime.UtcNow + FileBound, cancellationToken);
        await SendAsync(call, totals.FacilityCode, lines(), cancellationToken);
        List<LineDifference> differences = [];
        LinesSummary? summary = null;
        await foreach (ReconcileLinesReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (reply.Difference is { } difference) differences.Add(difference);
            summary = reply.Summary ?? summary;
        }

        return totals with
        {
            Summary = summary ?? throw new RpcException(new Status(StatusCode.Internal, "the answer has no summary")),
            Differences = differences,
        };
    }

    private async Task SendAsync(
        AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call, string facilityCode,
        IAsyncEnumerable<FacilityLine> lines, CancellationToken cancellationToken)
    {
        FacilityLines message = new();
        try
        {
            await call.RequestStream.WriteAsync(
                new ReconcileLinesRequest { Scope = new ReconciliationScope { FacilityCode = facilityCode, Period = period } },
                cancellationToken);
            await foreach (FacilityLine line in lines.WithCancellation(cancellationToken))
            {
                message.Lines.Add(line);
                if (message.Lines.Count < LinesInMessage) continue;
                await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Lines = message }, cancellationToken);
                message = new();
            }

            if (message.Lines.Count > 0)
                await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Lines = message }, cancellationToken);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The ledger may end the call before it has read all, as it does at a line that it cannot compare: the reading side says why.
        }
    }
}
