using Claims.Rules;
using static Deploy.Tests.Dashboards.Metric;

namespace Deploy.Tests.Dashboards;

/// <summary>What operations staff look at: summary first, then rate, errors and duration by service, then what stores take.</summary>
internal static class AllDashboards
{
    private const string Answers = "claims_answers_total";
    private const string Settle = "claims_settle_duration_seconds";
    private const string FacilityAnswers = "claims_facility_answers_total";
    private const string Named = "facility!=\"other\"";
    private const string Conflicts = "reason=~\"DUPLICATE_CONFLICT|VISIT_ALREADY_SETTLED|ALLOWANCE_ALREADY_PAID\"";

    public static IReadOnlyList<Dashboard> All { get; } = [Settlement, Fund, Pipeline, Facility, Supervision, Operations];

    private static Dashboard Settlement => new("claims-settlement", "结算", "此刻的结算：多快、多少、拒付什么、为什么。",
    [
        new("概要",
        [
            Stat("答复", "每秒给医疗机构的答复，含拒付。", Unit.PerSecond, Sum(Rate(Of(Answers)))),
            Stat("一秒内答复", "承诺：一秒之内有答复。低于 99.9% 即失约。", Unit.Ratio, WithinASecond, new(0.999, 0.99, LowIsBad: true)),
            Stat("99% 的答复快于", "最慢的百分之一除外。", Unit.Seconds, Quantile(0.99, Settle), new(0.5, 1)),
            Stat("未答复", "没有答复的请求：繁忙或结果未知，对方以同一编号重发。", Unit.PerSecond,
                OrZero(Sum(Rate(Of("claims_unanswered_total")))), new(0.1, 1)),
            Stat("拒付占比", "拒付的答复占全部结算答复。", Unit.Ratio, RefusedShare(Answers), new(0.2, 0.5)),
            Stat("最久未入账", "最早一笔尚未入账的结算已等了多久。承诺：一分钟之内入账。", Unit.Seconds,
                $"max({Of("claims_outbox_oldest_unbooked_age_seconds")})", new(30, 60)),
        ]),
        new("数量与错误",
        [
            Series("答复，按结论", "SETTLED 已结算，QUOTED 试算，REFUSED 拒付，REPLAYED 重发得到原答复。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers)), "decision"), "{{decision}}")]),
            Series("拒付，按原因", "原因代码见 docs/reasons.md。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers, "decision=\"REFUSED\"")), "reason"), "{{reason}}")], stacked: true),
            Series("拒付，按对方该做什么", "更正后重发、稍后重发、先查询、到此为止。", Unit.PerSecond,
                [.. Enum.GetValues<NextStep>().Select(step => new Query(
                    OrZero(Sum(Rate(Of(Answers, "decision=\"REFUSED\"", $"reason=~\"{Codes(step)}\"")))), Reasons.NameOf(step)))],
                stacked: true),
            Series("未答复，按原因", "busy 未处理，稍后重发；unknown 结果未知，以同一编号重发或冲正。", Unit.PerSecond,
                [new(Sum(Rate(Of("claims_unanswered_total")), "why"), "{{why}}")]),
            Series("结算，按支付比例", "档次的构成：4500 省级三甲，5500 其他，6500 基层，0 定额。", Unit.PerSecond,
                [new(Sum(Rate(Of("claims_settlements_total")), "rate_basis_points"), "{{rate_basis_points}}")], stacked: true),
            Series("重发", "同一请求再来一次：网络不好，或对方等不及。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers, "decision=\"REPLAYED\"")), "operation"), "{{operation}}")]),
        ]),
        new("快慢，按环节",
        [
            Series("答复", "从收到请求到答复。", Unit.Seconds,
                [new(Quantile(0.5, Settle), "一半"), new(Quantile(0.9, Settle), "90%"), new(Quantile(0.99, Settle), "99%")],
                new(0.5, 1)),
            Series("99%，按环节", "一笔结算里最慢的在哪：账户一步（Redis，含落盘）、参保查询（PostgreSQL）。", Unit.Seconds,
            [
                new(Quantile(0.99, "claims_script_duration_seconds"), "账户一步"),
                new(Quantile(0.99, "claims_eligibility_lookup_seconds"), "参保查询"),
                new(Quantile(0.99, Settle), "答复"),
            ]),
            Series("村卫生室网关", "HTTP 答复快于此的占 99%，按操作。", Unit.Seconds,
                [new(Quantile(0.99, "claims_gateway_duration_seconds", "operation"), "{{operation}}")]),
        ]),
        new("用量",
        [
            Series("每批就诊数", "一次落盘同时服务几笔就诊。空闲时为一。", Unit.Count,
                [new($"{Sum(Rate(Of("claims_batch_visits_sum")))} / {Sum(Rate(Of("claims_batch_visits_count")))}", "平均")]),
            Series("查询缓存命中", "参保、机构、目录查询由缓存答复的占比。", Unit.Ratio,
                [new($"{Sum(Rate(Of("claims_eligibility_lookups_total", "cached=\"yes\"")), "kind")} / "
                    + Sum(Rate(Of("claims_eligibility_lookups_total")), "kind"), "{{kind}}")]),
            Series("正在处理的调用", "上限为 Claims__MaxConcurrentRequests。", Unit.Count,
                [new($"sum by (job) ({Of("claims_calls_in_progress")})", "{{job}}")]),
        ]),
    ]);

    private static Dashboard Fund => new("claims-fund", "基金", "基金付了多少、还剩多少、各县区离计划还有多远。",
    [
        new("概要",
        [
            Stat("基金支付", "所选时段内新结算由基金支付的金额，未扣除之后的撤销。", Unit.Yuan,
                Yuan($"sum(increase({Of("claims_facility_fund_fen_total")}[$__range]))")),
            Stat("起付线负担", "所选时段内由参保人负担的起付标准。", Unit.Yuan,
                Yuan($"sum(increase({Of("claims_deductible_fen_total")}[$__range]))")),
            Stat("触顶的结算", "所选时段内被年度最高支付限额截住的结算。", Unit.Count,
                OrZero($"sum(increase({Of(Answers, "decision=\"SETTLED\"", "reason=~\"CAP_REACHED|CAP_EXHAUSTED\"")}[$__range]))")),
            Stat("用得最多的县区", "计划的最高使用比例。", Unit.Ratio, OrZero($"max({Of("claims_ledger_plan_used_ratio")})"), new(0.8, 1)),
            Stat("应付医疗机构", "已结算、尚未拨付。", Unit.Yuan, OrZero(Yuan($"-max({Of("claims_ledger_account_balance_fen", "kind=\"2101\"")})"))),
            Stat("结余可支付", "专户与支出户的余额，按近三十天的支付折算。", Unit.Months,
                OrZero($"sum(max by (kind) ({Of("claims_ledger_account_balance_fen", "kind=~\"1003|1004|1005\"")})) / "
                    + $"(max({Of("claims_ledger_benefits_30_days_fen")}) > 0)"), new(2, 1, LowIsBad: true)),
        ]),
        new("支付",
        [
            Series("每秒支付", "新结算由基金支付的金额。", Unit.Yuan, [new(Yuan(Sum(Rate(Of("claims_facility_fund_fen_total")))), "基金支付"),
                new(Yuan(Sum(Rate(Of("claims_deductible_fen_total")))), "起付线")]),
            Series("净支付", "本次启动以来新结算减去撤销；重启后从零开始。", Unit.Yuan,
                [new(Yuan($"sum({Of("claims_fund_paid_fen")})"), "净支付")]),
            Series("触顶", "CAP_REACHED 被截去一部分，CAP_EXHAUSTED 已无可付。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers, "decision=\"SETTLED\"", "reason=~\"CAP_REACHED|CAP_EXHAUSTED\"")), "reason"), "{{reason}}")]),
        ]),
        new("总额控制",
        [
            new(PanelKind.BarGauge, "计划使用，按县区", "该年就诊的待遇支出占计划。超过 80% 预警。", Unit.Ratio,
                [new($"max by (county, year) ({Of("claims_ledger_plan_used_ratio")})", "{{county}} {{year}}", Instant: true)], new(0.8, 1))
            {
                Width = 12,
            },
            Series("支出与计划", "实际支出（实）与计划（计），按县区。", Unit.Yuan,
            [
                new(Yuan($"max by (county, year) ({Of("claims_ledger_plan_spent_fen")})"), "实 {{county}} {{year}}"),
                new(Yuan($"max by (county, year) ({Of("claims_ledger_plan_fen")})"), "计 {{county}} {{year}}"),
            ]) with
            {
                Width = 12,
            },
        ]),
        new("账户",
        [
            new(PanelKind.BarGauge, "余额，按科目", "1003 财政专户，1004 市支出户，1005 县支出户，11xx 应收，2101 应付机构，51xx 支出；借方为正。", Unit.Yuan,
                [new(Yuan($"max by (kind) ({Of("claims_ledger_account_balance_fen")})"), "{{kind}}", Instant: true)])
            {
                Width = 12,
            },
            Series("近三十天支出", "每分钟读一次账簿。", Unit.Yuan,
                [new(Yuan($"max({Of("claims_ledger_benefits_30_days_fen")})"), "待遇支出")]) with
            {
                Width = 12,
            },
        ]),
    ]);

    private static Dashboard Pipeline => new("claims-pipeline", "链路", "结算从出箱经 Kafka 到账簿：积压、等了多久、停在哪里。",
    [
        new("概要",
        [
            Stat("最久未入账", "承诺：一分钟之内入账。", Unit.Seconds, $"max({Of("claims_outbox_oldest_unbooked_age_seconds")})", new(30, 60)),
            Stat("待入账", "已结算、账簿尚未提交的笔数。", Unit.Count, $"sum(max by (shard) ({Of("claims_outbox_lag_records")}))", new(10_000, 100_000)),
            Stat("停止的分片", "遇到不能入账的记录，等人处置。", Unit.Count, $"max({Of("claims_ledger_stopped_shards")})", new(1, 1)),
            Stat("无人入账的分片", "没有账簿实例持有。", Unit.Count, $"min({Of("claims_ledger_unposted_shards")})", new(1, 1)),
            Stat("未上链的批次", "已入账、尚未进入哈希链。", Unit.Count, $"min({Of("claims_ledger_chain_lag_batches")})", new(100, 1_000)),
            Stat("哈希链", "断裂即账簿被改动，或数据库被恢复到从前。", Unit.Count, $"max({Of("claims_ledger_chain_broken")})", new(1, 1)) with
            {
                Words = new Dictionary<int, string> { [0] = "完整", [1] = "断裂" },
            },
        ]),
        new("数量与错误",
        [
            Series("发布与入账", "两条线应当重合。", Unit.PerSecond,
            [
                new(Sum(Rate(Of("claims_outbox_published_total"))), "Kafka 已确认"),
                new(Sum(Rate(Of("claims_ledger_posted_total"))), "已入账"),
            ]),
            Series("重复与缺口", "Kafka 重复的被丢弃，缺失的重新发布；一笔不多，一笔不少。", Unit.PerSecond,
            [
                new(OrZero(Sum(Rate(Of("claims_ledger_repeats_total")))), "重复"),
                new(OrZero(Sum(Rate(Of("claims_ledger_gaps_total")))), "缺口"),
                new(OrZero(Sum(Rate(Of("claims_ledger_poison_total")))), "不能入账"),
            ]),
            Series("退回重发", "转发退回到账簿的水位：connect 重连，gap 缺口，stall 停滞，delivery 未送达。", Unit.PerSecond,
                [new(Sum(Rate(Of("claims_outbox_rewinds_total")), "cause"), "{{cause}}")]),
        ]),
        new("积压与快慢",
        [
            Series("待入账，每个分片", "达到 Claims__OutboxMaxPerShard（默认 50000）后不再受理。", Unit.Count,
                [new($"max({Of("claims_outbox_lag_records")})", "最多的分片"), new($"avg({Of("claims_outbox_lag_records")})", "平均")],
                new(25_000, 50_000)),
            Series("最久未入账，每个分片", "每个分片最早一笔等了多久。", Unit.Seconds,
            [
                new($"max({Of("claims_outbox_oldest_unbooked_age_seconds")})", "最久的分片"),
                new($"avg({Of("claims_outbox_oldest_unbooked_age_seconds")})", "平均"),
            ], new(30, 60)),
            Series("入账一批", "一次入账的事务。", Unit.Seconds,
            [
                new(Quantile(0.5, "claims_ledger_batch_duration_seconds"), "一半"),
                new(Quantile(0.99, "claims_ledger_batch_duration_seconds"), "99%"),
            ]),
            Series("每批记录数", "一次事务入账的记录。", Unit.Count,
                [new($"{Sum(Rate(Of("claims_ledger_batch_records_sum")))} / {Sum(Rate(Of("claims_ledger_batch_records_count")))}", "平均")]),
            Series("Kafka 未读", "账簿尚未从 Kafka 读取的记录。", Unit.Count, [new($"sum({Of("claims_ledger_lag_records")})", "未读")]),
            Series("上链与核对", "已上链的批次；核对账簿的结论见监管看板。", Unit.PerSecond,
                [new(Sum(Rate(Of("claims_ledger_chain_links_total"))), "上链")]),
        ]),
        new("存储用量",
        [
            Series("PostgreSQL 提交", "每秒提交的事务，按数据库。", Unit.PerSecond,
                [new(Sum(Rate(Store("pg_stat_database_xact_commit", "datname=~\"ledger|eligibility\"")), "datname"), "{{datname}}")]),
            Series("数据库大小", "只增不减：账簿从不删除。", Unit.Bytes,
                [new($"max by (datname) ({Store("pg_database_size_bytes", "datname=~\"ledger|eligibility\"")})", "{{datname}}")]),
            Series("Redis 追加文件", "每笔结算先落盘，再答复。", Unit.Bytes,
                [new($"sum({Store("redis_aof_current_size_bytes")})", "追加文件")]),
        ]),
    ]);

    private static Dashboard Facility => new("claims-facility", "机构", "一家医疗机构，与同城各机构相比。前三百家各有曲线，其余合为 other。",
    [
        new("概要",
        [
            Stat("结算", "所选时段内的新结算。", Unit.Count, Range("claims_facility_answers_total", "decision=\"SETTLED\"")),
            Stat("基金支付", "所选时段内由基金支付。", Unit.Yuan, Yuan(Range("claims_facility_fund_fen_total"))),
            Stat("次均费用", "所选时段内每次就诊的费用总额。", Unit.Yuan,
                Yuan($"{Range("claims_facility_billed_fen_total")} / {Range("claims_facility_answers_total", "decision=\"SETTLED\"")}")),
            Stat("次均基金支付", "所选时段内每次就诊由基金支付。", Unit.Yuan,
                Yuan($"{Range("claims_facility_fund_fen_total")} / {Range("claims_facility_answers_total", "decision=\"SETTLED\"")}")),
            Stat("拒付占比", "所选时段内拒付的答复。", Unit.Ratio,
                $"{Range(FacilityAnswers, "decision=\"REFUSED\"")} / {Range(FacilityAnswers)}", new(0.2, 0.5)),
            Stat("撤销占比", "撤销与新结算之比。", Unit.Ratio,
                $"{Range(FacilityAnswers, "decision=\"CANCELLED\"")} / {Range(FacilityAnswers, "decision=\"SETTLED\"")}",
                new(0.05, 0.2)),
        ]),
        new("数量",
        [
            Series("答复，按结论", "新的答复，不含重发与试算。", Unit.PerSecond,
                [new(Sum(Rate(One("claims_facility_answers_total")), "decision"), "{{decision}}")]),
            Series("基金支付", "每秒由基金支付的金额。", Unit.Yuan, [new(Yuan(Sum(Rate(One("claims_facility_fund_fen_total")))), "基金支付")]),
            Series("费用", "每秒发生的费用总额。", Unit.Yuan, [new(Yuan(Sum(Rate(One("claims_facility_billed_fen_total")))), "费用总额")]),
        ]),
        new("与各机构相比",
        [
            Series("次均基金支付", "本机构与全部机构的平均。", Unit.Yuan,
            [
                new(Yuan(Average(One)), "本机构"), new(Yuan(Average(Of)), "全部机构"),
            ]),
            Series("拒付占比", "本机构与全部机构。", Unit.Ratio, [new(Share(One, "REFUSED"), "本机构"), new(Share(Of, "REFUSED"), "全部机构")]),
            Series("撤销占比", "本机构与全部机构。", Unit.Ratio, [new(Share(One, "CANCELLED"), "本机构"), new(Share(Of, "CANCELLED"), "全部机构")]),
        ]),
    ], FacilityChosen: true);

    private static Dashboard Supervision => new("claims-supervision", "监管", "基金监管今天能看到的：异常的拒付、撤销与费用，以及账簿是否完整。",
    [
        new("概要",
        [
            Stat("冲突的请求", "同一编号、不同内容；同一就诊再次结算。", Unit.Count,
                OrZero($"sum(increase({Of(Answers, Conflicts)}[$__range]))"), new(10, 100)),
            Stat("撤销占比", "撤销与新结算之比，全部机构。", Unit.Ratio, Share(Of, "CANCELLED"), new(0.05, 0.2)),
            Stat("超过预警的县区", "待遇支出达到计划的任一预警线。", Unit.Count,
                OrZero($"count(max by (county, year) ({Of("claims_ledger_plan_warning_percent")}) > 0)"), new(1, 5)),
            Stat("核对不符", "所选时段内核对账簿而不符的次数。", Unit.Count,
                $"sum(increase({Of("claims_ledger_verifications_total", "verdict=\"bad\"")}[$__range]))", new(1, 1)),
            Stat("核对相符", "所选时段内核对账簿而相符的次数；每夜应有一次。", Unit.Count,
                $"sum(increase({Of("claims_ledger_verifications_total", "verdict=\"clean\"")}[$__range]))"),
            Stat("哈希链", "断裂即账簿被改动，或数据库被恢复到从前。", Unit.Count, $"max({Of("claims_ledger_chain_broken")})", new(1, 1)) with
            {
                Words = new Dictionary<int, string> { [0] = "完整", [1] = "断裂" },
            },
        ]),
        new("机构",
        [
            Top("次均基金支付最高", "所选时段内，每次就诊由基金支付最多的机构。", Unit.Yuan,
                Yuan($"sum by (facility) (increase({Of("claims_facility_fund_fen_total", Named)}[$__range])) / "
                    + $"(sum by (facility) (increase({Of(FacilityAnswers, Named, "decision=\"SETTLED\"")}[$__range])) > 0)")),
            Top("拒付占比最高", "所选时段内，拒付最多的机构。", Unit.Ratio, ShareByFacility("REFUSED")),
            Top("撤销占比最高", "所选时段内，撤销最多的机构。", Unit.Ratio, ShareByFacility("CANCELLED")),
        ]),
        new("信号",
        [
            Series("冲突，按原因", "编号被重用、就诊重复、补助重复。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers, Conflicts)), "reason"),
                    "{{reason}}")]),
            Series("资格不符，按原因", "不在待遇期、等待期内、险种不符、统筹区外。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers,
                    "reason=~\"NOT_COVERED_ON_DATE|IN_WAITING_PERIOD|WRONG_SCHEME|OUTSIDE_POOLING_AREA|INSURED_UNKNOWN\"")), "reason"),
                    "{{reason}}")]),
            Series("撤销与冲正", "SETTLEMENT_UNDONE 冲正了结算，CANCELLED 撤销。", Unit.PerSecond,
                [new(Sum(Rate(Of(Answers, "operation=~\"cancel|reverse\"")), "decision"), "{{decision}}")]),
        ]),
        new("账簿",
        [
            Series("核对账簿", "claims ledger verify 的结论。", Unit.Count,
                [new($"sum by (verdict) ({Of("claims_ledger_verifications_total")})", "{{verdict}}")]) with
            {
                Width = 12,
            },
            Series("计划预警", "县区达到的最高预警线，百分之几。", Unit.Count,
                [new($"max by (county, year) ({Of("claims_ledger_plan_warning_percent")})", "{{county}} {{year}}")]) with
            {
                Width = 12,
            },
        ]),
    ]);

    private static Dashboard Operations => new("claims-operations", "运行", "进程、垃圾回收、Redis、PostgreSQL、磁盘、证书。",
    [
        new("概要",
        [
            Stat("服务状态", "最差的一个。", Unit.Count, $"min({Of("claims_service_state")})", new(2, 1, LowIsBad: true)) with
            {
                Words = new Dictionary<int, string> { [0] = "不可用", [1] = "有降级", [2] = "就绪" },
            },
            Stat("抓取不到", "应当在而抓取不到的目标。", Unit.Count, OrZero("count(up{namespace=~\"$namespace\"} == 0)"), new(1, 1)),
            Stat("Redis", "能否连接。", Unit.Count, $"min({Store("redis_up")})", new(1, 1, LowIsBad: true)) with { Words = UpOrDown },
            Stat("PostgreSQL", "能否连接。", Unit.Count, $"min({Store("pg_up")})", new(1, 1, LowIsBad: true)) with { Words = UpOrDown },
            Stat("磁盘剩余", "最满的一块。", Unit.Ratio, $"min({Disk})", new(0.2, 0.1, LowIsBad: true)),
            Stat("证书剩余", "最先到期的一张；没有双向 TLS 时为空。", Unit.Days,
                $"(min({Of("claims_certificate_expiry_timestamp_seconds")}) - time()) / 86400", new(30, 7, LowIsBad: true)),
        ]),
        new("服务",
        [
            Series("状态，按服务", "2 就绪，1 有降级，0 不可用。", Unit.Count, [new($"min by (job) ({Of("claims_service_state")})", "{{job}}")]),
            Series("失败与拒绝的调用", "failed 为意外的异常，turned_away 为超过上限。", Unit.PerSecond,
            [
                new(OrZero(Sum(Rate(Of("claims_calls_failed_total")))), "failed"),
                new(OrZero(Sum(Rate(Of("claims_calls_turned_away_total")))), "turned_away"),
            ]),
            Series("对外调用", "重试与超时，以及打开的断路器有几个。", Unit.Count,
            [
                new(OrZero(Sum(Rate(Of("claims_outgoing_retries_total")))), "重试"),
                new(OrZero(Sum(Rate(Of("claims_outgoing_timeouts_total")))), "超时"),
                new($"sum({Of("claims_outgoing_breaker_open")})", "断路"),
            ]),
            Series("处理器", "占用的处理器个数，按服务。", Unit.Count,
                [new(Sum(Rate(Of("dotnet_process_cpu_time_seconds_total")), "job"), "{{job}}")]),
            Series("内存", "工作集，按服务。", Unit.Bytes, [new($"sum by (job) ({Of("dotnet_process_memory_working_set_bytes")})", "{{job}}")]),
            Series("垃圾回收停顿", "每秒停顿的时间。", Unit.Ratio, [new(Sum(Rate(Of("dotnet_gc_pause_time_seconds_total")), "job"), "{{job}}")]),
            new(PanelKind.Table, "版本", "正在运行的程序。", Unit.Count,
                [new($"max by (job, instance, version, revision, runtime) ({Of("claims_build_info")})", "", Instant: true)])
            {
                Width = 16,
            },
            Series("异常", "每秒抛出的异常，含被处理的。", Unit.PerSecond, [new(Sum(Rate(Of("dotnet_exceptions_total")), "job"), "{{job}}")]),
        ]),
        new("存储",
        [
            Series("Redis 内存", "noeviction：用满即拒绝写入。", Unit.Bytes, [new($"sum({Store("redis_memory_used_bytes")})", "已用")]),
            Series("Redis 命令", "每秒命令，按种类前五。", Unit.PerSecond,
                [new($"topk(5, {Sum(Rate(Store("redis_commands_total")), "cmd")})", "{{cmd}}")]),
            Series("PostgreSQL 连接", "按数据库。", Unit.Count,
                [new($"sum by (datname) ({Store("pg_stat_database_numbackends", "datname=~\"ledger|eligibility\"")})", "{{datname}}")]),
            Series("PostgreSQL 缓存命中", "低于 99% 时内存不足。", Unit.Ratio,
                [new($"{Sum(Rate(Store("pg_stat_database_blks_hit", "datname=~\"ledger|eligibility\"")), "datname")} / "
                    + $"({Sum(Rate(Store("pg_stat_database_blks_hit", "datname=~\"ledger|eligibility\"")), "datname")} + "
                    + $"{Sum(Rate(Store("pg_stat_database_blks_read", "datname=~\"ledger|eligibility\"")), "datname")})", "{{datname}}")]),
            Series("磁盘剩余", "按挂载点。", Unit.Ratio, [new(Disk, "{{mountpoint}}")], new(0.2, 0.1, LowIsBad: true)),
            Series("处理器与负载", "整机忙碌的处理器个数，与一分钟负载。", Unit.Count,
            [
                new(Sum(Rate(Store("node_cpu_seconds_total", "mode!=\"idle\""))), "忙碌"), new($"sum({Store("node_load1")})", "负载"),
            ]),
        ]),
    ]);

    private static Dictionary<int, string> UpOrDown => new Dictionary<int, string> { [0] = "不通", [1] = "正常" };

    private static string Disk =>
        $"min by (mountpoint) ({Store("node_filesystem_avail_bytes", "fstype!~\"tmpfs|ramfs|squashfs\"")} / "
            + $"{Store("node_filesystem_size_bytes", "fstype!~\"tmpfs|ramfs|squashfs\"")})";

    private static string WithinASecond => $"{Sum(Rate(Of(Settle + "_bucket", "le=\"1\"")))} / "
        + $"({Sum(Rate(Of(Settle + "_count")))} + ({OrZero(Sum(Rate(Of("claims_unanswered_total"))))}))";

    private static string RefusedShare(string answers) =>
        $"({OrZero(Sum(Rate(Of(answers, "decision=\"REFUSED\""))))}) / {Sum(Rate(Of(answers)))}";

    private static string One(string name, params string[] labels) => Of(name, [.. labels, "facility=\"$facility\""]);

    private static string Range(string name, params string[] labels) => $"sum(increase({One(name, labels)}[$__range]))";

    private static string Average(Func<string, string[], string> series) =>
        $"{Sum(Rate(series("claims_facility_fund_fen_total", [])))} / {Sum(Rate(series(FacilityAnswers, ["decision=\"SETTLED\""])))}";

    private static string Share(Func<string, string[], string> series, string decision) =>
        $"{Sum(Rate(series(FacilityAnswers, [$"decision=\"{decision}\""])))} / {Sum(Rate(series(FacilityAnswers, [])))}";

    private static string ShareByFacility(string decision) =>
        $"sum by (facility) (increase({Of(FacilityAnswers, Named, $"decision=\"{decision}\"")}[$__range])) / "
            + $"(sum by (facility) (increase({Of(FacilityAnswers, Named)}[$__range])) > 0)";

    private static string Yuan(string fen) => $"({fen}) / 100";

    private static string Codes(NextStep step) =>
        string.Join('|', Reasons.All.Where(reason => reason.Next == step).Select(reason => reason.Code));

    private static Panel Stat(string title, string description, Unit unit, string expression, Thresholds? thresholds = null) =>
        new(PanelKind.Stat, title, description, unit, [new(expression, "")], thresholds);

    private static Panel Series(
        string title, string description, Unit unit, IReadOnlyList<Query> queries, Thresholds? thresholds = null, bool stacked = false) =>
        new(PanelKind.TimeSeries, title, description, unit, queries, thresholds) { Stacked = stacked };

    private static Panel Top(string title, string description, Unit unit, string expression) =>
        new(PanelKind.BarGauge, title, description, unit, [new($"topk(10, {expression})", "{{facility}}", Instant: true)]);
}
