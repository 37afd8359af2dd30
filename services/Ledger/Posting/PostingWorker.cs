using System.Diagnostics;
using Claims.Hosting;
using Npgsql;

namespace Claims.Ledger.Posting;

/// <summary>Posts what the feed brings, batch by batch, from the watermarks on.</summary>
internal sealed class PostingWorker(
    LedgerSettings settings, ClaimsStore store, Watermarks watermarks, ShardSharing sharing, OwnShards own, Peers peers, RecordFeed feed,
    Books books, LedgerMetrics metrics,
    TimeProvider clock, ILogger<PostingWorker> logger)
    : BackgroundService
{
    private static readonly ActivitySource Activities = new("Claims.Ledger");
    // The default limit of exporters.
    private const int MostLinks = 128;

    private static readonly TimeSpan StorePollTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TrustPollTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestBackOff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    /// <summary>Whether anybody wants to know which settlements a batch came from.</summary>
    public static bool IsTraced => Activities.HasListeners();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            StoreRow opened = await WaitForStoreAsync(stoppingToken);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            Task[] parts = [sharing.RunAsync(opened.Shards, either.Token), feed.RunAsync(opened.Shards, either.Token),
                PostBatchesAsync(opened.Epoch, either.Token)];
            await Task.WhenAny(parts);
            await either.CancelAsync();
            await Task.WhenAll(parts);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            logger.LogInformation("Posting stopped; what was not committed is published again.");
        }
    }

    private async Task<StoreRow> WaitForStoreAsync(CancellationToken cancellationToken)
    {
        while (!watermarks.Opened.IsCompleted)
        {
            try
            {
                if (await store.ReadAsync(cancellationToken) is { } existing) watermarks.Open(existing);
                else await watermarks.Opened.WaitAsync(StorePollTime, clock, cancellationToken);
            }
            catch (TimeoutException)
            {
                logger.LogDebug("No store has been opened yet.");
            }
            catch (NpgsqlException exception)
            {
                logger.LogWarning("PostgreSQL cannot be read: {Reason}", exception.Message);
                await Task.Delay(StorePollTime, clock, cancellationToken);
            }
        }

        return await watermarks.Opened;
    }

    private async Task PostBatchesAsync(string epoch, CancellationToken cancellationToken)
    {
        List<FeedRecord> batch = new(settings.BatchRecords);
        while (await feed.Messages.WaitToReadAsync(cancellationToken))
        {
            batch.Clear();
            await FillAsync(batch, cancellationToken);
            await own.Posting.WaitAsync(cancellationToken);
            try
            {
                await PostAsync(batch.ToArray(), epoch, cancellationToken);
            }
            finally
            {
                own.Posting.Release();
            }
        }
    }

    private async Task FillAsync(List<FeedRecord> batch, CancellationToken cancellationToken)
    {
        using CancellationTokenSource waited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        waited.CancelAfter(settings.BatchMilliseconds);
        try
        {
            do
            {
                while (batch.Count < settings.BatchRecords && feed.Messages.TryRead(out FeedRecord[]? records)) batch.AddRange(records);
            }
            while (batch.Count < settings.BatchRecords && await feed.Messages.WaitToReadAsync(waited.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The batch has waited long enough for more.
        }
    }

    /// <summary>Returns once every record is booked, dropped, or set aside; as long as PostgreSQL is away, or may lose what it answers, it
    /// keeps trying.</summary>
    private async Task PostAsync(ReadOnlyMemory<FeedRecord> received, string epoch, CancellationToken cancellationToken)
    {
        TimeSpan backOff = ShortestBackOff;
        while (true)
        {
            Selection selection = Selection.Of(received.Span, epoch, watermarks, own.Shards);
            try
            {
                await CommitAsync(selection, cancellationToken);
                return;
            }
            catch (PostgresException refused) when (IsAboutTheRecords(refused) && selection.Records.Count > 1)
            {
                int half = received.Length / 2;
                await PostAsync(received[..half], epoch, cancellationToken);
                await PostAsync(received[half..], epoch, cancellationToken);
                return;
            }
            catch (PostgresException refused) when (IsAboutTheRecords(refused) && selection.Records.Count == 1)
            {
                string reason = $"(sequence {selection.Records[0].Claim.Sequence}) is refused by the books: {refused.MessageText} "
                    + $"({refused.ConstraintName ?? refused.SqlState})";
                await CommitAsync(Selection.OfPoison(selection.Sources[0], reason), cancellationToken);
            }
            catch (PostgresNotTrustedException)
            {
                // Told once by whoever found it, and not with every attempt.
                await Task.Delay(TrustPollTime, clock, cancellationToken);
            }
            catch (Exception failure) when (failure is NpgsqlException or WatermarkMovedException or TimeoutException)
            {
                logger.LogWarning("A batch of {Records} records was not posted: {Reason} Trying again in {Seconds:0.0} s.",
                    selection.Records.Count, failure.Message, backOff.TotalSeconds);
                metrics.Retried();
                books.Forget();
                await Task.Delay(backOff, clock, cancellationToken);
                backOff = backOff * 2 < LongestBackOff ? backOff * 2 : LongestBackOff;
                await ReloadAsync(cancellationToken);
            }
        }
    }

    private async Task CommitAsync(Selection selection, CancellationToken cancellationToken)
    {
        if (!selection.IsEmpty)
        {
            using Activity? activity = Activities.StartActivity(
                "ledger.post_batch", ActivityKind.Consumer, default(ActivityContext), links: LinksOf(selection));
            activity?.SetTag("records", selection.Records.Count);
            activity?.SetTag("shards", selection.Ranges.Count);
            long start = Stopwatch.GetTimestamp();
            await books.PostAsync(selection, cancellationToken);
            if (activity is not null) TellVisits(activity);
            metrics.Posted(selection, Stopwatch.GetElapsedTime(start));
            watermarks.Advance(selection.Ranges.Select(range => (range.Key, range.Value.Last)));
        }

        if (selection.Repeats.Count > 0) await StopForksAsync(selection, cancellationToken);
        metrics.Dropped(selection);
        if (selection.Gaps.Count > 0) peers.Tell(watermarks.AnnounceGaps(selection.Gaps));
        foreach (PoisonRecord poison in selection.Poison)
        {
            logger.LogError("Shard {Shard} stops: the record at offset {Offset} {Reason}. It is in table poison_record.",
                poison.Record.Shard, poison.Record.Offset, poison.Reason);
            watermarks.Stop(poison.Record.Shard, poison.StopReason);
        }
    }

    /// <summary>A number that was given out twice: each shard with one stops, and the second version is set aside.</summary>
    private async Task StopForksAsync(Selection selection, CancellationToken cancellationToken)
    {
        List<PoisonRecord> forks = await books.FindForksAsync(selection.Repeats, cancellationToken);
        foreach (PoisonRecord fork in forks.DistinctBy(fork => fork.Record.Shard))
        {
            if (selection.Poison.Exists(poison => poison.Record.Shard == fork.Record.Shard)) continue;
            await books.PostAsync(Selection.OfPoison(fork.Record, fork.Reason), cancellationToken);
            selection.Poison.Add(fork);
        }
    }

    /// <summary>A batch has many causes and no parent: it is linked to the settlements that were traced.</summary>
    private static IEnumerable<ActivityLink>? LinksOf(Selection selection)
    {
        if (!IsTraced) return null;
        List<ActivityLink> links = [];
        foreach (FeedRecord record in selection.Sources)
        {
            if (links.Count == MostLinks) break;
            if (record.TraceParent is { } trace && ActivityContext.TryParse(trace, null, isRemote: true, out ActivityContext context))
                links.Add(new ActivityLink(context));
        }

        return links;
    }

    /// <summary>Each visit's own trace ends with its booking; what else was booked with it is one link away.</summary>
    private static void TellVisits(Activity batch)
    {
        foreach (ActivityLink visit in batch.Links)
            Activities.StartActivity("ledger.book", ActivityKind.Consumer, visit.Context, null, [new ActivityLink(batch.Context)],
                new DateTimeOffset(batch.StartTimeUtc))?.Dispose();
        Activity.Current = batch;
    }

    /// <summary>A failure may have come after the commit, or through another instance: the database knows.</summary>
    private async Task ReloadAsync(CancellationToken cancellationToken)
    {
        try
        {
            long before = watermarks.Version;
            if (await store.ReadAsync(cancellationToken) is { } now) watermarks.Refresh(now, before);
        }
        catch (NpgsqlException exception)
        {
            logger.LogWarning("PostgreSQL cannot be read: {Reason}", exception.Message);
        }
    }

    /// <summary>SQLSTATE classes 22 (data) and 23 (constraints): asking again would end the same way. A month that closed under way is not
    /// the records' fault.</summary>
    private static bool IsAboutTheRecords(PostgresException refused) =>
        (refused.SqlState.StartsWith("22", StringComparison.Ordinal) || refused.SqlState.StartsWith("23", StringComparison.Ordinal))
            && refused.ConstraintName != "month_is_open";
}
