using Claims.Hosting;
using Grpc.Core;

namespace Claims.Cli.Operations;

/// <summary>Tells one lost call from a service that is gone: how long nothing at all has been answered.</summary>
/// <param name="bound">After this long without an answer to anything, the service counts as gone.</param>
public sealed class OutageClock(TimeProvider time, TimeSpan bound)
{
    private long _lastAnswer = time.GetTimestamp();
    private volatile bool _gone;

    /// <summary>Whether the same request may find an answer later: nothing is known of what it did.</summary>
    public static bool IsPassing(RpcException failure) =>
        ClaimsChannel.IsBroken(failure) || failure.StatusCode is StatusCode.DeadlineExceeded or StatusCode.ResourceExhausted;

    /// <summary>Once true, it stays so: what has not been sent is not tried any more.</summary>
    public bool IsGone => _gone;

    public void Answered() => Interlocked.Exchange(ref _lastAnswer, time.GetTimestamp());

    public void Failed()
    {
        if (time.GetElapsedTime(Interlocked.Read(ref _lastAnswer)) >= bound)
            _gone = true;
    }
}
