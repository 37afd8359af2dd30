namespace Structure.Tests;

/// <summary>The files of the repository as they lie on disk; paths are relative to its root, with forward slashes.</summary>
internal static class Sources
{
    private static readonly string[] NotOurs = ["artifacts", "bin", "obj", "node_modules", "__pycache__"];
    private static readonly Lazy<string[]> All = new(() => [.. Walk("").Order(StringComparer.Ordinal)]);

    /// <summary>The directory above this assembly that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <param name="folder">Ends with a slash, or is empty for the whole repository.</param>
    public static IEnumerable<string> Under(string folder, params string[] extensions) =>
        from path in All.Value
        where path.StartsWith(folder, StringComparison.Ordinal)
        where extensions.Length == 0 || extensions.Contains(Path.GetExtension(path))
        select path;

    public static bool Exists(string path) => Path.Exists(Path.Combine(Root, path));

    public static string Text(string path) => File.ReadAllText(Path.Combine(Root, path));

    public static string[] Lines(string path) => File.ReadAllLines(Path.Combine(Root, path));

    private static IEnumerable<string> Walk(string folder)
    {
        DirectoryInfo here = new(Path.Combine(Root, folder));
        foreach (FileInfo file in here.EnumerateFiles()) yield return folder + file.Name;
        foreach (DirectoryInfo child in here.EnumerateDirectories())
        {
            // .ci is ours; .git, an editor's folder, and the data of a system that is up are not.
            if (NotOurs.Contains(child.Name) || (child.Name.StartsWith('.') && child.Name != ".ci")) continue;
            foreach (string path in Walk($"{folder}{child.Name}/")) yield return path;
        }
    }

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Claims.sln"))) directory = Path.GetDirectoryName(directory);
        return directory ?? throw new DirectoryNotFoundException("Claims.sln is not above the test assembly.");
    }
}
