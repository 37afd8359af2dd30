using System.Runtime.CompilerServices;
using Claims.Adjudication.Store;
using Claims.V1;
using Grpc.Core;

namespace Claims.Adjudication.Rebuilding;

/// <summary>What the ledger keeps of one shard, as one state of its books.</summary>
internal sealed class ShardBooks(Ledger.LedgerClient ledger, int shard)
{
    /// <summary>Up to where, and the last closed year. Known before the first insured.</summary>
    public StoredRecords.Types.Position Position { get; private set; } = new();

    /// <summary>By their key, every text of terms that the books have. Known before the first insured.</summary>
    public Dictionary<uint, byte[]> Terms { get; } = [];

    /// <summary>Records read so far.</summary>
    public long Records { get; private set; }

    /// <summary>What must be stored of each insured, in the order of insured_id.</summary>
    /// <param name="insuredId">Only of this one; empty for everybody.</param>
    /// <exception cref="RpcException">The ledger does not answer, or not within <paramref name="limit"/>.</exception>
    public async IAsyncEnumerable<(string InsuredId, InsuredFold Fold)> ReadAsync(
        string insuredId, TimeSpan limit, [EnumeratorCancellation] CancellationToken cancellation)
    {
        (string InsuredId, InsuredFold Fold)? insured = null;
        using AsyncServerStreamingCall<StoredRecords> books = ledger.ListStoredRecords(
            new ListStoredRecordsRequest { Shard = shard, InsuredId = insuredId }, deadline: DateTime.UtcNow + limit,
            cancellationToken: cancellation);
        await foreach (StoredRecords news in books.ResponseStream.ReadAllAsync(cancellation))
        {
            Position = news.Position ?? Position;
            if (news.NewsCase is StoredRecords.NewsOneofCase.Terms) Terms[TermsStore.KeyOf(news.Terms.Span)] = news.Terms.ToByteArray();
            if (news.Record is not { } record) continue;
            if (insured?.InsuredId != record.InsuredId)
            {
                if (insured is { } finished) yield return finished;
                insured = (record.InsuredId, new InsuredFold());
            }

            insured.Value.Fold.Add(RequestField.Of(record.FacilityCode, record.RequestId, record.StatedId), record.StoredRecord.Span);
            Records++;
        }

        if (insured is { } last) yield return last;
    }
}
