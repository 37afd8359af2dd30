using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <summary>What a CSV file's rows mean and where they go.</summary>
internal interface IRegistryFile
{
    /// <summary>The header, in order; also columns of <see cref="Table"/>.</summary>
    IReadOnlyList<RegistryColumn> Columns { get; }

    /// <summary>Columns that may follow the header, group after group; of a group all or none. Columns of <see cref="Table"/>
    /// too.</summary>
    IReadOnlyList<RegistryColumn[]> MoreColumns => [];

    string Table { get; }

    /// <summary>What the registry calls a change by such a file.</summary>
    string Change { get; }

    /// <summary>The row's values in the order of all columns.</summary>
    /// <exception cref="ImportFaultException">A field is not what its column asks for.</exception>
    object?[] Read(CsvRow row);

    /// <summary>Once all rows are there, or those before a bad one.</summary>
    /// <returns>The first line that contradicts an earlier one, or null.</returns>
    Task<Hosting.ImportFaultException?> FindContradictionAsync(IncomingRows incoming, CancellationToken cancellationToken);

    /// <summary>Takes all rows into the registry.</summary>
    /// <exception cref="Hosting.ImportFaultException">A row does not go together with what is stored, or with a closed year.</exception>
    Task MergeAsync(IncomingRows incoming, long changeId, CancellationToken cancellationToken);
}

internal readonly record struct RegistryColumn(string Name, NpgsqlDbType Type);
