using System.Runtime.CompilerServices;
using System.Text;
using Claims.Ledger.Reconciliation;
using Claims.Ledger.Statements;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>Reconciliation and statements over gRPC. UNAVAILABLE whenever PostgreSQL cannot be asked, RESOURCE_EXHAUSTED while too many
/// files are compared.</summary>
internal sealed class ReconciliationService(
    TotalsReader totals, LineReconciliation lineReconciliation, FileReconciliation fileReconciliation, StatementReader statements,
    FacilityEntriesReader entries, TimeProvider clock, ILogger<ReconciliationService> logger)
    : V1.Reconciliation.ReconciliationBase
{
    private const int MostFigures = 5;
    private const int MaxFacilityCodeLength = 30;
    private const int MaxIdLength = 30;
    private const int MostEntries = 5_000;
    private const string SumOutOfRange = "22003";

    private static readonly TimeSpan FileBound = TimeSpan.FromMinutes(10);

    public override Task<ReconcileTotalsReply> ReconcileTotals(ReconcileTotalsRequest request, ServerCallContext context) =>
        Answer(async () =>
    {
        string facilityCode = FacilityOf(request.FacilityCode);
        Period period = Period.Of(request.Period);
        if (request.Figures.Count is 0 or > MostFigures)
            throw new ReconciliationRequestException($"figures are not 1 to {MostFigures}", $"合计（figures）应为 1 至 {MostFigures} 组");
        if (request.Figures.DistinctBy(figure => figure.VisitType).Count() < request.Figures.Count)
            throw new ReconciliationRequestException("a visit type has figures twice", "同一就诊类型的合计（figures）填了两次");
        Dictionary<VisitType, SettlementTotals> centre =
            await totals.ByVisitTypeAsync(facilityCode, period, context.CancellationToken);
        if (centre.Count == 0) await totals.RequireKnownAsync(facilityCode, context.CancellationToken);
        ReconcileTotalsReply reply = TotalsComparison.Compare(centre, request.Figures);
        (reply.Complete, reply.Notice) = (period.IsComplete(clock), period.NoticeOf(clock));
        return reply;
    });

    public override Task ReconcileLines(
        IAsyncStreamReader<ReconcileLinesRequest> requestStream, IServerStreamWriter<ReconcileLinesReply> responseStream,
        ServerCallContext context) => Answer(() => WithinBoundAsync(context, async cancel =>
    {
        ReconciliationScope scope =
            await requestStream.MoveNext(cancel) && requestStream.Current.Scope is { } first ? first : throw NoScope();
        string facilityCode = FacilityOf(scope.FacilityCode);
        Period period = Period.Of(scope.Period);
        await totals.RequireKnownAsync(facilityCode, cancel);
        IAsyncEnumerable<FacilityLine> lines = LinesAsync(requestStream, request => request.Lines, cancel);
        await foreach (ReconcileLinesReply reply in lineReconciliation.ReconcileAsync(facilityCode, period, lines, cancel))
            await responseStream.WriteAsync(reply, cancel);
    }));

    public override Task ReconcileFile(
        IAsyncStreamReader<ReconcileFileRequest> requestStream, IServerStreamWriter<ReconcileFileReply> responseStream,
        ServerCallContext context) => Answer(() => WithinBoundAsync(context, async cancel =>
    {
        FileScope scope = await requestStream.MoveNext(cancel) && requestStream.Current.Scope is { } first ? first : throw NoScope();
        string facilityCode = scope.FacilityCode.Length == 0 ? "" : FacilityOf(scope.FacilityCode);
        Period period = Period.Of(scope.Period);
        if (facilityCode.Length == 0 && scope.Stated is not null)
            throw new ReconciliationRequestException("stated are the totals of one facility, not of all", "所报合计（stated）只能是一家机构的");
        IAsyncEnumerable<FacilityLine> lines = LinesAsync(requestStream, request => request.Lines, cancel);
        await foreach (ReconcileFileReply reply in fileReconciliation.ReconcileAsync(
            facilityCode, period, scope.AlwaysLines, scope.Stated, lines, cancel))
            await responseStream.WriteAsync(reply, cancel);
    }));

    public override Task ListFacilityTotals(ListFacilityTotalsRequest request, IServerStreamWriter<FacilityTotals> responseStream,
        ServerCallContext context) => Answer(async () =>
    {
        await foreach (FacilityTotals facility in totals.ByFacilityAsync(Period.Of(request.Period), context.CancellationToken))
            await responseStream.WriteAsync(facility);
        return true;
    });

    public override Task<FacilityEntries> ListFacilityEntries(ListFacilityEntriesRequest request, ServerCallContext context) =>
        Answer(async () =>
    {
        string facilityCode = FacilityOf(request.FacilityCode);
        Period period = Period.Of(request.Period);
        if (request.Limit is < 1 or > MostEntries)
            throw new ReconciliationRequestException($"limit is not 1 to {MostEntries}", $"条数（limit）应为 1 至 {MostEntries}");
        if (new[] { request.RequestId, request.InsuredId }.Any(id => id.Length > MaxIdLength || !Policy.PlainText.Is(id)))
            throw new ReconciliationRequestException("request_id or insured_id is no id", "请求号（request_id）或人员编号（insured_id）有误");
        return await entries.ReadAsync(
            facilityCode, period, request.RequestId, request.InsuredId, request.Limit, context.CancellationToken);
    });

    public override Task GetStatement(
        GetStatementRequest request, IServerStreamWriter<StatementPart> responseStream, ServerCallContext context) => Answer(async () =>
    {
        string facilityCode = FacilityOf(request.FacilityCode);
        StatementMonth month = StatementMonth.Parse(request.Month)
            ?? throw new ReconciliationRequestException("month is not of the form yyyy-MM", "月份（month）应为 yyyy-MM 形式");
        await foreach (StatementPart part in statements.ReadAsync(facilityCode, month, request.WithoutLines, context.CancellationToken))
            await responseStream.WriteAsync(part);
        return true;
    });

    private static ReconciliationRequestException NoScope() => new("the first message is not the scope", "第一条消息应为对账范围（scope）");

    private static async IAsyncEnumerable<FacilityLine> LinesAsync<TRequest>(IAsyncStreamReader<TRequest> requestStream,
        Func<TRequest, FacilityLines?> linesOf, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await requestStream.MoveNext(cancellationToken))
        {
            if (linesOf(requestStream.Current) is not { } lines)
                throw new ReconciliationRequestException("a message after the first has no lines", "第一条之后的消息应为明细（lines）");
            foreach (FacilityLine line in lines.Lines) yield return line;
        }
    }

    private static string FacilityOf(string code) =>
        code.Length is > 0 and <= MaxFacilityCodeLength && Policy.PlainText.Is(code)
            ? code
            : throw new ReconciliationRequestException("facility_code is missing or no code", "机构编码（facility_code）未填或有误");

    private static async Task<bool> WithinBoundAsync(ServerCallContext context, Func<CancellationToken, Task> compare)
    {
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        bound.CancelAfter(FileBound);
        try
        {
            await compare(bound.Token);
            return true;
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(
                StatusCode.DeadlineExceeded, $"the file was not compared within {FileBound.TotalMinutes} minutes"));
        }
    }

    private static RpcException Refused(StatusCode status, string reason, string text) => new(
        new Status(status, reason), new Metadata { { "reason-text-bin", Encoding.UTF8.GetBytes($"{text}。") } });

    private async Task<T> Answer<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (ReconciliationRequestException exception)
        {
            throw Refused(StatusCode.InvalidArgument, exception.Message, exception.Text);
        }
        catch (UnknownFacilityException exception)
        {
            throw Refused(StatusCode.NotFound, exception.Message, exception.Text);
        }
        catch (TooManyFilesException exception)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, exception.Message));
        }
        catch (Exception exception) when (exception is OverflowException or PostgresException { SqlState: SumOutOfRange })
        {
            throw new RpcException(new Status(StatusCode.OutOfRange, "a sum is beyond what an amount can hold"));
        }
        catch (NpgsqlException exception)
        {
            throw logger.Unavailable(exception, "the books cannot be read at the moment");
        }
    }
}
