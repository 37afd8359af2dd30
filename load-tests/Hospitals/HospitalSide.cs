using System.Collections.Concurrent;
using System.Diagnostics;
using Claims.LoadTests.Invariants;
using Claims.LoadTests.Measuring;
using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Hospitals;

/// <summary>One operation to be sent: a visit (perhaps once more) or a cancellation.</summary>
public readonly record struct Operation(SettleRequest? Settle, CancelRequest? Cancel);

/// <summary>All hospitals of a run: what they send next, and what they make of the answers.</summary>
public sealed class HospitalSide(AnswerBook book, LoadRecorder recorder)
{
    // Settlements to cancel or to repeat are taken from those answered last.
    private const int RecentAnswers = 4_096;

    private readonly ConcurrentQueue<int> _recent = new();
    private readonly ConcurrentDictionary<string, long> _failures = new(StringComparer.Ordinal);
    private int _drawn;

    public AnswerBook Book { get; } = book;

    public LoadRecorder Recorder { get; } = recorder;

    /// <summary>What went wrong and how often, by status.</summary>
    public IReadOnlyDictionary<string, long> Failures => _failures;

    /// <param name="dueTicks">Where its latency counts from.</param>
    public Operation Next(long dueTicks)
    {
        Mix mix = Book.Traffic.Mix;
        double lot = mix.Cancels + mix.Replays > 0 ? Traffic.LotOf(Interlocked.Increment(ref _drawn)) : 1;
        if (lot < mix.Cancels + mix.Replays && _recent.TryDequeue(out int settled))
        {
            // What is taken is neither cancelled nor repeated again: a request that was cancelled is refused when it is repeated.
            if (lot < mix.Cancels) return new Operation(null, Book.Traffic.Cancel(Book.Take(dueTicks, cancelled: settled), settled));
            Book.SendAgain(settled, dueTicks);
            return new Operation(Book.Traffic.Settle(settled), null);
        }

        return new Operation(Book.Traffic.Settle(Book.Take(dueTicks)), null);
    }

    /// <returns>The number of the operation that was answered, or -1.</returns>
    public int Answered(SettleReply reply)
    {
        long now = Stopwatch.GetTimestamp();
        AnswerKind kind = Book.Answer(reply, out int number, out long dueTicks);
        if (kind == AnswerKind.Unexpected) return -1;
        Recorder.Answered(Stopwatch.GetElapsedTime(dueTicks, now), kind == AnswerKind.Refusal);
        bool mayBeTaken = kind == AnswerKind.First && reply.Decision == Decision.Settled
            && Book.Traffic.Mix.Cancels + Book.Traffic.Mix.Replays > 0;
        if (mayBeTaken && _recent.Count < RecentAnswers) _recent.Enqueue(number);
        return number;
    }

    public void NoteFailure(RpcException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        NoteFailure($"{failure.StatusCode}: {failure.Status.Detail}");
    }

    public void NoteFailure(string what) => _failures.AddOrUpdate(what, 1, (_, times) => times + 1);

    /// <summary>One call with one answer; an error is counted and not thrown.</summary>
    public async Task CallAsync(V1.Adjudication.AdjudicationClient client, Operation operation, TimeSpan bound,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        Recorder.Sent();
        try
        {
            DateTime deadline = DateTime.UtcNow + bound;
            SettleReply reply = operation.Settle is { } settle
                ? await client.SettleAsync(settle, null, deadline, cancellationToken)
                : await client.CancelAsync(operation.Cancel!, null, deadline, cancellationToken);
            Answered(reply);
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            NoteFailure(e);
            Recorder.Errors(1);
        }
    }
}
