using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Claims.Hosting;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Adjudication.Refusals;

/// <summary>
/// Keeps what was refused, so that it can be told afterwards: a line in the log at once, and a row with the ledger in batches. Nobody waits
/// for it: what the ledger does not take in time is dropped and counted, and stays in the log.
/// </summary>
public sealed class RefusalKeeper(RefusalLog.RefusalLogClient ledger, TimeProvider time, ILogger<RefusalKeeper> log) : BackgroundService
{
    /// <summary>Refusals that wait for the ledger at most; more are dropped.</summary>
    internal const int MostWaiting = 5_000;

    private const int LargestBatch = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastLimit = TimeSpan.FromSeconds(2);
    private static readonly Meter Meter = new("Claims.Adjudication.Refusals");
    private static readonly Counter<long> Dropped = Meter.CreateCounter<long>("claims_refusals_not_kept_total",
        description: "Refusals that the ledger did not take in time; the log has them.");

    private static readonly string Instance = $"{Environment.MachineName}:{Environment.ProcessId}";

    private readonly Channel<RefusedRequest> _waiting = Channel.CreateBounded<RefusedRequest>(MostWaiting);
    private KeepRefusalsRequest _batch = new();
    private bool _told;

    /// <summary>Takes note of a refusal. A key that is no key is not noted: nobody can ask for it.</summary>
    public void Refused(string operation, string facilityCode, string requestId, string insuredId, string reasonCode, string reasonText)
    {
        if (RequestChecks.CheckKey(requestId, facilityCode, insuredId) is not null) return;
        log.LogInformation("Refused {Operation} {Request} of {Facility}: {Reason}, insured {Insured}",
            operation, requestId, facilityCode, reasonCode, Mask.Insured(insuredId));
        bool waits = _waiting.Writer.TryWrite(new RefusedRequest
        {
            RefusedAtUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
            Operation = operation,
            FacilityCode = facilityCode,
            RequestId = requestId,
            InsuredMasked = Mask.Insured(insuredId),
            ReasonCode = reasonCode,
            ReasonText = reasonText,
            Instance = Instance,
        });
        if (!waits) Dropped.Add(1);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Dropped.Add(0);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (_batch.Refusals.Count == 0) await _waiting.Reader.WaitToReadAsync(stoppingToken);
                await Task.Delay(Pause, time, stoppingToken);
                Fill();
                await ledger.KeepAsync(_batch, cancellationToken: stoppingToken);
                _batch = new();
                _told = false;
            }
            catch (RpcException e) when (!stoppingToken.IsCancellationRequested)
            {
                // The batch is sent again; what comes meanwhile waits, and beyond the bound is dropped.
                if (!_told) log.LogWarning("The ledger does not take refusals: {Status} {Detail}", e.StatusCode, e.Status.Detail);
                _told = true;
            }
            catch (Exception e) when (e is OperationCanceledException or RpcException)
            {
            }
        }
    }

    /// <summary>Hands over what still waits, within 2 s.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using CancellationTokenSource limit = new(LastLimit, time);
        try
        {
            for (Fill(); _batch.Refusals.Count > 0; _batch = new(), Fill())
                await ledger.KeepAsync(_batch, cancellationToken: limit.Token);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            Dropped.Add(_batch.Refusals.Count + _waiting.Reader.Count);
        }
    }

    private void Fill()
    {
        while (_batch.Refusals.Count < LargestBatch && _waiting.Reader.TryRead(out RefusedRequest? refused)) _batch.Refusals.Add(refused);
    }
}
