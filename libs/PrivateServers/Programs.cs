namespace Claims.PrivateServers;

/// <summary>Where Debian puts the programs that are needed here.</summary>
public static class Programs
{
    /// <summary>The path of a program on PATH, or in the newest of the versioned folders below
    /// <paramref name="versionsDirectory"/>.</summary>
    /// <exception cref="PrivateServerException">It is not installed; the message names the Debian package.</exception>
    public static string Find(string program, string debianPackage, string? versionsDirectory = null)
    {
        IEnumerable<string> versions = versionsDirectory is not null && Directory.Exists(versionsDirectory)
            ? Directory.GetDirectories(versionsDirectory)
                .OrderByDescending(path => int.TryParse(Path.GetFileName(path), out int version) ? version : 0)
                .Select(path => Path.Combine(path, "bin"))
            : [];
        IEnumerable<string> path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return versions.Concat(path).Concat(["/usr/bin", "/usr/sbin"])
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists)
            ?? throw new PrivateServerException(
                $"{program} is not installed; install the Debian package {debianPackage} (apt-get install {debianPackage}).");
    }
}
