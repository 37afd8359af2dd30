using System.CommandLine;
using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims insured</c>: what is registered of somebody, who is enrolled twice, and which ids are one person.</summary>
public static class InsuredCommand
{
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

    private static Command Explain()
    {
        Argument<string> id = new("ID") { Description = "The insured's id." };
        Option<DateOnly?> on = CommonOptions.OptionalDay("--on", "Day of the visit, yyyy-MM-dd; without it today.");
        Option<DateOnly?> asOf = RegistryCalls.AsOf();
        Option<bool> json = CommonOptions.Json();
        Command command = new("explain", "Whether a visit of a day is covered and why, in Chinese, each sentence with its clause.")
        {
            id,
            on,
            asOf,
            json,
        };
        command.SetAction((parsed, cancel) => RegistryCalls.CallAsync(parsed, async (office, options) => RegistryCalls.Print(
            await office.ExplainInsuredAsync(new ExplainInsuredRequest
            {
                InsuredId = parsed.GetRequiredValue(id),
                On = RegistryCalls.Iso(parsed.GetValue(on)),
                AsOf = RegistryCalls.Iso(parsed.GetValue(asOf)),
            }, options), parsed.GetValue(json)), cancel));
        return command;
    }

    private static Command DuplicatesOf()
    {
        Option<int> year = CommonOptions.YearOption("--year", "Plan year.");
        Option<bool> json = CommonOptions.Json();
        Command command = new("duplicates", "Who is enrolled twice in a plan year: in two schemes or counties, or under two ids.")
        {
            year,
            json,
        };
        command.SetAction((parsed, cancel) => RegistryCalls.CallAsync(parsed, async (office, options) =>
        {
            using AsyncServerStreamingCall<Duplicate> call =
                office.ListDuplicates(new ListDuplicatesRequest { PlanYear = parsed.GetRequiredValue(year) }, options);
            List<Duplicate> found = [];
            await foreach (Duplicate duplicate in call.ResponseStream.ReadAllAsync(cancel)) found.Add(duplicate);
            if (parsed.GetValue(json))
                Output.WriteJson(new { Duplicates = found.Select(Json) });
            else Print(found);
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static object Json(Duplicate duplicate) => new
    {
        Kind = Kinds[duplicate.Kind].Code,
        duplicate.InsuredId,
        duplicate.Scheme,
        duplicate.County,
        duplicate.OtherInsuredId,
        duplicate.OtherScheme,
        duplicate.OtherCounty,
        duplicate.Replaced,
    };

    private static void Print(List<Duplicate> found)
    {
        Output.Table(["kind 类型", "insured", "scheme", "county", "insured", "scheme", "county", ""], found.Select(duplicate => new[]
        {
            Kinds[duplicate.Kind].Label, duplicate.InsuredId, duplicate.Scheme, duplicate.County, duplicate.OtherInsuredId,
            duplicate.OtherScheme, duplicate.OtherCounty, duplicate.Replaced ? "first replaced 前者已被替换" : "",
        }));
        Output.Line(string.Create(CultureInfo.InvariantCulture, $"{found.Count:#,##0} found 共{found.Count}条."));
    }
}
