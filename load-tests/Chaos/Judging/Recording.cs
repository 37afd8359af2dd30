using Claims.Cli.Demo;
using Claims.LoadTests.Chaos.Calls;

namespace Claims.LoadTests.Chaos.Judging;

/// <summary>A row of the sub-ledger. Amounts in fen, negative where they are taken back.</summary>
/// <param name="Key">Of the request that made it; empty of numbers that were lost.</param>
/// <param name="VisitDate">Null where it names none.</param>
public sealed record Row(
    int Shard, long Sequence, string Kind, string SettlementId, string OriginalSettlementId, RequestKey Key, DateOnly? VisitDate,
    long TotalFen, long DeductibleFen, long FundPayFen, long UsedBeforeFen, long UsedAfterFen)
{
    public const string Settlement = "SETTLEMENT";
    public const string Cancellation = "CANCELLATION";
    public const string Restoration = "RESTORATION";
    public const string RequestOnly = "REQUEST_ONLY";
    public const string NumbersLost = "NUMBERS_LOST";

    /// <summary>Where it lies, for a message.</summary>
    public string Place => $"shard {Shard} row {Sequence}";
}

/// <summary>What Adjudication says an insured's year holds.</summary>
/// <param name="BorneFen">Deductible by facility and day, without those of 0.</param>
/// <param name="Standing">Request ids of the settlements that stand, with their facilities.</param>
public sealed record Held(
    string InsuredId, int Year, long FundPaidFen, IReadOnlyDictionary<(string Facility, DateOnly Day), long> BorneFen,
    IReadOnlyCollection<(string Facility, string RequestId)> Standing);

/// <summary>The ledger's own fold of an insured's year.</summary>
public sealed record YearOfBooks(string InsuredId, int Year, long CappedFundPayFen, long StandingSettlements);

/// <summary>The general ledger, as the ledger sums it and as its tables have it.</summary>
/// <param name="JournalsApart">Journals whose postings do not sum to zero.</param>
public sealed record GeneralLedger(long DebitFen, long CreditFen, long JournalsApart, long FundPaidFen, long StandingSettlements);

/// <summary>Everything that is known of a run once it has come to rest.</summary>
/// <param name="Rows">In order of shard and sequence.</param>
/// <param name="Years">By insured and year.</param>
/// <param name="Watermarks">What each shard has given out and what is booked, by shard.</param>
/// <param name="Statuses">Answers that the contract does not know, and how often.</param>
/// <param name="Others">What the services find themselves: the ledger's verification, the rebuild's comparison.</param>
public sealed record Recording(
    IReadOnlyList<Call> Calls, IReadOnlyList<Row> Rows, IReadOnlyList<Held> Held, IReadOnlyList<YearOfBooks> Years,
    GeneralLedger GeneralLedger, IReadOnlyList<(int Shard, long Given, long Booked)> Watermarks,
    IReadOnlyDictionary<string, long> Statuses, IReadOnlyList<Check> Others);
