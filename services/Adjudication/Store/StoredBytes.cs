using System.Text.Json;
using Google.Protobuf;

namespace Claims.Adjudication.Store;

/// <summary>What a store has and this program would not have written: somebody else has, or it is damaged.</summary>
internal static class StoredBytes
{
    /// <summary>What readers of stored bytes meet where a length, a number or a message is none.</summary>
    public static bool AreWrong(Exception met) =>
        met is ArgumentException or IndexOutOfRangeException or FormatException or OverflowException or InvalidDataException
            or InvalidProtocolBufferException or JsonException or NotSupportedException;

    public static StoreUnavailableException Unreadable(Exception? met) =>
        new("What is stored cannot be read: it is not what this program writes, or is damaged.", met);
}
