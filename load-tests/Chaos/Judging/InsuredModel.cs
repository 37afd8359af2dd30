using Claims.LoadTests.Chaos.Calls;
using Claims.Rules;

namespace Claims.LoadTests.Chaos.Judging;

/// <summary>What a request must be answered. Amounts in fen, negative where they are taken back.</summary>
public readonly record struct Said(
    string Outcome, string Reason, long DeductibleFen = 0, long FundPayFen = 0, long UsedBeforeFen = 0, long UsedAfterFen = 0)
{
    public static Said Refused(string reason) => new(Reply.Refused, reason);

    /// <remarks>A reversal of nothing has no figures of its own.</remarks>
    public bool Is(Reply reply) => reply.Outcome == Outcome && Outcome switch
    {
        Reply.Refused => reply.Reason == Reason,
        Reply.NothingToUndo => true,
        _ => (reply.DeductibleFen, reply.FundPayFen, reply.UsedBeforeFen, reply.UsedAfterFen)
            == (DeductibleFen, FundPayFen, UsedBeforeFen, UsedAfterFen),
    };

    public override string ToString() =>
        Outcome == Reply.Refused ? Reason : $"{Outcome} deductible {DeductibleFen} pays {FundPayFen} used {UsedBeforeFen}→{UsedAfterFen}";
}

/// <summary>What a model keeps to: canaries switch one off to make what the judge must notice.</summary>
[Flags]
public enum Kept
{
    None = 0,
    OnceOnly = 1,
    Cap = 2,
    SameDay = 4,
    All = OnceOnly | Cap | SameDay,
}

/// <summary>
/// All that is known of one insured, and what follows from it: one request after the other, in plain dictionaries, sharing nothing with the
/// script but the policy's values.
/// </summary>
/// <param name="today">Visits after it are in the future.</param>
public sealed class InsuredModel(Tariffs tariffs, DateOnly today, Kept kept = Kept.All)
{
    private readonly Dictionary<(string Facility, string Request), Stored> _stored = [];
    private readonly Dictionary<int, long> _usedFen = [];
    private readonly Dictionary<(string Facility, DateOnly Day), long> _borneFen = [];
    private readonly Dictionary<(string Facility, string Visit), Stored> _visits = [];
    private int _order;

    private enum State
    {
        Stands,
        Cancelled,
        Reversed,
        Undone,
    }

    public IReadOnlyDictionary<int, long> UsedFen => _usedFen;

    public IReadOnlyDictionary<(string Facility, DateOnly Day), long> BorneFen => _borneFen;

    public IEnumerable<Op> Standing => _stored.Values
        .Where(stored => stored is { Op.Kind: OpKind.Settle, State: State.Stands, Tombstone: false })
        .Select(stored => stored.Op);

    /// <summary>What the request would be answered now; nothing comes of it.</summary>
    public Said Ask(Op op) => Take(op, apply: false);

    /// <summary>The request is taken, with all its effects.</summary>
    public Said Apply(Op op) => Take(op, apply: true);

    private Said Take(Op op, bool apply)
    {
        ArgumentNullException.ThrowIfNull(op);
        if (op.Kind == OpKind.Settle && op.VisitDate > today) return Said.Refused(Reasons.VisitInFuture);
        if (kept.HasFlag(Kept.OnceOnly) && _stored.TryGetValue((op.Key.FacilityCode, op.Key.RequestId), out Stored? earlier))
            return Again(op, earlier);
        return op.Kind switch
        {
            OpKind.Settle => Settle(op, apply),
            OpKind.Cancel => Cancel(op, apply),
            _ => Reverse(op, apply),
        };
    }

    private static Said Again(Op op, Stored earlier)
    {
        if (earlier.Tombstone) return Said.Refused(Reasons.RequestReversed);
        if (earlier.Op != op) return Said.Refused(Reasons.DuplicateConflict);
        return earlier.State switch
        {
            State.Cancelled => Said.Refused(Reasons.RequestCancelled),
            State.Reversed or State.Undone => Said.Refused(Reasons.RequestReversed),
            _ => earlier.Said,
        };
    }

    private Said Settle(Op op, bool apply)
    {
        string facility = op.Key.FacilityCode;
        if (tariffs.Of(facility, op.VisitDate) is not { } tariff) return Said.Refused(Reasons.FacilityUnknown);
        if (!op.Key.InsuredId.All(char.IsAsciiDigit)) return Said.Refused(Reasons.InsuredUnknown);
        if (op.VisitId.Length > 0 && _visits.ContainsKey((facility, op.VisitId))) return Said.Refused(Reasons.VisitAlreadySettled);
        long usedFen = _usedFen.GetValueOrDefault(op.VisitDate.Year);
        long borneFen = kept.HasFlag(Kept.SameDay) ? _borneFen.GetValueOrDefault((facility, op.VisitDate)) : 0;
        long deductibleFen = Math.Clamp(tariff.DeductibleFen - borneFen, 0, op.TotalFen);
        long shareFen = (long)Math.Round((op.TotalFen - deductibleFen) * tariff.RateBasisPoints / 10_000m, MidpointRounding.AwayFromZero);
        long payFen = kept.HasFlag(Kept.Cap) ? Math.Min(shareFen, Math.Max(0, tariff.CapFen - usedFen)) : shareFen;
        Said said = new(Reply.Settled, "", deductibleFen, payFen, usedFen, usedFen + payFen);
        if (apply) Stand(Put(new Stored(op, said)));
        return said;
    }

    private Said Cancel(Op op, bool apply)
    {
        if (Target(op) is not { Op.Kind: OpKind.Settle, Tombstone: false } target) return Said.Refused(Reasons.SettlementUnknown);
        if (target.State != State.Stands) return Said.Refused(Reasons.AlreadyCancelled);
        if (IsBlocked(target)) return Said.Refused(Reasons.CancelBlockedByLaterSettlement);
        Said said = Mirror(Reply.Cancelled, target, -1);
        if (apply)
        {
            Put(new Stored(op, said) { Undid = target });
            Fall(target, State.Cancelled);
        }

        return said;
    }

    private Said Reverse(Op op, bool apply)
    {
        Stored? target = Target(op);
        if (target is { Op.Kind: OpKind.Settle, Tombstone: false, State: State.Stands })
        {
            if (IsBlocked(target)) return Said.Refused(Reasons.CancelBlockedByLaterSettlement);
            Said undone = Mirror(Reply.SettlementUndone, target, -1);
            if (apply)
            {
                Put(new Stored(op, undone));
                Fall(target, State.Reversed);
            }

            return undone;
        }

        if (target is { Op.Kind: OpKind.Cancel, State: State.Stands, Undid: { } settlement })
        {
            if (!MayStandAgain(settlement)) return Said.Refused(Reasons.RestoreImpossible);
            Said restored = Mirror(Reply.CancellationUndone, settlement, 1);
            if (apply)
            {
                Put(new Stored(op, restored));
                Stand(settlement);
                target.State = State.Undone;
            }

            return restored;
        }

        Said nothing = new(Reply.NothingToUndo, "");
        if (apply)
        {
            Put(new Stored(op, nothing));
            if (target is null) _stored[(op.Key.FacilityCode, op.Target)] = new Stored(op, nothing) { Tombstone = true };
        }

        return nothing;
    }

    private Stored? Target(Op op) => _stored.GetValueOrDefault((op.Key.FacilityCode, op.Target));

    /// <summary>Whoever bore a day's deductible is undone after those whom it spared.</summary>
    private bool IsBlocked(Stored settlement) => settlement.Said.DeductibleFen > 0 && _stored.Values.Any(other =>
        other is { Op.Kind: OpKind.Settle, Tombstone: false, State: State.Stands } && other.Order > settlement.Order
        && other.Op.Key.FacilityCode == settlement.Op.Key.FacilityCode && other.Op.VisitDate == settlement.Op.VisitDate);

    private bool MayStandAgain(Stored settlement)
    {
        Op op = settlement.Op;
        Tariff tariff = tariffs.Of(op.Key.FacilityCode, op.VisitDate)!;
        (long deductibleFen, long payFen) = (settlement.Said.DeductibleFen, settlement.Said.FundPayFen);
        bool capHasRoom = payFen == 0 || _usedFen.GetValueOrDefault(op.VisitDate.Year) + payFen <= tariff.CapFen;
        bool dayHasRoom = deductibleFen == 0
            || _borneFen.GetValueOrDefault((op.Key.FacilityCode, op.VisitDate)) + deductibleFen <= tariff.DeductibleFen;
        return capHasRoom && dayHasRoom && (op.VisitId.Length == 0 || !_visits.ContainsKey((op.Key.FacilityCode, op.VisitId)));
    }

    private Said Mirror(string outcome, Stored settlement, int sign)
    {
        long usedFen = _usedFen.GetValueOrDefault(settlement.Op.VisitDate.Year);
        long payFen = sign * settlement.Said.FundPayFen;
        return new Said(outcome, "", sign * settlement.Said.DeductibleFen, payFen, usedFen, usedFen + payFen);
    }

    private Stored Put(Stored stored)
    {
        _stored[(stored.Op.Key.FacilityCode, stored.Op.Key.RequestId)] = stored;
        return stored;
    }

    private void Stand(Stored settlement)
    {
        settlement.State = State.Stands;
        settlement.Order = ++_order;
        Move(settlement, 1);
        if (settlement.Op.VisitId.Length > 0) _visits[(settlement.Op.Key.FacilityCode, settlement.Op.VisitId)] = settlement;
    }

    private void Fall(Stored settlement, State state)
    {
        settlement.State = state;
        Move(settlement, -1);
        if (settlement.Op.VisitId.Length > 0) _visits.Remove((settlement.Op.Key.FacilityCode, settlement.Op.VisitId));
    }

    private void Move(Stored settlement, int sign)
    {
        Op op = settlement.Op;
        _usedFen[op.VisitDate.Year] = _usedFen.GetValueOrDefault(op.VisitDate.Year) + (sign * settlement.Said.FundPayFen);
        (string, DateOnly) day = (op.Key.FacilityCode, op.VisitDate);
        _borneFen[day] = _borneFen.GetValueOrDefault(day) + (sign * settlement.Said.DeductibleFen);
    }

    private sealed class Stored(Op op, Said said)
    {
        public Op Op { get; } = op;

        public Said Said { get; } = said;

        public State State { get; set; }

        public int Order { get; set; }

        /// <summary>Nothing but a mark: what it names was reversed before it came.</summary>
        public bool Tombstone { get; init; }

        public Stored? Undid { get; init; }
    }
}
