using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Claims.Hosting;

/// <summary>What stands between a service and everything it calls: a bounded time, bounded retries, a breaker.</summary>
public static class OutgoingPipelines
{
    private static readonly Meter Meter = new("Claims.Hosting");
    private static readonly Counter<long> Retries =
        Meter.CreateCounter<long>("claims_outgoing_retries_total", description: "Outgoing calls made again after a failure.");
    private static readonly Counter<long> Timeouts =
        Meter.CreateCounter<long>("claims_outgoing_timeouts_total",
        description: "Outgoing calls and attempts given up because their time was over.");
    private static readonly ConcurrentDictionary<string, CircuitBreakerStateProvider> Breakers = new(StringComparer.Ordinal);

    static OutgoingPipelines() => Meter.CreateObservableGauge(
        "claims_outgoing_breaker_open",
        () => Breakers.Select(breaker => new Measurement<int>(breaker.Value.CircuitState == CircuitState.Closed ? 0 : 1, Tag(breaker.Key))),
        description: "1 while calls are refused at once because the last ones failed, else 0.");

    /// <summary>A pipeline for one callee. Make it once and share it: the breaker is its memory.</summary>
    /// <param name="name">Callee and kind of call, a label of the metrics: <c>eligibility-lookup</c>.</param>
    /// <param name="timeout">Total, retries and their pauses included. Each attempt has an equal share of it.</param>
    /// <param name="maxRetries">0 for a call that must not be made twice.</param>
    /// <param name="shouldRetry">Whether an exception is a passing failure of the callee. An attempt that ran out of time always is. The
    /// breaker counts the same failures.</param>
    /// <remarks>
    /// A call ends with its own exception, with <see cref="TimeoutRejectedException"/>, or with <see cref="BrokenCircuitException"/>.
    /// Time is kept by cancelling the callback's token: a client that takes no token is called with <c>.WaitAsync(token)</c>.
    /// The breaker opens for 2 s when at least 10 calls were made within 10 s and half of them failed.
    /// </remarks>
    public static ResiliencePipeline Create(
        string name, TimeSpan timeout, int maxRetries, Func<Exception, bool> shouldRetry, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(shouldRetry);
        ArgumentOutOfRangeException.ThrowIfNegative(maxRetries);
        KeyValuePair<string, object?> tag = Tag(name);
        CircuitBreakerStateProvider state = new();
        Breakers[name] = state;

        PredicateBuilder<object> failures = new PredicateBuilder().Handle<TimeoutRejectedException>().Handle<Exception>(shouldRetry);
        ResiliencePipelineBuilder pipeline = new() { TimeProvider = time };
        if (maxRetries > 0)
        {
            pipeline.AddTimeout(Limit(timeout, tag));
            pipeline.AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = failures,
                MaxRetryAttempts = maxRetries,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromMilliseconds(50),
                MaxDelay = TimeSpan.FromSeconds(1),
                UseJitter = true,
                OnRetry = _ =>
                {
                    Retries.Add(1, tag);
                    return ValueTask.CompletedTask;
                },
            });
        }

        pipeline.AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            ShouldHandle = failures,
            FailureRatio = 0.5,
            MinimumThroughput = 10,
            SamplingDuration = TimeSpan.FromSeconds(10),
            BreakDuration = TimeSpan.FromSeconds(2),
            StateProvider = state,
        });
        // Innermost, so that the breaker sees a callee that hangs as one that fails.
        pipeline.AddTimeout(Limit(timeout / (maxRetries + 1), tag));
        return pipeline.Build();
    }

    /// <summary>For the start of a service: tries again, at most once a second, until the callee answers or the time is over.</summary>
    internal static ResiliencePipeline CreateWaiting(string name, TimeSpan timeout, Func<Exception, bool> shouldRetry) =>
        new ResiliencePipelineBuilder()
        .AddTimeout(Limit(timeout, Tag(name)))
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(shouldRetry),
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(50),
            MaxDelay = TimeSpan.FromSeconds(1),
            UseJitter = true,
        })
        .Build();

    private static TimeoutStrategyOptions Limit(TimeSpan timeout, KeyValuePair<string, object?> tag) => new()
    {
        Timeout = timeout,
        OnTimeout = _ =>
        {
            Timeouts.Add(1, tag);
            return ValueTask.CompletedTask;
        },
    };

    private static KeyValuePair<string, object?> Tag(string name) => new("pipeline", name);
}
