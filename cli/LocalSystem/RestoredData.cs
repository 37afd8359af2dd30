using System.Text.Json;

namespace Claims.Cli.LocalSystem;

/// <summary>
/// Puts what a restore has made into its place, and what was there aside. Two renames are no one step, so a file says what is to be done
/// until it is; whoever finds that file ends it.
/// </summary>
public static class RestoredData
{
    private sealed record Plan(string? Aside);

    /// <summary>From here on the restored cluster is the system's, whatever interrupts this.</summary>
    /// <param name="aside">Below the data, where the cluster that is there goes; null where there is none.</param>
    public static void Commit(SystemLayout layout, string? aside)
    {
        ArgumentNullException.ThrowIfNull(layout);
        string unfinished = layout.RestoreFile + ".new";
        using (FileStream file = File.Create(unfinished))
        {
            JsonSerializer.Serialize(file, new Plan(aside));
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, layout.RestoreFile, overwrite: true);
        Finish(layout);
    }

    /// <returns>Whether there was something to end.</returns>
    public static bool Finish(SystemLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (!File.Exists(layout.RestoreFile)) return false;
        Plan plan = JsonSerializer.Deserialize<Plan>(File.ReadAllBytes(layout.RestoreFile))!;
        if (Directory.Exists(layout.RestoredDirectory))
        {
            if (plan.Aside is { } name && Directory.Exists(layout.PostgresDirectory))
            {
                string aside = Path.Combine(layout.DataDirectory, name);
                Directory.CreateDirectory(aside, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                Directory.Move(layout.PostgresDirectory, Path.Combine(aside, Path.GetFileName(layout.PostgresDirectory)));
            }

            Directory.Move(layout.RestoredDirectory, layout.PostgresDirectory);
        }

        File.Delete(layout.RestoreFile);
        return true;
    }
}
