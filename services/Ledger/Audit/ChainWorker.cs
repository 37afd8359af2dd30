using Npgsql;

namespace Claims.Ledger.Audit;

/// <summary>Keeps the chain up with the books, and writes its end to the log every hour and on leaving, so that it is known outside of the
/// database.</summary>
internal sealed class ChainWorker(Chain chain, AuditMetrics metrics, TimeProvider clock, ILogger<ChainWorker> logger) : BackgroundService
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);
    private static readonly TimeSpan TellInterval = TimeSpan.FromHours(1);

    private ChainState? _state;
    private string _trouble = "";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long swept = 0;
        long told = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            // The first look is at everything: what an earlier run has left behind may be far back.
            bool sweep = swept == 0 || clock.GetElapsedTime(swept) >= SweepInterval;
            try
            {
                int added = await chain.ExtendAsync(sweep, stoppingToken) ?? 0;
                if (added > 0) metrics.Chained(added);
                if (sweep && added == 0) swept = clock.GetTimestamp();
                if (sweep || !chain.HasMore) await ObserveAsync(stoppingToken);
                Trouble(chain.Broken.Length == 0
                    ? ""
                    : $"The chain is broken: {chain.Broken}. Nothing is chained until the database has its links back.");
                if (told == 0 || clock.GetElapsedTime(told) >= TellInterval)
                {
                    Tell();
                    told = clock.GetTimestamp();
                }

                // A second's batches are chained together: one by one they cost as much again as posting them.
                if (chain.HasMore) continue;
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                Trouble($"The chain is not extended: {failure.Message}");
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }

            await Task.Delay(Idle, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Tell();
    }

    private async Task ObserveAsync(CancellationToken cancellationToken)
    {
        _state = await chain.StateAsync(cancellationToken);
        if (_state is not null) metrics.Observe(_state);
    }

    private void Tell()
    {
        if (_state is { End.Link: > 0 } state)
            logger.LogInformation("The chain's head is {Link}:{Hash}.", state.End.Link, state.End.HashText);
    }

    private void Trouble(string sentence)
    {
        if (sentence.Length > 0 && sentence != _trouble) logger.LogError("{Trouble}", sentence);
        _trouble = sentence;
    }
}
