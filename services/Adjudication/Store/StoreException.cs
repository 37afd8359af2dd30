namespace Claims.Adjudication.Store;

/// <summary>The accumulators cannot be known now: nothing is answered, and the sender repeats the same request.</summary>
public sealed class StoreUnavailableException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>A bounded queue is full, or the ledger is too far behind: the sender slows down and repeats the same request.</summary>
public sealed class StoreBusyException(string message) : Exception(message);
