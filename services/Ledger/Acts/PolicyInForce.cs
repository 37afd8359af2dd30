using Claims.Policy;
using Claims.V1;
using Npgsql;

namespace Claims.Ledger.Acts;

/// <summary>Writes down at the start which policy is in force, where it is another than the last that was written down. Who has put its
/// files there the ledger cannot know: the deployment does.</summary>
internal sealed class PolicyInForce(NpgsqlDataSource database, ActBook acts, PolicyPack policy) : IHostedService
{
    private const string Caller = "claims://service/ledger";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        Act? latest = await ActBook.LatestAsync(connection, policy.City, [ActKind.PolicyInForce], cancellationToken);
        if (latest?.Detail == policy.Hash) return;
        await acts.RecordAsync(connection, ActKind.PolicyInForce, policy.City, policy.Hash, Caller, cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
