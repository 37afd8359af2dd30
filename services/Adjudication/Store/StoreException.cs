namespace Claims.Adjudication.Store;

/// <summary>What a sender may take for certain where there is no answer.</summary>
public enum Unanswered
{
    /// <summary>Whether it was done is not known: the same request again, or a reversal, finds out.</summary>
    Unknown,

    /// <summary>This call has done nothing.</summary>
    NothingHappened,

    /// <summary>What was stored of the insured is gone. Nothing happened, and nothing will until it is brought back.</summary>
    Lost,
}

/// <summary>The accumulators cannot be known now: nothing is answered, and the sender repeats the same request.</summary>
public sealed class StoreUnavailableException(string message, Exception? cause = null, Unanswered why = Unanswered.Unknown)
    : Exception(message, cause)
{
    public Unanswered Why => why;

    /// <summary>Something was stored of the insured, and is not there.</summary>
    public static StoreUnavailableException Gone(int shard, string insuredId) => new(
        $"Shard {shard}: what was stored of insured {Hosting.Mask.Insured(insuredId)} is gone; nothing is settled from nothing.", null,
        Unanswered.Lost);
}

/// <summary>A bounded queue is full, or the ledger is too far behind: the sender slows down and repeats the same request.</summary>
public sealed class StoreBusyException(string message) : Exception(message);
