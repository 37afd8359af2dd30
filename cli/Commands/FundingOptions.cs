using System.CommandLine;
using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary>Options that several commands of the fund's money have, and how they read.</summary>
internal static class FundingOptions
{
    public static readonly Dictionary<string, DateKind> DateKinds = new(StringComparer.Ordinal)
    {
        ["posting"] = DateKind.ByPosting,
        ["business"] = DateKind.ByBusiness,
    };

    public static (Option<string> Key, Option<string> Actor, Option<string> Memo, Option<DateOnly?> On) Header() =>
    (
        new("--key")
        {
            Description = "The caller's key of this entry: the same command again under it enters nothing, another one is refused",
        },
        new("--actor") { Description = "Who enters it", DefaultValueFactory = _ => Environment.UserName },
        new("--memo") { Description = "At most 200 characters", DefaultValueFactory = _ => "" },
        CommonOptions.OptionalDay("--on", "Business date, yyyy-MM-dd; today unless given")
    );

    public static VoucherHeader HeaderOf(
        ParseResult parsed, Option<string> key, Option<string> actor, Option<string> memo, Option<DateOnly?> on) => new()
        {
            Key = parsed.GetRequiredValue(key),
            Actor = parsed.GetRequiredValue(actor),
            Memo = parsed.GetRequiredValue(memo),
            BusinessDate = Iso(parsed.GetValue(on)),
        };

    public static Option<string> County(bool required) => new("--county") { Description = "6-digit county code", Required = required };

    public static Option<int> Year(string description) => CommonOptions.YearOption("--year", description);

    public static Option<long> AmountFen() => new("--amount-fen") { Description = "In fen: 100 fen are 1 yuan", Required = true };

    public static Option<string> Month() => CommonOptions.MonthOption("--month", "Month of the visits, yyyy-MM");

    public static Option<string> By()
    {
        Option<string> by = OneOf("--by", "Which date of an entry counts", DateKinds.Keys, required: false);
        by.DefaultValueFactory = _ => "posting";
        return by;
    }

    public static Option<string> OneOf(string name, string description, IEnumerable<string> values, bool required = true)
    {
        Option<string> option = new(name) { Description = description, Required = required };
        option.AcceptOnlyFromAmong([.. values]);
        return option;
    }

    public static string Iso(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "";

    public static string Number(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
