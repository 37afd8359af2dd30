using System.Diagnostics;
using System.Globalization;
using Claims.Cli;

namespace Claims.LoadTests.Chaos.Stage;

/// <summary>A disk of its own for a store's directory: a tmpfs whose size is what it holds, while it is to be full. Needs root.</summary>
public sealed class SmallDisk : IDisposable
{
    private const string Roomy = "8g";

    private readonly string _directory;

    private SmallDisk(string directory) => _directory = directory;

    /// <returns>Null where this user may not mount.</returns>
    public static SmallDisk? TryMount(string directory)
    {
        if (!Environment.IsPrivilegedProcess) return null;
        Directory.CreateDirectory(directory);
        return Run("mount", "-t", "tmpfs", "-o", $"size={Roomy},mode=700", "tmpfs", directory) == 0 ? new SmallDisk(directory) : null;
    }

    /// <exception cref="CommandException">The size cannot be changed.</exception>
    public void Fill()
    {
        // Some pages are left: the next few writes go well, and then one is cut short.
        DriveInfo drive = new(_directory);
        long bytes = drive.TotalSize - drive.AvailableFreeSpace + (64 * 1024);
        Resize(string.Create(CultureInfo.InvariantCulture, $"{bytes}"));
    }

    public void Empty() => Resize(Roomy);

    // Lazily: a server that was just killed may still have a file open.
    public void Dispose() => Run("umount", "-l", _directory);

    private void Resize(string size)
    {
        if (Run("mount", "-o", $"remount,size={size}", _directory) != 0)
            throw new CommandException($"The disk at {_directory} cannot be resized.", ExitCodes.Failed);
    }

    private static int Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { UseShellExecute = false, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
