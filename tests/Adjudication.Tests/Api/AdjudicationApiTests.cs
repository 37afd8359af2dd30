using Claims.Adjudication.Settling;
using Adjudication.Tests.Refusals;
using Adjudication.Tests.Settling;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Adjudication.Tests.Store;
using Claims.Adjudication;
using Claims.Adjudication.Store;
using Claims.Adjudication.Api;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Refusals;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using static Adjudication.Tests.Settling.DeskFixture;

namespace Adjudication.Tests.Api;

/// <summary>Statuses, streams and counts; no other class calls the contract, so that what is counted meanwhile is of these tests.</summary>
public sealed class AdjudicationApiTests(DeskFixture fixture) : IClassFixture<DeskFixture>
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly Status Busy = new(StatusCode.ResourceExhausted, "系统繁忙，本次请求未处理，请稍后以同一请求编号重试。");
    private static readonly Status Away = new(StatusCode.Unavailable, "系统暂时不能结算，本次请求未处理，请稍后以同一请求编号重试。");

    [Fact]
    public async Task Full_outbox_is_told_as_busy_and_not_as_away()
    {
        using Counts counts = new();
        await using SettlementStore full = new(fixture.Store.Redis, shardCount: 4, longestOutbox: 0);
        foreach (ShardQueue shard in full.Shards) shard.Open(StoreFixture.Epoch, 0);
        AdjudicationApi api = Api(fixture.DeskOn(full));

        Assert.Equal(Busy, await StatusOf(() => api.Settle(Visit("R1", "P40"), new TestCall())));
        Assert.Equal(Busy, await StatusOf(() => api.PreSettle(Visit("R1", "P40"), new TestCall())));
        Assert.Equal(Busy, await StatusOf(() => api.Cancel(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P40", OriginalRequestId = "R1" }, new TestCall())));
        Assert.Equal(Busy, await StatusOf(
            () =>
            api.Reverse(new ReverseRequest { RequestId = "V1", FacilityCode = Hospital, InsuredId = "P40", OriginalRequestId = "R1" },
            new TestCall())));
        Assert.Equal(Busy, await StatusOf(
            () => api.SettleStream(new Requests(endless: true, Visit("R1", "P40")), new Answers(), new TestCall()).WaitAsync(Bound)));
        Assert.Equal(
            ["cancel busy", "pre_settle busy", "reverse busy", "settle busy", "settle_stream busy"],
            counts.Unanswered.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Closed_store_is_told_as_away()
    {
        using Counts counts = new();
        await using SettlementStore closed = new(fixture.Store.Redis, shardCount: 4, longestOutbox: 1_000);
        AdjudicationApi api = Api(fixture.DeskOn(closed));

        Assert.Equal(Away, await StatusOf(() => api.Settle(Visit("R1", "P41"), new TestCall())));
        Assert.Equal(Away, await StatusOf(() => api.PreSettle(Visit("R1", "P41"), new TestCall())));
        Assert.Equal(Away, await StatusOf(() => api.Cancel(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P41", OriginalRequestId = "R1" }, new TestCall())));
        Assert.Equal(Away, await StatusOf(
            () =>
            api.Reverse(new ReverseRequest { RequestId = "V1", FacilityCode = Hospital, InsuredId = "P41", OriginalRequestId = "R1" },
            new TestCall())));
        Assert.Equal(Away, await StatusOf(() => api.GetSettlement(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P41", RequestId = "R1" }, new TestCall())));
        Assert.Equal(Away, await StatusOf(
            () => api.GetAccumulators(new GetAccumulatorsRequest { InsuredId = "P41", Year = 2025 }, new TestCall())));
        Assert.Equal(
            [
                "cancel nothing", "get_accumulators nothing", "get_settlement nothing", "pre_settle nothing", "reverse nothing",
                "settle nothing",
            ],
            counts.Unanswered.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Stream_whose_outcome_cannot_be_known_ends_although_its_sender_does_not()
    {
        Answers answers = new();
        await fixture.Desk.SettleAsync(Visit("R1", "P42"));

        Status status = await StatusOf(() => Api(fixture.DeskWithoutEligibility)
            .SettleStream(new Requests(endless: true, Visit("R1", "P42"), Visit("R2", "P42"), Visit("R3", "P42")), answers, new TestCall())
                .WaitAsync(Bound));

        Assert.Equal(Away, status);
        Assert.Equal(["R1"], answers.Written.Select(answer => answer.RequestId));
    }

    [Fact]
    public async Task Stream_whose_caller_has_gone_ends()
    {
        using CancellationTokenSource gone = new();
        Requests requests = new(endless: true, Visit("R1", "P43"));

        Task stream = Api(fixture.Desk).SettleStream(requests, new Answers(), new TestCall(gone.Token));
        await requests.AllRead.WaitAsync(Bound);
        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.WaitAsync(Bound));
    }

    [Fact]
    public async Task Stream_that_cannot_be_written_ends_with_why()
    {
        Answers broken = new() { Failure = new IOException("the connection is gone") };

        IOException why = await Assert.ThrowsAsync<IOException>(() => Api(fixture.Desk)
            .SettleStream(new Requests(endless: false, Visit("R1", "P44"), Visit("R2", "P44")), broken, new TestCall()).WaitAsync(Bound));

        Assert.Equal("the connection is gone", why.Message);
        Assert.Equal(Decision.Settled,
            (await fixture.Desk.FindAsync(new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P44", RequestId = "R1" }))
            .Decision);
    }

    [Fact]
    public async Task Insured_whose_records_are_lost_is_refused_and_keeps_nobody_else_of_the_stream()
    {
        AdjudicationApi api = Api(fixture.Desk);
        await fixture.Desk.SettleAsync(Visit("R1", "P49-1"));
        ShardQueue shard = fixture.Store.Store.ShardOf("P49-1");
        await fixture.Store.Redis.KeyDeleteAsync(shard.Keys.Insured("P49-1"));
        Answers answers = new();

        await api.SettleStream(
            new Requests(endless: false, Visit("R1", "P49-1"), Visit("R2", "P49-2"), Visit("R3", "P49-1")), answers, new TestCall())
            .WaitAsync(Bound);

        Assert.Equal(
            ["R1 Refused RECORDS_LOST", "R2 Settled ", "R3 Refused RECORDS_LOST"],
            answers.Written.Select(answer => $"{answer.RequestId} {answer.Decision} {answer.ReasonCode}").Order(StringComparer.Ordinal));
        SettleReply cancelled = await api.Cancel(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P49-1", OriginalRequestId = "R1" }, new TestCall());
        ReverseReply reversed = await api.Reverse(
            new ReverseRequest { RequestId = "V1", FacilityCode = Hospital, InsuredId = "P49-1", OriginalRequestId = "R1" },
            new TestCall());
        Assert.Equal(
            ("RECORDS_LOST", ReverseReply.Types.Outcome.ReverseRefused, "RECORDS_LOST"),
            (cancelled.ReasonCode, reversed.Outcome, reversed.ReasonCode));
        Status lost = new(StatusCode.Unavailable, cancelled.ReasonText);
        Assert.Equal(lost, await StatusOf(() => api.GetSettlement(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P49-1", RequestId = "R1" }, new TestCall())));
        Assert.Equal(
            lost,
            await StatusOf(() => api.GetAccumulators(new GetAccumulatorsRequest { InsuredId = "P49-1", Year = 2025 }, new TestCall())));
    }

    [Theory]
    [InlineData("settle")]
    [InlineData("cancel")]
    [InlineData("reverse")]
    public async Task Insured_whose_records_are_lost_is_told_in_the_log_by_the_last_digits_whatever_is_asked(string asked)
    {
        string insured = $"P-{asked}-4711";
        await fixture.Desk.SettleAsync(Visit("R1", insured));
        await fixture.Store.Redis.KeyDeleteAsync(fixture.Store.Store.ShardOf(insured).Keys.Insured(insured));
        LogLines<AdjudicationApi> log = new();
        AdjudicationApi api = Api(fixture.Desk, log: log);

        await (asked switch
        {
            "settle" => api.Settle(Visit("R2", insured), new TestCall()),
            "cancel" => (Task)api.Cancel(
                new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = insured, OriginalRequestId = "R1" },
                new TestCall()),
            _ => api.Reverse(
                new ReverseRequest { RequestId = "V1", FacilityCode = Hospital, InsuredId = insured, OriginalRequestId = "R1" },
                new TestCall()),
        });

        Assert.Equal([(LogLevel.Error, "What was stored of insured ***4711 is gone from Redis.")], log.Lines);
    }

    [Fact]
    public async Task Stream_is_not_read_beyond_what_may_be_in_flight()
    {
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using EligibilityDirectory slow = await StartDirectoryAsync(async (request, cancellation) =>
        {
            asked.TrySetResult();
            await open.Task.WaitAsync(cancellation);
            return Lookup(request);
        });
        Requests requests = new(endless: false, [.. Enumerable.Range(0, 10).Select(number => Visit("R1", $"P45-{number}"))]);
        Answers answers = new();

        Task stream = Api(new SettlementDesk(fixture.Store.Store, slow, Packs.Zhengzhou, fixture.Time), inFlight: 2)
            .SettleStream(requests, answers, new TestCall());
        await asked.Task.WaitAsync(Bound);
        int read = requests.Read;
        open.SetResult();
        await stream.WaitAsync(Bound);
        await slow.StopAsync(CancellationToken.None);

        // Two are under way, and the third waits for one of them.
        Assert.InRange(read, 1, 3);
        Assert.Equal(requests.Sent.Select(request => request.InsuredId).Order(StringComparer.Ordinal),
            answers.Written.Select(answer => answer.InsuredId).Order(StringComparer.Ordinal));
        Assert.All(answers.Written, answer => Assert.Equal(Decision.Settled, answer.Decision));
    }

    [Fact]
    public async Task Visit_waits_for_the_insureds_earlier_one_whose_facility_is_still_looked_up()
    {
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using EligibilityDirectory slow = await StartDirectoryAsync(async (request, cancellation) =>
        {
            if (request.FacilityCodes.Contains(Township))
            {
                asked.TrySetResult();
                await open.Task.WaitAsync(cancellation);
            }

            return Lookup(request);
        });
        Answers answers = new();
        SettlementDesk desk = new(fixture.Store.Store, slow, Packs.Zhengzhou, fixture.Time);
        using VisitsUnderWay visits = new(desk, answers, 8, TimeProvider.System, (_, _) => { }, _ => { }, CancellationToken.None);

        await visits.AddAsync(VisitOf(10_000, "R1", "P51"), CancellationToken.None);
        await visits.AddAsync(VisitOf(10_000, "R2", "P51", Township), CancellationToken.None);
        await asked.Task.WaitAsync(Bound);
        await visits.AddAsync(VisitOf(10_000, "R3", "P51"), CancellationToken.None);
        open.SetResult();
        await visits.EndAsync().WaitAsync(Bound);
        await slow.StopAsync(CancellationToken.None);

        Assert.Equal([("R1", 0L), ("R2", 3_300L), ("R3", 9_800L)],
            answers.Written.Select(answer => (answer.RequestId, answer.CapUsedBeforeFen)));
    }

    [Fact]
    public async Task Answers_are_held_back_for_32_others_at_most_and_the_last_is_not()
    {
        const int Visits = 100;
        int told = 0;
        TaskCompletionSource allTold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Answers answers = new() { Open = allTold.Task };
        using VisitsUnderWay visits = new(fixture.Desk, answers, Visits, TimeProvider.System, (_, _) =>
        {
            if (Interlocked.Increment(ref told) == Visits) allTold.SetResult();
        }, _ => { }, CancellationToken.None);

        for (int visit = 0; visit < Visits; visit++) await visits.AddAsync(Visit("R1", $"P52-{visit}"), CancellationToken.None);
        await visits.EndAsync().WaitAsync(Bound);

        string held = string.Concat(answers.Held.Select(isHeld => isHeld ? 'h' : ' '));
        Assert.Equal(Visits, held.Length);
        Assert.Equal(32, held.Split(' ').Max(together => together.Length));
        Assert.Equal(' ', held[^1]);
    }

    [Theory]
    [InlineData("", 2025, "请求字段 insured_id 缺失。")]
    [InlineData("P46", 1999, "请求字段 year 应为四位年份。")]
    [InlineData("P46", 3000, "请求字段 year 应为四位年份。")]
    [InlineData("P46", 2000, "")]
    [InlineData("P46", 2999, "")]
    public async Task GetAccumulators_malformed_is_an_invalid_argument(string insured, int year, string text)
    {
        Status status = await StatusOf(
            () => Api(fixture.Desk).GetAccumulators(new GetAccumulatorsRequest { InsuredId = insured, Year = year }, new TestCall()));

        Assert.Equal(text.Length == 0 ? Status.DefaultSuccess : new Status(StatusCode.InvalidArgument, text), status);
    }

    [Fact]
    public async Task Each_call_asks_the_desk_for_its_own_operation()
    {
        AdjudicationApi api = Api(fixture.Desk);
        SettleReply quote = await api.PreSettle(Visit("R1", "P47"), new TestCall());
        SettleReply settled = await api.Settle(Visit("R1", "P47"), new TestCall());
        SettleReply found = await api.GetSettlement(
            new GetSettlementRequest { FacilityCode = Hospital, InsuredId = "P47", SettlementId = settled.SettlementId }, new TestCall());
        SettleReply cancelled = await api.Cancel(
            new CancelRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P47", OriginalRequestId = "R1" }, new TestCall());
        ReverseReply reversed = await api.Reverse(
            new ReverseRequest { RequestId = "V1", FacilityCode = Hospital, InsuredId = "P47", OriginalRequestId = "C1" }, new TestCall());
        Claims.V1.Accumulators year =
            await api.GetAccumulators(new GetAccumulatorsRequest { InsuredId = "P47", Year = 2025 }, new TestCall());

        Assert.Equal((Decision.Quoted, Decision.Settled, Decision.Cancelled), (quote.Decision, settled.Decision, cancelled.Decision));
        Assert.Equal(settled, found);
        Assert.Equal(ReverseReply.Types.Outcome.CancellationUndone, reversed.Outcome);
        Assert.Equal((2025, 3_850L), (year.Year, year.FundPaidFen));
    }

    [Fact]
    public async Task Answers_are_counted_by_operation_decision_and_reason_and_what_is_paid_once()
    {
        using Counts counts = new();
        AdjudicationApi api = Api(fixture.Desk, time: new Seconds());
        CancelRequest cancel = new() { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P48", OriginalRequestId = "R1" };

        await api.PreSettle(Visit("R1", "P48"), new TestCall());
        await api.Settle(Visit("R1", "P48"), new TestCall());
        await api.Settle(Visit("R1", "P48"), new TestCall());
        await api.Settle(Visit("R2", "P48", "H9"), new TestCall());
        await api.Settle(Visit("R1", "P48", date: "2025-03-06"), new TestCall());
        await api.Cancel(cancel, new TestCall());
        await api.Cancel(cancel, new TestCall());
        cancel.RequestId = "C2";
        await api.Cancel(cancel, new TestCall());
        await api.SettleStream(new Requests(endless: false, VisitOf(100_000, "R3", "P48"), VisitOf(100_000, "R3", "P48"),
            Visit("R4", "P48", "H9")), new Answers(), new TestCall());

        Assert.Equal(
            [
                "pre_settle QUOTED ", "settle SETTLED ", "settle REPLAYED ", "settle REFUSED FACILITY_UNKNOWN",
                "settle REFUSED DUPLICATE_CONFLICT",
                "cancel CANCELLED ", "cancel REPLAYED ", "cancel REFUSED ALREADY_CANCELLED",
                "settle_stream SETTLED CAP_REACHED", "settle_stream REPLAYED CAP_REACHED", "settle_stream REFUSED FACILITY_UNKNOWN",
            ],
            counts.Answers);
        Assert.Equal([3_850, -3_850, 30_000], counts.PaidFen);
        Assert.Equal(
            ["pre_settle", "settle", "settle", "settle", "settle", "cancel", "cancel", "cancel", "settle_stream", "settle_stream",
                "settle_stream"], counts.Durations.Select(duration => duration.Operation));
        Assert.All(counts.Durations.Take(8), duration => Assert.Equal(1, duration.Seconds));
    }

    [Fact]
    public async Task Refusals_of_every_operation_are_kept_and_nothing_else_is()
    {
        FakeRefusalLog ledger = new();
        using RefusalKeeper keeper = new(ledger, TimeProvider.System, NullLogger<RefusalKeeper>.Instance);
        AdjudicationApi api = Api(fixture.Desk, refusals: keeper);
        CancelRequest cancel = new() { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P49", OriginalRequestId = "R1" };

        await api.PreSettle(Visit("R0", "P49", "H9"), new TestCall());
        await api.Settle(Visit("R1", "P49"), new TestCall());
        await api.Settle(Visit("R1", "P49"), new TestCall());
        await api.Settle(Visit("R1", "P49", date: "2025-03-06"), new TestCall());
        await api.SettleStream(new Requests(endless: false, Visit("R4", "P49", "H9")), new Answers(), new TestCall());
        await api.Cancel(cancel, new TestCall());
        cancel.RequestId = "C2";
        await api.Cancel(cancel, new TestCall());
        await api.Reverse(
            new ReverseRequest { RequestId = "C1", FacilityCode = Hospital, InsuredId = "P49", OriginalRequestId = "R1" }, new TestCall());
        await keeper.StartAsync(CancellationToken.None);
        await keeper.StopAsync(CancellationToken.None);

        Assert.Equal(
            [
                ("pre_settle", "H9", "R0", "FACILITY_UNKNOWN"), ("settle", Hospital, "R1", "DUPLICATE_CONFLICT"),
                ("settle_stream", "H9", "R4", "FACILITY_UNKNOWN"), ("cancel", Hospital, "C2", "ALREADY_CANCELLED"),
                ("reverse", Hospital, "C1", "DUPLICATE_CONFLICT"),
            ],
            ledger.Kept.Select(row => (row.Operation, row.FacilityCode, row.RequestId, row.ReasonCode)));
    }

    private static AdjudicationApi Api(
        SettlementDesk desk, int inFlight = 8, TimeProvider? time = null, ILogger<AdjudicationApi>? log = null,
        RefusalKeeper? refusals = null) =>
        new(desk, refusals ?? new RefusalKeeper(new FakeRefusalLog(), TimeProvider.System, NullLogger<RefusalKeeper>.Instance),
            new AdjudicationSettings { StreamInFlight = inFlight }, time ?? TimeProvider.System,
            log ?? NullLogger<AdjudicationApi>.Instance);

    private static async Task<Status> StatusOf(Func<Task> call)
    {
        try
        {
            await call();
            return Status.DefaultSuccess;
        }
        catch (RpcException e)
        {
            return e.Status;
        }
    }

    /// <summary>Requests that are there at once; one that is endless says nothing more and stays open.</summary>
    private sealed class Requests(bool endless, params SettleRequest[] sent) : IAsyncStreamReader<SettleRequest>
    {
        private readonly TaskCompletionSource _allRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _read;

        public SettleRequest[] Sent => sent;

        public SettleRequest Current => sent[_read - 1];

        public int Read => Volatile.Read(ref _read);

        public Task AllRead => _allRead.Task;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (_read < sent.Length)
            {
                Interlocked.Increment(ref _read);
                return true;
            }

            _allRead.TrySetResult();
            if (endless) await Task.Delay(Timeout.Infinite, cancellationToken);
            return false;
        }
    }

    private sealed class Answers : IServerStreamWriter<Answer>
    {
        public ConcurrentQueue<SettleReply> Written { get; } = new();

        /// <summary>Of each, whether it may wait for the next.</summary>
        public ConcurrentQueue<bool> Held { get; } = new();

        public Exception? Failure { get; init; }

        /// <summary>Nothing is written before.</summary>
        public Task Open { get; init; } = Task.CompletedTask;

        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(Answer message) => WriteAsync(message, CancellationToken.None);

        public async Task WriteAsync(Answer message, CancellationToken cancellationToken)
        {
            if (Failure is not null) throw Failure;
            Held.Enqueue(WriteOptions?.Flags.HasFlag(WriteFlags.BufferHint) ?? false);
            await Open.WaitAsync(cancellationToken);
            Written.Enqueue(message.Whole());
        }
    }

    /// <summary>A clock on which a second passes from one look at it to the next.</summary>
    private sealed class Seconds : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Interlocked.Increment(ref _seconds);
    }

    private sealed class Counts : IDisposable
    {
        private readonly MeterListener _listener = new();

        public Counts()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name is "claims_unanswered_total" or "claims_answers" or "claims_fund_paid_fen"
                    or "claims_settle_duration_seconds")
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            {
                if (instrument.Name == "claims_fund_paid_fen") PaidFen.Enqueue(value);
                else if (instrument.Name != "claims_unanswered_total")
                    Answers.Enqueue(string.Join(' ', tags.ToArray().Select(tag => tag.Value)));
                else if (value > 0)
                    Unanswered.Enqueue(string.Join(' ', tags.ToArray().Select(tag => tag.Value)));
            });
            _listener.SetMeasurementEventCallback<double>((_, value, tags, _) => Durations.Enqueue(((string)tags[0].Value!, value)));
            _listener.Start();
        }

        /// <summary>Operation, decision, reason.</summary>
        public ConcurrentQueue<string> Answers { get; } = new();

        /// <summary>Operation, why.</summary>
        public ConcurrentQueue<string> Unanswered { get; } = new();

        public ConcurrentQueue<long> PaidFen { get; } = new();

        public ConcurrentQueue<(string Operation, double Seconds)> Durations { get; } = new();

        public void Dispose() => _listener.Dispose();
    }
}
