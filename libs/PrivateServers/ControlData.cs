namespace Claims.PrivateServers;

/// <summary>What a database cluster says of itself, whether its server runs or not.</summary>
/// <param name="SystemIdentifier">Of this cluster and its copies alone.</param>
/// <param name="Checkpoint">LSN of its last checkpoint.</param>
internal sealed record ControlData(string SystemIdentifier, long Checkpoint)
{
    /// <exception cref="PrivateServerException">It is no database cluster that the installed PostgreSQL can read.</exception>
    public static async Task<ControlData> ReadAsync(string dataDirectory, CancellationToken cancellationToken)
    {
        Dictionary<string, string> said = new(StringComparer.Ordinal);
        ServerCommand command = new(PrivatePostgres.Program("pg_controldata"), ["-D", dataDirectory], "")
        {
            Environment = new Dictionary<string, string> { ["LC_ALL"] = "C" },
        };
        int exitCode = await ProgramRun.RunAsync(command, line =>
        {
            string[] parts = line.Split(':', 2);
            said[parts[0]] = parts[^1].Trim();
        }, cancellationToken);
        return exitCode == 0 && said.TryGetValue("Database system identifier", out string? identifier)
            && said.TryGetValue("Latest checkpoint location", out string? checkpoint)
            ? new ControlData(identifier, WalArchive.ParseLsn(checkpoint))
            : throw new PrivateServerException($"{dataDirectory} is not a database cluster that this PostgreSQL can read.");
    }
}
