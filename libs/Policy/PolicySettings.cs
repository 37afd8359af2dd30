namespace Claims.Policy;

/// <summary>A service's settings <c>PolicyDirectory</c> and <c>City</c>.</summary>
public static class PolicySettings
{
    private const string Outpatient = "-outpatient.yaml";

    /// <summary>What is wrong, with the setting below section <c>Claims</c> that it concerns; empty when nothing is. A setting that is
    /// empty is another's to name.</summary>
    public static IReadOnlyList<(string Setting, string Problem)> Problems(string directory, string city)
    {
        if (string.IsNullOrWhiteSpace(directory) || string.IsNullOrWhiteSpace(city)) return [];
        if (PolicyLoader.Problem(directory, city) is not { } fault) return [];
        string[] cities = CitiesOf(directory);
        return cities.Length > 0 && !cities.Contains(city, StringComparer.Ordinal)
            ? [("City", $"is '{city}', and {directory} has the policy of {string.Join(", ", cities)}")]
            : [("PolicyDirectory", $"cannot be used: {fault.TrimEnd('.')}")];
    }

    private static string[] CitiesOf(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFiles(directory, $"*{Outpatient}").Select(path => Path.GetFileName(path)[..^Outpatient.Length])
                .Order(StringComparer.Ordinal)];
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
