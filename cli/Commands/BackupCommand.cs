using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Claims.Cli.Backups;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Commands;

/// <summary>Takes a backup of this machine's system while it serves.</summary>
public static class BackupCommand
{
    private const long KilobytesOfMegabyte = 1024;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        Argument<string> directory = new("DIR") { Description = "Does not exist yet, or is empty." };
        Option<int?> rate =
            CommonOptions.AtLeastOne<int?>("--max-rate", "Megabytes a second at most; without it as fast as it goes.");
        Option<bool> json = CommonOptions.Json();
        Command command = new("backup", "Copy PostgreSQL, which has the books and the registry, with the keys that belong to it, while the "
            + "system serves. The copy is verified before the command ends well. It holds personal data and secrets.")
        {
            directory,
            rate,
            json,
        };
        command.SetAction((result, cancel) => RunAsync(
            Path.GetFullPath(result.GetValue(directory)!), result.GetValue(rate), result.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(string directory, int? rate, bool json, CancellationToken cancellationToken)
    {
        SystemLayout layout = SystemLayout.FromEnvironment();
        SystemState state = SystemState.Read(layout.StateFile);
        if (state.Running(ProcessDefinitions.Postgres) is null || state.Policy is not { } policy)
        {
            throw new CommandException(
                $"PostgreSQL of the system in {layout.DataDirectory} does not run: `claims up` starts it.", ExitCodes.Unavailable);
        }

        long begun = Stopwatch.GetTimestamp();
        long toldAt = begun;
        Backup backup = new(layout, PrivatePostgres.Attach(layout.PostgresDirectory, layout.PostgresPort), policy);
        BackupManifest manifest = await backup.TakeAsync(directory, state.Archive, rate, (done, total) =>
        {
            if (Stopwatch.GetElapsedTime(toldAt) < ProgressInterval) return;
            toldAt = Stopwatch.GetTimestamp();
            Output.Progress($"Copying 复制: {Number(done / KilobytesOfMegabyte)} of {Number(total / KilobytesOfMegabyte)} MB");
        }, cancellationToken);
        double seconds = Math.Round(Stopwatch.GetElapsedTime(begun).TotalSeconds, 1);
        if (json)
        {
            Output.WriteJson(new
            {
                Ok = true,
                Directory = directory,
                Seconds = seconds,
                Records = manifest.Watermarks.Sum(),
                Backup = manifest,
            });
            return ExitCodes.Done;
        }

        foreach (string line in Told(manifest, directory, seconds)) Output.Line(line);
        return ExitCodes.Done;
    }

    internal static string[] Told(BackupManifest manifest, string directory, double seconds) =>
    [
        string.Create(CultureInfo.InvariantCulture,
            $"Backed up 已备份 in {seconds:0.0} s: {Number(manifest.Bytes / KilobytesOfMegabyte / KilobytesOfMegabyte)} MB in {directory}, "
                + $"with {Number(manifest.Watermarks.Sum())} records of {manifest.Watermarks.Count} shards, verified."),
        manifest.Archive is { } archive
            ? $"It can be restored to any moment from {Times.Text(manifest.EndedAt)} on, with the WAL in {archive} from "
                + $"{manifest.FirstWalFile} on."
            : $"It can be restored to {Times.Text(manifest.EndedAt)} alone: the system keeps no WAL (`claims up --archive DIR`).",
    ];

    private static string Number(long value) => value.ToString("#,##0", CultureInfo.InvariantCulture);
}
