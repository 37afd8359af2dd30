using System.Security.Cryptography;

namespace Claims.Ledger.SubLedger;

/// <summary>The hashes of a batch's rows in the sub-ledger, in the order of the chain, taken from the bytes that PostgreSQL was
/// sent.</summary>
internal sealed class SubLedgerHashes(int rows)
{
    private readonly (int Shard, long Sequence)[] _keys = new (int, long)[rows];
    private readonly byte[] _hashes = new byte[rows * SHA256.HashSizeInBytes];

    public int Count { get; private set; }

    /// <param name="row">Count of fields and fields, as in binary COPY.</param>
    public void Add(int shard, long sequence, ReadOnlySpan<byte> row, IncrementalHash rowHash)
    {
        rowHash.AppendData(SubLedgerTable.NameField);
        rowHash.AppendData(row);
        rowHash.GetHashAndReset(_hashes.AsSpan(Count * SHA256.HashSizeInBytes));
        _keys[Count++] = (shard, sequence);
    }

    public (int Shard, long Sequence) KeyOf(int row) => _keys[row];

    public ReadOnlySpan<byte> HashOf(int row) => _hashes.AsSpan(row * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes);
}

/// <summary>
/// What this instance has lately posted and not chained yet, so that the chain need not read it back: that took as long as writing it.
/// Bounded; what another instance posted, or what has been dropped here, is read from PostgreSQL.
/// </summary>
internal sealed class RecentHashes
{
    // At 44 bytes each, some 13 MB: a second at full speed is a tenth of it.
    private const int MostRows = 300_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, SubLedgerHashes> _batches = [];
    private readonly Queue<long> _order = new();
    private int _rows;
    private int _generation;

    /// <summary>Rises when everything is forgotten.</summary>
    public int Generation
    {
        get
        {
            lock (_gate) return _generation;
        }
    }

    /// <param name="generation">When the batch was begun: one that spans a forgetting may be in no book any more.</param>
    public void Add(int generation, long batchId, SubLedgerHashes hashes)
    {
        lock (_gate)
        {
            if (generation != _generation) return;

            // A number that is here already was given out again: by a database that was put back unnoticed.
            Drop(batchId);
            _batches.Add(batchId, hashes);
            _order.Enqueue(batchId);
            _rows += hashes.Count;
            while (_rows > MostRows || (_order.Count > 0 && !_batches.ContainsKey(_order.Peek()))) Drop(_order.Dequeue());
        }
    }

    /// <summary>Those of a batch, if they are here; they stay until the batch is in the chain.</summary>
    public SubLedgerHashes? Find(long batchId)
    {
        lock (_gate) return _batches.GetValueOrDefault(batchId);
    }

    /// <summary>A database that was put back gives the numbers of its batches out again.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _generation++;
            _batches.Clear();
            _order.Clear();
            _rows = 0;
        }
    }

    public void Chained(IEnumerable<long> batchIds)
    {
        lock (_gate)
        {
            foreach (long batchId in batchIds) Drop(batchId);
        }
    }

    private void Drop(long batchId)
    {
        if (_batches.Remove(batchId, out SubLedgerHashes? hashes)) _rows -= hashes.Count;
    }
}
