using Claims.Policy;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Cli.PolicyImpact;

/// <summary>The policy to compare with, as it is sent: a directory, or the present directory with another outpatient file.</summary>
public sealed class PackFiles
{
    private readonly string _replaced;
    private readonly string _by;

    private PackFiles(IReadOnlyList<PackFile> files, string replaced = "", string by = "")
    {
        Files = files;
        (_replaced, _by) = (replaced, by);
    }

    public IReadOnlyList<PackFile> Files { get; }

    /// <param name="path">A directory of YAML files, or one outpatient file that stands in for the city's in
    /// <paramref name="directory"/>.</param>
    /// <exception cref="PolicyException">The files cannot be read, or there are none. What they say is the ledger's to check.</exception>
    public static PackFiles Read(string path, string directory, string city)
    {
        try
        {
            if (Directory.Exists(path)) return new PackFiles(Of(path));
            if (!File.Exists(path)) throw new PolicyException($"There is neither a directory nor a file {path}.");
            string replaced = $"{city}-outpatient.yaml";
            return new PackFiles([.. Of(directory).Where(file => file.Name != replaced), OfFile(path, replaced)], replaced,
                Path.GetFileName(path));
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"The policy cannot be read: {refused.Message}");
        }
    }

    /// <summary>A fault in the file that stands in, by that file's own name.</summary>
    public string Own(string fault) =>
        _by.Length > 0 && fault.StartsWith($"{_replaced}:", StringComparison.Ordinal) ? _by + fault[_replaced.Length..] : fault;

    private static PackFile[] Of(string directory)
    {
        PackFile[] files = [.. Directory.EnumerateFiles(directory, "*.yaml").Order(StringComparer.Ordinal)
            .Select(path => OfFile(path, Path.GetFileName(path)))];
        return files.Length > 0 ? files : throw new PolicyException($"There is no policy in {directory}.");
    }

    private static PackFile OfFile(string path, string name) =>
        new() { Name = name, Content = UnsafeByteOperations.UnsafeWrap(File.ReadAllBytes(path)) };
}
