using System.Globalization;

namespace Claims.LoadTests.Measuring;

/// <summary>What a figure was measured on.</summary>
public static class Machine
{
    /// <returns>Processors, memory, kernel and runtime in one line.</returns>
    public static string Describe()
    {
        string[] cpuInfo = File.ReadAllLines("/proc/cpuinfo");

        // The machine's processors: the runtime counts only this process's share of them.
        int processors = cpuInfo.Count(line => line.StartsWith("processor", StringComparison.Ordinal));
        string processor = cpuInfo.FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            ?? "processor of unknown model";
        string memory = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{processors} × {processor}, {long.Parse(memory, CultureInfo.InvariantCulture) / 1e6:0} GB, "
                + $"Linux {Environment.OSVersion.Version}, .NET {Environment.Version}");
    }
}
