using System.CommandLine;

namespace Claims.Cli.Commands;

public static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Answer in JSON." };

    /// <summary>A file that is named on the command line and must be there.</summary>
    public static Argument<FileInfo> ExistingFile(string name, string description) =>
        new Argument<FileInfo>(name) { Description = description }.AcceptExistingOnly();
}
