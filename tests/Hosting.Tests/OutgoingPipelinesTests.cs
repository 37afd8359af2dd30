using System.Diagnostics;
using Claims.Hosting;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Hosting.Tests;

public sealed class OutgoingPipelinesTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Passing_failure_is_retried_up_to_the_bound()
    {
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 2, exception => exception is IOException);
        int calls = 0;

        await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(_ =>
        {
            calls++;
            throw new IOException();
        }));

        Assert.Equal(3, calls);
    }

    [Fact]
    public async Task Other_failure_is_not_retried()
    {
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 2, exception => exception is IOException);
        int calls = 0;

        await Assert.ThrowsAsync<InvalidDataException>(async () => await pipeline.ExecuteAsync(_ =>
        {
            calls++;
            throw new InvalidDataException();
        }));

        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Call_without_retries_is_made_once_even_when_it_hangs()
    {
        ResiliencePipeline pipeline =
            OutgoingPipelines.Create(Unique(), TimeSpan.FromMilliseconds(100), maxRetries: 0, exception => exception is IOException);
        int calls = 0;

        await Assert.ThrowsAsync<TimeoutRejectedException>(async () => await pipeline.ExecuteAsync(async token =>
        {
            calls++;
            await new TaskCompletionSource().Task.WaitAsync(token);
        }));

        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Total_time_is_bounded_over_all_attempts()
    {
        ResiliencePipeline pipeline =
            OutgoingPipelines.Create(Unique(), TimeSpan.FromMilliseconds(300), maxRetries: 5, exception => exception is IOException);
        Stopwatch watch = Stopwatch.StartNew();
        int calls = 0;

        await Assert.ThrowsAsync<TimeoutRejectedException>(async () => await pipeline.ExecuteAsync(async token =>
        {
            calls++;
            await new TaskCompletionSource().Task.WaitAsync(token);
        }));

        Assert.InRange(calls, 1, 5);
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Attempt_that_hangs_leaves_the_next_ones_their_share_of_the_time()
    {
        ResiliencePipeline pipeline =
            OutgoingPipelines.Create(Unique(), TimeSpan.FromSeconds(2.4), maxRetries: 2, exception => exception is IOException);
        int calls = 0;

        int answer = await pipeline.ExecuteAsync(async token =>
        {
            if (Interlocked.Increment(ref calls) == 1) await new TaskCompletionSource().Task.WaitAsync(token);
            return 42;
        });

        Assert.Equal(42, answer);
    }

    [Theory]
    [InlineData(6, false)]
    [InlineData(5, true)]
    public async Task Breaker_opens_when_half_of_the_calls_have_failed(int successes, bool open)
    {
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 0, exception => exception is IOException);
        for (int call = 0; call < successes; call++) await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask);
        for (int call = 0; call < 5; call++)
            await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(_ => throw new IOException()));

        Exception? next = await Record.ExceptionAsync(async () => await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask));

        Assert.Equal(open, next is BrokenCircuitException);
    }

    [Fact]
    public async Task Failure_that_says_nothing_of_the_callee_does_not_open_the_breaker()
    {
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 0, exception => exception is IOException);
        for (int call = 0; call < 12; call++)
            await Assert.ThrowsAsync<InvalidDataException>(async () => await pipeline.ExecuteAsync(_ => throw new InvalidDataException()));

        await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask);
    }

    [Fact]
    public async Task Breaker_stays_open_for_two_seconds_and_then_lets_a_call_try()
    {
        ManualTime time = new();
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 0, exception => exception is IOException, time);
        for (int call = 0; call < 10; call++)
            await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(_ => throw new IOException()));

        time.Advance(TimeSpan.FromSeconds(1.9));
        await Assert.ThrowsAsync<BrokenCircuitException>(async () => await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask));
        time.Advance(TimeSpan.FromSeconds(0.2));
        await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask);
    }

    [Fact]
    public async Task Retries_timeouts_and_the_open_breaker_are_counted_under_the_name_of_the_pipeline()
    {
        string name = Unique();
        ResiliencePipeline pipeline = OutgoingPipelines.Create(name, Long, maxRetries: 2, exception => exception is IOException);
        _ = OutgoingPipelines.Create(Unique(), Long, maxRetries: 0, exception => exception is IOException);
        using Measured measured = new("Claims.Hosting", ("pipeline", name));
        Assert.Equal(0, measured.Observe("claims_outgoing_breaker_open"));

        await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(_ => throw new IOException()));
        Assert.Equal((2, 0), (measured.Sum("claims_outgoing_retries_total"), measured.Sum("claims_outgoing_timeouts_total")));
        Assert.Equal(0, measured.Observe("claims_outgoing_breaker_open"));

        for (int call = 0; call < 10; call++)
            await Record.ExceptionAsync(async () => await pipeline.ExecuteAsync(_ => throw new IOException()));
        Assert.Equal(1, measured.Observe("claims_outgoing_breaker_open"));

        string slow = Unique();
        using Measured ofSlow = new("Claims.Hosting", ("pipeline", slow));
        ResiliencePipeline hangs = OutgoingPipelines.Create(
            slow, TimeSpan.FromMilliseconds(50), maxRetries: 0, exception => exception is IOException);
        await Assert.ThrowsAsync<TimeoutRejectedException>(
            async () => await hangs.ExecuteAsync(async token => await new TaskCompletionSource().Task.WaitAsync(token)));
        Assert.Equal((0, 1), (ofSlow.Sum("claims_outgoing_retries_total"), ofSlow.Sum("claims_outgoing_timeouts_total")));
    }

    [Fact]
    public async Task Breaker_refuses_at_once_after_ten_failures_and_recovers()
    {
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 0, exception => exception is IOException);
        int calls = 0;
        for (int call = 0; call < 10; call++)
        {
            await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(_ =>
            {
                calls++;
                throw new IOException();
            }));
        }

        await Assert.ThrowsAsync<BrokenCircuitException>(async () => await pipeline.ExecuteAsync(_ =>
        {
            calls++;
            return ValueTask.CompletedTask;
        }));
        Assert.Equal(10, calls);

        ResiliencePipeline patience = new ResiliencePipelineBuilder()
            .AddTimeout(Long)
            .AddRetry(new Polly.Retry.RetryStrategyOptions { MaxRetryAttempts = 1000, Delay = TimeSpan.FromMilliseconds(50) })
            .Build();
        await patience.ExecuteAsync(async token => await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask, token));
    }

    [Fact]
    public async Task Breaker_counts_a_callee_that_hangs()
    {
        ResiliencePipeline pipeline =
            OutgoingPipelines.Create(Unique(), TimeSpan.FromMilliseconds(50), maxRetries: 0, exception => exception is IOException);
        for (int call = 0; call < 10; call++)
        {
            await Assert.ThrowsAsync<TimeoutRejectedException>(
                async () => await pipeline.ExecuteAsync(async token => await new TaskCompletionSource().Task.WaitAsync(token)));
        }

        await Assert.ThrowsAsync<BrokenCircuitException>(async () => await pipeline.ExecuteAsync(_ => ValueTask.CompletedTask));
    }

    [Fact]
    public async Task Caller_that_gives_up_is_not_a_failure_of_the_callee()
    {
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), Long, maxRetries: 3, exception => exception is IOException);
        using CancellationTokenSource gone = new();
        int calls = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pipeline.ExecuteAsync(async token =>
        {
            calls++;
            await gone.CancelAsync();
            await new TaskCompletionSource().Task.WaitAsync(token);
        }, gone.Token));

        Assert.Equal(1, calls);
    }

    private static string Unique() => Guid.NewGuid().ToString("N");

    private sealed class ManualTime : TimeProvider
    {
        private TimeSpan _passed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _passed.Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + _passed;

        public void Advance(TimeSpan by) => _passed += by;
    }
}
