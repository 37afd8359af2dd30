using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Reconciliation;

/// <summary>A facility's file as the ledger found it.</summary>
public sealed record FacilityResult(FacilityOutcome Outcome, IReadOnlyList<LineDifference> Differences);

/// <summary>What the ledger says of a whole file.</summary>
public sealed record FileResult(FileSummary Summary, IReadOnlyList<FacilityResult> Facilities);

/// <summary>Sends hospitals' books to the ledger, which holds them against its own [3201, 3202].</summary>
public static class FacilityReconciliation
{
    private const int LinesInMessage = 500;
    private static readonly TimeSpan FileBound = TimeSpan.FromMinutes(10);

    /// <param name="lines">Numbered from 1 on unless they have numbers.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT names a line that cannot be compared, NOT_FOUND a facility.</exception>
    public static async Task<FileResult> AskAsync(
        CallInvoker ledger, FileScope scope, IAsyncEnumerable<FacilityLine> lines, CancellationToken cancellationToken)
    {
        using AsyncDuplexStreamingCall<ReconcileFileRequest, ReconcileFileReply> call =
            new V1.Reconciliation.ReconciliationClient(ledger).ReconcileFile(null, DateTime.UtcNow + FileBound, cancellationToken);
        await SendAsync(call, scope, lines, cancellationToken);
        List<FacilityResult> facilities = [];
        List<LineDifference> differences = [];
        FileSummary? summary = null;
        await foreach (ReconcileFileReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (reply.Difference is { } difference) differences.Add(difference);
            summary = reply.Summary ?? summary;
            if (reply.Facility is not { } facility) continue;
            facilities.Add(new FacilityResult(facility, differences));
            differences = [];
        }

        return new FileResult(
            summary ?? throw new RpcException(new Status(StatusCode.Internal, "the answer has no summary")), facilities);
    }

    private static async Task SendAsync(AsyncDuplexStreamingCall<ReconcileFileRequest, ReconcileFileReply> call, FileScope scope,
        IAsyncEnumerable<FacilityLine> lines, CancellationToken cancellationToken)
    {
        FacilityLines message = new();
        long number = 0;
        try
        {
            await call.RequestStream.WriteAsync(new ReconcileFileRequest { Scope = scope }, cancellationToken);
            await foreach (FacilityLine line in lines.WithCancellation(cancellationToken))
            {
                number++;
                if (line.LineNumber == 0) line.LineNumber = number;
                message.Lines.Add(line);
                if (message.Lines.Count < LinesInMessage) continue;
                await call.RequestStream.WriteAsync(new ReconcileFileRequest { Lines = message }, cancellationToken);
                message = new();
            }

            if (message.Lines.Count > 0)
                await call.RequestStream.WriteAsync(new ReconcileFileRequest { Lines = message }, cancellationToken);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The ledger may end the call before it has read all, as it does at a line that it cannot compare: the reading side says why.
        }
    }
}
