using System.CommandLine;
using System.Globalization;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.LoadTests.Chaos.Faults;

namespace Claims.LoadTests.Chaos;

public static class ChaosCommand
{
    private const double DefaultMinutes = 5;
    private const int DefaultPerSecond = 150;

    public static Command Create()
    {
        Option<double> minutes = new("--minutes")
        {
            Description = "How long hospitals send while faults are made.",
            DefaultValueFactory = _ => DefaultMinutes,
        };
        minutes.Must(value => value is >= 0.2 and <= 600, "from 0.2 to 600");
        Option<int> seed = new("--seed") { Description = "What is done when, and what hospitals send.", DefaultValueFactory = _ => 1 };
        Option<int> rate = CommonOptions.AtLeastOne<int>("--rate", "Operations a second of all hospitals together.", DefaultPerSecond);
        Option<string[]> only = new("--only")
        {
            Description = "Only these kinds of faults, such as \"killed\"; with --list all are told.",
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong([.. FaultKinds.All.Select(kind => kind.Name)]);
        Option<bool> rolling = new("--rolling")
        {
            Description = "Nothing but a rolling restart: two instances of every service, one after the other, round after round.",
        };
        Option<bool> list = new("--list") { Description = "The schedule that the seed makes, and nothing else." };
        Option<bool> keep = new("--keep") { Description = "Leave data and logs behind also where everything holds, and say where." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("chaos",
            "Faults on purpose in a system of its own under mixed load; one model replays the books. Exit code 0 only if all holds.")
        {
            minutes, seed, rate, only, rolling, list, keep, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(rolling) && result.GetValue(only) is { Length: > 0 })
                result.AddError("--rolling makes one kind of fault, and --only names others: say one of them.");
        });
        command.SetAction(async (result, cancel) =>
        {
            ChaosOptions options = new(
                TimeSpan.FromMinutes(result.GetValue(minutes)), result.GetValue(seed), result.GetValue(rate), result.GetValue(only) ?? [],
                result.GetValue(keep), result.GetValue(rolling));
            bool asJson = result.GetValue(json);
            if (result.GetValue(list))
            {
                List(options, asJson);
                return ExitCodes.Done;
            }

            Action<string> tell = asJson ? Output.Progress : Output.Line;
            tell(string.Create(CultureInfo.InvariantCulture, $"seed {options.Seed}, {options.Duration.TotalMinutes:0.##} minutes"));
            ChaosResult done = await ChaosRun.RunAsync(options, tell, cancel);
            if (asJson) ChaosReport.PrintJson(done);
            else ChaosReport.Print(done);
            return ExitCodeOf(done);
        });
        return command;
    }

    internal static int ExitCodeOf(ChaosResult result) => result.Holds ? ExitCodes.Done : ExitCodes.Failed;

    private static void List(ChaosOptions options, bool json)
    {
        IReadOnlyList<Act> schedule = options.ScheduleOf(options.Kinds);
        if (json)
        {
            Output.WriteJson(schedule.SelectMany(act => act.Faults)
                .Select(fault => new { Second = fault.At.TotalSeconds, fault.Kind, fault.Target, Seconds = fault.Duration.TotalSeconds }));
            return;
        }

        foreach (PlannedFault fault in schedule.SelectMany(act => act.Faults)) Output.Line(ChaosRun.Line(fault));
    }
}
