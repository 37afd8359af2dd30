using System.CommandLine;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims facility</c>: what a facility was and is, suspended and resumed at once.</summary>
public static class FacilityCommand
{
    private static readonly Dictionary<AdminLevel, string> Levels = new()
    {
        [AdminLevel.Province] = "province 省级",
        [AdminLevel.City] = "city 市级",
        [AdminLevel.County] = "county 县级",
        [AdminLevel.Township] = "township 乡镇",
        [AdminLevel.Community] = "community 社区",
        [AdminLevel.Village] = "village 村",
    };

    public static Command Create()
    {
        Command command = new("facility", "What a facility was and is; suspend and resume it; what decides a visit there.")
        {
            Show(),
            Suspend(),
            Resume(),
            Explain(),
        };
        return command.Reaching();
    }

    private static Argument<string> Code() => new("CODE") { Description = "The facility's code." };

    private static Command Show()
    {
        Argument<string> code = Code();
        Option<DateOnly?> asOf = RegistryCalls.AsOf();
        Option<bool> json = CommonOptions.Json();
        Command command = new("show", "Its periods with agreements, and its suspensions, each with who changed it when and why.")
        {
            code,
            asOf,
            json,
        };
        command.SetAction((parsed, cancel) => RegistryCalls.CallAsync(parsed, async (office, options) => Print(
            await office.ShowFacilityAsync(new ShowFacilityRequest
            {
                FacilityCode = parsed.GetRequiredValue(code),
                AsOf = RegistryCalls.Iso(parsed.GetValue(asOf)),
            }, options), parsed.GetValue(json)), cancel));
        return command;
    }

    private static Command Suspend() => Turn(
        "suspend", "Refuse its visits from a day on, everywhere within seconds; repeats are answered as before.",
        "First suspended day of visits, yyyy-MM-dd; without it today.",
        (office, code, from, reason, options) => office.SuspendFacilityAsync(
            new SuspendFacilityRequest { FacilityCode = code, From = from, Reason = reason }, options));

    private static Command Resume() => Turn(
        "resume", "Settle its visits again from a day on.",
        "First day whose visits are settled again, yyyy-MM-dd; without it today.",
        (office, code, from, reason, options) => office.ResumeFacilityAsync(
            new ResumeFacilityRequest { FacilityCode = code, From = from, Reason = reason }, options));

    private static Command Turn(string name, string description, string fromDescription,
        Func<RegistryOffice.RegistryOfficeClient, string, string, string, CallOptions, AsyncUnaryCall<FacilityRecord>> turn)
    {
        Argument<string> code = Code();
        Option<DateOnly?> from = CommonOptions.OptionalDay("--from", fromDescription);
        Option<string> reason = RegistryCalls.Reason();
        Option<bool> json = CommonOptions.Json();
        Command command = new(name, description) { code, from, reason, json };
        command.SetAction((parsed, cancel) => RegistryCalls.CallAsync(parsed, async (office, options) => Print(
            await turn(office, parsed.GetRequiredValue(code), RegistryCalls.Iso(parsed.GetValue(from)), parsed.GetRequiredValue(reason),
                options),
            parsed.GetValue(json)), cancel));
        return command;
    }

    private static Command Explain() => RegistryCalls.Explain(
        Code(), "What decides a visit there on a day, in Chinese, each sentence with its clause.",
        (office, code, on, asOf, options) =>
            office.ExplainFacilityAsync(new ExplainFacilityRequest { FacilityCode = code, On = on, AsOf = asOf }, options));

    private static int Print(FacilityRecord record, bool json)
    {
        if (json)
        {
            Output.WriteJson(new
            {
                record.FacilityCode,
                Periods = record.Periods.Select(period => new
                {
                    period.ValidFrom,
                    period.ValidTo,
                    period.Name,
                    period.County,
                    AdminLevel = Levels[period.AdminLevel].Split(' ')[0],
                    period.Grade,
                    period.Kind,
                    period.PooledFrom,
                    period.PooledTo,
                }),
                Change = RegistryCalls.Json(record.Change),
                Suspensions = record.Suspensions.Select(suspension => new
                {
                    suspension.Suspension.SuspendedFrom,
                    suspension.Suspension.ResumedFrom,
                    Suspended = RegistryCalls.Json(suspension.Suspended),
                    Resumed = RegistryCalls.Json(suspension.Resumed),
                }),
            });
            return ExitCodes.Done;
        }

        Output.Table(["from 自", "to 至", "name 名称", "county", "level 级别", "grade 等级", "pooled from 协议自", "to 至"],
            record.Periods.Select(period => new[]
            {
                period.ValidFrom, period.ValidTo, period.Name, period.County, Levels[period.AdminLevel], period.Grade, period.PooledFrom,
                period.PooledTo,
            }));
        Output.Line($"By 登记: {RegistryCalls.Text(record.Change)}");
        if (record.Suspensions.Count == 0) return ExitCodes.Done;
        Output.Line("");
        Output.Table(["suspended from 暂停自", "by 经办", "resumed from 恢复自", "by 经办"], record.Suspensions.Select(suspension => new[]
        {
            suspension.Suspension.SuspendedFrom, RegistryCalls.Text(suspension.Suspended), suspension.Suspension.ResumedFrom,
            RegistryCalls.Text(suspension.Resumed),
        }));
        return ExitCodes.Done;
    }
}
