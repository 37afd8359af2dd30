using Claims.SystemTests;

namespace Claims.PageTests;

/// <summary>Pictures and sheets of a run, kept for people to look at.</summary>
internal static class Kept
{
    public static string File(string name)
    {
        DirectoryInfo directory = Directory.CreateDirectory(Path.Combine(RunningSystem.RepositoryRoot(), "artifacts", "page"));
        return Path.Combine(directory.FullName, name);
    }
}
