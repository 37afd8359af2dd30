using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using StackExchange.Redis;

namespace Claims.Adjudication.Rebuilding;

/// <summary>Where a record of the outbox lies.</summary>
/// <param name="First">Its number; of lost numbers the first of them.</param>
/// <param name="Last">Its number; of lost numbers the last of them.</param>
internal readonly record struct OutboxPlace(long First, long Last, RedisKey Key, string Request);

/// <summary>The outbox as settle.lua writes it: an entry a batch, whose id is the last number, with key and request field of each
/// record.</summary>
internal static class OutboxIndex
{
    private const int RecordsOfAnEntry = 64;
    private const int EntriesAtATime = 500;

    /// <summary>Behind a number, in order. An entry does not say how many numbers were lost: such a record has but the last.</summary>
    public static async IAsyncEnumerable<OutboxPlace> ReadAsync(IDatabase redis, ShardKeys keys, long behind)
    {
        RedisValue from = $"{behind + 1}-0";
        while (await redis.StreamRangeAsync(keys.Outbox, from, "+", EntriesAtATime) is { Length: > 0 } entries)
        {
            foreach (OutboxPlace place in entries.SelectMany(Listed))
            {
                if (place.Last > behind) yield return place;
            }

            from = $"{LastOf(entries[^1]) + 1}-0";
        }
    }

    /// <summary>Writes what takes the place of the outbox.</summary>
    /// <param name="places">Ascending.</param>
    public static Task WriteAsync(IDatabase redis, ShardKeys keys, IEnumerable<OutboxPlace> places) => Task.WhenAll(
        Entries(places).Select(entry => redis.StreamAddAsync(keys.RebuiltOutbox, "b", Batch(entry), $"{entry[^1].Last}-0")).ToArray());

    private static IEnumerable<OutboxPlace> Listed(StreamEntry entry)
    {
        byte[] batch = (byte[])entry["b"]!;
        int count = BinaryPrimitives.ReadUInt16BigEndian(batch);
        long first = LastOf(entry) - count + 1;
        string[] names = Encoding.UTF8.GetString(batch.AsSpan(sizeof(ushort))).Split('\0');
        return Enumerable.Range(0, count).Select(i => new OutboxPlace(first + i, first + i, names[2 * i], names[(2 * i) + 1]));
    }

    private static long LastOf(StreamEntry entry) =>
        long.Parse(((string)entry.Id!).Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture);

    private static byte[] Batch(OutboxPlace[] entry) =>
    [
        (byte)(entry.Length >> 8), (byte)entry.Length,
        .. entry.SelectMany(place => (byte[])[.. (byte[])place.Key!, 0, .. Encoding.UTF8.GetBytes(place.Request), 0]),
    ];

    /// <summary>An entry's records have numbers one after the other; lost numbers stand alone.</summary>
    private static IEnumerable<OutboxPlace[]> Entries(IEnumerable<OutboxPlace> places)
    {
        List<OutboxPlace> entry = [];
        foreach (OutboxPlace place in places)
        {
            bool fits = entry.Count is > 0 and < RecordsOfAnEntry && place.First == place.Last && entry[^1].First == entry[^1].Last;
            if (entry.Count > 0 && !fits)
            {
                yield return [.. entry];
                entry.Clear();
            }

            entry.Add(place);
        }

        if (entry.Count > 0) yield return [.. entry];
    }
}
