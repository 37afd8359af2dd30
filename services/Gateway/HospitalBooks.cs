using System.Globalization;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using ReconciliationClient = Claims.V1.Reconciliation.ReconciliationClient;

namespace Claims.Gateway;

/// <summary>A clinic's books against the ledger's: totals [3201] and lines [3202], one message each way.</summary>
internal sealed class HospitalBooks(ReconciliationClient ledger, GatewaySettings settings, TimeProvider time) : IDisposable
{
    /// <summary>In an answer; its summary counts all.</summary>
    public const int MostDifferences = 5_000;

    private const int LinesInMessage = 500;

    // A body of 4 MB takes some 50 MB while it is read, and the ledger compares as many files at once.
    private const int MostFilesAtOnce = 4;

    /// <summary>Files that may be read and compared at this moment.</summary>
    public SemaphoreSlim Files { get; } = new(MostFilesAtOnce);

    public async Task<IMessage> TotalsAsync(ReconcileTotalsRequest request, Metadata clinic) =>
        await ledger.ReconcileTotalsAsync(request, clinic);

    public async Task<IMessage> LinesAsync(FacilityBooks books, Metadata clinic)
    {
        if (books.Lines.All(line => line.LineNumber == 0))
        {
            foreach ((int index, FacilityLine line) in books.Lines.Index()) line.LineNumber = index + 1;
        }

        using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call =
            ledger.ReconcileLines(clinic, (time.GetUtcNow() + TimeSpan.FromSeconds(settings.ReconcileSeconds)).UtcDateTime);
        await SendAsync(call, books);
        FacilityBooksReply reply = new();
        await foreach (ReconcileLinesReply part in call.ResponseStream.ReadAllAsync())
        {
            if (part.Summary is not null) reply.Summary = part.Summary;
            else if (reply.Differences.Count < MostDifferences) reply.Differences.Add(part.Difference);
        }

        return reply;
    }

    public void Dispose() => Files.Dispose();

    private static async Task SendAsync(AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call, FacilityBooks books)
    {
        try
        {
            await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Scope = books.Scope ?? new() });
            foreach (FacilityLine[] lines in books.Lines.Chunk(LinesInMessage))
                await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Lines = new FacilityLines { Lines = { lines } } });
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The ledger may end the call before it has read all, as it does at a line that it cannot compare: the reading side says why.
        }
    }
}
