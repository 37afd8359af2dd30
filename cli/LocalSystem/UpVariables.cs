using Claims.Hosting;

namespace Claims.Cli.LocalSystem;

/// <summary>
/// The caller's <c>Claims__</c> variables, which the services of a local system inherit. <c>PolicyDirectory</c> and <c>City</c> choose the
/// policy, see <see cref="CityPolicy"/>; what the command sets itself, and what no service knows, is refused before anything is done.
/// </summary>
public static class UpVariables
{
    private const string Prefix = "Claims__";

    // Each with what to do instead.
    private static readonly Dictionary<string, string> SetHere = new(StringComparer.Ordinal)
    {
        ["Port"] = "CLAIMS_PORT_BASE chooses the ports",
        ["MetricsPort"] = "CLAIMS_PORT_BASE chooses the ports",
        ["OperatorsPort"] = "CLAIMS_PORT_BASE chooses the ports",
        ["KafkaKeyFile"] = "it makes a key of its own below CLAIMS_DATA",
        ["Redis"] = "CLAIMS_DATA chooses where its Redis keeps its data",
        ["Postgres"] = "CLAIMS_DATA chooses where its PostgreSQL keeps its data",
        ["PostgresOwner"] = "its PostgreSQL has one login",
        ["AdjudicationAddress"] = "CLAIMS_PORT_BASE chooses the ports",
        ["EligibilityAddress"] = "CLAIMS_PORT_BASE chooses the ports",
        ["LedgerAddress"] = "CLAIMS_PORT_BASE chooses the ports",
        ["Kafka__bootstrap_servers"] = "CLAIMS_KAFKA names another broker",
        ["Kafka__bootstrap.servers"] = "CLAIMS_KAFKA names another broker",
        ["Tls__Certificate"] = "its services speak on this machine only",
        ["Tls__Key"] = "its services speak on this machine only",
        ["Tls__ClientCa"] = "its services speak on this machine only",
    };

    /// <exception cref="CommandException">A variable is refused; one line each.</exception>
    public static void Require(IEnumerable<KeyValuePair<string, string>> environment)
    {
        string[] faults = [.. environment.Where(variable => variable.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
                && !string.IsNullOrWhiteSpace(variable.Value))
            .OrderBy(variable => variable.Key, StringComparer.Ordinal)
            .Select(variable => Fault(variable.Key)).OfType<string>()];
        if (faults.Length > 0) throw new CommandException(string.Join('\n', faults), ExitCodes.Configuration);
    }

    private static string? Fault(string variable)
    {
        string name = variable[Prefix.Length..];
        bool ofKafka = name.StartsWith("Kafka__", StringComparison.OrdinalIgnoreCase);
        if (!ofKafka && !KnownSettings.IsKnown(name))
            return $"The environment variable {variable} is not known; the nearest is {Prefix}{KnownSettings.Nearest(name)}.";
        string written = ofKafka
            ? $"{Prefix}Kafka__{name["Kafka__".Length..]}"
            : Prefix + KnownSettings.Names.First(known => string.Equals(known, name, StringComparison.OrdinalIgnoreCase));
        if (variable != written) return $"The environment variable {variable} is written {written}.";
        return SetHere.TryGetValue(name, out string? instead)
            ? $"The environment variable {variable} has no effect on a system that this command starts, which sets it itself: unset it; "
                + $"{instead}."
            : null;
    }
}
