namespace Claims.Cli.Backups;

/// <summary>Directories, their room and their secrets.</summary>
internal static class Places
{
    public const UnixFileMode OwnDirectory = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const long Megabyte = 1024 * 1024;

    /// <summary>Of all files below a directory, which may be in use.</summary>
    public static long BytesOf(string directory) =>
        new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(LengthOf);

    private static long LengthOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }

    public static long FreeBytesOf(string directory) => new DriveInfo(directory).AvailableFreeSpace;

    /// <exception cref="CommandException">There is less room than is needed.</exception>
    public static void RequireRoom(string directory, long bytes, long freeBytes)
    {
        if (freeBytes >= bytes) return;
        throw new CommandException($"{directory} has {freeBytes / Megabyte:#,##0} MB free, and {bytes / Megabyte:#,##0} MB are needed.",
            ExitCodes.CannotStart);
    }

    /// <summary>A copy that its owner alone can read.</summary>
    public static void CopySecret(string from, string to)
    {
        FileStreamOptions own = new() { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnFile };
        using FileStream file = new(to, own);
        file.Write(File.ReadAllBytes(from));
        file.Flush(flushToDisk: true);
    }
}
