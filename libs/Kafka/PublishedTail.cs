using Claims.V1;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Claims.Kafka;

/// <summary>How far the topic has what a store has numbered: a store that is behind it was put back to an earlier state.</summary>
public sealed class PublishedTail(KafkaSettings settings, ILogger<PublishedTail> log)
{
    // Whoever can write to the broker may have put something behind the last message of ours.
    private const int LastMessages = 16;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <returns>Of each partition that has any, the highest number among its last messages that are of this epoch.</returns>
    /// <exception cref="KafkaReadException">Kafka does not answer, or not within 5 s.</exception>
    public Dictionary<int, long> Read(string epoch, IReadOnlyCollection<int> partitions)
    {
        using KafkaReader reader = new(settings, traced: false, log);
        Dictionary<int, long> ends = partitions.ToDictionary(partition => partition, reader.EndOf);
        HashSet<int> unread = [.. ends.Where(end => end.Value > 0).Select(end => end.Key)];
        Dictionary<int, long> found = [];
        reader.Assign(unread.Select(partition => (partition, Math.Max(ends[partition] - LastMessages, 0))));
        long deadline = Environment.TickCount64 + (long)Limit.TotalMilliseconds;
        while (unread.Count > 0)
        {
            if (Environment.TickCount64 > deadline) throw new KafkaReadException(new TimeoutException("the last messages did not come"));
            if (reader.Next(TimeSpan.FromMilliseconds(100)) is not { } message) continue;
            if (LastOf(message, epoch) is { } last) found[message.Partition] = Math.Max(last, found.GetValueOrDefault(message.Partition));
            if (message.Offset >= ends[message.Partition] - 1) unread.Remove(message.Partition);
        }

        return found;
    }

    private static long? LastOf(ReadMessage message, string epoch)
    {
        try
        {
            return message.Value is { } value && SettledMessage.Read(value)[^1] is { } last && last.Epoch == epoch ? last.Sequence : null;
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or UnknownFormatException)
        {
            return null;
        }
    }
}
