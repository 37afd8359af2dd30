namespace Claims.Cli;

/// <summary>The checkout that this command was built from.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string PolicyDirectory => Path.Combine(Root, "policy");

    /// <summary>A built assembly, such as <c>Claims.Ledger</c> from project <c>Claims.Ledger</c>.</summary>
    public static string Assembly(string project, string? assembly = null) =>
        Path.Combine(Root, "artifacts", "bin", project, "release", $"{assembly ?? project}.dll");

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Claims.sln")))
                return directory.FullName;
        }
        throw new CommandException($"Claims.sln is in none of the directories above {AppContext.BaseDirectory}.");
    }
}
