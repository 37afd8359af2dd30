using Claims.V1;
using Grpc.Core;

namespace Ledger.Tests.Reconciliation;

/// <summary>Over the wire, in the words of the contract.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ReconciliationApiTests(LedgerDatabase databases) : IAsyncLifetime
{
    private static readonly ReconciliationPeriod Days = new() { From = "2024-03-21", To = "2024-03-21" };

    private readonly PublishedLog _log = new PublishedLog(2).AddSettlements(30);
    private ServedLedger _served = null!;
    private Claims.V1.Reconciliation.ReconciliationClient _client = null!;

    public async Task InitializeAsync()
    {
        string postgres = await databases.CreateAsync();
        await using (RunningLedger ledger = RunningLedger.Create(postgres))
        {
            await ledger.OpenAsync(_log);
            await ledger.BookAsync(_log);
        }

        _served = await ServedLedger.StartAsync(postgres);
        _client = _served.Reconciliation;
    }

    public async Task DisposeAsync() => await _served.DisposeAsync();

    [Fact]
    public async Task Totals_of_every_facility_are_those_of_its_entries_and_balance_with_themselves()
    {
        using AsyncServerStreamingCall<FacilityTotals> call = _client.ListFacilityTotals(new ListFacilityTotalsRequest { Period = Days });
        List<FacilityTotals> facilities = [];
        await foreach (FacilityTotals facility in call.ResponseStream.ReadAllAsync()) facilities.Add(facility);

        Assert.Equal(_log.Records.GroupBy(record => record.FacilityCode).OrderBy(facility => facility.Key, StringComparer.Ordinal)
            .Select(facility => new FacilityTotals
            {
                FacilityCode = facility.Key,
                Totals = new()
                {
                    Count = facility.Count(),
                    TotalFen = facility.Sum(record => record.TotalFen),
                    FundPayFen = facility.Sum(record => record.FundPayFen),
                },
            }), facilities);
        foreach (FacilityTotals facility in facilities)
            Assert.Equal(TotalsOutcome.Balanced, (await TotalsAsync(facility.FacilityCode, facility.Totals)).Outcome);
        facilities[0].Totals.FundPayFen++;
        Assert.Equal(TotalsOutcome.FacilityMore, (await TotalsAsync(facilities[0].FacilityCode, facilities[0].Totals)).Outcome);
    }

    [Fact]
    public async Task Lines_are_streamed_both_ways_and_a_bad_one_is_named()
    {
        FacilityLine[] lines = [.. _log.Records.Where(record => record.FacilityCode == "H1").Select((record, index) => new FacilityLine
        {
            LineNumber = index + 2,
            Kind = FacilityLine.Types.Kind.Settle,
            RequestId = record.RequestId,
            InsuredId = record.InsuredId,
            TotalFen = record.TotalFen,
            FundPayFen = record.FundPayFen,
        })];

        Assert.True((await LinesAsync(lines))[^1].Summary.Reconciled);
        lines[0].FundPayFen++;
        List<ReconcileLinesReply> replies = await LinesAsync(lines);
        Assert.Equal((DifferenceCause.Amount, 2L), (replies[0].Difference.Cause, replies[0].Difference.Line.LineNumber));
        Assert.Equal((2, 1L, false), (replies.Count, replies[1].Summary.Differences, replies[1].Summary.Reconciled));

        lines[1].FacilityCode = "H2";
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => LinesAsync(lines));
        Assert.Equal((StatusCode.InvalidArgument, "line 3: facility_code is not the facility's that is reconciled"),
            (refused.StatusCode, refused.Status.Detail));
    }

    [Theory]
    [InlineData("2024-03-21", "2024-03-20")]
    [InlineData("2024-03-21", "2025-03-22")]
    [InlineData("", "2024-03-21")]
    [InlineData("2024-02-30", "2024-03-21")]
    public async Task Period_that_is_none_is_refused(string from, string to)
    {
        ReconcileTotalsRequest request = new()
        {
            FacilityCode = "H1",
            Period = new() { From = from, To = to },
            Figures = { new ReconcileTotalsRequest.Types.FacilityFigures() },
        };

        Assert.Equal(StatusCode.InvalidArgument,
            (await Assert.ThrowsAsync<RpcException>(() => _client.ReconcileTotalsAsync(request).ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task Statement_of_a_facility_that_the_books_do_not_know_is_not_found_by_name()
    {
        using AsyncServerStreamingCall<StatementPart> known =
            _client.GetStatement(new GetStatementRequest { FacilityCode = "H1", Month = "2024-02" });
        using AsyncServerStreamingCall<StatementPart> unknown =
            _client.GetStatement(new GetStatementRequest { FacilityCode = "H9", Month = "2024-03" });

        Assert.True(await known.ResponseStream.MoveNext());
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => unknown.ResponseStream.MoveNext());
        Assert.Equal((StatusCode.NotFound, "the books have no facility H9: nothing of it was ever booked"),
            (refused.StatusCode, refused.Status.Detail));
    }

    private Task<ReconcileTotalsReply> TotalsAsync(string facilityCode, SettlementTotals totals) => _client.ReconcileTotalsAsync(
        new ReconcileTotalsRequest
        {
            FacilityCode = facilityCode,
            Period = Days,
            Figures = { new ReconcileTotalsRequest.Types.FacilityFigures { Totals = totals } },
        }).ResponseAsync;

    private async Task<List<ReconcileLinesReply>> LinesAsync(FacilityLine[] lines)
    {
        using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call = _client.ReconcileLines();
        await call.RequestStream.WriteAsync(
            new ReconcileLinesRequest { Scope = new ReconciliationScope { FacilityCode = "H1", Period = Days } });
        await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Lines = new FacilityLines { Lines = { lines } } });
        await call.RequestStream.CompleteAsync();
        List<ReconcileLinesReply> replies = [];
        await foreach (ReconcileLinesReply reply in call.ResponseStream.ReadAllAsync()) replies.Add(reply);
        return replies;
    }
}
