using System.Text;

namespace Claims.Cli.Operations;

/// <summary>
/// Where the answers go. A regular file appears, or is replaced, whole; anything else, such as a pipe or a device, is written to. It is
/// opened before anything is sent: answers that cannot be kept are not asked for.
/// </summary>
public sealed class AnswersFile : IDisposable
{
    private const string StandardOutput = "/dev/stdout";

    private readonly FileInfo _file;
    private readonly string? _unfinished;
    private readonly Stream _stream;

    private AnswersFile(FileInfo file, string? unfinished, Stream stream) => (_file, _unfinished, _stream) = (file, unfinished, stream);

    /// <exception cref="CommandException">It cannot be written; the message says why.</exception>
    public static AnswersFile Open(FileInfo file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (Directory.Exists(file.FullName)) throw new CommandException($"--out {file} is a directory; nothing was sent.");
        try
        {
            // Opened anew, a file behind it would be written from its beginning, and again by what this command tells.
            if (file.FullName == StandardOutput) return new AnswersFile(file, null, Console.OpenStandardOutput());
            if (!IsReplaced(file)) return new AnswersFile(file, null, new FileStream(file.FullName, FileMode.Open, FileAccess.Write));
            string unfinished = $"{file.FullName}.new";
            return new AnswersFile(file, unfinished, new FileStream(unfinished, FileMode.Create, FileAccess.Write));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"--out {file} cannot be written: {e.Message.TrimEnd('.')}; nothing was sent.", e);
        }
    }

    public async Task WriteAsync(IEnumerable<string> lines, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(lines);
        await using (StreamWriter writer = new(_stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true))
        {
            foreach (string line in lines) await writer.WriteLineAsync(line.AsMemory(), cancellationToken);
        }

        // A link to a longer file.
        if (_unfinished is null && _stream is FileStream { CanSeek: true } written && written.Length > written.Position)
            written.SetLength(written.Position);
        await _stream.DisposeAsync();
        if (_unfinished is not null) File.Move(_unfinished, _file.FullName, overwrite: true);
    }

    /// <summary>What was not written whole leaves nothing behind.</summary>
    public void Dispose()
    {
        _stream.Dispose();
        if (_unfinished is not null) File.Delete(_unfinished);
    }

    // .NET tells neither a pipe nor a device from a file: devices are where devices are, but for memory, and a pipe cannot be sought in.
    private static bool IsReplaced(FileInfo file)
    {
        if (file.LinkTarget is not null) return false;
        if (!file.Exists) return true;
        if ((IsBelow("/dev/") && !IsBelow("/dev/shm/")) || IsBelow("/proc/")) return false;
        return file.Length > 0 || !IsPipe(file);

        bool IsBelow(string folder) => file.FullName.StartsWith(folder, StringComparison.Ordinal);
    }

    private static bool IsPipe(FileInfo file)
    {
        // Both ways, so that it does not wait for a reader.
        using FileStream probe = new(file.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        return !probe.CanSeek;
    }
}
