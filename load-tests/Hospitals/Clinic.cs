using System.Diagnostics;
using System.Globalization;
using System.Text;
using Claims.V1;
using Google.Protobuf;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// One village clinic: it calls the gateway over HTTP, and where its line drops or nothing is known it sends the same request again until
/// it is answered. Errors are counted and not thrown.
/// </summary>
public sealed class Clinic(HospitalSide hospitals, Uri gateway) : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway, Timeout = Bound };
    private int _dropped;
    private int _foundAgain;

    /// <summary>Times that the line dropped before an answer was there.</summary>
    public int Dropped => Volatile.Read(ref _dropped);

    /// <summary>How many of them were followed by a repeat that found the stored answer.</summary>
    public int FoundAgain => Volatile.Read(ref _foundAgain);

    public void Dispose() => _http.Dispose();

    /// <param name="dropAfter">The line drops so long after the request was begun, unless it is answered by then; null where it
    /// holds.</param>
    public async Task CallAsync(Operation operation, TimeSpan? dropAfter, CancellationToken cancellationToken)
    {
        (string path, IMessage request, string id) = operation.Settle is { } settle
            ? ("/v1/settle", (IMessage)settle, settle.RequestId)
            : ("/v1/cancel", operation.Cancel!, operation.Cancel!.RequestId);

        // By this clinic, or by the gateway where Adjudication was away for a moment.
        bool repeated = hospitals.Book.KnownOf(Traffic.Parse(id)!.Value.Number) == Invariants.Known.Acknowledged;
        hospitals.Book.MayBeSentAgain(Traffic.Parse(id)!.Value.Number);
        hospitals.Recorder.Sent();
        string json = JsonFormatter.Default.Format(request);
        long begun = Stopwatch.GetTimestamp();
        bool dropped = false;
        while (Stopwatch.GetElapsedTime(begun) < Bound)
        {
            using CancellationTokenSource line = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (dropAfter is { } after && !dropped) line.CancelAfter(after);
            TimeSpan pause = Pause;
            try
            {
                using StringContent body = new(json, Encoding.UTF8, "application/json");
                using HttpResponseMessage response = await _http.PostAsync(path, body, line.Token);
                string text = await response.Content.ReadAsStringAsync(line.Token);
                if (response.IsSuccessStatusCode)
                {
                    SettleReply reply = JsonParser.Default.Parse<SettleReply>(text);
                    hospitals.Answered(reply);
                    if (dropped && !repeated && reply.Replayed) Interlocked.Increment(ref _foundAgain);
                    return;
                }

                hospitals.NoteFailure(string.Create(CultureInfo.InvariantCulture, $"HTTP {(int)response.StatusCode}: {text}"));
                pause = response.Headers.RetryAfter?.Delta ?? Pause;
            }
            catch (OperationCanceledException) when (line.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                // It dials again at once: the call before may still be on its way.
                dropped = true;
                Interlocked.Increment(ref _dropped);
                continue;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
            {
                hospitals.NoteFailure($"HTTP: {e.Message}");
            }

            await Task.Delay(pause, cancellationToken);
        }

        hospitals.Recorder.Errors(1);
    }
}
