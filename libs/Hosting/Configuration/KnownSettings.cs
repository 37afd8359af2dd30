namespace Claims.Hosting;

/// <summary>
/// The settings of all services, section <c>Claims</c>. One that a service does not read is still no mistake: services often share one
/// environment. One that no service reads is.
/// </summary>
public static class KnownSettings
{
    /// <summary>As written below <c>Claims__</c>. What follows <c>Kafka__</c> is librdkafka's to know.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "AcceptUnsafePostgres", "AdjudicationAddress", "AnswerSeconds", "BatchMilliseconds", "BatchRecords", "BodyBytes", "BodySeconds",
        "BooksBytes", "CallsPerCaller", "CallsPerSecond", "City", "ClinicSessionMinutes", "ConnectionsPerCaller", "DrainSeconds",
        "EligibilityAddress", "EligibilityCacheEntries", "EligibilityCacheSeconds", "Hosts", "Kafka", "KafkaKeyFile", "LedgerAddress",
        "LoginsPerMinute", "MaxConcurrentRequests", "MaxConnections", "MessagesPerSecond", "MetricsPort", "OperatorsPort", "Origins",
        "OtlpEndpoint", "OutboxKeptPerShard", "OutboxMaxPerShard", "PlanWarningPercents", "PolicyDirectory", "Port", "Postgres",
        "PostgresOwner", "ReconcileSeconds", "Redis", "RedisReplicas", "RefusalDays", "RelayWindow", "Shards", "SilentSeconds",
        "StreamIdleSeconds", "StreamInFlight", "StreamsPerCaller", "Tls", "Tls__Certificate", "Tls__ClientCa", "Tls__Identities",
        "Tls__Key", "Tls__Revoked", "TraceSampleRatio", "UnknownInsuredPerHour", "YearCloseDelayHours",
    ];

    public static bool IsKnown(string name) => Names.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>The name that takes the fewest changes of a letter.</summary>
    public static string Nearest(string name, IEnumerable<string>? more = null) =>
        Names.Concat(more ?? []).MinBy(known => Changes(known.ToUpperInvariant(), name.ToUpperInvariant()))!;

    // Levenshtein's distance, row by row.
    private static int Changes(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (from[i - 1] == to[j - 1] ? 0 : 1)));
        }

        return row[to.Length];
    }
}
