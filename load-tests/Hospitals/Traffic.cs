using System.Globalization;
using Claims.V1;

namespace Claims.LoadTests.Hospitals;

/// <summary>What a scenario's hospitals send. Shares are of all operations, from 0 to 1; what is left is visits drawn evenly.</summary>
/// <param name="Cancels">Cancellations of a settlement that was answered shortly before.</param>
/// <param name="Replays">Requests sent a second time after they were answered.</param>
/// <param name="HotInsured">The share of visits that are those of one insured.</param>
/// <param name="HotFacility">The share of visits at one facility.</param>
public sealed record Mix(double Cancels = 0, double Replays = 0, double HotInsured = 0, double HotFacility = 0);

/// <summary>Facility, insured and cost of one visit.</summary>
/// <param name="Facility">As <see cref="Workload.FacilityCode"/> numbers them.</param>
/// <param name="Insured">As <see cref="Workload.InsuredId"/> numbers them.</param>
public readonly record struct Visit(int Facility, int Insured, int TotalFen);

/// <summary>
/// The operations of a run by their number. A visit follows from its number alone, so that neither it nor its request has to be kept.
/// </summary>
/// <param name="insured">How many people there are.</param>
public sealed class Traffic(Mix mix, int insured)
{
    /// <summary>Whom the share of <see cref="Mix.HotInsured"/> belongs to.</summary>
    public const int HotInsured = 0;

    /// <summary>Where the share of <see cref="Mix.HotFacility"/> goes.</summary>
    public const int HotFacility = 1;

    private const int Digits = 9;
    private const char SettlePrefix = 'V';
    private const char CancelPrefix = 'C';
    private const ulong VisitSalt = 0x5649_5349_5400_0000;
    private const ulong LotSalt = 0x4C4F_5453_0000_0000;

    public Mix Mix { get; } = mix;

    public int Insured { get; } = insured;

    public Visit VisitOf(int number)
    {
        Draws draws = new(number, VisitSalt);
        int person = draws.Share() < Mix.HotInsured ? HotInsured : draws.Below(Insured);
        int facility = draws.Share() < Mix.HotFacility ? HotFacility : 1 + draws.Below(Workload.Facilities);
        return new Visit(facility, person, Workload.MinTotalFen + draws.Below(Workload.MaxTotalFen - Workload.MinTotalFen + 1));
    }

    /// <summary>Where in the shares of cancellations, replays and visits an operation falls, from 0 to 1.</summary>
    public static double LotOf(int number) => new Draws(number, LotSalt).Share();

    public SettleRequest Settle(int number)
    {
        Visit visit = VisitOf(number);
        return new SettleRequest
        {
            RequestId = SettleId(number),
            FacilityCode = Workload.FacilityCode(visit.Facility),
            InsuredId = Workload.InsuredId(visit.Insured),
            VisitDate = Workload.VisitDate,
            VisitType = VisitType.Ordinary,
            TotalFen = visit.TotalFen,
            InScopeFen = visit.TotalFen,
        };
    }

    /// <param name="number">Its own.</param>
    /// <param name="settlement">The number of what it cancels.</param>
    public CancelRequest Cancel(int number, int settlement)
    {
        Visit visit = VisitOf(settlement);
        return new CancelRequest
        {
            RequestId = CancelId(number),
            FacilityCode = Workload.FacilityCode(visit.Facility),
            InsuredId = Workload.InsuredId(visit.Insured),
            OriginalRequestId = SettleId(settlement),
        };
    }

    public static string SettleId(int number) => string.Create(CultureInfo.InvariantCulture, $"{SettlePrefix}{number:D9}");

    public static string CancelId(int number) => string.Create(CultureInfo.InvariantCulture, $"{CancelPrefix}{number:D9}");

    /// <returns>The number of the operation, and whether it is a cancellation; null where no such request was ever made here.</returns>
    public static (int Number, bool IsCancel)? Parse(string requestId) =>
        requestId.Length == Digits + 1 && requestId[0] is SettlePrefix or CancelPrefix
        && int.TryParse(requestId.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? (number, requestId[0] == CancelPrefix)
            : null;

    /// <summary>SplitMix64: numbers that look drawn by lot and are the same each time.</summary>
    private struct Draws(int number, ulong salt)
    {
        private ulong _state = Mixed(unchecked((ulong)number ^ salt));

        public double Share() => (Next() >> 11) * (1.0 / (1UL << 53));

        public int Below(int bound) => (int)(Share() * bound);

        private ulong Next()
        {
            _state = unchecked(_state + 0x9E37_79B9_7F4A_7C15);
            return Mixed(_state);
        }

        private static ulong Mixed(ulong value)
        {
            unchecked
            {
                value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
                value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
                return value ^ (value >> 31);
            }
        }
    }
}
