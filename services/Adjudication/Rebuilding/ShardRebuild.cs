using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using Claims.V1;
using Grpc.Core;
using StackExchange.Redis;

namespace Claims.Adjudication.Rebuilding;

/// <summary>
/// Makes one shard's store what the ledger's books, and the records that it alone has, say that it must be. The shard is out of service
/// until the last step, so that whatever interrupts it leaves a closed shard, and the next rebuild starts from the same.
/// </summary>
/// <param name="tell">Takes what is reported on the way.</param>
internal sealed class ShardRebuild(
    ShardQueue shard, SettlementStore store, Ledger.LedgerClient ledger, TimeProvider time, Func<RebuildProgress, Task> tell)
{
    private const int InsuredAtATime = 64;
    private const int RecordsOfAnEntry = 64;
    private const int EntriesAtATime = 500;
    private const int LostRecordsNamed = 100;
    private const int ProgressEveryRecords = 2_000;

    private static readonly Script Freeze = Script.FromResource("freeze.lua");
    private static readonly Script Replace = Script.FromResource("replace.lua");
    private static readonly Script Finish = Script.FromResource("finish.lua");
    private static readonly TimeSpan LedgerLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan BooksLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(15);

    private readonly IDatabase _redis = store.Redis;

    // Set for a rebuild that changes something.
    private string? _name;

    private readonly RebuildReport _report = new() { Shard = shard.Shard };
    private readonly HashSet<string> _booked = new(StringComparer.Ordinal);
    private readonly List<(long First, long Last, RedisKey Key, string Request)> _unbooked = [];
    private readonly Dictionary<uint, byte[]> _terms = [];
    private readonly HashSet<uint> _termsUsed = [];
    private StoredRecords.Types.Position _position = new();
    private readonly HashSet<uint> _termsStored = [];

    /// <exception cref="RebuildException">Why not.</exception>
    public async Task<RebuildReport> RunAsync(bool dryRun, CancellationToken cancellation)
    {
        V1.Store known = await StoreAsync(cancellation);
        if (!known.Initialised) throw new RebuildException("the store has not been opened for the first time: there is nothing to rebuild");
        string closed = shard.Status.Stamp is null ? shard.Status.Reason : "";
        if (dryRun || closed.Length == 0)
        {
            ShardRebuild comparison = new(shard, store, ledger, time, tell);
            await comparison.CompareAsync(cancellation);
            comparison._report.Closed = closed;
            if (dryRun || comparison.FoundAllWhole) return comparison._report;
        }

        string stopped = known.Watermarks.FirstOrDefault(mark => mark.Shard == shard.Shard)?.Stopped ?? "";
        if (stopped.Length > 0)
            throw new RebuildException($"the ledger has stopped shard {shard.Shard}: {stopped}; claims ledger resume first");
        _report.Closed = closed;
        _report.Changed = true;
        await RebuildAsync(known.Epoch, cancellation);
        return _report;
    }

    /// <summary>What Kafka still has is booked within a moment. Once nothing has been booked for this long, nothing more will come.
    /// Shorter in tests.</summary>
    internal TimeSpan BooksStandStill { get; init; } = TimeSpan.FromSeconds(2);

    private bool FoundAllWhole => !_report.RestDiffers && _report.LostRecords.Count == 0
        && _report.MissingInsured + _report.DifferingInsured + _report.UnknownInsured == 0;

    private async Task CompareAsync(CancellationToken cancellation)
    {
        await ReadAllAsync(cancellation);
        (RedisValue[] of, long known) = (
            await _redis.HashGetAsync(shard.Keys.Shard, ["seq", "people"]), await _redis.SetLengthAsync(shard.Keys.Known));
        _report.Sequence = of[0].IsNull ? 0 : (long)of[0];
        _report.RestDiffers |= (of[1].IsNull ? 0 : (long)of[1]) != known || !_termsUsed.IsSubsetOf(_termsStored);
        foreach (LostRecord lost in await LostOfOutboxAsync(_position.Sequence)) _report.LostRecords.Add(lost);
    }

    private async Task RebuildAsync(string epoch, CancellationToken cancellation)
    {
        _name = Guid.NewGuid().ToString("n");
        shard.Close($"Shard {shard.Shard} is being rebuilt.");
        RedisValue[] frozen = (RedisValue[])(await CallAsync(Freeze, [shard.Keys.Shard], [epoch, _name]))!;
        bool hadKey = (string)frozen[0]! == "1";
        long given = (long)frozen[1];
        await WaitForBooksAsync(given, cancellation);
        await _redis.KeyDeleteAsync([shard.Keys.RebuiltOutbox, shard.Keys.RebuiltKnown]);

        await ReadAllAsync(cancellation);
        List<LostRecord> lost = await LostOfOutboxAsync(_position.Sequence);
        _report.LostRecords.AddRange(lost.Take(LostRecordsNamed));
        long highestKnown = Math.Max(Math.Max(_position.Sequence, given), shard.LowestSequence);
        if (lost.Count > 0) highestKnown = Math.Max(highestKnown, lost.Max(record => record.Sequence));
        if (_unbooked.Count > 0) highestKnown = Math.Max(highestKnown, _unbooked.Max(record => record.Last));

        // A store that is behind had given out numbers that nobody here may have heard of, but none that its outbox had no room for.
        bool wasBehind = !hadKey || given < Math.Max(_position.Sequence, shard.LowestSequence);
        _report.Sequence = wasBehind ? Math.Max(highestKnown, _position.Sequence + shard.LongestOutbox) : highestKnown;

        await GiveUpLostNumbersAsync();
        await WriteTermsAsync();
        await WriteOutboxAsync();
        string stamp = StoreStamp.Rebuilt(epoch);
        await CallAsync(Finish,
            [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.RebuiltOutbox, shard.Keys.Known, shard.Keys.RebuiltKnown, shard.Keys.Lease],
            [_name, stamp, _report.Sequence, _position.Sequence, Math.Max(_position.ClosedThrough, (int)frozen[2])]);
        await WaitUntilOpenAsync(stamp, cancellation);
    }

    /// <summary>Every insured of the books, then those whom the store alone has.</summary>
    private async Task ReadAllAsync(CancellationToken cancellation)
    {
        List<(string InsuredId, InsuredFold Fold)> next = [];
        foreach (HashEntry terms in await _redis.HashGetAllAsync(shard.Keys.Terms)) _termsStored.Add(Keep((byte[])terms.Value!));
        using AsyncServerStreamingCall<StoredRecords> books = ledger.ListStoredRecords(
            new ListStoredRecordsRequest { Shard = shard.Shard }, cancellationToken: cancellation);
        await foreach (StoredRecords news in books.ResponseStream.ReadAllAsync(cancellation))
        {
            if (news.NewsCase is StoredRecords.NewsOneofCase.Position) _position = news.Position;
            if (news.NewsCase is StoredRecords.NewsOneofCase.Terms) Keep(news.Terms.ToByteArray());
            if (news.Record is not { } record) continue;
            if (next.Count == 0 || next[^1].InsuredId != record.InsuredId)
            {
                if (next.Count == InsuredAtATime) await HandleAsync(next);
                next.Add((record.InsuredId, new InsuredFold()));
                _booked.Add(record.InsuredId);
            }

            next[^1].Fold.Add(RequestField.Of(record.FacilityCode, record.RequestId), record.StoredRecord.Span);
            if (++_report.Records % ProgressEveryRecords == 0) await TellAsync();
        }

        await HandleAsync(next);
        await TellAsync();
        IServer node = _redis.Multiplexer.GetServer(await shard.Scripts.NodeOfAsync(shard.Keys.Shard));
        await foreach (RedisKey key in node.KeysAsync(_redis.Database, shard.Keys.EveryInsured).WithCancellation(cancellation))
        {
            string insuredId = shard.Keys.InsuredIdOf((string)key!);
            if (!_booked.Add(insuredId)) continue;
            next.Add((insuredId, new InsuredFold()));
            if (next.Count == InsuredAtATime) await HandleAsync(next);
        }

        await HandleAsync(next);
    }

    private uint Keep(byte[] terms)
    {
        uint key = TermsStore.KeyOf(terms);
        _terms[key] = terms;
        return key;
    }

    /// <summary>Compares some insured with what is stored of them, and puts right what differs where this is more than a
    /// comparison.</summary>
    private async Task HandleAsync(List<(string InsuredId, InsuredFold Fold)> some)
    {
        if (some.Count == 0) return;
        RedisKey[] keys = [.. some.Select(insured => shard.Keys.Insured(insured.InsuredId))];
        StoredInsured[] stored = await Task.WhenAll(keys.Select(key => StoredInsured.ReadAsync(_redis, key)));
        List<Task> writes = [];
        List<RedisValue> people = [];
        for (int i = 0; i < keys.Length; i++)
        {
            InsuredFold fold = some[i].Fold;
            bool booked = fold.Fields.Count > 0;
            foreach ((string request, byte[] appended) in stored[i].Behind(_position.Sequence, fold).ToArray())
                AddUnbooked(fold, keys[i], request, appended);
            _termsUsed.UnionWith(fold.Terms);
            if (fold.Fields.Count > 0)
            {
                _report.Insured++;
                people.Add((byte[])keys[i]!);
            }

            if (stored[i].Is(fold.Fields)) continue;
            if (stored[i].Fields.Count == 0) _report.MissingInsured++;
            else if (booked || fold.Fields.Count > 0) _report.DifferingInsured++;
            else _report.UnknownInsured++;
            if (_name is not null) writes.Add(ReplaceAsync(keys[i], fold.Fields, stored[i].Digest));
        }

        some.Clear();
        if (_name is null)
            _report.RestDiffers |= people.Count > 0 && (await _redis.SetContainsAsync(shard.Keys.Known, [.. people])).Contains(false);
        else if (people.Count > 0) writes.Add(_redis.SetAddAsync(shard.Keys.RebuiltKnown, [.. people]));
        await Task.WhenAll(writes);
    }

    /// <summary>Whatever hangs on something that is lost is lost with it.</summary>
    private void AddUnbooked(InsuredFold fold, RedisKey key, string request, byte[] appended)
    {
        OutboxRecord record = OutboxRecord.Read(appended, new StoredRequest());
        if (!fold.CanTake(record) || (record.Terms is { } terms && !_terms.ContainsKey(terms))) return;
        fold.Add(request, appended);
        _unbooked.Add((record.FirstSequence, record.Header.Sequence, key, request));
        _report.UnbookedRecords++;
    }

    private async Task ReplaceAsync(RedisKey key, IReadOnlyDictionary<string, byte[]> fields, string digest)
    {
        RedisValue[] arguments = ["rebuild", _name, digest, .. fields.SelectMany(field => new RedisValue[] { field.Key, field.Value })];
        if ((long)await CallAsync(Replace, [shard.Keys.Shard, key, shard.Keys.Known], arguments) == 1) return;
        throw new RebuildException("what is stored has changed while it was read: something else writes to this shard");
    }

    /// <summary>Of the outbox' records that are not booked, those that lie nowhere.</summary>
    private async Task<List<LostRecord>> LostOfOutboxAsync(long position)
    {
        HashSet<long> found = [.. _unbooked.Select(record => record.Last)];
        List<LostRecord> lost = [];
        RedisValue from = $"{position + 1}-0";
        while (await _redis.StreamRangeAsync(shard.Keys.Outbox, from, "+", EntriesAtATime) is { Length: > 0 } entries)
        {
            foreach (StreamEntry entry in entries)
            {
                foreach ((long sequence, RedisKey key, string request) in Listed(entry))
                {
                    // Beside a comparison the shard goes on, so what was not seen may have come since.
                    if (sequence <= position || found.Contains(sequence) || await _redis.HashExistsAsync(key, request)) continue;
                    (string facilityCode, string requestId) = RequestField.Parse(request);
                    lost.Add(new LostRecord
                    {
                        Sequence = sequence,
                        InsuredId = shard.Keys.InsuredIdOf((string)key!),
                        FacilityCode = facilityCode,
                        RequestId = requestId,
                    });
                }
            }

            from = $"{LastOf(entries[^1]) + 1}-0";
        }

        return lost;
    }

    /// <summary>What an entry of the outbox lists (settle.lua).</summary>
    private static IEnumerable<(long Sequence, RedisKey Key, string Request)> Listed(StreamEntry entry)
    {
        byte[] batch = (byte[])entry["b"]!;
        int count = BinaryPrimitives.ReadUInt16BigEndian(batch);
        string[] names = Encoding.UTF8.GetString(batch.AsSpan(sizeof(ushort))).Split('\0');
        for (int i = 0; i < count; i++) yield return (LastOf(entry) - count + 1 + i, names[2 * i], names[(2 * i) + 1]);
    }

    private static long LastOf(StreamEntry entry)
    {
        string id = (string)entry.Id!;
        return long.Parse(id.AsSpan(0, id.IndexOf('-', StringComparison.Ordinal)), NumberStyles.None, CultureInfo.InvariantCulture);
    }

    /// <summary>The ledger books no number beyond one that is missing, so those that are nowhere are booked as lost.</summary>
    private async Task GiveUpLostNumbersAsync()
    {
        StoredInsured stored = await StoredInsured.ReadAsync(_redis, shard.Keys.NoOne);
        Dictionary<string, byte[]> fields = new(stored.Fields, StringComparer.Ordinal);
        DateTimeOffset now = time.GetUtcNow();
        long next = _position.Sequence + 1;
        List<(long First, long Last)> lost = [];
        foreach ((long first, long last, _, _) in _unbooked.OrderBy(record => record.Last))
        {
            if (first > next) lost.Add((next, first - 1));
            next = last + 1;
        }

        if (next <= _report.Sequence) lost.Add((next, _report.Sequence));
        foreach ((long first, long last) in lost)
        {
            string request = RequestField.Of("", string.Create(CultureInfo.InvariantCulture, $"{first}-{last}"));
            fields[request] = RecordHeader.OfLostNumbers(first, last, now);
            _unbooked.Add((first, last, shard.Keys.NoOne, request));
            _report.LostNumbers.Add(new LostNumbers { FirstSequence = first, LastSequence = last });
        }

        if (lost.Count == 0) return;
        await ReplaceAsync(shard.Keys.NoOne, fields, stored.Digest);
        await _redis.SetAddAsync(shard.Keys.RebuiltKnown, (byte[])shard.Keys.NoOne!);
    }

    private async Task WriteTermsAsync()
    {
        if (_termsUsed.Any(key => !_terms.ContainsKey(key)))
            throw new RebuildException("the books have records whose terms they do not have");
        HashEntry[] used = [.. _termsUsed.Select(key => new HashEntry(TermsStore.FieldOf(key), _terms[key]))];
        if (used.Length > 0) await _redis.HashSetAsync(shard.Keys.Terms, used);
    }

    private async Task WriteOutboxAsync()
    {
        List<Task> writes = [];
        foreach ((long First, long Last, RedisKey Key, string Request)[] entry in Entries(_unbooked.OrderBy(record => record.Last)))
        {
            List<byte> batch = [(byte)(entry.Length >> 8), (byte)entry.Length];
            foreach ((_, _, RedisKey key, string request) in entry)
                batch.AddRange([.. (byte[])key!, 0, .. Encoding.UTF8.GetBytes(request), 0]);
            writes.Add(_redis.StreamAddAsync(shard.Keys.RebuiltOutbox, "b", batch.ToArray(), $"{entry[^1].Last}-0"));
        }

        await Task.WhenAll(writes);
    }

    /// <summary>An entry's records have numbers one after the other; lost numbers stand alone.</summary>
    private static IEnumerable<(long First, long Last, RedisKey Key, string Request)[]> Entries(
        IEnumerable<(long First, long Last, RedisKey Key, string Request)> records)
    {
        List<(long First, long Last, RedisKey Key, string Request)> entry = [];
        foreach ((long First, long Last, RedisKey Key, string Request) record in records)
        {
            bool fits = entry.Count is > 0 and < RecordsOfAnEntry && record.First == record.Last && entry[^1].First == entry[^1].Last;
            if (entry.Count > 0 && !fits)
            {
                yield return [.. entry];
                entry.Clear();
            }

            entry.Add(record);
        }

        if (entry.Count > 0) yield return [.. entry];
    }

    private async Task WaitForBooksAsync(long given, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        long changed = started;
        long booked = -1;
        while (time.GetElapsedTime(started) < BooksLimit)
        {
            V1.Store known = await StoreAsync(cancellation);
            long now = known.Watermarks.FirstOrDefault(mark => mark.Shard == shard.Shard)?.Sequence ?? 0;
            if (now != booked) changed = time.GetTimestamp();
            booked = now;
            if ((given > 0 && booked == given) || time.GetElapsedTime(changed) >= BooksStandStill) return;
            await Task.Delay(Poll, time, cancellation);
        }

        throw new RebuildException($"the books of shard {shard.Shard} did not come to rest within {BooksLimit.TotalSeconds:0} s");
    }

    private async Task WaitUntilOpenAsync(string stamp, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (shard.Status.Stamp != stamp)
        {
            if (time.GetElapsedTime(started) > OpenLimit)
                throw new RebuildException($"shard {shard.Shard} is rebuilt and has not opened: {shard.Status.Reason}");
            await Task.Delay(Poll, time, cancellation);
        }
    }

    private async Task<V1.Store> StoreAsync(CancellationToken cancellation) => await ledger.OpenStoreAsync(
        new OpenStoreRequest { ProposedEpoch = Guid.NewGuid().ToString("n"), Shards = store.Shards.Count },
        deadline: DateTime.UtcNow + LedgerLimit, cancellationToken: cancellation);

    private Task<RedisResult> CallAsync(Script script, RedisKey[] keys, RedisValue[] arguments) =>
        shard.Scripts.CallAsync(script, keys, arguments);

    private Task TellAsync() => tell(new RebuildProgress { Sequence = _position.Sequence, Records = _report.Records });
}

/// <summary>A shard cannot be rebuilt; the message says why.</summary>
public sealed class RebuildException(string reason) : Exception(reason);
