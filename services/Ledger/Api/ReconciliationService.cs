using System.Runtime.CompilerServices;
using Claims.Ledger.Reconciliation;
using Claims.Ledger.Statements;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>Reconciliation and statements over gRPC. UNAVAILABLE whenever PostgreSQL cannot be asked, RESOURCE_EXHAUSTED while too many
/// files are compared.</summary>
internal sealed class ReconciliationService(
    TotalsReader totals, LineReconciliation lineReconciliation, StatementReader statements, ILogger<ReconciliationService> logger)
    : V1.Reconciliation.ReconciliationBase
{
    private const int MostFigures = 5;
    private const int MaxFacilityCodeLength = 30;
    private const string SumOutOfRange = "22003";

    private static readonly TimeSpan FileBound = TimeSpan.FromMinutes(10);

    public override Task<ReconcileTotalsReply> ReconcileTotals(ReconcileTotalsRequest request, ServerCallContext context) =>
        Answer(async () =>
    {
        string facilityCode = FacilityOf(request.FacilityCode);
        Period period = Period.Of(request.Period);
        if (request.Figures.Count is 0 or > MostFigures) throw new ReconciliationRequestException($"figures are not 1 to {MostFigures}");
        if (request.Figures.DistinctBy(figure => figure.VisitType).Count() < request.Figures.Count)
            throw new ReconciliationRequestException("a visit type has figures twice");
        return TotalsComparison.Compare(await totals.ByVisitTypeAsync(facilityCode, period, context.CancellationToken), request.Figures);
    });

    public override Task ReconcileLines(
        IAsyncStreamReader<ReconcileLinesRequest> requestStream, IServerStreamWriter<ReconcileLinesReply> responseStream,
        ServerCallContext context) => Answer(async () =>
    {
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        bound.CancelAfter(FileBound);
        try
        {
            ReconciliationScope scope = await ScopeAsync(requestStream, bound.Token);
            string facilityCode = FacilityOf(scope.FacilityCode);
            Period period = Period.Of(scope.Period);
            await foreach (ReconcileLinesReply reply in lineReconciliation.ReconcileAsync(
                facilityCode, period, LinesAsync(requestStream, bound.Token), bound.Token))
                await responseStream.WriteAsync(reply);
            return true;
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(
                StatusCode.DeadlineExceeded, $"the file was not compared within {FileBound.TotalMinutes} minutes"));
        }
    });

    public override Task ListFacilityTotals(ListFacilityTotalsRequest request, IServerStreamWriter<FacilityTotals> responseStream,
        ServerCallContext context) => Answer(async () =>
    {
        await foreach (FacilityTotals facility in totals.ByFacilityAsync(Period.Of(request.Period), context.CancellationToken))
            await responseStream.WriteAsync(facility);
        return true;
    });

    public override Task GetStatement(
        GetStatementRequest request, IServerStreamWriter<StatementPart> responseStream, ServerCallContext context) => Answer(async () =>
    {
        string facilityCode = FacilityOf(request.FacilityCode);
        StatementMonth month = StatementMonth.Parse(request.Month)
            ?? throw new ReconciliationRequestException("month is not of the form yyyy-MM");
        await foreach (StatementPart part in statements.ReadAsync(facilityCode, month, request.WithoutLines, context.CancellationToken))
            await responseStream.WriteAsync(part);
        return true;
    });

    private static async Task<ReconciliationScope> ScopeAsync(
        IAsyncStreamReader<ReconcileLinesRequest> requestStream, CancellationToken cancellationToken) =>
        await requestStream.MoveNext(cancellationToken) && requestStream.Current.Scope is { } scope
            ? scope
            : throw new ReconciliationRequestException("the first message is not the scope");

    private static async IAsyncEnumerable<FacilityLine> LinesAsync(
        IAsyncStreamReader<ReconcileLinesRequest> requestStream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await requestStream.MoveNext(cancellationToken))
        {
            if (requestStream.Current.Lines is not { } lines)
                throw new ReconciliationRequestException("a message after the first has no lines");
            foreach (FacilityLine line in lines.Lines) yield return line;
        }
    }

    private static string FacilityOf(string code) =>
        code.Length is > 0 and <= MaxFacilityCodeLength && !code.Any(char.IsControl)
            ? code
            : throw new ReconciliationRequestException("facility_code is missing or no code");

    private async Task<T> Answer<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (ReconciliationRequestException exception)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, exception.Message));
        }
        catch (UnknownFacilityException exception)
        {
            throw new RpcException(new Status(StatusCode.NotFound, exception.Message));
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
            logger.LogWarning("PostgreSQL could not be asked: {Reason}", exception.Message);
            throw new RpcException(new Status(StatusCode.Unavailable, "the books cannot be read at the moment"));
        }
    }
}
