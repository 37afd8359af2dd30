using System.Globalization;
using Npgsql;

namespace Claims.Ledger.Posting;

/// <summary>
/// What ledger instances say to each other through PostgreSQL's notifications. A lost one costs time only: watermarks and stops
/// are read every second besides, and a relay that sees no progress publishes again.
/// </summary>
internal sealed class Peers(NpgsqlDataSource database, Watermarks watermarks, OwnShards own, ILogger<Peers> logger)
{
    /// <summary>An empty payload says that a watermark or a stop has changed; any other names shards to publish again.</summary>
    public const string Channel = "claims_ledger";

    private const int TimeoutSeconds = 5;

    /// <summary>Watchers of every instance publish these shards again from their watermarks. May block for 5 s.</summary>
    public void AskAgain(IReadOnlyCollection<int> shards)
    {
        watermarks.AskAgain(shards);
        Tell(shards);
    }

    /// <summary>The same, of shards that this instance's watchers know of already.</summary>
    public void Tell(IReadOnlyCollection<int> shards)
    {
        if (shards.Count == 0) return;
        try
        {
            using NpgsqlCommand notify = database.CreateCommand("SELECT pg_notify($1, $2)");
            notify.CommandTimeout = TimeoutSeconds;
            notify.Parameters.Add(new() { Value = Channel });
            notify.Parameters.Add(new() { Value = string.Join(' ', shards.Select(shard => shard.ToString(CultureInfo.InvariantCulture))) });
            notify.ExecuteNonQuery();
        }
        catch (NpgsqlException exception)
        {
            logger.LogWarning("The other instances could not be told to ask for records again: {Reason}", exception.Message);
        }
    }

    /// <summary>A request of whichever instance posts those shards; what is posted here has been announced already.</summary>
    public void Hear(string payload)
    {
        int[] theirs = [.. payload.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(text => int.Parse(text, CultureInfo.InvariantCulture)).Where(shard => !own.Shards.Contains(shard))];
        if (theirs.Length > 0) watermarks.AskAgain(theirs);
    }
}
