using System.Collections.Concurrent;
using Claims.Ledger.Audit;
using Microsoft.Extensions.Logging;

namespace Ledger.Tests;

/// <summary>The chain's head must be known outside of the database: it is told to the log at the start, every hour and on
/// leaving.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ChainWorkerTests(LedgerDatabase databases)
{
    [Fact]
    public async Task Head_is_told_at_the_start_after_an_hour_and_on_leaving()
    {
        PublishedLog log = new(1);
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        await BookAsync();
        await using Audit audit = new(postgres);
        using AuditMetrics metrics = new();
        Lines lines = new();
        HourlyClock clock = new();
        using ChainWorker worker = new(audit.Chain, metrics, clock, lines);

        await worker.StartAsync(CancellationToken.None);
        await ChainedAsync(1);
        await ToldAsync(await HeadAsync(1));
        await BookAsync();
        await ChainedAsync(2);
        Assert.Single(lines.Informed);
        clock.AddHour();
        await ToldAsync(await HeadAsync(2));
        Assert.Equal(2, lines.Informed.Count);
        await BookAsync();
        await ChainedAsync(3);
        await worker.StopAsync(CancellationToken.None);

        Assert.Equal([await HeadAsync(1), await HeadAsync(2), await HeadAsync(3)], lines.Informed);
        Assert.Empty(lines.Errors);

        Task BookAsync()
        {
            log.AddSettlements(1);
            return ledger.BookNewAsync(log);
        }

        Task ToldAsync(string head) =>
            Eventually.HoldsAsync(() => lines.Informed.LastOrDefault() == head,
            () => $"'{head}' is not told, but {string.Join("; ", lines.Informed)}");

        Task<string> HeadAsync(int link) =>
            audit.TextAsync($"SELECT concat('The chain''s head is ', link, ':', encode(hash, 'hex'), '.') FROM chain_link "
            + $"WHERE link = {link}");

        // Once it rests, the worker has seen what it chained.
        async Task ChainedAsync(int link)
        {
            await Eventually.HoldsAsync(async () => await ledger.CountAsync("SELECT count(*) FROM chain_link") == link,
                () => $"link {link} is not there");
            int rested = clock.Rests;
            await Eventually.HoldsAsync(() => clock.Rests > rested, () => "the worker does not rest");
        }
    }

    [Fact]
    public async Task Chain_that_was_cut_is_told_once_and_nothing_is_chained_over_it()
    {
        PublishedLog log = new(1);
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        log.AddSettlements(1);
        await ledger.BookNewAsync(log);
        await using Audit audit = new(postgres);
        using AuditMetrics metrics = new();
        Lines lines = new();
        using ChainWorker worker = new(audit.Chain, metrics, TimeProvider.System, lines);
        await worker.StartAsync(CancellationToken.None);
        await Eventually.HoldsAsync(() => lines.Informed.Count == 1, () => "no head is told");
        string hash = await audit.TextAsync("SELECT encode(hash, 'hex') FROM chain_link WHERE link = 1");

        await audit.TamperAsync("CREATE TABLE cut AS TABLE chain_link; DELETE FROM chain_link");

        await Eventually.HoldsAsync(() => !lines.Errors.IsEmpty, () => "the cut is not told");
        await worker.StopAsync(CancellationToken.None);
        Assert.Equal(
            [$"The chain is broken: link 1 with hash {hash} was there and is not any more. Nothing is chained until the database has its "
                + $"links back."], lines.Errors);
        Assert.Equal(0, await ledger.CountAsync("SELECT count(*) FROM chain_link"));
    }

    [Fact]
    public async Task Batch_far_behind_the_others_is_chained_within_the_hour()
    {
        PublishedLog log = new(1);
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        await ledger.ExecuteAsync("ALTER TABLE batch ALTER COLUMN batch_id RESTART WITH 100000");
        log.AddSettlements(1);
        await ledger.BookNewAsync(log);
        await using Audit audit = new(postgres);
        using AuditMetrics metrics = new();
        HourlyClock clock = new();
        using ChainWorker worker = new(audit.Chain, metrics, clock, new Lines());
        await worker.StartAsync(CancellationToken.None);
        await Eventually.HoldsAsync(async () => await ledger.CountAsync("SELECT count(*) FROM chain_link") == 1, () => "no link is there");
        // The first look at everything is over once one has found nothing.
        int rested = clock.Rests;
        await Eventually.HoldsAsync(() => clock.Rests > rested + 1, () => "the worker does not rest");
        await ledger.ExecuteAsync("INSERT INTO batch OVERRIDING SYSTEM VALUE VALUES (2, now())");

        clock.AddHour();

        await Eventually.HoldsAsync(async () => await ledger.CountAsync("SELECT count(*) FROM chain_link WHERE batch_id = 2") == 1,
            () => "the batch far behind is not chained");
        await worker.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_PostgreSQL_refuses_is_told_once_and_chained_as_soon_as_it_does_not()
    {
        PublishedLog log = new(1);
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        await ledger.OpenAsync(log);
        log.AddSettlements(1);
        await ledger.BookNewAsync(log);
        await ledger.ExecuteAsync("ALTER TABLE chain_link RENAME TO chain_link_elsewhere");
        await using Audit audit = new(postgres);
        using AuditMetrics metrics = new();
        Lines lines = new();
        HourlyClock clock = new();
        using ChainWorker worker = new(audit.Chain, metrics, clock, lines);
        await worker.StartAsync(CancellationToken.None);
        await Eventually.HoldsAsync(() => clock.Rests > 2, () => "the worker does not try again");

        await ledger.ExecuteAsync("ALTER TABLE chain_link_elsewhere RENAME TO chain_link");

        await Eventually.HoldsAsync(async () => await ledger.CountAsync("SELECT count(*) FROM chain_link") == 1, () => "no link is there");
        await worker.StopAsync(CancellationToken.None);
        Assert.StartsWith("The chain is not extended: 42P01", Assert.Single(lines.Errors), StringComparison.Ordinal);
    }

    /// <summary>Goes on as it should, but rests for a moment only, and jumps when it is told to.</summary>
    private sealed class HourlyClock : TimeProvider
    {
        private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

        private long _jumped;
        private int _rests;

        /// <summary>Waits that have begun.</summary>
        public int Rests => Volatile.Read(ref _rests);

        public void AddHour() => Interlocked.Add(ref _jumped, (long)TimeSpan.FromHours(1).TotalSeconds * TimestampFrequency);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Increment(ref _rests);
            return base.CreateTimer(callback, state, dueTime > Moment ? Moment : dueTime, period);
        }

        public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _jumped);
    }

    private sealed class Lines : ILogger<ChainWorker>
    {
        public ConcurrentQueue<string> Informed { get; } = [];

        public ConcurrentQueue<string> Errors { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Information) Informed.Enqueue(formatter(state, exception));
            else if (logLevel >= LogLevel.Warning) Errors.Enqueue(formatter(state, exception));
        }
    }
}
