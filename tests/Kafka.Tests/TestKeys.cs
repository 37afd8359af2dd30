using Claims.Kafka;

namespace Kafka.Tests;

internal static class TestKeys
{
    /// <summary>One key, of nobody else's.</summary>
    public static MessageKeys New()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, MessageKeys.NewKey());
        MessageKeys keys = MessageKeys.Load(file);
        File.Delete(file);
        return keys;
    }
}
