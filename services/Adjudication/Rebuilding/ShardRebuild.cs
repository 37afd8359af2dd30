using System.Globalization;
using Claims.Adjudication.Store;
using Claims.V1;
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
    private const int LostRecordsNamed = 100;
    private const int ProgressEveryRecords = 2_000;

    /// <summary>Of a store that is behind, at least. Books that were put back themselves do not know how far a shard had come.</summary>
    internal const long NumbersGivenUp = 10_000_000;

    /// <summary>More than a shard numbers in a second, over the years: what it has given out by now lies below this many for each second
    /// since <see cref="Beginning"/>, however often stores and books were put back. Ids keep their ten digits until 2055.</summary>
    private const long NumbersPerSecond = 10;

    private static readonly DateTimeOffset Beginning = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Script Freeze = Script.FromResource("freeze.lua");
    private static readonly Script Finish = Script.FromResource("finish.lua");
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ListLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan BooksLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(15);

    private readonly IDatabase _redis = store.Redis;

    // Set for a rebuild that changes something.
    private string? _name;

    private readonly RebuildReport _report = new() { Shard = shard.Shard };
    private readonly HashSet<string> _booked = new(StringComparer.Ordinal);
    private readonly List<OutboxPlace> _unbooked = [];
    private readonly ShardBooks _books = new(ledger, shard.Shard);
    private readonly HashSet<uint> _termsUsed = [];
    private readonly Dictionary<uint, byte[]> _termsStored = [];

    /// <exception cref="RebuildException">Why not.</exception>
    public async Task<RebuildReport> RunAsync(bool dryRun, CancellationToken cancellation)
    {
        V1.Store known = await LedgerStore.AskAsync(ledger, store.Shards.Count, cancellation);
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

    private long HighestGivenOut => Math.Max(
        _books.Position.Sequence + NumbersGivenUp, (long)(time.GetUtcNow() - Beginning).TotalSeconds * NumbersPerSecond);

    private async Task CompareAsync(CancellationToken cancellation)
    {
        await ReadAllAsync(cancellation);
        (RedisValue[] of, long known) = (
            await _redis.HashGetAsync(shard.Keys.Shard, ["seq", "people"]), await _redis.SetLengthAsync(shard.Keys.Known));
        _report.Sequence = of[0].IsNull ? 0 : (long)of[0];
        _report.RestDiffers |= (of[1].IsNull ? 0 : (long)of[1]) != known || !_termsUsed.All(_termsStored.ContainsKey);
        foreach (LostRecord lost in await LostOfOutboxAsync()) _report.LostRecords.Add(lost);
        _report.RestDiffers |= await OutboxLacksANumberAsync(_report.Sequence, cancellation);
    }

    private async Task RebuildAsync(string epoch, CancellationToken cancellation)
    {
        _name = Guid.NewGuid().ToString("n");
        RedisValue[] frozen = (RedisValue[])(await CallAsync(Freeze, [shard.Keys.Shard], [epoch, _name]))!;
        // Not before: whoever looked at the store when it was not frozen yet must find its status changed, and open nothing (StoreOpener).
        shard.Close($"Shard {shard.Shard} is being rebuilt.");
        bool hadKey = (string)frozen[0]! == "1";
        long given = (long)frozen[1];
        await WaitForBooksAsync(given, cancellation);
        await _redis.KeyDeleteAsync([shard.Keys.RebuiltOutbox, shard.Keys.RebuiltKnown]);

        await ReadAllAsync(cancellation);
        List<LostRecord> lost = await LostOfOutboxAsync();
        _report.LostRecords.AddRange(lost.Take(LostRecordsNamed));
        long missed = Math.Max(shard.LowestSequence, (long)frozen[3]);
        long highestKnown = Math.Max(Math.Max(_books.Position.Sequence, given), missed);
        if (lost.Count > 0) highestKnown = Math.Max(highestKnown, lost.Max(record => record.Sequence));
        if (_unbooked.Count > 0) highestKnown = Math.Max(highestKnown, _unbooked.Max(record => record.Last));

        // A store that is behind had given out numbers that nobody here may have heard of.
        bool wasBehind = !hadKey || given < Math.Max(_books.Position.Sequence, missed);
        _report.Sequence = wasBehind ? Math.Max(highestKnown, HighestGivenOut) : highestKnown;

        await GiveUpLostNumbersAsync();
        await WriteTermsAsync();
        await OutboxIndex.WriteAsync(_redis, shard.Keys, _unbooked.OrderBy(record => record.Last));
        string stamp = StoreStamp.Rebuilt(epoch);
        await CallAsync(Finish,
            [shard.Keys.Shard, shard.Keys.Outbox, shard.Keys.RebuiltOutbox, shard.Keys.Known, shard.Keys.RebuiltKnown, shard.Keys.Lease],
            [_name, stamp, _report.Sequence, _books.Position.Sequence, Math.Max(_books.Position.ClosedThrough, (int)frozen[2])]);
        await WaitUntilOpenAsync(stamp, cancellation);
    }

    /// <summary>Every insured of the books, then those whom the store alone has.</summary>
    private async Task ReadAllAsync(CancellationToken cancellation)
    {
        List<(string InsuredId, InsuredFold Fold)> next = [];
        foreach (HashEntry terms in await _redis.HashGetAllAsync(shard.Keys.Terms))
        {
            byte[] text = (byte[])terms.Value!;
            _termsStored[TermsStore.KeyOf(text)] = text;
        }

        await foreach ((string InsuredId, InsuredFold) insured in _books.ReadAsync("", ListLimit, cancellation))
        {
            next.Add(insured);
            _booked.Add(insured.InsuredId);
            if (next.Count < InsuredAtATime) continue;
            await HandleAsync(next);
            if (_books.Records - _report.Records >= ProgressEveryRecords) await TellAsync();
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
            foreach ((string request, byte[] appended) in stored[i].Behind(_books.Position.Sequence, fold).ToArray())
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
            if (_name is not null) writes.Add(ReplaceAsync(stored[i], keys[i], fold.Fields));
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
        if (!fold.CanTake(record) || (record.Terms is { } terms && TermsOf(terms) is null)) return;
        fold.Add(request, appended);
        _unbooked.Add(new OutboxPlace(record.FirstSequence, record.Header.Sequence, key, request));
        _report.UnbookedRecords++;
    }

    private byte[]? TermsOf(uint key) => _books.Terms.GetValueOrDefault(key) ?? _termsStored.GetValueOrDefault(key);

    private async Task ReplaceAsync(StoredInsured stored, RedisKey key, IReadOnlyDictionary<string, byte[]> fields)
    {
        if (!await stored.ReplaceAsync(shard, key, ("rebuild", _name!), fields))
            throw new RebuildException("what is stored has changed while it was read: something else writes to this shard");
    }

    /// <summary>Of the outbox' records that are not booked, those that lie nowhere.</summary>
    private async Task<List<LostRecord>> LostOfOutboxAsync()
    {
        HashSet<long> found = [.. _unbooked.Select(record => record.Last)];
        List<LostRecord> lost = [];
        await foreach (OutboxPlace place in OutboxIndex.ReadAsync(_redis, shard.Keys, behind: _books.Position.Sequence))
        {
            // Beside a comparison the shard goes on, so what was not seen may have come since.
            if (found.Contains(place.Last) || await _redis.HashExistsAsync(place.Key, place.Request)) continue;
            RequestField.Key key = RequestField.Parse(place.Request);
            lost.Add(new LostRecord
            {
                Sequence = place.Last,
                InsuredId = shard.Keys.InsuredIdOf((string)place.Key!),
                FacilityCode = key.FacilityCode,
                RequestId = key.RequestId,
            });
        }

        return lost;
    }

    /// <summary>A record that stands for numbers up to its own says itself from where on.</summary>
    private async Task<long> FirstOfAsync(OutboxPlace place)
    {
        if (RequestField.Parse(place.Request).FacilityCode.Length > 0) return place.First;
        return (byte[]?)await _redis.HashGetAsync(place.Key, place.Request) is { } record
            ? OutboxRecord.Read(record, new StoredRequest()).FirstSequence
            : place.First;
    }

    /// <summary>A number that is neither booked nor in the outbox would keep the ledger from all that come after it.</summary>
    /// <param name="given">The last number that was given out before the outbox is read.</param>
    private async Task<bool> OutboxLacksANumberAsync(long given, CancellationToken cancellation)
    {
        long next = _books.Position.Sequence + 1;
        await foreach (OutboxPlace place in OutboxIndex.ReadAsync(_redis, shard.Keys, behind: _books.Position.Sequence))
        {
            long first = await FirstOfAsync(place);
            if (first > next && !await IsBookedAsync(first - 1, cancellation)) return true;
            next = place.Last + 1;
        }

        return next <= given && !await IsBookedAsync(given, cancellation);
    }

    /// <remarks>Beside a comparison the books go on, and what is booked need not be in the outbox any more.</remarks>
    private async Task<bool> IsBookedAsync(long sequence, CancellationToken cancellation) =>
        (await LedgerStore.AskAsync(ledger, store.Shards.Count, cancellation)).WatermarkOf(shard.Shard) >= sequence;

    /// <summary>The ledger books no number beyond one that is missing, so those that are nowhere are booked as lost.</summary>
    private async Task GiveUpLostNumbersAsync()
    {
        StoredInsured stored = await StoredInsured.ReadAsync(_redis, shard.Keys.NoOne);
        Dictionary<string, byte[]> fields = new(stored.Fields, StringComparer.Ordinal);
        DateTimeOffset now = time.GetUtcNow();
        long next = _books.Position.Sequence + 1;
        List<(long First, long Last)> lost = [];
        foreach (OutboxPlace place in _unbooked.OrderBy(record => record.Last))
        {
            if (place.First > next) lost.Add((next, place.First - 1));
            next = place.Last + 1;
        }

        if (next <= _report.Sequence) lost.Add((next, _report.Sequence));
        foreach ((long first, long last) in lost)
        {
            string request = RequestField.Of("", string.Create(CultureInfo.InvariantCulture, $"{first}-{last}"));
            fields[request] = RecordHeader.OfLostNumbers(first, last, now);
            _unbooked.Add(new OutboxPlace(first, last, shard.Keys.NoOne, request));
            _report.LostNumbers.Add(new LostNumbers { FirstSequence = first, LastSequence = last });
        }

        if (lost.Count == 0) return;
        InsuredFold.Count(fields);
        await ReplaceAsync(stored, shard.Keys.NoOne, fields);
        await _redis.SetAddAsync(shard.Keys.RebuiltKnown, (byte[])shard.Keys.NoOne!);
    }

    private async Task WriteTermsAsync()
    {
        HashEntry[] used = [.. _termsUsed.Select(key => new HashEntry(TermsStore.FieldOf(key), TermsOf(key)
            ?? throw new RebuildException("the books have records whose terms they do not have")))];
        if (used.Length > 0) await _redis.HashSetAsync(shard.Keys.Terms, used);
    }

    private async Task WaitForBooksAsync(long given, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        long changed = started;
        long booked = -1;
        while (time.GetElapsedTime(started) < BooksLimit)
        {
            long now = (await LedgerStore.AskAsync(ledger, store.Shards.Count, cancellation)).WatermarkOf(shard.Shard);
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

    private Task<RedisResult> CallAsync(Script script, RedisKey[] keys, RedisValue[] arguments) =>
        shard.Scripts.CallAsync(script, keys, arguments);

    private Task TellAsync()
    {
        _report.Records = _books.Records;
        return tell(new RebuildProgress { Sequence = _books.Position.Sequence, Records = _report.Records });
    }
}

/// <summary>A shard cannot be rebuilt; the message says why.</summary>
public sealed class RebuildException(string reason) : Exception(reason);
