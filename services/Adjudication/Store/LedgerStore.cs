using Claims.V1;

namespace Claims.Adjudication.Store;

/// <summary>What the ledger knows of the store that it keeps books for.</summary>
public static class LedgerStore
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>The first instance that asks opens it.</summary>
    /// <exception cref="Grpc.Core.RpcException">The ledger did not answer within 5 s.</exception>
    public static async Task<V1.Store> AskAsync(Ledger.LedgerClient ledger, int shards, CancellationToken cancellation) =>
        await ledger.OpenStoreAsync(
            new OpenStoreRequest { ProposedEpoch = Guid.NewGuid().ToString("n"), Shards = shards },
            deadline: DateTime.UtcNow + Limit,
            cancellationToken: cancellation);

    /// <summary>Everything of the shard up to this number is in the books.</summary>
    public static long WatermarkOf(this V1.Store store, int shard) =>
        store.Watermarks.FirstOrDefault(mark => mark.Shard == shard)?.Sequence ?? 0;
}
