namespace Claims.LoadTests.Chaos.Calls;

/// <summary>One time that a hospital wanted an answer: its attempts until one came, or until it gave up. Ticks are Stopwatch's.</summary>
/// <param name="op">What is asked; a duplicate is a call of its own.</param>
public sealed class Call(Op op)
{
    public Op Op { get; } = op;

    /// <summary>Before this nobody can have acted on it by this call.</summary>
    public long FirstSentTicks { get; set; }

    /// <summary>When the attempt that was answered was sent.</summary>
    public long SentTicks { get; private set; }

    public long AnsweredTicks { get; private set; }

    public Reply? Reply { get; private set; }

    public int Attempts { get; set; }

    /// <summary>Its hospital gave up; it was asked again at the end.</summary>
    public bool LeftOpen { get; set; }

    /// <summary>Asked after everything had come to rest: the last word on its key.</summary>
    public bool Final { get; init; }

    public void Answered(Reply reply, long sentTicks, long answeredTicks) =>
        (Reply, SentTicks, AnsweredTicks) = (reply, sentTicks, answeredTicks);
}
