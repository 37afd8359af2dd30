using System.CommandLine;
using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims insured</c>: what is registered of somebody, who is enrolled twice, and which ids are one person.</summary>
public static class InsuredCommand
{
    // Of the first notices.
    private const int FirstYear = 2021;

    private static readonly Dictionary<DuplicateKind, (string Code, string Label)> Kinds = new()
    {
        [DuplicateKind.TwoSchemes] = ("twoSchemes", "two schemes 两个险种"),
        [DuplicateKind.TwoCounties] = ("twoCounties", "two counties 两个区县"),
        [DuplicateKind.TwoIds] = ("twoIds", "two ids 两个编号"),
    };

    public static Command Create()
    {
        Command command = new("insured", "What decides an insured's visit, who is enrolled twice, and which ids are one person.")
        {
            Explain(),
            DuplicatesOf(),
            InsuredMerge.Create(),
        };
        return command.Reaching();
    }

    private static Command Explain() => RegistryCalls.Explain(
        new Argument<string>("ID") { Description = "The insured's id." },
        "Whether a visit of a day is covered and why, in Chinese, each sentence with its clause.",
        (office, id, on, asOf, options) =>
            office.ExplainInsuredAsync(new ExplainInsuredRequest { InsuredId = id, On = on, AsOf = asOf }, options));

    private static Command DuplicatesOf()
    {
        Option<int?> year = new("--year") { Description = $"Plan year; without it every one from {FirstYear} to the next." };
        year.Must(one => one is >= 2000 and <= 2100, "a year from 2000 to 2100");
        Option<bool> json = CommonOptions.Json();
        Command command = new("duplicates", "Who is enrolled twice in a plan year: in two schemes or counties, or under two ids.")
        {
            year,
            json,
        };
        command.SetAction((parsed, cancel) => RegistryCalls.CallAsync(parsed, async (office, options) =>
        {
            List<(int Year, Duplicate Duplicate)> found = [];
            int next = ChinaTime.Today(TimeProvider.System).Year + 1;
            foreach (int one in parsed.GetValue(year) is { } named ? [named] : Enumerable.Range(FirstYear, next - FirstYear + 1))
            {
                using AsyncServerStreamingCall<Duplicate> call =
                    office.ListDuplicates(new ListDuplicatesRequest { PlanYear = one }, options);
                await foreach (Duplicate duplicate in call.ResponseStream.ReadAllAsync(cancel)) found.Add((one, duplicate));
            }

            if (parsed.GetValue(json))
                Output.WriteJson(new { Duplicates = found.Select(one => Json(one.Year, one.Duplicate)) });
            else Print(found);
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static string Number(int year) => year.ToString(CultureInfo.InvariantCulture);

    private static object Json(int year, Duplicate duplicate) => new
    {
        PlanYear = year,
        Kind = Kinds[duplicate.Kind].Code,
        duplicate.InsuredId,
        duplicate.Scheme,
        duplicate.County,
        duplicate.OtherInsuredId,
        duplicate.OtherScheme,
        duplicate.OtherCounty,
        duplicate.Replaced,
    };

    private static void Print(List<(int Year, Duplicate Duplicate)> found)
    {
        Output.Table(["year 年度", "kind 类型", "insured", "scheme", "county", "insured", "scheme", "county", ""], found.Select(one => new[]
        {
            Number(one.Year), Kinds[one.Duplicate.Kind].Label, one.Duplicate.InsuredId, one.Duplicate.Scheme, one.Duplicate.County,
            one.Duplicate.OtherInsuredId, one.Duplicate.OtherScheme, one.Duplicate.OtherCounty,
            one.Duplicate.Replaced ? "first replaced 前者已被替换" : "",
        }));
        Output.Line(string.Create(CultureInfo.InvariantCulture, $"{found.Count:#,##0} found 共{found.Count}条."));
    }
}
