using System.Globalization;
using Claims.V1;
using Grpc.Core;
using Code = Claims.V1.VerifyCheck.Types.Code;

namespace Claims.Cli.Audit;

/// <summary>What the ledger finds in its books, and between them and the accumulators.</summary>
public static class BooksAudit
{
    // A replay reads everything that was ever booked.
    private static readonly TimeSpan Bound = TimeSpan.FromHours(6);

    /// <exception cref="RpcException">The ledger does not answer, or not to the end.</exception>
    public static async Task<AuditReport> RunAsync(V1.Audit.AuditClient ledger, VerifyRequest request, CancellationToken cancellationToken)
    {
        ChainHead begun = await ledger.GetChainHeadAsync(new GetChainHeadRequest(), null, DateTime.UtcNow + Bound, cancellationToken);
        List<Finding> findings = [];
        ChainHead? head = null;
        await Progress.ShowAsync("replaying the chain 重放哈希链", Math.Max(2 * begun.Link, 1), async advance =>
        {
            using AsyncServerStreamingCall<VerifyNews> call = ledger.Verify(request, null, DateTime.UtcNow + Bound, cancellationToken);
            long done = 0;
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                VerifyNews news = call.ResponseStream.Current;
                for (; done < (news.Progress?.Done ?? 0); done++) advance();
                if (news.Check is { } check) findings.Add(Of(check));
                head ??= news.Head;
            }
        });
        // The ledger tells the head behind its last check.
        if (head is null) throw new RpcException(new Status(StatusCode.Internal, "the verification ended before its last check"));
        findings.Add(await AccumulatorsAsync(ledger, cancellationToken));
        return new AuditReport(findings, head);
    }

    private static async Task<Finding> AccumulatorsAsync(V1.Audit.AuditClient ledger, CancellationToken cancellationToken)
    {
        using AsyncServerStreamingCall<CompareAccumulatorsNews> call =
            ledger.CompareAccumulators(new CompareAccumulatorsRequest(), null, DateTime.UtcNow + Bound, cancellationToken);
        AccumulatorsCheck? check = null;
        if (!await call.ResponseStream.MoveNext(cancellationToken)) throw NoCheck();
        await Progress.ShowAsync("comparing accumulators 核对个人累计", call.ResponseStream.Current.Progress?.Total ?? 1, async advance =>
        {
            do
            {
                if (call.ResponseStream.Current.Progress is not null) advance();
                check ??= call.ResponseStream.Current.Check;
            }
            while (await call.ResponseStream.MoveNext(cancellationToken));
        });
        return Of(check ?? throw NoCheck());

        static RpcException NoCheck() => new(new Status(StatusCode.Internal, "the comparison of accumulators ended without a check"));
    }

    /// <summary>As a finding of the audit.</summary>
    public static Finding Of(AccumulatorsCheck check)
    {
        ArgumentNullException.ThrowIfNull(check);
        bool? holds = check.Verdict switch
        {
            AccumulatorsCheck.Types.Verdict.Equal => true,
            AccumulatorsCheck.Types.Verdict.Different => false,
            AccumulatorsCheck.Types.Verdict.Moving => null,
            _ => throw CommandException.UnknownWord("verdict on the accumulators", check.Verdict),
        };
        string key = holds == true ? "" : string.Create(CultureInfo.InvariantCulture, $"shard {check.Shard}");
        return new Finding("ACCUMULATORS", "sub-ledger = accumulators 明细账 = 个人累计 (insured 参保人)", holds, check.Examined, check.Detail,
            Key: key);
    }

    private static Finding Of(VerifyCheck check)
    {
        string name = check.Code switch
        {
            Code.Chain => "rows as they were chained 账册行与哈希链一致",
            Code.NotedHead => "chain contains the noted head 哈希链含已记录的链首",
            Code.OutsideChain => "no row outside the chain 链外无行 (batches 批次)",
            Code.Positions => "ranges up to the watermarks 序号连续至水位 (shards 分片)",
            Code.Journals => "sub-ledger = general ledger 明细账 = 总账 (journals 凭证)",
            Code.Balances => "balances = postings 余额 = 分录 (accounts 科目)",
            Code.Acts => "closings and plans = acts 结账与计划 = 操作记录 (acts 操作)",
            _ => throw CommandException.UnknownWord("check of the books", check.Code),
        };
        string code = check.Code switch
        {
            Code.Chain => "CHAIN",
            Code.NotedHead => "NOTED_HEAD",
            Code.OutsideChain => "OUTSIDE_CHAIN",
            Code.Positions => "POSITIONS",
            Code.Journals => "JOURNALS",
            Code.Balances => "BALANCES",
            Code.Acts => "ACTS",
            _ => throw CommandException.UnknownWord("check of the books", check.Code),
        };
        if (check.FirstBadRow is not { } bad) return new Finding(code, name, check.Holds, check.Examined, "");
        string tampering = bad.Tampering.ToString().ToUpperInvariant();
        return new Finding(code, name, check.Holds, check.Examined, $"{bad.Table} {bad.Key} {tampering}: {bad.Detail}", bad.Table, bad.Key,
            tampering);
    }
}
