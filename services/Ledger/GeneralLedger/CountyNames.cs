using Claims.Policy;
using Npgsql;

namespace Claims.Ledger.GeneralLedger;

/// <summary>Writes at start what the policy calls its counties and its pooling area: the accounts take their names from it.</summary>
/// <remarks>A county that the policy does not know is shown by its code.</remarks>
internal sealed class CountyNames(NpgsqlDataSource database, PolicyPack policy) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => WriteAsync(database, policy, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Adds what is missing and renames what is called otherwise; the same again changes nothing.</summary>
    public static async Task WriteAsync(NpgsqlDataSource database, PolicyPack policy, CancellationToken cancellationToken)
    {
        List<(string Code, string Name)> names = [.. policy.Counties.Values.Select(county => (county.Code, county.Name))];
        if (policy.PoolingArea is { } area) names.Add((area.Code, $"{area.Name}本级"));
        // In one order, so that two ledgers that start at the same time wait for each other and not in a circle.
        await using NpgsqlCommand write = database.CreateCommand("""
            INSERT INTO county AS known (county, name)
            SELECT code, name FROM unnest($1, $2) AS named (code, name) ORDER BY code
            ON CONFLICT (county) DO UPDATE SET name = excluded.name WHERE known.name <> excluded.name
            """);
        write.Parameters.Add(new() { Value = names.ConvertAll(row => row.Code) });
        write.Parameters.Add(new() { Value = names.ConvertAll(row => row.Name) });
        await write.ExecuteNonQueryAsync(cancellationToken);
    }
}
