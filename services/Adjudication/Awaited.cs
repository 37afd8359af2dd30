using System.Threading.Tasks.Sources;

namespace Claims.Adjudication;

/// <summary>
/// Something asked for a visit, awaited once and then used again: a task and what it holds cost more than the rest of the asking.
/// </summary>
internal abstract class Awaited<TAnswer> : IValueTaskSource<TAnswer>
{
    // Continuations run where the answer is set: whoever sets it has nothing else to do there.
    private ManualResetValueTaskSourceCore<TAnswer> _answer;

    /// <summary>To be awaited once.</summary>
    public ValueTask<TAnswer> Answered => new(this, _answer.Version);

    public void Fail(Exception e) => _answer.SetException(e);

    public TAnswer GetResult(short token)
    {
        try
        {
            return _answer.GetResult(token);
        }
        finally
        {
            _answer.Reset();
            Release();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _answer.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _answer.OnCompleted(continuation, state, token, flags);

    protected void Tell(TAnswer answer) => _answer.SetResult(answer);

    /// <summary>The answer has been taken: lets go of what was asked, and may be asked anew.</summary>
    protected abstract void Release();
}
