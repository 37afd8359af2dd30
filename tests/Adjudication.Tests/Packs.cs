using Claims.Policy;

namespace Adjudication.Tests;

internal static class Packs
{
    private static readonly Lazy<PolicyPack> Loaded = new(() => PolicyLoader.Load(Path.Combine(Repository.Root, "policy"), "zhengzhou"));

    public static PolicyPack Zhengzhou => Loaded.Value;
}

internal static class Repository
{
    /// <summary>The checkout that the tests were built from: the nearest folder above them with the solution.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "Claims.sln"))
            ? folder
            : Find(Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("Claims.sln is in no folder above the tests."));
}
