using System.Text;
using Claims.Eligibility.History;
using Claims.Hosting;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <param name="Version">The version that the registry has with the file in it.</param>
internal sealed record ImportResult(long Rows, long Version);

/// <summary>Takes a whole file in one transaction, or nothing of it.</summary>
internal static class RegistryImport
{
    /// <exception cref="ImportFaultException">The first bad row of the file, by line.</exception>
    public static async Task<ImportResult> RunAsync(NpgsqlDataSource database, IRegistryFile file, CsvReader reader, ChangeCause cause,
        TimeProvider clock, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        IncomingRows incoming = new(connection, []);
        await incoming.ExecuteAsync(
            $"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {Names(file)}, 0::bigint AS line FROM {file.Table} WITH NO DATA",
            cancellationToken);

        (long rows, IReadOnlyList<string> header, ImportFaultException? fault) =
            await CopyAsync(connection, file, reader, cancellationToken);
        incoming = incoming with { Columns = header };
        // Asked even after a fault: two earlier lines that do not go together are the first bad row then.
        if (rows > 0) fault = await file.FindContradictionAsync(incoming, cancellationToken) ?? fault;
        if (fault is not null) throw fault;

        RegistryChange change = await RegistryChange.BeginAsync(
            connection, file.Change, cause, clock, IncomingRows.Bound, cancellationToken);
        await file.MergeAsync(incoming, change.ChangeId, cancellationToken);
        // Until autovacuum has come by, PostgreSQL expects thousands of rows for each insured of a new table, and starts parallel workers
        // for every look-up: with a million insured that took 4.6 ms instead of 0.1.
        await incoming.AnalyseAsync(file.Table, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new(rows, change.Version);
    }

    private static async Task<(long Rows, IReadOnlyList<string> Header, ImportFaultException? Fault)> CopyAsync(
        NpgsqlConnection connection, IRegistryFile file, CsvReader reader, CancellationToken cancellationToken)
    {
        RegistryColumn[] columns = [.. All(file)];
        await using NpgsqlBinaryImporter importer =
            await connection.BeginBinaryImportAsync($"COPY incoming (line, {Names(file)}) FROM STDIN (FORMAT binary)", cancellationToken);
        importer.Timeout = IncomingRows.Bound;
        long rows = 0;
        IReadOnlyList<string> header = [];
        ImportFaultException? fault = null;
        try
        {
            header = await ReadHeaderAsync(file, reader, cancellationToken);
            CsvRow row = new(reader, header);
            while (await reader.ReadAsync(cancellationToken))
            {
                row.CheckFieldCount();
                object?[] values = file.Read(row);
                await importer.StartRowAsync(cancellationToken);
                await importer.WriteAsync(row.Line, NpgsqlDbType.Bigint, cancellationToken);
                for (int index = 0; index < values.Length; index++)
                {
                    if (values[index] is { } value) await importer.WriteAsync(value, columns[index].Type, cancellationToken);
                    else await importer.WriteNullAsync(cancellationToken);
                }

                rows++;
            }
        }
        catch (ImportFaultException found)
        {
            fault = found;
        }

        await importer.CompleteAsync(cancellationToken);
        return (rows, header, fault);
    }

    private static async Task<IReadOnlyList<string>> ReadHeaderAsync(
        IRegistryFile file, CsvReader reader, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken)) throw new ImportFaultException(1, "", "the file is empty");
        string[] header = [.. file.Columns.Select(column => column.Name)];
        if (reader.Fields.SequenceEqual(header, StringComparer.Ordinal)) return header;
        StringBuilder may = new($"'{string.Join(',', header)}'");
        foreach ((int before, RegistryColumn[] group) in file.MoreColumns.Index())
        {
            string[] more = [.. group.Select(column => column.Name)];
            may.Append(before == 0 ? ", which" : ", and then").Append($" '{string.Join(',', more)}' may follow");
            header = [.. header, .. more];
            if (reader.Fields.SequenceEqual(header, StringComparer.Ordinal)) return header;
        }

        throw new ImportFaultException(1, "", $"the header is '{string.Join(',', reader.Fields)}', but must be {may}");
    }

    private static IEnumerable<RegistryColumn> All(IRegistryFile file) => file.Columns.Concat(file.MoreColumns.SelectMany(group => group));

    private static string Names(IRegistryFile file) => string.Join(", ", All(file).Select(column => column.Name));
}
