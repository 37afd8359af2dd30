using System.Globalization;
using Claims.Hosting;
using Npgsql;

namespace Claims.Eligibility.Import;

/// <summary>The rows of a file in the temporary table <c>incoming</c>, each with its <c>line</c>, in the import's transaction.</summary>
/// <param name="Columns">Those that the file has.</param>
internal sealed record IncomingRows(NpgsqlConnection Connection, IReadOnlyList<string> Columns)
{
    public static TimeSpan Bound { get; } = TimeSpan.FromMinutes(10);

    public async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command(sql);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public NpgsqlCommand Command(string sql) => new(sql, Connection) { CommandTimeout = (int)Bound.TotalSeconds };

    /// <param name="named">Columns of the key that the sentence quotes.</param>
    /// <returns>The first line whose key stands in an earlier one.</returns>
    public async Task<ImportFaultException?> FindRepeatedAsync(
        IReadOnlyList<string> key, IReadOnlyList<string> named, CancellationToken cancellationToken)
    {
        string columns = string.Join(", ", key);
        await using NpgsqlCommand command = Command(
            $"""
            SELECT line, earlier, {string.Join(", ", named.Select(column => $"{column}::text"))} FROM (
                SELECT line, lag(line) OVER (PARTITION BY {columns} ORDER BY line) AS earlier, {columns} FROM incoming
            ) AS numbered WHERE earlier IS NOT NULL ORDER BY line LIMIT 1
            """);
        await using NpgsqlDataReader found = await command.ExecuteReaderAsync(cancellationToken);
        if (!await found.ReadAsync(cancellationToken)) return null;
        string values = string.Join(" ", Enumerable.Range(2, named.Count).Select(found.GetString));
        return new(found.GetInt64(0), key[0],
            $"'{values}' stands in line {found.GetInt64(1).ToString(CultureInfo.InvariantCulture)} already");
    }

    /// <summary>The first of two faults, by line.</summary>
    public static ImportFaultException? First(ImportFaultException? one, ImportFaultException? other) =>
        one is null || other is null ? one ?? other : one.Line <= other.Line ? one : other;

    public Task AnalyseAsync(string table, CancellationToken cancellationToken) =>
        ExecuteAsync($"SELECT registry_analyse('{table}')", cancellationToken);
}
