using Claims.Ledger.SubLedger;
using System.Security.Cryptography;
using Claims.Ledger.Audit;
using Claims.V1;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests;

/// <summary>How the chain grows, and what it is made of.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ChainTests(LedgerDatabase databases)
{
    private const int Shards = 2;

    private const string BatchWithJournal = """
        WITH added AS (INSERT INTO batch (posted_at) VALUES (now()) RETURNING batch_id)
        INSERT INTO journal (batch_id, scheme, posting_date, business_date) SELECT batch_id, 'resident', '2024-03-01', '2024-03-01'
            FROM added
        """;

    /// <summary>The hashes were computed from the description in docs/ledger.md by another program.</summary>
    [Fact]
    public async Task Encoding_of_known_rows_never_changes()
    {
        await using Audit audit = new(await databases.CreateAsync());
        await audit.TamperAsync("""
            INSERT INTO batch OVERRIDING SYSTEM VALUE VALUES (88, '2025-06-18 12:00:00.000001+08');
            INSERT INTO batch_range VALUES (7, 1234, 1234, 88);
            INSERT INTO sub_ledger VALUES (7, 1234, 'SETTLEMENT', '2025-07-0000001234', '', 'H0231', '参保人0001', 'r-1', '', '2025-06-18',
                'ORDINARY',
                '2025-06-18 11:59:59+08', 'resident', '410102', '410105', 'other', 12345, 345, 0, 0, 12000, 4000, 5500, 4400, 30000, 0, 4400, '',
                'zhengzhou-outpatient@2024-01-01', 'ab', decode('000102030405060708090a0b0c0d0e0f', 'hex'), 66, true,
                E'D 4000 0 4000 bordinary:20250618:H0231\nf 30000 0 4400 fordinary.year:2025', '门诊号1', decode('0253deadbeef', 'hex'),
                '参保人0002', '');
            INSERT INTO journal OVERRIDING SYSTEM VALUE VALUES (17, 88, 'resident', '2025-06-18', '2025-06-18');
            INSERT INTO posting VALUES (17, '5101.resident.410105', 4400, 0), (17, '2101.resident.410105.H0231', 0, 4400);
            INSERT INTO act OVERRIDING SYSTEM VALUE VALUES (5, 88, 'YEAR_CLOSED', '2024', '说明', 'claims://role/bureau/zhang.wei', '',
                '2025-06-18 12:00:00.000001+08')
            """);
        await using NpgsqlConnection connection = await audit.Database.OpenConnectionAsync();

        using BatchRows rows = (await BatchRows.ReadAsync(connection, [88], format: 1, recent: null, CancellationToken.None))[88];
        DateTimeOffset chainedAt = new(2025, 6, 18, 4, 0, 1, TimeSpan.Zero);
        byte[] beginning = ChainEnd.Beginning("0123456789abcdef0123456789abcdef").Hash;

        Assert.Equal(
            [
                new IndexedRow(1, "88", "a3310ce98a9083b6124f81b17289f7c6"),
                new IndexedRow(2, "7/1234", "f84e1e15585ee19d7f5396f41298d065"),
                new IndexedRow(3, "7/1234", "2d50716c9491073d1bc3ba7872156c2f"),
                new IndexedRow(4, "17", "8751730c32e166fa936a58e52e395c13"),
                new IndexedRow(5, "17/2101.resident.410105.H0231", "b9a5ec984d8b43b1ee553515a8cd2f4b"),
                new IndexedRow(5, "17/5101.resident.410105", "217531da0112579a25c280dbfe628106"),
            ],
            RowIndex.Read(rows.Index));
        Assert.Equal("1f3c23f901fd345d58b1ca96f9167c08dddd9d9358efd73caf4ee6697347e80c",
            Convert.ToHexStringLower(ChainLink.HashOf(beginning, 1, 1, 88, chainedAt, rows)));

        await AssertLaterAsync(
            2, "15b6ad61c0336563031849fae5bf69f6", "f1c90e3c141299cb1ba857de99d525a9d3b43f4d9725f451ac3d251b9e6fd2e6");
        await AssertLaterAsync(
            3, "1575f0a05503e0b26a7b44d82e079066", "19b11fb8e99d8e91b7dcdd65d00a0cae32cb53bd43e8ca466b7cfa7534ec132d");
        await AssertLaterAsync(
            4, "2a0952d9f54be1d4f4a31ec987a5b5d1", "446eee998a39908521036ef3d6c8f3bb5a85592d9e19f687c2623332f3a868a8");
        await AssertLaterAsync(
            5, "710718d2d93e466cd9a7530a6ae6ad25", "c0e5a8982f35ef8062353642d13e36e81c7d46f9e12398f590e29c1635018aff");

        async Task AssertLaterAsync(short format, string rowHash, string linkHash)
        {
            using BatchRows later = (await BatchRows.ReadAsync(connection, [88], format, recent: null, CancellationToken.None))[88];
            Assert.Equal(rowHash, RowIndex.Read(later.Index)!.Single(row => row.Table == ChainedTable.SubLedger.Number).Hash);
            Assert.Equal(linkHash, Convert.ToHexStringLower(ChainLink.HashOf(beginning, format, 1, 88, chainedAt, later)));
        }
    }

    /// <summary>The hashes were computed as above.</summary>
    [Fact]
    public async Task Encoding_of_assessed_heads_never_changes()
    {
        await using Audit audit = new(await databases.CreateAsync());
        await audit.TamperAsync("""
            INSERT INTO batch OVERRIDING SYSTEM VALUE VALUES (89, '2025-06-18 12:00:00.000001+08');
            INSERT INTO journal OVERRIDING SYSTEM VALUE VALUES (18, 89, 'resident', '2025-06-18', '2025-06-18');
            INSERT INTO voucher OVERRIDING SYSTEM VALUE VALUES (3, '键1', '请求', 'CONTRIBUTION_ASSESSED', '410105', '2024', '说明', '张会计',
                '2025-06-18 12:00:00.000001+08', 18, NULL);
            INSERT INTO assessed_head VALUES (3, '1106.resident.410105', 'destitute', -2, 19000, '郑医保〔2023〕6号 一'),
                (3, '1101.resident.410105', '', 10, 38000, '郑医保〔2023〕6号 一');
            INSERT INTO unassessed_head VALUES (3, 'central_college', 5, 64000, '不在手')
            """);
        await using NpgsqlConnection connection = await audit.Database.OpenConnectionAsync();

        using BatchRows rows = (await BatchRows.ReadAsync(connection, [89], format: 6, recent: null, CancellationToken.None))[89];

        Assert.Equal(
            [
                "07fd86e863f337836678e7aa969dc60b", "00881e63495c19079244511c4e05ec69", "62d356894329ea5ec752ac666726b53e",
                "38311fbe79f205588b14a6b5f8d8d6d4", "3f78af8ea1b23114dcd7f94cb9ae88cb", "5ac9649b4b3a40e700c7f49c9c3beacc",
            ],
            RowIndex.Read(rows.Index)!.Select(row => row.Hash));
        Assert.Equal("b8bf5556a3a9f961de4db15f762191d31ab6b8cb3b61523deac5f06e18817bd4", Convert.ToHexStringLower(ChainLink.HashOf(
            ChainEnd.Beginning("0123456789abcdef0123456789abcdef").Hash, 6, 1, 89, new DateTimeOffset(2025, 6, 18, 4, 0, 1, TimeSpan.Zero),
            rows)));
    }

    [Fact]
    public void Links_of_every_format_so_far_are_known_and_no_later_one() =>
        Assert.Equal(
            [false, true, true, true, true, true, true, false], Enumerable.Range(0, 8).Select(format => ChainLink.IsKnown((short)format)));

    [Fact]
    public async Task Hashes_of_what_was_posted_are_those_of_what_PostgreSQL_has()
    {
        PublishedLog log = new PublishedLog(3).AddSettlements(40);
        SettledClaim settlement = log.AddSettlement(1, record => record.InsuredId = "参保人0001");
        log.AddMirror(settlement, Kind.Cancellation);
        log.AddSettlement(2, record =>
        {
            record.Kind = Kind.RequestOnly;
            record.SettlementId = record.VisitDate = "";
            record.TotalFen = record.FullSelfPayFen = record.InScopeFen = record.FundPayFen = record.CapUsedAfterFen = 0;
        });
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync());
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);
        RecentHashes recent = ledger.Get<RecentHashes>();
        await using NpgsqlConnection connection = await ledger.Database.OpenConnectionAsync();
        Assert.NotNull(recent.Find(1));

        using BatchRows atHand = (await BatchRows.ReadAsync(connection, [1], ChainLink.CurrentFormat, recent, CancellationToken.None))[1];
        using BatchRows read = (await BatchRows.ReadAsync(
            connection, [1], ChainLink.CurrentFormat, recent: null, CancellationToken.None))[1];

        Assert.Equal(RowIndex.Read(read.Index), RowIndex.Read(atHand.Index));
        Assert.Equal(Convert.ToHexString(read.Hash), Convert.ToHexString(atHand.Hash));
        Assert.Equal(log.Records.Count(), RowIndex.Read(read.Index)!.Count(row => row.Table == ChainedTable.SubLedger.Number));
    }

    [Fact]
    public void Recent_hashes_beyond_the_bound_go_oldest_first_and_chained_ones_at_once()
    {
        RecentHashes recent = new();
        for (long batch = 1; batch <= 4; batch++) recent.Add(recent.Generation, batch, Of(100_000));
        Assert.Equal([false, true, true, true], Enumerable.Range(1, 4).Select(batch => recent.Find(batch) is not null));

        recent.Chained([2, 3]);
        recent.Add(recent.Generation, 5, Of(100_000));
        recent.Add(recent.Generation, 6, Of(100_000));

        Assert.Equal([false, false, true, true, true], Enumerable.Range(2, 5).Select(batch => recent.Find(batch) is not null));

        static SubLedgerHashes Of(int rows)
        {
            SubLedgerHashes hashes = new(rows);
            using IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int row = 0; row < rows; row++) hashes.Add(0, row, [1], sha);
            return hashes;
        }
    }

    [Fact]
    public void Beginning_is_that_of_one_store_only() =>
        Assert.NotEqual(ChainEnd.Beginning(new string('1', 32)).HashText, ChainEnd.Beginning(new string('2', 32)).HashText);

    [Fact]
    public async Task Every_column_of_every_table_that_a_batch_writes_is_covered()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(await databases.CreateAsync());
        HashSet<string> chained = [.. ChainedTable.All.Select(table => table.Name)];
        List<string> hanging = await ListAsync(database, """
            SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
            WHERE contype = 'f' AND (confrelid = 'batch'::regclass OR confrelid = 'journal'::regclass OR confrelid = 'sub_ledger'::regclass
                OR confrelid = 'voucher'::regclass)
            """);

        // chain_link is the chain itself: each link's own columns are in its hash.
        Assert.Equal([.. chained.Except(["batch", "sub_ledger"]).Order(StringComparer.Ordinal)],
            hanging.Except(["chain_link"]).Order(StringComparer.Ordinal));
        foreach (ChainedTable table in ChainedTable.All)
        {
            List<string> columns = await ListAsync(
                database, $"SELECT attname::text FROM pg_attribute WHERE attrelid = '{table.Name}'::regclass AND attnum > 0 AND NOT "
                + $"attisdropped ORDER BY attnum");
            Assert.Equal(columns.Order(StringComparer.Ordinal), table.Columns.Order(StringComparer.Ordinal));
            List<string> key = await ListAsync(database, $"""
                SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
                    WHERE indrelid = '{table.Name}'::regclass AND indisprimary
                """);
            Assert.Equal(key.Order(StringComparer.Ordinal), table.Key.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Types_of_chained_columns_have_one_binary_form_each()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(await databases.CreateAsync());

        List<string> types = await ListAsync(database, $"""
            SELECT DISTINCT format_type(atttypid, NULL) FROM pg_attribute
            WHERE attnum > 0 AND NOT attisdropped AND attrelid::regclass::text IN ({string.Join(", ",
                ChainedTable.All.Select(table => $"'{table.Name}'"))})
            """);

        Assert.Empty(types.Except(["bigint", "boolean", "bytea", "date", "integer", "smallint", "text", "timestamp with time zone"]));
    }

    [Fact]
    public void Numbers_of_chained_tables_are_given_once() =>
        Assert.Equal(ChainedTable.All.Count, ChainedTable.All.Select(table => table.Number).Distinct().Count());

    [Fact]
    public async Task Batches_that_commit_out_of_order_are_chained_in_the_order_of_their_coming()
    {
        await using Audit audit = await BookedAsync(batches: 2);
        await audit.ChainAllAsync();
        await using NpgsqlConnection late = await audit.Database.OpenConnectionAsync();
        await using NpgsqlTransaction uncommitted = await late.BeginTransactionAsync();
        await using (NpgsqlCommand slow = new(BatchWithJournal, late)) await slow.ExecuteNonQueryAsync();
        await audit.ExecuteAsync(BatchWithJournal);

        Assert.Equal(1, await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None));
        await uncommitted.CommitAsync();
        Assert.Equal(1, await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None));

        Assert.Equal("1:1 2:2 3:4 4:3",
            await audit.TextAsync("SELECT string_agg(concat(link, ':', batch_id), ' ' ORDER BY link) FROM chain_link"));
        Assert.True((await audit.VerifyAsync()).Checks[0].Holds);
    }

    [Fact]
    public async Task Batch_far_behind_the_others_is_found_by_the_sweep()
    {
        await using Audit audit = await BookedAsync(batches: 1);
        await audit.ExecuteAsync("ALTER TABLE batch ALTER COLUMN batch_id RESTART WITH 100000; " + BatchWithJournal);
        await audit.ChainAllAsync();
        await audit.ExecuteAsync("INSERT INTO batch OVERRIDING SYSTEM VALUE VALUES (2, now())");

        Assert.Equal(0, await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None));
        Assert.Equal(1, await audit.Chain.ExtendAsync(sweep: true, CancellationToken.None));
    }

    [Fact]
    public async Task Several_instances_make_one_chain()
    {
        await using Audit audit = await BookedAsync(batches: 30);
        Chain[] instances = [.. Enumerable.Range(0, 4).Select(_ => audit.NewChain())];

        await Task.WhenAll(instances.Select(async instance =>
        {
            while ((await instance.StateAsync(CancellationToken.None))!.Waiting > 0)
                await instance.ExtendAsync(sweep: true, CancellationToken.None);
        }));

        (ChainHead head, List<VerifyCheck> checks) = await audit.VerifyAsync();
        Assert.Equal(30, head.Link);
        Assert.All(checks, check => Assert.True(check.Holds, check.ToString()));
    }

    [Fact]
    public async Task Books_of_more_batches_than_are_taken_at_once_are_chained_and_verified_to_the_last()
    {
        const int Batches = 66;
        const string Last = "WHERE shard = 1 AND sequence = 66";
        await using Audit audit = await BookedAsync(Batches);

        Assert.Equal((64, true), (await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None), audit.Chain.HasMore));
        Assert.Equal((2, false), (await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None), audit.Chain.HasMore));
        Assert.Equal((Batches, ""), ((await audit.VerifyAsync()).Head.Link, await audit.FirstBadRowAsync()));

        await audit.TamperAsync($"UPDATE sub_ledger SET fund_pay_fen = fund_pay_fen + 1 {Last}");
        Assert.Equal("sub_ledger 1/66 CHANGED", await audit.FirstBadRowAsync());

        // With a chain that was made for it, the row does not fit what was posted of it.
        await audit.TamperAsync("TRUNCATE chain_link; UPDATE batch SET posted_at = posted_at");
        Chain restarted = audit.NewChain();
        Assert.Equal(64, await restarted.ExtendAsync(sweep: true, CancellationToken.None));
        Assert.Equal(2, await restarted.ExtendAsync(sweep: true, CancellationToken.None));
        string account = await audit.TextAsync(
            $"SELECT concat_ws('.', '2101', scheme, facility_county, facility_code) FROM sub_ledger {Last}");
        string journal = await audit.TextAsync($"SELECT max(journal_id)::text FROM posting WHERE account_code = '{account}'");
        Assert.Equal($"posting {journal}/{account} CHANGED", await audit.FirstBadRowAsync(chain: restarted));
    }

    [Fact]
    public async Task Batch_of_more_rows_than_a_transaction_takes_is_chained_alone()
    {
        await using Audit audit = await BookedAsync(batches: 1);
        await audit.ChainAllAsync();
        await audit.ExecuteAsync($"{BatchWithJournal}; INSERT INTO batch_range VALUES (0, 1000, 100000, 2); {BatchWithJournal}");

        Assert.Equal((1, true), (await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None), audit.Chain.HasMore));
        Assert.Equal((1, false), (await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None), audit.Chain.HasMore));
        Assert.Equal("1 2 3", await audit.TextAsync("SELECT string_agg(batch_id::text, ' ' ORDER BY link) FROM chain_link"));
    }

    [Fact]
    public async Task Chainer_that_is_cut_off_half_way_leaves_nothing_and_the_next_goes_on()
    {
        await using Audit audit = await BookedAsync(batches: 6);
        await audit.ExecuteAsync("""
            CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.link = 4 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
            CREATE TRIGGER cut_off BEFORE INSERT ON chain_link FOR EACH ROW EXECUTE FUNCTION cut_off()
            """);

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => audit.Chain.ExtendAsync(sweep: true, CancellationToken.None));
        Assert.Equal(6, (await audit.Chain.StateAsync(CancellationToken.None))!.Waiting);
        await audit.ExecuteAsync("DROP TRIGGER cut_off ON chain_link");
        await audit.ChainAllAsync();

        Assert.Equal("", await audit.FirstBadRowAsync());
        Assert.Equal(6, (await audit.VerifyAsync()).Head.Link);
    }

    [Fact]
    public async Task Books_go_on_while_they_are_verified()
    {
        PublishedLog log = new(Shards);
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        await using Audit audit = new(postgres);
        using CancellationTokenSource enough = new();
        Task posting = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                log.AddSettlements(3);
                await AuditedBooks.BookNextAsync(ledger, log, 3);
                await audit.Chain.ExtendAsync(sweep: false, CancellationToken.None);
            }
        });

        for (int run = 0; run < 5; run++) Assert.Equal("", await audit.FirstBadRowAsync());
        await enough.CancelAsync();
        await posting;
        Assert.Equal("", await audit.FirstBadRowAsync());
    }

    [Fact]
    public async Task Shard_is_folded_per_insured_and_accumulator()
    {
        PublishedLog log = new(Shards);
        SettledClaim first = log.AddSettlement(1,
            record => (record.InsuredId, record.VisitDate, record.FacilityCode, record.DeductibleFen) = ("P1", "2024-03-01", "H1", 4_000));
        SettledClaim second = log.AddSettlement(
            1, record => (record.InsuredId, record.VisitDate, record.FacilityCode) = ("P1", "2025-03-01", "H1"));
        log.AddMirror(second, Kind.Cancellation);
        log.AddSettlement(1, record => (record.InsuredId, record.VisitType, record.RateBp, record.CapUsedAfterFen) = (
            "P2", VisitType.DeliveryNatural, 0, 0));
        SettledClaim third = log.AddSettlement(1, record =>
        {
            (record.InsuredId, record.VisitDate, record.FacilityCode, record.DeductibleFen) = ("P1", "2024-03-01", "H1", 1_000);
            record.FundPayFen = record.CapUsedAfterFen = ((record.InScopeFen - 1_000) * 6_500 + 5_000) / 10_000;
        });
        log.AddSettlement(0, record => record.InsuredId = "elsewhere");
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        first.FundPayFen = first.CapUsedAfterFen = ((first.InScopeFen - 4_000) * 6_500 + 5_000) / 10_000;
        first.Limits = $"{PublishedLog.LimitsOf(first)}\nf 10000000 0 {first.FundPayFen} fordinary.month:202403\n"
            + "n 5 2 1 nordinary.times:2024\ns 1000 1 0 fdelivery.year:2024\nc 2000000 0 300 ";
        await ledger.OpenAsync(log);
        await ledger.BookAsync(log);

        List<ShardAccumulators> fold = [];
        await foreach (ShardAccumulators news in new ShardFold(ledger.Database).OfAsync(1, CancellationToken.None)) fold.Add(news);

        Assert.Equal(
            [
                new ShardAccumulators { Sequence = 5 },
                new ShardAccumulators
                {
                    Insured = new InsuredAccumulators
                    {
                        InsuredId = "P1",
                        Records = 4,
                        StandingSettlements = 2,
                        Accumulators =
                        {
                            new HeldAccumulator { Name = "bordinary:20240301:H1", Amount = 5_000 },
                            new HeldAccumulator { Name = "fordinary.month:202403", Amount = first.FundPayFen },
                            new HeldAccumulator { Name = "fordinary.year:2024", Amount = first.FundPayFen + third.FundPayFen },
                            new HeldAccumulator { Name = "nordinary.times:2024", Amount = 1 },
                        },
                    },
                },
                new ShardAccumulators
                {
                    Insured = new InsuredAccumulators
                    {
                        InsuredId = "P2",
                        Records = 1,
                        StandingSettlements = 1,
                    },
                },
            ],
            fold);
    }

    private async Task<Audit> BookedAsync(int batches)
    {
        PublishedLog log = new(Shards);
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        for (int batch = 0; batch < batches; batch++)
        {
            log.AddSettlements(1);
            await AuditedBooks.BookNextAsync(ledger, log, 1);
        }

        return new Audit(postgres);
    }

    private static async Task<List<string>> ListAsync(NpgsqlDataSource database, string sql)
    {
        List<string> texts = [];
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync()) texts.Add(row.GetString(0));
        return texts;
    }
}
