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
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), TimeSpan.FromMilliseconds(100), maxRetries: 0, exception => exception is IOException);
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
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), TimeSpan.FromMilliseconds(300), maxRetries: 5, exception => exception is IOException);
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
        ResiliencePipeline pipeline = OutgoingPipelines.Create(Unique(), TimeSpan.FromMilliseconds(50), maxRetries: 0, exception => exception is IOException);
        for (int call = 0; call < 10; call++)
        {
            await Assert.ThrowsAsync<TimeoutRejectedException>(async () => await pipeline.ExecuteAsync(async token => await new TaskCompletionSource().Task.WaitAsync(token)));
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
}
