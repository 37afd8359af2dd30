using Claims.LoadTests.Hospitals;
using Claims.V1;

namespace Claims.LoadTests.Invariants;

/// <summary>How far an operation has come as its hospital knows it.</summary>
public enum Known : byte
{
    /// <summary>No such operation.</summary>
    Never,

    /// <summary>On its way, or its answer was lost: it may have had its effect.</summary>
    Sent,

    /// <summary>Answered with an effect: settled or cancelled.</summary>
    Acknowledged,

    /// <summary>Answered without one.</summary>
    Refused,
}

/// <summary>What an answer was to the operation that it names.</summary>
public enum AnswerKind
{
    First,
    Refusal,
    Replay,

    /// <summary>To something that was not asked, or answered before and not asked again.</summary>
    Unexpected,
}

/// <summary>
/// The hospitals' side of a run: of every operation 24 bytes, whatever its size — a million visits are 24 MB. The substance of an
/// answer is kept as a digest: what the books must repeat to the fen.
/// </summary>
public sealed class AnswerBook(Traffic traffic)
{
    private const int ChunkBits = 16;
    private const int ChunkSize = 1 << ChunkBits;
    private const int MaxChunks = 1 << 12;

    private readonly Entry[]?[] _chunks = new Entry[MaxChunks][];
    private readonly Lock _growing = new();
    private int _count;
    private long _capFen;
    private long _replaysThatDiffer;
    private long _replays;
    private long _unexpected;
    private long _outOfOrder;

    public Traffic Traffic { get; } = traffic;

    /// <summary>Operations that have a number.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The annual cap that the answers name; 0 while none did.</summary>
    public long CapFen => Interlocked.Read(ref _capFen);

    public long Replays => Interlocked.Read(ref _replays);

    /// <summary>Stored answers that differ from the first answer to the same request.</summary>
    public long ReplaysThatDiffer => Interlocked.Read(ref _replaysThatDiffer);

    public long Unexpected => Interlocked.Read(ref _unexpected);

    /// <summary>Answers for one insured that overtook an earlier one on the same stream.</summary>
    public long OutOfOrder => Interlocked.Read(ref _outOfOrder);

    /// <summary>The number of an operation about to be sent.</summary>
    /// <param name="dueTicks">Where its latency counts from, as Stopwatch counts.</param>
    /// <param name="cancelled">The settlement that it cancels; null for a visit.</param>
    public int Take(long dueTicks, int? cancelled = null)
    {
        lock (_growing)
        {
            int number = _count;
            _chunks[number >> ChunkBits] ??= new Entry[ChunkSize];
            At(number) = new Entry { DueTicks = dueTicks, Cancels = cancelled ?? -1, Known = Known.Sent };
            Volatile.Write(ref _count, number + 1);
            return number;
        }
    }

    /// <summary>An acknowledged operation is sent once more.</summary>
    public void SendAgain(int number, long dueTicks)
    {
        ref Entry entry = ref At(number);
        entry.DueTicks = dueTicks;
        entry.AskedAgain = true;
    }

    /// <summary>The request may be on its way more than once before it is answered: its first answer may be the stored one.</summary>
    public void MayBeSentAgain(int number) => At(number).AskedAgain = true;

    /// <param name="dueTicks">When the operation that was answered had been due; 0 where the answer is unexpected.</param>
    /// <param name="number">The number of the operation, or -1.</param>
    public AnswerKind Answer(SettleReply reply, out int number, out long dueTicks)
    {
        ArgumentNullException.ThrowIfNull(reply);
        dueTicks = 0;
        number = -1;
        if (Find(reply.RequestId) is not { } found)
        {
            Interlocked.Increment(ref _unexpected);
            return AnswerKind.Unexpected;
        }

        number = found;
        ref Entry entry = ref At(number);
        int digest = DigestOf(
            reply.SettlementId, reply.TotalFen, reply.InScopeFen, reply.DeductibleFen, reply.FundPayFen, reply.CapUsedBeforeFen,
            reply.CapUsedAfterFen);
        if (entry.Known == Known.Sent && (entry.AskedAgain || !reply.Replayed))
        {
            dueTicks = entry.DueTicks;
            entry.AskedAgain = false;
            entry.Digest = digest;
            bool effective = reply.Decision is Decision.Settled or Decision.Cancelled;
            entry.Known = effective ? Known.Acknowledged : Known.Refused;
            if (reply.Decision == Decision.Settled) NoteCap(reply.CapFen);
            return effective ? AnswerKind.First : AnswerKind.Refusal;
        }

        if (!entry.AskedAgain)
        {
            Interlocked.Increment(ref _unexpected);
            return AnswerKind.Unexpected;
        }

        dueTicks = entry.DueTicks;
        entry.AskedAgain = false;
        Interlocked.Increment(ref _replays);
        if (!reply.Replayed || digest != entry.Digest) Interlocked.Increment(ref _replaysThatDiffer);
        return AnswerKind.Replay;
    }

    public void NoteOutOfOrder() => Interlocked.Increment(ref _outOfOrder);

    public Known KnownOf(int number) => number < 0 || number >= Count ? Known.Never : At(number).Known;

    /// <summary>The visit that an operation is about: a cancellation's is that of what it cancels.</summary>
    public Visit VisitOf(int number)
    {
        int cancels = At(number).Cancels;
        return Traffic.VisitOf(cancels < 0 ? number : cancels);
    }

    public bool IsCancel(int number) => At(number).Cancels >= 0;

    /// <summary>Whether the books repeat the answer.</summary>
    public bool Repeats(int number, SubLedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return At(number).Digest == DigestOf(
            entry.SettlementId, entry.TotalFen, entry.InScopeFen, entry.DeductibleFen, entry.FundPayFen, entry.CapUsedBeforeFen,
            entry.CapUsedAfterFen);
    }

    /// <returns>The number of the operation that made such a request; null where none did.</returns>
    public int? Find(string requestId) =>
        Traffic.Parse(requestId) is { } parsed && KnownOf(parsed.Number) != Known.Never && IsCancel(parsed.Number) == parsed.IsCancel
            ? parsed.Number
            : null;

    // The people of a run are all of one category: one cap. Were there two, the lower one would have to hold for all.
    private void NoteCap(long capFen)
    {
        long seen = Interlocked.Read(ref _capFen);
        while (seen == 0 || capFen < seen)
        {
            long before = Interlocked.CompareExchange(ref _capFen, capFen, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    private static int DigestOf(string settlementId, long total, long inScope, long deductible, long fundPay, long usedBefore,
        long usedAfter) =>
        HashCode.Combine(settlementId.GetHashCode(StringComparison.Ordinal), total, inScope, deductible, fundPay, usedBefore, usedAfter);

    private ref Entry At(int number) => ref _chunks[number >> ChunkBits]![number & (ChunkSize - 1)];

    private struct Entry
    {
        public long DueTicks;
        public int Cancels;
        public int Digest;
        public Known Known;
        public bool AskedAgain;
    }
}
