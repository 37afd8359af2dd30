using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Conformance.Scripts;

/// <summary>What a person at the counter is told, as a script needs it.</summary>
public sealed record Counter(string Facility, string Insured, DateOnly Today, long Fen);

/// <summary>
/// A hospital's system with a script in place of its screen: it repeats word for word what has no answer, keeps books, and does in each
/// situation what is told there.
/// </summary>
public sealed class ScriptedHospital(CallInvoker calls, TimeSpan limit, TimeSpan pause)
{
    private const int MostAttempts = 6;

    private readonly List<FacilityLine> _books = [];
    private readonly string _run = string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds():x}");
    private int _numbers;

    public Adjudication.AdjudicationClient Client { get; } = new(calls);

    public Reconciliation.ReconciliationClient Books { get; } = new(calls);

    /// <summary>Ends once a call of the present situation has arrived, where the script must know it.</summary>
    public Func<Task> CallSeen { get; init; } = () => throw new NotSupportedException("nobody watches the calls");

    public string NewId() => string.Create(CultureInfo.InvariantCulture, $"T{_run}-{++_numbers}");

    public SettleRequest Visit(Counter counter, long? fen = null) => new()
    {
        RequestId = NewId(),
        FacilityCode = counter.Facility,
        InsuredId = counter.Insured,
        VisitDate = Day(counter.Today),
        VisitType = VisitType.Ordinary,
        TotalFen = fen ?? counter.Fen,
        InScopeFen = fen ?? counter.Fen,
    };

    public SettleRequest[] Three(Counter counter) =>
        [Visit(counter), Visit(counter, counter.Fen + 1), Visit(counter, counter.Fen + 2)];

    public CancelRequest CancelOf(SettleReply settled) => new()
    {
        RequestId = NewId(),
        FacilityCode = settled.FacilityCode,
        InsuredId = settled.InsuredId,
        SettlementId = settled.SettlementId,
    };

    public ReverseRequest ReverseOf(SettleRequest request) => new()
    {
        RequestId = NewId(),
        FacilityCode = request.FacilityCode,
        InsuredId = request.InsuredId,
        OriginalRequestId = request.RequestId,
    };

    public static GetSettlementRequest LookupOf(SettleRequest request) =>
        new() { FacilityCode = request.FacilityCode, InsuredId = request.InsuredId, RequestId = request.RequestId };

    public static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public DateTime Soon => DateTime.UtcNow + limit;

    /// <summary>As long as a system waits before it sends again what it was told to send later.</summary>
    public Task PauseAsync() => Task.Delay(pause);

    /// <summary>One call, whatever becomes of it.</summary>
    public async Task<SettleReply?> OnceAsync(SettleRequest request)
    {
        try
        {
            return Enter(await Client.SettleAsync(request, deadline: Soon));
        }
        catch (RpcException)
        {
            return null;
        }
    }

    public async Task<SettleReply?> OnceAsync(CancelRequest request)
    {
        try
        {
            return Enter(await Client.CancelAsync(request, deadline: Soon));
        }
        catch (RpcException)
        {
            return null;
        }
    }

    /// <summary>The same request until there is an answer.</summary>
    public Task<SettleReply> SettleAsync(SettleRequest request) =>
        AgainAsync(async () => Enter(await Client.SettleAsync(request, deadline: Soon)));

    public Task<SettleReply> CancelAsync(CancelRequest request) =>
        AgainAsync(async () => Enter(await Client.CancelAsync(request, deadline: Soon)));

    public async Task<ReverseReply> ReverseAsync(ReverseRequest request)
    {
        ReverseReply reply = await AgainAsync(async () => await Client.ReverseAsync(request, deadline: Soon));
        if (reply.Outcome is ReverseReply.Types.Outcome.SettlementUndone)
        {
            // Where the settlement was never answered the books have neither of the two, or both.
            if (_books.Exists(line => line.RequestId == request.OriginalRequestId)) Enter(reply.Mirror);
        }

        return reply;
    }

    /// <summary>All over one stream; what is left without an answer, over another.</summary>
    public async Task StreamAsync(IReadOnlyList<SettleRequest> visits)
    {
        List<SettleRequest> open = [.. visits];
        for (int attempt = 0; attempt < MostAttempts && open.Count > 0; attempt++)
        {
            foreach (SettleReply reply in await StreamOnceAsync(open)) open.RemoveAll(visit => visit.RequestId == reply.RequestId);
        }
    }

    public async Task<List<SettleReply>> StreamOnceAsync(IReadOnlyList<SettleRequest> visits)
    {
        List<SettleReply> replies = [];
        using AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream = Client.SettleStream(deadline: Soon);
        Task reading = ReadAsync();
        try
        {
            foreach (SettleRequest visit in visits) await stream.RequestStream.WriteAsync(visit);
            await stream.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The line has broken: what has no answer is open.
        }

        await reading;
        return replies;

        async Task ReadAsync()
        {
            try
            {
                while (await stream.ResponseStream.MoveNext(CancellationToken.None)) replies.Add(Enter(stream.ResponseStream.Current));
            }
            catch (RpcException)
            {
                // As above.
            }
        }
    }

    public ReconcileTotalsRequest TotalsOf(Counter counter) => new()
    {
        FacilityCode = counter.Facility,
        Period = PeriodOf(counter),
        Figures =
        {
            new ReconcileTotalsRequest.Types.FacilityFigures
            {
                Totals = new()
                {
                    Count = _books.Sum(line => line.Kind == FacilityLine.Types.Kind.Cancel ? -1 : 1),
                    TotalFen = _books.Sum(line => line.TotalFen),
                    FundPayFen = _books.Sum(line => line.FundPayFen),
                },
            },
        },
    };

    public static ReconciliationPeriod PeriodOf(Counter counter) => new() { From = Day(counter.Today), To = Day(counter.Today) };

    public Task<ReconcileTotalsReply> TotalsAsync(Counter counter) =>
        AgainAsync(async () => await Books.ReconcileTotalsAsync(TotalsOf(counter), deadline: Soon));

    /// <param name="change">What a wrong system would make of its lines.</param>
    public async Task<List<LineDifference>> LinesAsync(Counter counter, Func<List<FacilityLine>, List<FacilityLine>>? change = null)
    {
        List<FacilityLine> lines = [.. _books.Select(line => line.Clone())];
        lines = change?.Invoke(lines) ?? lines;
        using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call = Books.ReconcileLines(deadline: Soon);
        await call.RequestStream.WriteAsync(new ReconcileLinesRequest
        {
            Scope = new ReconciliationScope { FacilityCode = counter.Facility, Period = PeriodOf(counter) },
        });
        for (int index = 0; index < lines.Count; index++) lines[index].LineNumber = index + 1;
        await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Lines = new FacilityLines { Lines = { lines } } });
        await call.RequestStream.CompleteAsync();
        List<LineDifference> differences = [];
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            if (call.ResponseStream.Current.Difference is { } difference) differences.Add(difference);
        }

        return differences;
    }

    /// <summary>What a good system and the person before it do in a situation.</summary>
    public async Task PlayAsync(string situation, Counter counter)
    {
        SettleRequest visit = Visit(counter);
        switch (situation)
        {
            case "plain":
                (visit.TotalFen, visit.PreSelfPayFen, visit.InScopeFen) = (1200, 200, 1000);
                await SettleAsync(visit);
                break;
            case "four-parts":
                (visit.TotalFen, visit.FullSelfPayFen, visit.OverLimitFen) = (1000, 100, 200);
                (visit.PreSelfPayFen, visit.InScopeFen) = (300, 400);
                await SettleAsync(visit);
                break;
            case "two-visits":
                await SettleAsync(visit);
                await SettleAsync(Visit(counter));
                break;
            case "fee-lines":
                await SettleAsync(Itemized(visit));
                break;
            case "stream" or "stream-broken" or "stream-status" or "stream-refusal":
                await StreamAsync(Three(counter));
                break;
            case "quote-then-settle":
                await Client.PreSettleAsync(visit, deadline: Soon);
                await SettleAsync(visit);
                break;
            case "quote-only":
                await Client.PreSettleAsync(visit, deadline: Soon);
                break;
            case "lookup":
                await SettleAsync(visit);
                await Client.GetSettlementAsync(LookupOf(visit), deadline: Soon);
                break;
            case "accumulators":
                await Client.GetAccumulatorsAsync(
                    new GetAccumulatorsRequest { InsuredId = counter.Insured, Year = counter.Today.Year }, deadline: Soon);
                break;
            case "midnight":
                visit.VisitDate = Day(counter.Today.AddDays(-1));
                await SettleAsync(visit);
                break;
            case "year-end":
                visit.VisitDate = Day(new DateOnly(counter.Today.Year - 1, 12, 31));
                await SettleAsync(visit);
                break;
            case "allowance":
                visit.VisitType = VisitType.DeliveryNatural;
                await SettleAsync(visit);
                break;
            case "cap":
                await SettleAsync(Visit(counter, 80_000));
                break;
            case "dropped-reverse" or "reverse-dropped" or "reverse-unknown":
                await OnceAsync(visit);
                await ReverseAsync(ReverseOf(visit));
                break;
            case "changed-retry":
                await OnceAsync(visit);
                await ReverseAsync(ReverseOf(visit));
                await SettleAsync(Visit(counter, counter.Fen + 100));
                break;
            case "unknown-fields" or "cancel" or "cancel-dropped":
                await CancelAsync(CancelOf(await SettleAsync(visit)));
                break;
            case "refused-amounts":
                await SettleAsync(visit);
                (visit.TotalFen, visit.InScopeFen) = (counter.Fen + 50, counter.Fen + 50);
                await SettleAsync(visit);
                break;
            case "refused-future":
                visit.VisitDate = Day(counter.Today.AddDays(1));
                await SettleAsync(visit);
                visit.VisitDate = Day(counter.Today);
                await SettleAsync(visit);
                break;
            case "refused-later":
                await SettleAsync(visit);
                await PauseAsync();
                await SettleAsync(visit);
                break;
            case "refused-reversed":
                await SettleAsync(visit);
                await SettleAsync(Visit(counter));
                break;
            case "visit-settled":
                await SettleAsync(visit);
                await SettleAsync(Visit(counter, counter.Fen + 70));
                await Client.GetSettlementAsync(LookupOf(visit), deadline: Soon);
                break;
            case "cancel-blocked":
                SettleReply earlier = await SettleAsync(visit);
                SettleReply later = await SettleAsync(Visit(counter, counter.Fen + 30));
                await CancelAsync(CancelOf(earlier));
                await CancelAsync(CancelOf(later));
                await CancelAsync(CancelOf(earlier));
                break;
            case "cancel-unknown":
                await CancelAsync(CancelOf(await SettleAsync(visit)));
                await Client.GetSettlementAsync(LookupOf(visit), deadline: Soon);
                break;
            case "cancel-again":
                SettleReply settled = await SettleAsync(visit);
                await CancelAsync(CancelOf(settled));
                await CancelAsync(CancelOf(settled));
                break;
            case "refund":
                await CancelAsync(CancelOf(await SettleAsync(visit)));
                await SettleAsync(Visit(counter, counter.Fen - 200));
                break;
            case "settle-anew":
                await CancelAsync(CancelOf(await SettleAsync(visit)));
                await SettleAsync(Visit(counter));
                break;
            case "reconcile-agree":
                // The books may be a moment behind the last answer.
                for (int attempt = 0; attempt < 50 && (await TotalsAsync(counter)).Outcome != TotalsOutcome.Balanced; attempt++)
                    await PauseAsync();
                break;
            case "reconcile-lines":
                await TotalsAsync(counter);
                await LinesAsync(counter);
                break;
            case "reconcile-send-again":
                await SettleAsync(visit);
                foreach (LineDifference difference in await LinesAsync(counter))
                {
                    if (difference.Action == ProposedAction.SendAgain && difference.Line.RequestId == visit.RequestId)
                        await SettleAsync(visit);
                }

                break;
            case "reconcile-person":
                await SettleAsync(visit);
                await LinesAsync(counter);
                break;
            default:
                await SettleAsync(visit);
                break;
        }
    }

    /// <summary>Two lines of the catalogue in samples/conformance: 2 at 3.50, 900 at 0.012346.</summary>
    internal static SettleRequest Itemized(SettleRequest visit)
    {
        (visit.TotalFen, visit.InScopeFen) = (1811, 0);
        visit.Lines.Add(new FeeLine
        {
            LineId = "1",
            ItemCode = "CF-DRUG-A",
            UnitPriceMilliFen = 350_000,
            QuantityE4 = 20_000,
            AmountFen = 700,
        });
        visit.Lines.Add(new FeeLine
        {
            LineId = "2",
            ItemCode = "CF-DRUG-B",
            UnitPriceMicroYuan = 12_346,
            QuantityE4 = 9_000_000,
            AmountFen = 1111,
        });
        return visit;
    }

    /// <summary>Of an answer that settles or cancels, once each.</summary>
    private SettleReply Enter(SettleReply reply)
    {
        bool cancels = reply.Decision is Decision.Cancelled;
        if (reply.Decision is not (Decision.Settled or Decision.Cancelled)) return reply;
        if (_books.Exists(line => line.SettlementId == reply.SettlementId)) return reply;
        _books.Add(new FacilityLine
        {
            Kind = cancels ? FacilityLine.Types.Kind.Cancel : FacilityLine.Types.Kind.Settle,
            SettlementId = reply.SettlementId,
            RequestId = reply.RequestId,
            InsuredId = reply.InsuredId,
            TotalFen = reply.TotalFen,
            FundPayFen = reply.FundPayFen,
        });
        return reply;
    }

    private async Task<T> AgainAsync<T>(Func<Task<T>> call)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (RpcException e) when (attempt < MostAttempts)
            {
                if (e.StatusCode is StatusCode.ResourceExhausted or StatusCode.NotFound) await PauseAsync();
            }
        }
    }
}
