using System.Globalization;

namespace Claims.Cli.Commands;

/// <summary>
/// A folder in memory for the stores of the tests: Ledger.Tests and Adjudication.Tests side by side take 249 and 212 s there, 343 and 298 s
/// on a disk. There is none where the user says with TMPDIR where files go, or where the memory does not suffice.
/// </summary>
internal sealed class TestStores : IDisposable
{
    private const string Memory = "/dev/shm";

    // A whole run's stores are 0.7 GB at most, and its processes take 3 GB.
    private const long StoresBytes = 2L << 30;
    private const long StoresAndProcessesBytes = 6L << 30;

    private readonly DirectoryInfo? _directory;

    private TestStores(DirectoryInfo? directory) => _directory = directory;

    /// <summary>Null where a test's stores go where all temporary files go.</summary>
    public string? Path => _directory?.FullName;

    public static TestStores Open() => new(HasRoom() ? CreateDirectory() : null);

    public void Dispose()
    {
        try
        {
            _directory?.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Output.Error($"The tests' stores in {Path} were not removed: {e.Message}");
        }
    }

    private static bool HasRoom() =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("TMPDIR"))
            && Directory.Exists(Memory)
            && new DriveInfo(Memory).AvailableFreeSpace >= StoresBytes
            && AvailableBytes() >= StoresAndProcessesBytes
            // What a container may use, where that is less than the machine has.
            && GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >= StoresAndProcessesBytes;

    private static DirectoryInfo? CreateDirectory()
    {
        try
        {
            return Directory.CreateDirectory(
                System.IO.Path.Combine(Memory, $"claims-test-{Guid.NewGuid():N}"),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // A line of the file: "MemAvailable:   24012345 kB".
    private static long AvailableBytes() =>
        File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal)) is { } line
            ? long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024
            : 0;
}
