using Claims.Ledger.Posting;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Ledger.Tests;

/// <summary>What operators and auditors are told over the wire, field by field, and what every call answers while PostgreSQL is
/// away.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class OperatorApiTests(LedgerDatabase databases) : IAsyncLifetime
{
    private const int Shards = 4;

    private readonly PublishedLog _log = new(Shards);
    private string _postgres = "";
    private NpgsqlDataSource _owner = null!;
    private ServedLedger _served = null!;

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _owner = NpgsqlDataSource.Create(_postgres);
        _served = await ServedLedger.StartAsync(_postgres);
    }

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        await _owner.DisposeAsync();
    }

    [Fact]
    public async Task Shards_are_listed_with_their_instance_and_stop_and_the_latest_poison()
    {
        await using NpgsqlDataSource first = await HoldingAsync("claims-ledger host-a:17", shard: 0);
        await using NpgsqlDataSource second = await HoldingAsync("claims-ledger host-b:18", shard: 2);
        await ExecuteAsync($"""
            INSERT INTO store (epoch, shards, opened_at) VALUES ('{_log.Epoch}', {Shards}, now());
            INSERT INTO shard_watermark VALUES (0, 11), (1, 12), (2, 13), (3, 14);
            INSERT INTO poison_record (found_at, shard, kafka_offset, reason, record)
                SELECT timestamptz '2025-06-18 12:00:00.123+08' + make_interval(secs => number), number % 4, 1000 + number,
                    'reason ' || number, decode(repeat('ab', number), 'hex')
                FROM generate_series(1, 101) AS number ORDER BY number;
            INSERT INTO shard_stop (shard, poison_id, stopped_at, reason, resumed_at) VALUES (2, 6, '2025-06-18 12:00:07+08', 'went on',
                '2025-06-18 13:00:00+08');
            INSERT INTO shard_stop (shard, poison_id, stopped_at, reason) VALUES (1, 5, '2025-06-18 12:00:06.5+08', 'stands')
            """);
        string own = $"{Environment.MachineName}:{Environment.ProcessId}";
        ListShardsReply reply = new();
        await Eventually.HoldsAsync(
            async () =>
                (reply = await _served.Shards.ListShardsAsync(new ListShardsRequest())).Shards.Count(shard => shard.Instance == own) == 2,
            () => $"the other shards are not taken: {reply}");

        DateTimeOffset noon = new(2025, 6, 18, 12, 0, 0, 123, TimeSpan.FromHours(8));
        Assert.Equal(
            [
                new ListShardsReply.Types.Shard { Shard_ = 0, Sequence = 11, Instance = "host-a:17" },
                new ListShardsReply.Types.Shard
                {
                    Shard_ = 1,
                    Sequence = 12,
                    Instance = own,
                    Stopped = "stands",
                    StoppedAtUnixMs = noon.ToUnixTimeMilliseconds() + 6_377,
                    PoisonId = 5,
                },
                new ListShardsReply.Types.Shard { Shard_ = 2, Sequence = 13, Instance = "host-b:18" },
                new ListShardsReply.Types.Shard { Shard_ = 3, Sequence = 14, Instance = own },
            ],
            reply.Shards);
        Assert.Equal(Enumerable.Range(2, 100).Reverse().Select(number => (long)number), reply.Poison.Select(poison => poison.PoisonId));
        Assert.Equal(
            new ListShardsReply.Types.Poison
            {
                PoisonId = 101,
                FoundAtUnixMs = noon.ToUnixTimeMilliseconds() + 101_000,
                Shard = 1,
                KafkaOffset = 1_101,
                Reason = "reason 101",
                RecordBytes = 101,
            },
            reply.Poison[0]);

        const string Night = "claims://role/operations/night";
        Assert.Equal(new ResumeShardReply { Sequence = 12, Stopped = "stands" }, await _served.Shards.ResumeShardAsync(
            new ResumeShardRequest { Shard = 1 }, new Metadata { { Claims.Hosting.Identity.Header, Night } }));
        Act act = Assert.Single(await _served.Acts.List(new ListActsRequest { Kind = ActKind.ShardResumed }).ResponseStream.ReadAllAsync()
            .ToListAsync());
        Assert.Equal(("1", Night), (act.Subject, act.Caller));
        await AssertStatusAsync(
            StatusCode.FailedPrecondition, "shard 1 has not stopped", () =>
                _served.Shards.ResumeShardAsync(new ResumeShardRequest { Shard = 1 }).ResponseAsync);
        await AssertStatusAsync(
            StatusCode.FailedPrecondition, "shard 2 has not stopped", () =>
                _served.Shards.ResumeShardAsync(new ResumeShardRequest { Shard = 2 }).ResponseAsync);
        Assert.Equal(
            (12L, "", 0L, 0L),
            (await _served.Shards.ListShardsAsync(new ListShardsRequest())).Shards[1] is var resumed
                ? (resumed.Sequence, resumed.Stopped, resumed.StoppedAtUnixMs, resumed.PoisonId) : default);
    }

    [Fact]
    public async Task Store_is_opened_with_the_watermarks_and_stops_that_it_has()
    {
        await ExecuteAsync($"""
            INSERT INTO store (epoch, shards, initialised, opened_at) VALUES ('{_log.Epoch}', 3, true, now());
            INSERT INTO shard_watermark VALUES (0, 11), (1, 12), (2, 13);
            INSERT INTO poison_record (found_at, shard, kafka_offset, reason, record) VALUES (now(), 1, 1, 'r', '');
            INSERT INTO shard_stop (shard, poison_id, stopped_at, reason) VALUES (1, 1, now(), 'stands')
            """);

        Store opened = await _served.Client.OpenStoreAsync(new OpenStoreRequest { ProposedEpoch = new string('f', 32), Shards = 1_024 });

        Assert.Equal(
            new Store
            {
                Epoch = _log.Epoch,
                Shards = 3,
                Initialised = true,
                Watermarks =
                {
                    new ShardWatermark { Shard = 0, Sequence = 11 }, new ShardWatermark { Shard = 1, Sequence = 12, Stopped = "stands" },
                    new ShardWatermark { Shard = 2, Sequence = 13 },
                },
            },
            opened);
        Assert.Equal(opened, await _served.Client.ConfirmStoreAsync(new ConfirmStoreRequest { Epoch = _log.Epoch }));
        await AssertStatusAsync(
            StatusCode.FailedPrecondition, "these books are not kept for that store", () =>
                _served.Client.ConfirmStoreAsync(new ConfirmStoreRequest { Epoch = new string('f', 32) }).ResponseAsync);
    }

    [Fact]
    public async Task Books_are_verified_over_the_wire_against_a_head_that_was_noted()
    {
        await AssertStatusAsync(StatusCode.FailedPrecondition, "no store has been opened",
            () => _served.Audit.GetChainHeadAsync(new GetChainHeadRequest()).ResponseAsync);
        await AssertStatusAsync(StatusCode.FailedPrecondition, "no store has been opened", () => VerifyAsync(0, ""));
        await BookAsync(2);
        await using Audit audit = new(_postgres);
        await audit.ChainAllAsync();
        string hash = await audit.TextAsync("SELECT encode(hash, 'hex') FROM chain_link WHERE link = 1");
        Assert.Equal(new ChainHead { Link = 1, Hash = hash }, await _served.Audit.GetChainHeadAsync(new GetChainHeadRequest()));

        List<VerifyNews> news = await VerifyAsync(1, hash);

        Assert.Equal(
            [
                new VerifyCheck { Code = VerifyCheck.Types.Code.Chain, Holds = true, Examined = 19 },
                new VerifyCheck { Code = VerifyCheck.Types.Code.NotedHead, Holds = true, Examined = 1 },
                new VerifyCheck { Code = VerifyCheck.Types.Code.OutsideChain, Holds = true, Examined = 1 },
                new VerifyCheck { Code = VerifyCheck.Types.Code.Positions, Holds = true, Examined = Shards },
                new VerifyCheck { Code = VerifyCheck.Types.Code.Journals, Holds = true, Examined = 2 },
                new VerifyCheck { Code = VerifyCheck.Types.Code.Balances, Holds = true, Examined = 4 },
                new VerifyCheck { Code = VerifyCheck.Types.Code.Acts, Holds = true },
            ],
            news.Where(one => one.Check is not null).Select(one => one.Check));
        Assert.Equal(new ChainHead { Link = 1, Hash = hash }, news[^1].Head);
        foreach (
            (long link, string expected) in new[] { (1L, ""), (0L, hash), (1L, hash[1..]), (1L, hash.ToUpperInvariant()), (-1L, hash) })
            await AssertStatusAsync(StatusCode.InvalidArgument,
                "expect_link and expect_hash are not a link and 64 lower-case hexadecimal digits", () => VerifyAsync(link, expected));
        VerifyCheck other = (await VerifyAsync(1, new string('0', 64))).Single(one => one.Check?.Code == VerifyCheck.Types.Code.NotedHead)
            .Check;
        Assert.Equal(
            new BadRow
            {
                Table = "chain_link",
                Key = "1",
                Tampering = BadRow.Types.Tampering.Changed,
                Detail = $"its hash is {hash}: the chain was computed anew after that head was noted",
            },
            other.FirstBadRow);
        Assert.False(other.Holds);

        List<ShardAccumulators> fold = await _served.Audit.FoldShard(new FoldShardRequest { Shard = 2 }).ResponseStream.ReadAllAsync()
            .ToListAsync();
        Assert.Equal([2L, 0L], fold.Select(one => one.Sequence));
        Assert.Equal(2, fold[1].Insured.Records);

        await audit.TamperAsync("UPDATE chain_link SET format = 9 WHERE link = 1");
        await AssertStatusAsync(StatusCode.FailedPrecondition,
            "Link 1 of the chain has format 9, and this program reads formats 1 to 6: verify with the program that made it.",
            () => VerifyAsync(0, ""));
    }

    [Fact]
    public async Task Every_call_is_unavailable_while_PostgreSQL_cannot_be_asked()
    {
        await BookAsync(1);
        await databases.Postgres.CloseAsync(_postgres);

        const string Read = "the books cannot be read at the moment";
        const string Asked = "the books cannot be asked at the moment";
        VoucherHeader header = new() { Key = "k", Actor = "clerk" };
        ReconciliationPeriod day = new() { From = "2025-01-01", To = "2025-01-01" };
        await AwayAsync(Read, () => _served.Client.OpenStoreAsync(
            new OpenStoreRequest { ProposedEpoch = _log.Epoch, Shards = 1 }).ResponseAsync);
        await AwayAsync(Read, () => _served.Client.ConfirmStoreAsync(new ConfirmStoreRequest { Epoch = _log.Epoch }).ResponseAsync);
        await AwayAsync(Read, () => _served.Client.GetTrialBalanceAsync(new GetTrialBalanceRequest()).ResponseAsync);
        await AwayAsync(Read, () => _served.Client.ListInsuredYears(new ListInsuredYearsRequest()).ResponseStream.MoveNext());
        await AwayAsync(Read, () => _served.Client.ListEntries(new ListEntriesRequest()).ResponseStream.MoveNext());
        await AwayAsync(Read, () => _served.Client.CloseYearAsync(new CloseLedgerYearRequest { Year = 2001 }).ResponseAsync);
        await AwayAsync(Read, () => _served.Shards.ListShardsAsync(new ListShardsRequest()).ResponseAsync);
        await AwayAsync(Read, () => _served.Shards.ResumeShardAsync(new ResumeShardRequest()).ResponseAsync);
        await AwayAsync(Read, () => _served.Audit.GetChainHeadAsync(new GetChainHeadRequest()).ResponseAsync);
        await AwayAsync(Read, () => VerifyAsync(0, ""));
        await AwayAsync(Read, () => _served.Audit.FoldShard(new FoldShardRequest()).ResponseStream.MoveNext());
        await AwayAsync(Asked, () => _served.Funding.ReceiveAsync(
            new ReceiveRequest { Header = header, Kind = IncomeKind.IncomeOther, AmountFen = 1 }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Funding.ProposePaymentsAsync(
            new ProposePaymentsRequest { County = "410105", Month = "2025-01" }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Funding.ProposeReplenishmentsAsync(
            new ProposeReplenishmentsRequest { Month = "2025-01" }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Funding.ListVouchers(new ListVouchersRequest()).ResponseStream.MoveNext());
        await AwayAsync(Asked, () => _served.Funding.ListPlansAsync(new ListPlansRequest { Year = 2025 }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Funding.GetResultAsync(
            new GetResultRequest { From = "2025-01-01", To = "2025-01-01" }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Funding.GetBalancesAsync(new GetBalancesRequest { On = "2025-01-01" }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Funding.CloseMonthAsync(new CloseMonthRequest { Month = "2001-01" }).ResponseAsync);
        await AwayAsync(Read, () => _served.Reconciliation.ReconcileTotalsAsync(
            new ReconcileTotalsRequest
            {
                FacilityCode = "H1",
                Period = day,
                Figures = { new ReconcileTotalsRequest.Types.FacilityFigures() },
            }).ResponseAsync);
        await AwayAsync(Read, () => _served.Reconciliation.ListFacilityTotals(
            new ListFacilityTotalsRequest { Period = day }).ResponseStream.MoveNext());
        await AwayAsync(Read, () => _served.Reconciliation.GetStatement(
            new GetStatementRequest { FacilityCode = "H1", Month = "2025-01" }).ResponseStream.MoveNext());
        await AwayAsync(Read, () => _served.Reconciliation.ListFacilityEntriesAsync(
            new ListFacilityEntriesRequest { FacilityCode = "H1", Period = day, Limit = 1 }).ResponseAsync);
        await AwayAsync(Asked, () => _served.Acts.List(new ListActsRequest()).ResponseStream.MoveNext());
        const string Refusals = "refusals cannot be read or kept at the moment";
        await AwayAsync(Refusals, () => _served.Refusals.KeepAsync(new KeepRefusalsRequest()).ResponseAsync);
        await AwayAsync(Refusals, () => _served.Refusals.FindAsync(
            new FindRefusalsRequest { FacilityCode = "H1", RequestId = "R1" }).ResponseAsync);

        static Task AwayAsync(string detail, Func<Task> call) => AssertStatusAsync(StatusCode.Unavailable, detail, call);
    }

    /// <summary>One batch with journals of two days: two records in each shard, or as many as said.</summary>
    private async Task BookAsync(int perShard)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            for (int i = 0; i < perShard; i++)
            {
                int day = i + 1;
                _log.AddSettlement(
                    shard, record =>
                        (record.InsuredId, record.FacilityCode, record.FacilityCounty, record.VisitDate) =
                        ("P1", "H1", $"41010{day + 1}", $"2024-03-0{day}"));
            }
        }

        await using RunningLedger ledger = RunningLedger.Create(_postgres);
        await ledger.OpenAsync(_log);
        await ledger.BookAsync(_log);
    }

    private async Task<List<VerifyNews>> VerifyAsync(long link, string hash) =>
        await _served.Audit.Verify(new VerifyRequest { ExpectLink = link, ExpectHash = hash }).ResponseStream.ReadAllAsync().ToListAsync();

    /// <summary>A session that posts the shard, by its lock.</summary>
    private async Task<NpgsqlDataSource> HoldingAsync(string application, int shard)
    {
        NpgsqlDataSource session = NpgsqlDataSource.Create(
            $"{_postgres};Application Name={application};No Reset On Close=true;Minimum Pool Size=1");
        await using NpgsqlCommand hold = session.CreateCommand($"SELECT pg_advisory_lock({ShardSharing.ShardKey}, {shard})");
        await hold.ExecuteNonQueryAsync();
        return session;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = _owner.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task AssertStatusAsync(StatusCode code, string detail, Func<Task> call)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal((code, detail), (refused.StatusCode, refused.Status.Detail));
    }
}
