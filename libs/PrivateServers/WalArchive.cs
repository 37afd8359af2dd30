using System.Globalization;
using System.Text.RegularExpressions;

namespace Claims.PrivateServers;

/// <summary>
/// A directory in which a PostgreSQL keeps every finished segment of its WAL, so that a base backup can be carried on to any moment
/// behind it. It belongs to one database cluster; whatever is older than the oldest backup that is kept may be removed from it.
/// </summary>
public sealed partial class WalArchive(string directory)
{
    /// <summary>A segment that is not full is kept after so many seconds, where anything was written: what a lost machine takes with it
    /// at most.</summary>
    public const int TimeoutSeconds = 60;

    public const long SegmentBytes = 16 * 1024 * 1024;

    private const string OwnerFile = "claims-wal";

    // The same file again is no fault: PostgreSQL asks anew where it crashed before it heard. A segment of zeroes takes no room.
    private const string Script = """
        #!/bin/sh
        # Arguments: the path of a finished WAL file, its name, the archive. Ends well once the file is there and on disk.
        set -e
        umask 077
        to=$3/$2
        if [ -e "$to" ]; then
          cmp "$1" "$to"
        else
          rm -f "$to.new"
          cp --sparse=always "$1" "$to.new"
          sync "$to.new"
          mv "$to.new" "$to"
        fi
        sync "$to" "$3"

        """;

    public string Directory => directory;

    /// <summary>The system identifier of the cluster that it belongs to; null before one has used it.</summary>
    public string? Owner => File.Exists(Path.Combine(directory, OwnerFile))
        ? File.ReadAllText(Path.Combine(directory, OwnerFile)).Trim()
        : null;

    /// <param name="segment">Counted from the beginning of the WAL.</param>
    public static string SegmentName(int timeline, long segment)
    {
        long perLogicalFile = (1L << 32) / SegmentBytes;
        return string.Create(CultureInfo.InvariantCulture,
            $"{timeline:X8}{segment / perLogicalFile:X8}{segment % perLogicalFile:X8}");
    }

    /// <param name="lsn">As PostgreSQL writes it, <c>16/B374D848</c>.</param>
    public static long ParseLsn(string lsn)
    {
        string[] halves = lsn.Split('/');
        return (long.Parse(halves[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) << 32)
            | long.Parse(halves[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }

    /// <summary>The WAL that leads from a backup as far as the archive goes.</summary>
    /// <param name="timeline">Of the backup.</param>
    /// <param name="end">Where the backup ends, an LSN: it holds everything before it itself.</param>
    /// <param name="target">The timeline that is wanted; null for the newest.</param>
    /// <param name="elsewhere">A directory that may have segments which the archive lacks, or null.</param>
    public WalChain ChainFrom(int timeline, long end, int? target, string? elsewhere = null)
    {
        string[] names = System.IO.Directory.Exists(directory)
            ? [.. System.IO.Directory.EnumerateFiles(directory).Select(file => Path.GetFileName(file))]
            : [];
        HashSet<string> segments = [.. names.Where(name => SegmentPattern().IsMatch(name))];
        int newest = target ?? names.Where(name => HistoryPattern().IsMatch(name))
            .Select(name => int.Parse(name.AsSpan(0, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))
            .Append(timeline).Max();
        List<(int Timeline, long SwitchedAt)> path =
            [.. HistoryOf(newest).Where(part => part.Timeline >= timeline), (newest, long.MaxValue)];
        // A newer timeline that did not come of the backup's leads nowhere from here.
        if (path[0].Timeline != timeline || path[0].SwitchedAt < end) path = [(timeline, long.MaxValue)];

        // Where timelines part, the newer one's segment holds the older one's beginning as well.
        int TimelineOf(long segment) => path.First(part => segment < part.SwitchedAt / SegmentBytes).Timeline;
        long first = end / SegmentBytes;
        long last = segments.Where(name => SegmentOf(name) >= first && name == SegmentName(TimelineOf(SegmentOf(name)), SegmentOf(name)))
            .Select(SegmentOf).DefaultIfEmpty(-1).Max();
        List<string> missing = [];
        // The backup has the segment that it ends in, and PostgreSQL begins another with it.
        for (long segment = first + 1; segment < last; segment++)
        {
            string name = SegmentName(TimelineOf(segment), segment);
            if (!segments.Contains(name) && !(elsewhere is not null && File.Exists(Path.Combine(elsewhere, name)))) missing.Add(name);
        }

        return new WalChain(missing, last < 0 ? null : last, path[^1].Timeline);
    }

    /// <summary>Makes the directory this cluster's, and returns the arguments with which postgres keeps its WAL in it.</summary>
    /// <param name="scriptFile">Where what PostgreSQL calls is written.</param>
    /// <param name="data">The cluster's data directory.</param>
    /// <exception cref="PrivateServerException">The archive is another cluster's, or cannot be written.</exception>
    internal IReadOnlyList<string> Prepare(string scriptFile, string data, string systemIdentifier)
    {
        try
        {
            System.IO.Directory.CreateDirectory(
                directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (Owner is null) File.WriteAllText(Path.Combine(directory, OwnerFile), systemIdentifier + "\n");
            if (Owner != systemIdentifier)
            {
                throw new PrivateServerException($"{directory} keeps the WAL of another PostgreSQL, {Owner}, and this one is "
                    + $"{systemIdentifier}: name another directory.");
            }

            // A recovery ends in a new timeline before anything archives: without its history nothing finds the way there.
            foreach (string history in System.IO.Directory.EnumerateFiles(Path.Combine(data, "pg_wal"), "*.history"))
            {
                string kept = Path.Combine(directory, Path.GetFileName(history));
                if (!File.Exists(kept)) File.Copy(history, kept);
            }

            File.WriteAllText(scriptFile, Script);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PrivateServerException($"The WAL cannot be kept in {directory}: {e.Message}", e);
        }

        string[] words = ["/bin/sh", Quoted(scriptFile), "\"%p\"", "\"%f\"", Quoted(directory)];
        return
        [
            "-c", "archive_mode=on",
            "-c", $"archive_command={string.Join(' ', words)}",
            "-c", string.Create(CultureInfo.InvariantCulture, $"archive_timeout={TimeoutSeconds}"),
        ];
    }

    /// <summary>As a word for a shell, in a setting in which % has a meaning.</summary>
    internal static string Quoted(string path) =>
        $"'{path.Replace("'", @"'\''", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal)}'";

    private List<(int Timeline, long SwitchedAt)> HistoryOf(int timeline)
    {
        string file = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{timeline:X8}.history"));
        if (!File.Exists(file)) return [];
        return [.. File.ReadLines(file).Select(line => line.Split('\t'))
            .Where(words => words.Length >= 2 && int.TryParse(words[0], CultureInfo.InvariantCulture, out _))
            .Select(words => (int.Parse(words[0], CultureInfo.InvariantCulture), ParseLsn(words[1].Trim())))];
    }

    private static long SegmentOf(string name) =>
        (long.Parse(name.AsSpan(8, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) * ((1L << 32) / SegmentBytes))
        + long.Parse(name.AsSpan(16, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    [GeneratedRegex("^[0-9A-F]{24}$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SegmentPattern();

    [GeneratedRegex("^[0-9A-F]{8}\\.history$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HistoryPattern();
}

/// <summary>Segments behind a backup.</summary>
/// <param name="Missing">Names of those that are not there although a later one is.</param>
/// <param name="Last">The last one's number, counted from the beginning of the WAL; null where there is none behind the backup.</param>
/// <param name="Timeline">Where they lead.</param>
public sealed record WalChain(IReadOnlyList<string> Missing, long? Last, int Timeline);
