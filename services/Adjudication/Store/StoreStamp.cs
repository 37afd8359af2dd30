namespace Claims.Adjudication.Store;

/// <summary>
/// What stands as epoch in a shard's key: the store's epoch, and once the shard was rebuilt a full stop and a name of that rebuild. An
/// instance that has not heard of the rebuild is refused by every script, and opens the shard anew.
/// </summary>
public static class StoreStamp
{
    private const int EpochDigits = 32;

    public static string EpochOf(string stamp) =>
        stamp.Length > EpochDigits && stamp[EpochDigits] == '.' ? stamp[..EpochDigits] : stamp;

    public static string Rebuilt(string epoch) => $"{epoch}.{Guid.NewGuid():n}";
}
