using System.Globalization;

namespace Claims.LoadTests.Chaos.Calls;

/// <summary>
/// What one hospital does, operation by operation, from the seed alone; only the date is told, since its clock may be made to jump. It
/// does not look at answers: it cancels what was refused, repeats what is open and reverses what it never sent, as hospitals do.
/// </summary>
/// <param name="lane">The hospital's number; the people whom it sees are its own.</param>
/// <param name="operations">How many operations it may come to.</param>
public sealed class Script(int seed, int lane, int operations)
{
    /// <summary>Whom a hospital sees at one time; each of them for some forty operations.</summary>
    public const int PeopleAtOnce = 12;

    private const int OperationsAPerson = 40;
    private const int Remembered = 48;

    private readonly Random _random = new(unchecked((seed * 1_000_003) + lane));
    private readonly List<Op> _recent = [];
    private readonly Queue<Op> _late = new();
    private int _number;

    /// <summary>All people that a hospital may come to see.</summary>
    public static int People(int operations) => PeopleAtOnce + (operations / OperationsAPerson) + 1;

    /// <param name="AtOnceTwice">It is sent twice at the same time, over two ways.</param>
    public readonly record struct Step(Op Op, bool AtOnceTwice);

    /// <summary>The day on the hospital's calendar when nobody moves its clock: three days before New Year to three days after.</summary>
    public DateOnly Today => new DateOnly(City.Years[0], 12, 29).AddDays(Math.Min(6, _number * 6 / Math.Max(operations, 1)));

    public Step Next(DateOnly today)
    {
        _number++;
        double lot = _random.NextDouble();
        if (_late.Count > 0 && _random.NextDouble() < 0.4) return new Step(Remember(_late.Dequeue()), false);
        if (_recent.Count == 0) return new Step(Remember(Visit(today)), false);
        return lot switch
        {
            < 0.10 => new Step(Earlier(_ => true) ?? Remember(Visit(today)), false),
            < 0.14 => new Step(Conflicting(today), false),
            < 0.26 => new Step(Remember(Undo(OpKind.Cancel, OpKind.Settle, today)), false),
            < 0.33 => new Step(Remember(Undo(OpKind.Reverse, OpKind.Settle, today)), false),
            < 0.38 => new Step(Remember(Undo(OpKind.Reverse, OpKind.Cancel, today)), false),
            < 0.42 => new Step(Remember(ReversedBeforeItCame(today)), false),
            < 0.46 => new Step(Remember(Visit(today)), true),
            < 0.47 => new Step(Visit(today) with { Key = Key() with { InsuredId = "410105UNKNOWN" } }, false),
            < 0.48 => new Step(Visit(today) with { Key = Key() with { FacilityCode = "H410105UNKNOWN" } }, false),
            _ => new Step(Remember(Visit(today)), false),
        };
    }

    private Op Visit(DateOnly today)
    {
        RequestKey key = Key();
        // Some come a day or two after the visit; a fifth stay below the deductible.
        int daysLate = _random.NextDouble() < 0.2 ? _random.Next(1, 3) : 0;
        long totalFen = _random.NextDouble() < 0.2 ? _random.Next(500, 4_000) : _random.Next(4_000, 30_000);
        string visitId = _random.NextDouble() < 0.2
            ? string.Create(CultureInfo.InvariantCulture, $"V{lane}-{key.InsuredId[^4..]}-{_random.Next(3)}")
            : "";
        return new Op(OpKind.Settle, key, today.AddDays(-daysLate), totalFen, visitId);
    }

    /// <summary>Another content under a request id that is in use.</summary>
    private Op Conflicting(DateOnly today) => Earlier(op => op.Kind == OpKind.Settle) is { } earlier
        ? earlier with { TotalFen = earlier.TotalFen + 1 + _random.Next(100) }
        : Remember(Visit(today));

    private Op Undo(OpKind kind, OpKind what, DateOnly today) => Earlier(op => op.Kind == what) is { } earlier
        ? new Op(kind, earlier.Key with { RequestId = RequestId() }, Target: earlier.Key.RequestId)
        : Visit(today);

    /// <summary>The reversal comes first, and the original late.</summary>
    private Op ReversedBeforeItCame(DateOnly today)
    {
        Op original = Visit(today);
        _late.Enqueue(original);
        return new Op(OpKind.Reverse, original.Key with { RequestId = RequestId() }, Target: original.Key.RequestId);
    }

    private Op? Earlier(Func<Op, bool> wanted)
    {
        for (int attempt = 0; attempt < 8; attempt++)
        {
            // Mostly one of the newest: their answers may still be on their way.
            double share = _random.NextDouble();
            Op op = _recent[_recent.Count - 1 - (int)(share * share * _recent.Count)];
            if (wanted(op)) return op;
        }

        return null;
    }

    private Op Remember(Op op)
    {
        _recent.Add(op);
        if (_recent.Count > Remembered) _recent.RemoveAt(0);
        return op;
    }

    private RequestKey Key()
    {
        // A run that takes longer than planned stays with those whom it sees last.
        int seen = Math.Min(_number, operations) / OperationsAPerson;
        int person = (lane * People(operations)) + seen + _random.Next(PeopleAtOnce);
        // Everybody goes to three facilities, one of each class, so that days and visits meet.
        int facility = ((person * 3) + _random.Next(3)) % City.Facilities;
        return new RequestKey(City.InsuredId(person), City.FacilityCode(facility), RequestId());
    }

    private int _requests;

    private string RequestId() => string.Create(CultureInfo.InvariantCulture, $"L{lane:00}-{_requests++:000000}");
}
