using System.Globalization;
using Claims.Ledger.Reconciliation;
using Claims.V1;

namespace Ledger.Tests.Reconciliation;

/// <summary>One settlement at a time. The period is 2025-06-10; an entry or a line is written kind, day of June, fund payment.</summary>
public sealed class SettlementComparisonTests
{
    public static TheoryData<string, string, string, string> Cases => new()
    {
        // what it is                                     the centre                the facility              differences
        { "both have it",                                 "S 10 500",               "S 10 500",               "" },
        { "both have it, the facility gives no day",      "S 10 500",               "S -- 500",               "" },
        { "both settled and cancelled",                   "S 10 500, C 10 -500",    "S 10 500, C 10 -500",    "" },
        { "both cancelled what was settled before",       "S 09 500, C 10 -500",    "C 10 -500",              "" },
        { "both cancelled and restored",                  "S 10 500, C 10 -500, R 10 500", "S 10 500, C 10 -500, S 10 500", "" },
        { "restored, the facility never cancelled",       "S 10 500, C 10 -500, R 10 500", "S 10 500",        "" },
        { "undone at once, the facility never heard",     "S 10 500, C 10 -500",    "",                       "" },
        { "settled and cancelled by the facility alone",  "",                       "S 10 500, C 10 -500",    "" },

        { "never arrived", "", "S 10 500", "MISSING_HERE SEND_AGAIN +1 500" },
        { "cancellation of what never arrived", "", "C 10 -500", "MISSING_HERE REMOVE_LINE -1 -500" },
        { "answer was lost", "S 10 500", "", "MISSING_THERE RECORD_OR_CANCEL -1 -500" },
        { "restoration was not recorded", "S 08 500, C 09 -500, R 10 500", "", "MISSING_THERE RECORD_RESTORATION -1 -500" },
        { "amount", "S 10 500", "S 10 499", "AMOUNT CORRECT_AMOUNT +0 -1" },
        { "amount of the cancellation", "S 09 500, C 10 -500", "C 10 -400", "AMOUNT CORRECT_AMOUNT +0 100" },
        { "pair of the facility's that does not cancel out", "",                    "S 10 500, C 10 -400",    "AMOUNT REMOVE_LINE +0 100" },
        { "cancelled here alone", "S 10 500, C 10 -500", "S 10 500", "CANCELLED_HERE RECORD_CANCELLATION +1 500" },
        { "cancelled here, settled before", "S 09 500, C 10 -500", "", "CANCELLED_HERE RECORD_CANCELLATION +1 500" },
        { "settled and cancelled here before", "S 08 500, C 09 -500", "S 10 500", "CANCELLED_HERE RECORD_CANCELLATION +1 500" },
        {
            "cancelled here alone, with another amount", "S 10 500, C 10 -500", "S 10 400",
            "AMOUNT CORRECT_AMOUNT +0 -100; CANCELLED_HERE RECORD_CANCELLATION +1 500"
        },
        { "cancelled there alone", "S 10 500", "S 10 500, C 10 -500", "CANCELLED_THERE SEND_CANCEL -1 -500" },
        { "cancelled there, settled before", "S 09 500", "C 10 -500", "CANCELLED_THERE SEND_CANCEL -1 -500" },
        {
            "cancelled there after it was restored here", "S 08 500, C 09 -500, R 09 500", "C 10 -500",
            "CANCELLED_THERE SEND_CANCEL -1 -500"
        },
        { "settled after midnight here", "S 11 500", "S 10 500", "OTHER_DAY CORRECT_DAY +1 500" },
        { "settled before midnight here", "S 09 500", "S 10 500", "OTHER_DAY CORRECT_DAY +1 500" },
        { "settled after midnight and cancelled later", "S 11 500, C 12 -500", "S 10 500", "OTHER_DAY CORRECT_DAY +1 500" },
        { "cancelled after midnight here", "S 10 500, C 11 -500", "S 10 500, C 10 -500", "OTHER_DAY CORRECT_DAY -1 -500" },
        { "another day on the line", "S 10 500", "S 09 500", "OTHER_DAY CORRECT_DAY +0 0" },
        {
            "settled before, cancelled here", "S 09 500, C 10 -500", "S 10 500",
            "OTHER_DAY CORRECT_DAY +1 500; CANCELLED_HERE RECORD_CANCELLATION +1 500"
        },
        { "listed twice", "S 10 500", "S 10 500, S 10 500", "DUPLICATE REMOVE_LINE +1 500" },
        {
            "listed three times, first with another amount", "S 10 500", "S 10 400, S 10 500, S 10 500",
            "DUPLICATE REMOVE_LINE +1 400; DUPLICATE REMOVE_LINE +1 500"
        },
        { "listed twice, unknown here", "", "S 10 500, S 10 500", "DUPLICATE REMOVE_LINE +1 500; MISSING_HERE SEND_AGAIN +1 500" },
        { "listed twice and cancelled once", "S 10 500, C 10 -500", "S 10 500, S 10 500, C 10 -500", "DUPLICATE REMOVE_LINE +1 500" },
        { "cancellation listed twice", "S 10 500, C 10 -500", "S 10 500, C 10 -500, C 10 -500", "DUPLICATE REMOVE_LINE -1 -500" },
        {
            "listed again although it was restored, not cancelled", "S 10 500, C 10 -500, R 10 500", "S 10 500, S 10 500",
            "DUPLICATE REMOVE_LINE +1 500"
        },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Settlement_of_two_sides_comes_to_its_differences(string what, string centre, string facility, string expected)
    {
        SettlementCase settlement = new(EntriesOf(centre), LinesOf(facility));

        List<LineDifference> differences = SettlementComparison.Of(Tenth, settlement);

        Assert.Equal((what, expected), (what, Text(differences)));
        Assert.All(differences, difference => Assert.NotEmpty(difference.ActionText));
        AssertAddsUp(settlement, differences);
    }

    [Fact]
    public void Line_of_another_facility_and_line_of_a_reversed_request_have_their_own_causes()
    {
        SettlementCase line = new([], LinesOf("S 10 500"));

        Assert.Equal("OTHER_FACILITY REMOVE_LINE +1 500", Text(SettlementComparison.Of(Tenth, line with { Foreign = true })));
        Assert.Equal("MISSING_HERE SEND_AS_NEW +1 500", Text(SettlementComparison.Of(Tenth, line with { Reversed = true })));
    }

    [Fact]
    public void Bill_that_the_centre_has_under_another_request_is_neither_sent_again_nor_entered()
    {
        SettlementCase twin = new([], [], Twin: "2025-01-0000000077");

        LineDifference unlisted = Assert.Single(SettlementComparison.Of(Tenth, twin with { Entries = EntriesOf("S 10 500") }));
        LineDifference unknown = Assert.Single(SettlementComparison.Of(Tenth, twin with { Lines = LinesOf("S 10 500") }));

        Assert.Equal(
            (DifferenceCause.SettledTwice, ProposedAction.CancelOrRecord, "疑重复结算（2025-01-0000000077）", "2025-01-0000000077"),
            (unlisted.Cause, unlisted.Action, unlisted.CauseText, unlisted.TwinSettlementId));
        Assert.Equal(
            (DifferenceCause.MissingHere, ProposedAction.CheckBeforeSending, "中心无此请求，但已有同人、同日、同额的一笔（2025-01-0000000077）"),
            (unknown.Cause, unknown.Action, unknown.CauseText));
        Assert.Equal("MISSING_THERE RECORD_RESTORATION -1 -500",
            Text(SettlementComparison.Of(Tenth, twin with { Entries = EntriesOf("S 08 500, C 09 -500, R 10 500") })));
    }

    [Fact]
    public void Duplicate_names_the_line_that_lists_it_before()
    {
        LineDifference difference =
            Assert.Single(SettlementComparison.Of(Tenth, new SettlementCase(EntriesOf("S 10 500"), LinesOf("S 10 500, S 10 500"))));

        Assert.Equal((2L, 1L, "重复，与第 1 行同一笔"), (difference.Line.LineNumber, difference.TwinLineNumber, difference.CauseText));
    }

    [Theory]
    [InlineData("2025-06-09", "2025-06-10", DayBasis.SettlementDay, "日期不符：就诊日期本院 2025-06-09、中心 2025-06-10")]
    [InlineData("2025-06-10", "2025-06-11", DayBasis.SettlementDay, "日期不符：结算日期本院 2025-06-11、中心 2025-06-10")]
    [InlineData("2025-06-09", "2025-06-11", DayBasis.SettlementDay,
        "日期不符：就诊日期本院 2025-06-09、中心 2025-06-10；结算日期本院 2025-06-11、中心 2025-06-10")]
    [InlineData("2025-06-09", "", DayBasis.VisitDay, "日期不符：就诊日期本院 2025-06-09、中心 2025-06-10")]
    public void Other_day_names_the_day_that_differs_of_either_side(string visit, string settled, DayBasis basis, string text)
    {
        ListedLine line = LinesOf("S 10 500")[0] with
        {
            VisitDate = DateOnly.Parse(visit, CultureInfo.InvariantCulture),
            SettledOn = settled.Length == 0 ? null : DateOnly.Parse(settled, CultureInfo.InvariantCulture),
        };

        Assert.Equal(text, Assert.Single(SettlementComparison.Of(
            Tenth with { Basis = basis }, new SettlementCase(EntriesOf("S 10 500"), [line]))).CauseText);
    }

    [Theory]
    [InlineData(VisitType.Unspecified, "")]
    [InlineData(VisitType.Ordinary, "")]
    [InlineData(VisitType.PrenatalCheck, "OTHER_VISIT_TYPE CORRECT_VISIT_TYPE +0 0")]
    public void Visit_type_is_compared_where_it_is_given(VisitType type, string expected) => Assert.Equal(expected,
        Text(SettlementComparison.Of(
            Tenth, new SettlementCase(EntriesOf("S 10 500"), [LinesOf("S 10 500")[0] with { VisitType = type }]))));

    [Theory]
    [InlineData("other insured", "OTHER_ID CORRECT_ID +0 0")]
    [InlineData("other settlement", "OTHER_ID CORRECT_ID +0 0")]
    [InlineData("other request", "OTHER_ID CORRECT_ID +0 0")]
    [InlineData("no request", "")]
    [InlineData("no settlement", "")]
    public void Line_that_names_another_id_too_is_told(string change, string expected)
    {
        ListedLine line = LinesOf("S 10 500")[0];
        line = change switch
        {
            "other insured" => line with { InsuredId = "P2" },
            "other settlement" => line with { SettlementId = "2025-01-0000000099" },
            "other request" => line with { RequestId = "R99" },
            "no request" => line with { RequestId = "" },
            _ => line with { SettlementId = "" },
        };

        Assert.Equal(expected, Text(SettlementComparison.Of(Tenth, new SettlementCase(EntriesOf("S 10 500"), [line]))));
    }

    [Theory]
    [InlineData("S 10 500, C 12 -500", "", "")]
    [InlineData("S 10 500, C 12 -500", "S 10 500", "CANCELLED_HERE RECORD_CANCELLATION +1 500")]
    [InlineData("S 12 500", "S 10 500", "")]
    public void Day_of_the_visit_also_takes_in_later_cancellations(string centre, string facility, string expected) =>
        Assert.Equal(expected, Text(SettlementComparison.Of(
            Tenth with { Basis = DayBasis.VisitDay }, new SettlementCase(EntriesOf(centre), LinesOf(facility)))));

    [Fact]
    public void Other_visit_day_of_a_settlement_outside_the_period_is_told()
    {
        CentreRecord entry = EntriesOf("S 10 500")[0] with { VisitDate = new DateOnly(2025, 6, 9) };

        Assert.Equal("OTHER_DAY CORRECT_DAY +1 500",
            Text(SettlementComparison.Of(Tenth with { Basis = DayBasis.VisitDay }, new SettlementCase([entry], LinesOf("S 10 500")))));
    }

    private static Period Tenth => new(new DateOnly(2025, 6, 10), new DateOnly(2025, 6, 10), DayBasis.SettlementDay);

    /// <summary>Everything that the totals differ by stands in exactly one difference.</summary>
    private static void AssertAddsUp(SettlementCase settlement, List<LineDifference> differences)
    {
        SettlementTotals centre = TotalsComparison.Sum(settlement.Entries.Where(Tenth.Has).Select(entry => entry.Totals));
        SettlementTotals facility = TotalsComparison.Sum(settlement.Lines.Select(line => line.Totals));
        SettlementTotals centreTold = TotalsComparison.Sum(differences.Select(difference => difference.Centre));
        SettlementTotals facilityTold = TotalsComparison.Sum(differences.Select(difference => difference.Facility));
        Assert.Equal(
            (facility.Count - centre.Count, facility.TotalFen - centre.TotalFen, facility.FundPayFen - centre.FundPayFen),
            (facilityTold.Count - centreTold.Count, facilityTold.TotalFen - centreTold.TotalFen,
                facilityTold.FundPayFen - centreTold.FundPayFen));
    }

    /// <summary>Cause, action, and what the facility has more by it: settlements and fund payment.</summary>
    private static string Text(IEnumerable<LineDifference> differences) => string.Join("; ", differences.Select(difference => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name(difference.Cause)} {Name(difference.Action)} {difference.Facility.Count - difference.Centre.Count:+0;-0;+0} {difference.Facility.FundPayFen - difference.Centre.FundPayFen}")));

    private static string Name(DifferenceCause cause) =>
        LineDifference.Descriptor.FindFieldByName("cause").EnumType.FindValueByNumber((int)cause).Name;

    private static string Name(ProposedAction action) =>
        LineDifference.Descriptor.FindFieldByName("action").EnumType.FindValueByNumber((int)action).Name;

    private static List<CentreRecord> EntriesOf(string text) => [.. Parts(text).Select((part, index) => new CentreRecord(
        part.Kind switch { 'S' => "SETTLEMENT", 'C' => "CANCELLATION", _ => "RESTORATION" },
        index == 0 ? "2025-01-0000000001" : $"2025-01-000000010{index}",
        index == 0 ? "" : "2025-01-0000000001",
        index == 0 ? "R1" : $"R10{index}",
        index == 0 ? "" : "R1",
        "P1",
        new DateOnly(2025, 6, 10),
        part.Day!.Value,
        VisitType.Ordinary,
        2 * part.FundPayFen,
        part.FundPayFen))];

    private static List<ListedLine> LinesOf(string text) => [.. Parts(text).Select((part, index) => new ListedLine(
        index + 1, part.Kind == 'C', "2025-01-0000000001", part.Kind == 'C' ? "" : "R1", part.Kind == 'C' ? "R1" : "", "P1", null, part.Day,
        VisitType.Unspecified, 2 * part.FundPayFen, part.FundPayFen))];

    private static IEnumerable<(char Kind, DateOnly? Day, long FundPayFen)> Parts(string text) =>
        text.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split(' ')).Select(part =>
            (part[0][0], part[1] == "--" ? (DateOnly?)null : new DateOnly(2025, 6, int.Parse(part[1], CultureInfo.InvariantCulture)),
                long.Parse(part[2], CultureInfo.InvariantCulture)));
}
