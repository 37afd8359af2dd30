using Claims.Policy;

namespace Claims.Cli.LocalSystem;

/// <summary>Which city's policy a system runs by.</summary>
/// <param name="Directory">Of the YAML files; a full path, since the services run elsewhere.</param>
public sealed record CityPolicy(string Directory, string City)
{
    public const string DefaultCity = "zhengzhou";

    public static CityPolicy Shipped { get; } = new(Repository.PolicyDirectory, DefaultCity);

    /// <summary>What is named, else what the services' own variables say, else what was there before, else the repository's.</summary>
    /// <param name="earlier">Of the system that runs over this data.</param>
    public static CityPolicy Choose(string? directory, string? city, CityPolicy? earlier) => new(
        Path.GetFullPath(directory ?? Variable("Claims__PolicyDirectory") ?? (earlier ?? Shipped).Directory),
        city ?? Variable("Claims__City") ?? (earlier ?? Shipped).City);

    /// <exception cref="PolicyException">It cannot be loaded.</exception>
    public PolicyPack Load() => PolicyLoader.Load(Directory, City);

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
