using Claims.Hosting;
using Claims.V1;
using NpgsqlTypes;

namespace Claims.Eligibility.Import;

/// <summary>One row an item of the three catalogues (三个目录) and period; a period that the registry has under the same first day is
/// replaced.</summary>
internal sealed class CatalogueFile : IRegistryFile
{
    private const int LargestRateBasisPoints = 10_000;

    private static readonly Dictionary<string, ItemClass> Classes = new(StringComparer.Ordinal)
    {
        ["甲"] = ItemClass.ClassA,
        ["乙"] = ItemClass.ClassB,
        ["丙"] = ItemClass.ClassC,
    };

    public IReadOnlyList<RegistryColumn> Columns { get; } =
    [
        new("item_code", NpgsqlDbType.Text),
        new("name", NpgsqlDbType.Text),
        new("class", NpgsqlDbType.Smallint),
        new("first_self_pay_bp", NpgsqlDbType.Integer),
        new("price_limit_milli_fen", NpgsqlDbType.Bigint),
        new("valid_from", NpgsqlDbType.Date),
        new("valid_to", NpgsqlDbType.Date),
    ];

    private static readonly string[] Key = ["item_code", "valid_from"];

    private static readonly PeriodColumns Periods = new(["item_code"], "valid_from", "valid_to");

    public string Table => "catalogue_item";

    public string Change => "IMPORT_CATALOGUE";

    public async Task<ImportFaultException?> FindContradictionAsync(IncomingRows incoming, CancellationToken cancellationToken) =>
        IncomingRows.First(
            await incoming.FindRepeatedAsync(Key, Key, cancellationToken),
            await PeriodOverlap.FindInFileAsync(incoming, Periods, cancellationToken));

    public async Task MergeAsync(IncomingRows incoming, long changeId, CancellationToken cancellationToken)
    {
        string names = string.Join(", ", Columns.Select(column => column.Name));
        string key = string.Join(", ", Key);
        string assignments = string.Join(", ", Columns.Select(column => column.Name).Except(Key, StringComparer.Ordinal).Select(
            column => $"{column} = EXCLUDED.{column}"));
        await incoming.ExecuteAsync(
            $"INSERT INTO {Table} ({names}) SELECT {names} FROM incoming ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {assignments}",
            cancellationToken);
        if (await PeriodOverlap.FindStoredAsync(incoming, Periods, Table, cancellationToken) is { } overlap) throw overlap;
    }

    public object?[] Read(CsvRow row)
    {
        ItemClass itemClass = Classes[row.OneOf(2, Classes.Keys)];
        int firstSelfPayBasisPoints = (int)(row.Whole(3, 0, LargestRateBasisPoints) ?? 0);
        if (firstSelfPayBasisPoints > 0 && itemClass != ItemClass.ClassB) throw row.Fault(3, "is a first self-pay, which only class 乙 has");
        long? priceLimitMilliFen = row.Whole(4, 1, long.MaxValue);
        DateOnly from = row.Date(5) ?? throw row.Fault(5, "is not a date of the form yyyy-MM-dd");
        DateOnly? to = row.Date(6);
        if (to < from) throw row.Fault(6, "is before valid_from");
        return [row.Identifier(0), row.Name(1), (short)itemClass, firstSelfPayBasisPoints, priceLimitMilliFen, from, to];
    }
}
