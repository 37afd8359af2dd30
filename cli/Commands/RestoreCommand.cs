using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Claims.Cli.Backups;
using Claims.Cli.LocalSystem;

namespace Claims.Cli.Commands;

/// <summary>Puts a backup into a system that is down.</summary>
public static class RestoreCommand
{
    private const string Latest = "latest";
    private const string ItsEnd = "backup";

    public static Command Create()
    {
        Argument<string> directory = new("DIR") { Description = "Where `claims backup` put it." };
        Option<string> to = new("--to")
        {
            Description = "The last moment whose entries count, such as 2025-03-01T08:30:00+08:00; or latest, as far as there is WAL; or "
                + "backup, the backup's own end.",
            DefaultValueFactory = _ => Latest,
        };
        Option<string?> archive = new("--archive")
        {
            Description = "Where the WAL behind the backup is; without it where the backup says.",
        };
        Option<int?> timeline = CommonOptions.AtLeastOne<int?>("--timeline",
            "Whose WAL, where an earlier restore has begun another; without it the newest.");
        Option<bool> replace = new("--replace") { Description = "Put books that are there aside. Nothing of them is removed." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("restore", "Restore a backup into $CLAIMS_DATA, whose system must be down. What Redis has is kept: it may "
            + "know more than the backup. Afterwards `claims up`, then `claims rebuild`.")
        {
            directory,
            to,
            archive,
            timeline,
            replace,
            json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(to) is { } text and not Latest and not ItsEnd && Times.Parse(text) is null)
            {
                result.AddError($"--to must be {Latest}, {ItsEnd}, or a moment with its offset from UTC, such as "
                    + $"2025-03-01T08:30:00+08:00, not '{text}'.");
            }
        });
        command.SetAction((result, cancel) => RunAsync(
            new RestoreOrder(
                Path.GetFullPath(result.GetValue(directory)!), Times.Parse(result.GetValue(to)!), result.GetValue(to) == Latest,
                result.GetValue(archive) is { } named ? Path.GetFullPath(named) : null, result.GetValue(timeline),
                result.GetValue(replace)),
            result.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(RestoreOrder order, bool json, CancellationToken cancellationToken)
    {
        SystemLayout layout = SystemLayout.FromEnvironment();
        long begun = Stopwatch.GetTimestamp();
        using Supervisor supervisor = await Supervisor.OpenAsync(layout, Output.Progress, cancellationToken);
        RestoreReport report = await new Restore(layout, supervisor, Output.Progress).RunAsync(order, cancellationToken);
        double seconds = Math.Round(Stopwatch.GetElapsedTime(begun).TotalSeconds, 1);
        if (json) PrintJson(layout, report, seconds);
        else Print(layout, report, supervisor.State.Archive, seconds);
        return ExitCodes.Done;
    }

    private static void PrintJson(SystemLayout layout, RestoreReport report, double seconds) => Output.WriteJson(new
    {
        Ok = true,
        layout.DataDirectory,
        Seconds = seconds,
        report.Backup.StartedAt,
        report.Backup.EndedAt,
        LastTransactionAt = report.Reached.LastTransaction,
        report.Books.LastBookedAt,
        Records = report.Books.Watermarks.Sum(),
        Shards = report.Books.Watermarks.Select((sequence, shard) => new { Shard = shard, Sequence = sequence }),
        report.RedisKept,
        report.Replaced,
    });

    private static void Print(SystemLayout layout, RestoreReport report, string? archive, double seconds)
    {
        Output.Table(["shard", ">books end at record 账册止于"], report.Books.Watermarks.Select((sequence, shard) => new[]
        {
            shard.ToString(CultureInfo.InvariantCulture), sequence.ToString("#,##0", CultureInfo.InvariantCulture),
        }));
        string last = report.Books.LastBookedAt is { } time ? $"last booked at {Times.Text(time)}" : "nothing booked yet";
        Output.Line(string.Create(CultureInfo.InvariantCulture,
            $"Restored 已恢复 in {seconds:0.0} s into {layout.DataDirectory}: {report.Books.Watermarks.Sum():#,##0} records, {last}."));
        if (report.Replaced is { } replaced) Output.Line($"What was there before is in {replaced}; remove it once nobody needs it.");
        Output.Line(report.RedisKept
            ? "Redis has its data: what it has and these books lack is booked again. Run `claims up`, then `claims rebuild`."
            : "Redis has no data here: what was answered and is not in these books is lost, and is settled anew where its sender repeats "
                + "it. Run `claims up`, which ends with exit code 3, then `claims rebuild`.");
        Output.Line("Payments, income, plans and imports that were entered later than these books go are lost: enter them again.");
        Output.Line(archive is { }
            ? $"Its WAL goes on into {archive}. Take a new backup once it is up."
            : "It keeps no WAL: `claims up --archive DIR` does. Take a new backup once it is up.");
    }
}
