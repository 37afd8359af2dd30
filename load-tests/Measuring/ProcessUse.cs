using System.Globalization;

namespace Claims.LoadTests.Measuring;

/// <summary>What a process has used so far, as Linux counts it.</summary>
/// <param name="CpuSeconds">What all its threads took, user and system.</param>
/// <param name="SharedBytes">The part of the resident memory that other processes may have mapped as well: files and shared memory.</param>
/// <param name="PeakResidentBytes">The most memory it ever had resident.</param>
/// <param name="Handles">Open file descriptors now.</param>
public readonly record struct ProcessUse(double CpuSeconds, long ResidentBytes, long SharedBytes, long PeakResidentBytes, int Handles)
{
    // USER_HZ is 100 on every architecture that Linux's procfs reports to.
    private const double TicksPerSecond = 100;

    public static ProcessUse Of(int pid)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        // The second field is the program's name in brackets and may hold spaces; utime and stime are fields 14 and 15.
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        double ticks = double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture);
        Dictionary<string, string> status = File.ReadLines($"/proc/{pid}/status")
            .Select(line => line.Split(':', 2))
            .ToDictionary(parts => parts[0], parts => parts[1].Trim());
        return new ProcessUse(
            ticks / TicksPerSecond,
            Bytes(status["VmRSS"]),
            Bytes(status["RssFile"]) + Bytes(status["RssShmem"]),
            Bytes(status["VmHWM"]),
            Directory.GetFiles($"/proc/{pid}/fd").Length);
    }

    /// <summary>Adds up a process and its children, such as PostgreSQL's; what they share counts once, as much as the one with most of it
    /// has mapped.</summary>
    public static ProcessUse OfTree(int pid)
    {
        ProcessUse[] all = [Of(pid), .. ChildrenOf(pid).Select(TryOfTree).OfType<ProcessUse>()];
        long shared = all.Max(use => use.SharedBytes);
        return new ProcessUse(
            all.Sum(use => use.CpuSeconds),
            all.Sum(use => use.ResidentBytes - use.SharedBytes) + shared,
            shared,
            all.Sum(use => use.PeakResidentBytes),
            all.Sum(use => use.Handles));
    }

    /// <returns>Null where the process has ended.</returns>
    public static ProcessUse? TryOfTree(int pid)
    {
        try
        {
            return OfTree(pid);
        }
        catch (Exception e) when (e is IOException or KeyNotFoundException)
        {
            return null;
        }
    }

    private static int[] ChildrenOf(int pid) =>
        [.. File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(child => int.Parse(child, CultureInfo.InvariantCulture))];

    private static long Bytes(string kilobytes) => long.Parse(kilobytes.Split(' ')[0], CultureInfo.InvariantCulture) * 1024;
}
