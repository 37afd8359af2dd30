using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Code = Claims.V1.VerifyCheck.Types.Code;

namespace Claims.Cli.Tests;

/// <summary>Commands about the books: what they ask, what they say, and the exit code that scripts go by.</summary>
[Collection(nameof(FakeSystem))]
public sealed class BooksCommandTests(FakeSystem system)
{
    [Theory]
    [InlineData(true, 0, "balanced 平衡")]
    [InlineData(false, 1, "NOT BALANCED 不平衡")]
    public async Task Trial_balance_ends_with_0_only_where_debit_equals_credit(bool balanced, int exitCode, string word)
    {
        TrialBalance balance = new()
        {
            Balanced = balanced,
            DebitFen = 123_456,
            CreditFen = 234_567,
            StandingSettlements = 3_456,
            FundPaidFen = 45_678,
            Accounts =
            {
                new TrialBalance.Types.Account { Code = "5401", Name = "待遇支出", BalanceFen = 111 },
                new TrialBalance.Types.Account { Code = "2101", Name = "应付", BalanceFen = -222 },
            },
        };
        system.Begin().Answer<GetTrialBalanceRequest>("Ledger/GetTrialBalance", _ => balance);

        (await system.RunAsync("ledger", "trial-balance", "--json")).IsJson(exitCode, $$"""
            {"balanced":{{(balanced ? "true" : "false")}},"debitFen":123456,"creditFen":234567,"standingSettlements":3456,"fundPaidFen":45678,
             "accounts":[{"code":"5401","name":"待遇支出","balanceFen":111},{"code":"2101","name":"应付","balanceFen":-222}]}
            """);
        Ran table = await system.RunAsync("ledger", "trial-balance");
        Assert.Equal(exitCode, table.ExitCode);
        Assert.Equal(
            [
                "account name debit 借方 credit 贷方", "5401 待遇支出 ¥1.11", "2101 应付 ¥2.22",
                $"debit 借方合计 ¥1,234.56, credit 贷方合计 ¥2,345.67: {word}", "3,456 standing settlements 有效结算, fund paid 基金支付 ¥456.78",
            ],
            table.Lines);
        string[] rows = table.Output.Split('\n');
        Assert.True(rows[2].Length < rows[3].Length, "Credit stands to the right of debit.");
    }

    [Theory]
    [InlineData(true, 9, 8, "After 0 s the ledger is still 3 records behind adjudication.")]
    [InlineData(false, 9, 9, "Shard 1 of adjudication is not ready: it has lost data")]
    public async Task Books_that_are_not_complete_are_not_shown(bool ready, long sequence, long committed, string sentence)
    {
        system.Begin().Answer<GetOutboxRequest>("AdjudicationOperations/GetOutbox", _ => new Outbox
        {
            Shards =
            {
                new OutboxShard { Shard = 0, Ready = true, Sequence = ready ? 7 : 5, Committed = 5 },
                new OutboxShard
                {
                    Shard = 1,
                    Ready = ready,
                    Reason = ready ? "" : "it has lost data",
                    Sequence = sequence,
                    Committed = committed,
                },
            },
        });

        foreach (string[] command in new string[][] { ["trial-balance"], ["verify"], ["statement", "H1", "2025-03"] })
        {
            Ran ran = await system.RunAsync(["ledger", .. command, "--wait", "0"]);
            Assert.Equal((3, "", sentence), (ran.ExitCode, ran.Output, ran.Errors));
        }

        Assert.Empty(system.Received);
    }

    [Fact]
    public async Task Shards_end_with_1_where_one_of_two_has_stopped()
    {
        ListShardsReply reply = new()
        {
            Shards =
            {
                new ListShardsReply.Types.Shard { Shard_ = 0, Sequence = 5, Instance = "host:10" },
                new ListShardsReply.Types.Shard
                {
                    Shard_ = 1,
                    Sequence = 6,
                    Instance = "host:11",
                    Stopped = "the record names no county",
                    StoppedAtUnixMs = 1_750_000_000_000,
                    PoisonId = 42,
                },
            },
            Poison =
            {
                new ListShardsReply.Types.Poison
                {
                    PoisonId = 42,
                    FoundAtUnixMs = 1_750_000_001_000,
                    Shard = 1,
                    KafkaOffset = 77,
                    Reason = "names no county",
                    RecordBytes = 199,
                },
            },
        };
        system.Begin().Answer<ListShardsRequest>("LedgerShards/ListShards", _ => reply);

        (await system.RunAsync("ledger", "shards", "--json")).IsJson(1, """
            {"posting":false,
             "shards":[{"shard":0,"sequence":5,"lagRecords":2,"instance":"host:10","stopped":null,"stoppedAt":null,"poisonId":null,"posts":true},
                       {"shard":1,"sequence":6,"lagRecords":3,"instance":"host:11","stopped":"the record names no county","stoppedAt":"2025-06-15T15:06:40+00:00","poisonId":42,"posts":false}],
             "poison":[{"poisonId":42,"foundAt":"2025-06-15T15:06:41+00:00","shard":1,"kafkaOffset":77,"reason":"names no county","recordBytes":199}]}
            """);
        Ran table = await system.RunAsync("ledger", "shards");
        Assert.Equal(1, table.ExitCode);
        Assert.Equal(
            [
                "shard booked waiting posted by state", "0 5 2 host:10 posting", "1 6 3 host:11 STOPPED: the record names no county",
                "Records set aside, newest first:",
                "poison_id found shard offset bytes the record",
                "42 2025-06-15 23:06:41 1 77 199 names no county",
            ],
            table.Lines);

        reply.Shards[1].Stopped = "";
        reply.Poison.Clear();
        Assert.Equal(0, (await system.RunAsync("ledger", "shards")).ExitCode);
        reply.Shards[0].Instance = "";
        Ran nobody = await system.RunAsync("ledger", "shards");
        Assert.Equal((1, "0 5 2 nobody posting"), (nobody.ExitCode, nobody.Lines[1]));

        system.Answer<GetOutboxRequest>(
            "AdjudicationOperations/GetOutbox", _ => throw new RpcException(new Status(StatusCode.Unavailable, "away")));
        Assert.Equal("0 5 ? nobody posting", (await system.RunAsync("ledger", "shards")).Lines[1]);
    }

    [Fact]
    public async Task Resume_names_the_shard_and_where_it_goes_on()
    {
        system.Begin().Answer<ResumeShardRequest>("LedgerShards/ResumeShard", request => request.Shard == 7
            ? new ResumeShardReply { Sequence = 41, Stopped = "the record names no county" }
            : throw new RpcException(new Status(StatusCode.FailedPrecondition, $"shard {request.Shard} has not stopped")))
            .Answer<ListShardsRequest>("LedgerShards/ListShards", _ => new ListShardsReply
            {
                Shards = { Enumerable.Range(0, 32).Select(shard => new ListShardsReply.Types.Shard { Shard_ = shard }) },
            });

        (await system.RunAsync("ledger", "resume", "7", "--json"))
            .IsJson(0, """{"shard":7,"sequence":41,"stopped":"the record names no county"}""");
        Assert.Equal("Shard 7 分片恢复入账: it goes on after record 41. It had stopped because the record names no county.",
            Assert.Single((await system.RunAsync("ledger", "resume", "7")).Lines));
        Ran refused = await system.RunAsync("ledger", "resume", "8");
        Assert.Equal((1, "Nothing to resume: shard 8 has not stopped; `claims ledger shards` shows which have."),
            (refused.ExitCode, refused.Errors));
        Ran unknown = await system.RunAsync("ledger", "resume", "99");
        Assert.Equal((1, "There is no shard 99: they are 0 to 31."), (unknown.ExitCode, unknown.Errors));
    }

    [Fact]
    public async Task Close_year_names_the_year_to_both_and_says_how_far_the_books_are_closed()
    {
        system.Begin()
            .Answer<ProposeYearRequest>("Acts/ProposeYear", request => new YearProposal { Year = request.Year, MayClose = true })
            .Answer<CloseYearRequest>("AdjudicationOperations/CloseYear", request => new CloseYearReply { ClosedThrough = request.Year })
            .Answer<CloseLedgerYearRequest>("Ledger/CloseYear", _ => new CloseLedgerYearReply { ClosedThrough = 2026 })
            .Answer<CloseRegistryYearRequest>("RegistryOffice/CloseYear", _ => new CloseRegistryYearReply { ClosedThrough = 2026 });

        (await system.RunAsync("ledger", "close-year", "2024", "--yes", "--json")).IsJson(0, """{"closedThrough":2026}""");
        Assert.Equal(
            [
                new ProposeYearRequest { Year = 2024 }, new CloseYearRequest { Year = 2024 },
                (IMessage)new CloseLedgerYearRequest { Year = 2024 }, new CloseRegistryYearRequest { Year = 2026 },
            ],
            system.Received.Select(call => call.Request));
        Assert.StartsWith("Closed through 2026 已结账至2026年: ",
            Assert.Single((await system.RunAsync("ledger", "close-year", "2024", "--yes")).Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Close_year_that_must_wait_says_from_when_on_and_closes_nothing()
    {
        YearProposal proposal =
            new() { Year = 2024, ProposedBy = "claims://role/bureau/zhang.wei", MayCloseAtUnixMs = 1_736_730_000_000 };
        system.Begin()
            .Answer<ProposeYearRequest>("Acts/ProposeYear", _ => proposal)
            .Answer<TakeBackYearRequest>("Acts/TakeBackYear", request => request.Year == 2024
                ? new Act { Caller = "claims://role/finance" }
                : throw new RpcException(new Status(StatusCode.FailedPrecondition, "the closing of 2023 is not proposed")));

        (await system.RunAsync("ledger", "close-year", "2024", "--yes", "--json"))
            .IsJson(3, """{"year":2024,"proposedBy":"claims://role/bureau/zhang.wei","mayCloseAt":"2025-01-13T01:00:00+00:00"}""");
        Ran waits = await system.RunAsync("ledger", "close-year", "2024", "--yes");
        Assert.Equal(3, waits.ExitCode);
        Assert.Contains("2024 may be closed from 2025-01-13 09:00:00 China Standard Time on", string.Join(' ', waits.Lines),
            StringComparison.Ordinal);
        (await system.RunAsync("ledger", "close-year", "2024", "--take-back", "--json"))
            .IsJson(0, """{"year":2024,"takenBackBy":"claims://role/finance"}""");
        Ran refused = await system.RunAsync("ledger", "close-year", "2023", "--take-back");
        Assert.Equal((1, "The ledger service says: the closing of 2023 is not proposed."), (refused.ExitCode, refused.Errors));
        Assert.DoesNotContain(system.Received, call => call.Request is CloseYearRequest or CloseLedgerYearRequest);
    }

    [Fact]
    public async Task Close_year_whose_proposal_is_refused_says_so_and_closes_nothing()
    {
        system.Begin().Answer<ProposeYearRequest>(
            "Acts/ProposeYear", _ => throw new RpcException(new Status(StatusCode.FailedPrecondition, "the year 2024 has not ended")));

        Ran ran = await system.RunAsync("ledger", "close-year", "2024", "--yes");

        Assert.Equal((1, "2024 is not closed. Nothing has been closed by this run. The ledger service says: the year 2024 has not ended."),
            (ran.ExitCode, ran.Errors));
        Assert.Equal("Acts/ProposeYear", Assert.Single(system.Received).Call);
    }

    [Fact]
    public async Task Acts_are_listed_with_who_did_them()
    {
        Act[] acts = [.. Enum.GetValues<ActKind>().Where(kind => kind != ActKind.Unspecified).Select(kind => new Act
        {
            ActId = 10 + (int)kind,
            Kind = kind,
            Subject = $"subject {(int)kind}",
            Detail = "d",
            Caller = "claims://role/bureau/zhang.wei",
            Actor = "zhang",
            ActedAtUnixMs = 1_736_730_000_000,
            BatchId = 7,
        })];
        system.Begin().List<ListActsRequest>("Acts/List", requests => acts.Where(act => act.ActId > requests[0].After));

        Ran ran = await system.RunAsync("ledger", "acts", "--after", "11");

        Assert.Equal(0, ran.ExitCode);
        string[] words =
        [
            "year taken back 撤回年结", "year closed to hospitals 停止受理", "year closed 年结", "month closed 月结", "voucher 记账凭证", "plan set 设定计划",
            "shard resumed 恢复入账", "file imported 导入", "shard rebuilt 重建分片", "insured restored 恢复个人", "policy in force 政策生效",
            "insured merged 合并编号", "insured parted 撤销合并",
        ];
        Assert.Equal(
            words.Select((word, index) =>
                $"{12 + index} 2025-01-13 09:00:00 {word} subject {2 + index} d claims://role/bureau/zhang.wei zhang"), ran.Lines[1..]);
        (await system.RunAsync("ledger", "acts", "--after", "23", "--json")).IsJson(0, """
            {"acts":[{"actId":24,"at":"2025-01-13T01:00:00+00:00","kind":"InsuredParted","subject":"subject 14","detail":"d",
            "caller":"claims://role/bureau/zhang.wei","actor":"zhang","batchId":7}]}
            """);
        Assert.Equal("year proposed 提议年结", string.Join(
            ' ', (await system.RunAsync("ledger", "acts")).Lines[1].Split(' ')[3..6]));
    }

    [Fact]
    public async Task Verification_ends_with_0_only_where_every_check_holds()
    {
        List<VerifyCheck> checks = [.. Enum.GetValues<Code>().Where(code => code != Code.Unspecified)
            .Select(code => new VerifyCheck { Code = code, Holds = true, Examined = 100 + (int)code })];
        AccumulatorsCheck accumulators = new() { Verdict = AccumulatorsCheck.Types.Verdict.Equal, Examined = 108 };
        system.Begin()
            .Answer<GetOutboxRequest>("AdjudicationOperations/GetOutbox",
                _ => new Outbox { Shards = { new OutboxShard { Shard = 0, Ready = true, Sequence = 7, Committed = 7 } } })
            .Answer<GetChainHeadRequest>("Audit/GetChainHead", _ => new ChainHead { Link = 60, Hash = "aa" })
            .List<VerifyRequest>("Audit/Verify", _ =>
                [new VerifyNews { Progress = new VerifyProgress { Done = 1, Total = 2 } }, .. checks.Select(
                    check => new VerifyNews { Check = check }), new VerifyNews { Head = new ChainHead { Link = 61, Hash = "bb" } }])
            .List<CompareAccumulatorsRequest>("Audit/CompareAccumulators", _ =>
                [new CompareAccumulatorsNews { Progress = new ComparisonProgress { Done = 1, Total = 2 } },
                    new CompareAccumulatorsNews { Check = accumulators }]);

        Ran sound = await system.RunAsync("ledger", "verify", "--json");
        sound.IsJson(0, """
            {"ok":true,"head":{"link":61,"hash":"bb"},"checks":[
            {"code":"CHAIN","name":"rows as they were chained 账册行与哈希链一致","holds":true,"examined":101,"table":"","key":"","tampering":"","detail":""},
            {"code":"NOTED_HEAD","name":"chain contains the noted head 哈希链含已记录的链首","holds":true,"examined":102,"table":"","key":"","tampering":"","detail":""},
            {"code":"OUTSIDE_CHAIN","name":"no row outside the chain 链外无行 (batches 批次)","holds":true,"examined":103,"table":"","key":"","tampering":"","detail":""},
            {"code":"POSITIONS","name":"ranges up to the watermarks 序号连续至水位 (shards 分片)","holds":true,"examined":104,"table":"","key":"","tampering":"","detail":""},
            {"code":"JOURNALS","name":"sub-ledger = general ledger 明细账 = 总账 (journals 凭证)","holds":true,"examined":105,"table":"","key":"","tampering":"","detail":""},
            {"code":"BALANCES","name":"balances = postings 余额 = 分录 (accounts 科目)","holds":true,"examined":106,"table":"","key":"","tampering":"","detail":""},
            {"code":"ACTS","name":"closings and plans = acts 结账与计划 = 操作记录 (acts 操作)","holds":true,"examined":107,"table":"",
            "key":"","tampering":"","detail":""},
            {"code":"ACCUMULATORS","name":"sub-ledger = accumulators 明细账 = 个人累计 (insured 参保人)","holds":true,"examined":108,"table":"","key":"","tampering":"","detail":""}]}
            """);
        Ran text = await system.RunAsync("ledger", "verify", "--expect", $"60:{new string('C', 64)}");
        Assert.Equal((0, "Nothing was changed by hand 账册完整，未发现改动."), (text.ExitCode, text.Lines[^1]));
        Assert.Equal("Head of the chain 链首: 61:bb. Keep it outside of the database; --expect compares with it.", text.Lines[^2]);
        Assert.Equal("✓ rows as they were chained 账册行与哈希链一致 101", text.Lines[1]);
        Assert.Equal([new VerifyRequest(), new VerifyRequest { ExpectLink = 60, ExpectHash = new string('c', 64) }],
            system.Received.Where(call => call.Call == "Audit/Verify").Select(call => call.Request));

        accumulators.Verdict = AccumulatorsCheck.Types.Verdict.Moving;
        Ran unknown = await system.RunAsync("ledger", "verify");
        Assert.Equal((3, "It cannot be known now; run it again 暂时无法判定，请稍后再试."), (unknown.ExitCode, unknown.Lines[^1]));

        checks[4].Holds = false;
        checks[4].FirstBadRow = new BadRow
        {
            Table = "sub_ledger",
            Key = "3/17",
            Tampering = BadRow.Types.Tampering.Removed,
            Detail = "the journal says 5 more",
        };
        Ran refuted = await system.RunAsync("ledger", "verify");
        Assert.Equal((1, "SOMETHING WAS CHANGED OR LOST 数据已被改动或丢失."), (refuted.ExitCode, refuted.Lines[^1]));
        Assert.Contains("✗ sub-ledger = general ledger 明细账 = 总账 (journals 凭证) 105 sub_ledger 3/17 REMOVED: the journal says 5 more",
            refuted.Lines);
        Assert.Contains("\"tampering\": \"REMOVED\"", (await system.RunAsync("ledger", "verify", "--json")).Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verification_whose_comparison_ends_without_a_check_does_not_end_well()
    {
        system.Begin()
            .Answer<GetOutboxRequest>("AdjudicationOperations/GetOutbox", _ => new Outbox())
            .Answer<GetChainHeadRequest>("Audit/GetChainHead", _ => new ChainHead())
            .List<VerifyRequest>("Audit/Verify", _ => [new VerifyNews { Head = new ChainHead() }])
            .List<CompareAccumulatorsRequest>("Audit/CompareAccumulators", _ =>
                [new CompareAccumulatorsNews { Progress = new ComparisonProgress { Done = 1, Total = 2 } }]);
        Ran brokenOff = await system.RunAsync("ledger", "verify");
        system.List<CompareAccumulatorsRequest>("Audit/CompareAccumulators", _ => []);
        Ran empty = await system.RunAsync("ledger", "verify");

        Assert.Equal((3, 3), (brokenOff.ExitCode, empty.ExitCode));
        Assert.All([brokenOff, empty],
            ran => Assert.EndsWith("the comparison of accumulators ended without a check", ran.Errors, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Verification_that_ends_before_its_last_check_does_not_end_well()
    {
        system.Begin()
            .Answer<GetOutboxRequest>("AdjudicationOperations/GetOutbox", _ => new Outbox())
            .Answer<GetChainHeadRequest>("Audit/GetChainHead", _ => new ChainHead())
            .List<VerifyRequest>("Audit/Verify", _ => [new VerifyNews { Check = new VerifyCheck { Code = Code.Chain, Holds = true } }])
            .List<CompareAccumulatorsRequest>("Audit/CompareAccumulators", _ =>
                [new CompareAccumulatorsNews { Check = new AccumulatorsCheck { Verdict = AccumulatorsCheck.Types.Verdict.Equal } }]);

        Ran ran = await system.RunAsync("ledger", "verify");

        Assert.Equal(3, ran.ExitCode);
        Assert.EndsWith("the verification ended before its last check", ran.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, "", 3)]
    [InlineData(3, "link 5 is gone", 1)]
    public async Task Verification_waits_for_the_chain_unless_it_is_broken(long waiting, string broken, int exitCode)
    {
        system.Begin()
            .Answer<GetOutboxRequest>("AdjudicationOperations/GetOutbox", _ => new Outbox())
            .Answer<GetChainHeadRequest>("Audit/GetChainHead", _ => new ChainHead { WaitingBatches = waiting, Broken = broken })
            .List<VerifyRequest>("Audit/Verify", _ =>
                [new VerifyNews { Check = new VerifyCheck { Code = Code.Chain } }, new VerifyNews { Head = new ChainHead() }])
            .List<CompareAccumulatorsRequest>("Audit/CompareAccumulators", _ =>
                [new CompareAccumulatorsNews { Check = new AccumulatorsCheck { Verdict = AccumulatorsCheck.Types.Verdict.Equal } }]);

        Ran ran = await system.RunAsync("ledger", "verify", "--wait", "0");

        Assert.Equal(exitCode, ran.ExitCode);
        if (exitCode == 3) Assert.Equal("After 0 s 3 batches are not chained yet.", ran.Errors);
    }

    [Fact]
    public async Task Failure_of_a_service_names_it_and_its_status()
    {
        system.Begin().Answer<GetTrialBalanceRequest>(
            "Ledger/GetTrialBalance", _ => throw new RpcException(new Status(StatusCode.DeadlineExceeded, "too slow")));
        Ran failed = await system.RunAsync("ledger", "trial-balance");
        Assert.Equal(3, failed.ExitCode);
        Assert.Matches("^ledger at http://127\\.0\\.0\\.1:[0-9]+ answered DEADLINE_EXCEEDED: too slow$", failed.Errors);
    }
}
