using System.Diagnostics;
using Claims.Eligibility.Import;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>How an instance learns of an import that another has taken.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class ChangeFeedTests(PostgresServer postgres)
{
    private const string Row = RegistryDatabase.FacilityHeader + "F1,省人民医院,410105,province,3A,hospital,2024-01-01,\n";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Notice_of_an_import_comes_long_before_the_next_poll()
    {
        const int imports = 4;
        TimeSpan asPolled = (imports - 1) * TimeSpan.FromSeconds(5);
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        using ChangeFeed feed = new(registry.Database, NullLogger<ChangeFeed>.Instance);
        using CancellationTokenSource deadline = new(Bound);
        await feed.StartAsync(deadline.Token);
        long version = await feed.NextAsync(0, deadline.Token);
        Assert.Equal(await registry.VersionAsync(), version);

        long begun = Stopwatch.GetTimestamp();
        for (int import = 0; import < imports; import++)
        {
            ImportResult taken = await registry.ImportFacilitiesAsync(Row);
            Assert.Equal(version + 1, taken.Version);
            version = await feed.NextAsync(version, deadline.Token);
            Assert.Equal((taken.Version, taken.Version), (version, feed.Version));
        }

        Assert.True(Stopwatch.GetElapsedTime(begun) < asPolled,
            $"{imports} imports were seen after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s.");
        await feed.StopAsync(deadline.Token);
    }

    [Fact]
    public async Task Connection_that_is_lost_is_taken_up_again_and_the_next_import_is_seen()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        using ChangeFeed feed = new(registry.Database, NullLogger<ChangeFeed>.Instance);
        using CancellationTokenSource deadline = new(Bound);
        await feed.StartAsync(deadline.Token);
        long version = await feed.NextAsync(0, deadline.Token);

        await using (NpgsqlCommand cut = registry.Database.CreateCommand("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)) await cut.ExecuteNonQueryAsync();
        ImportResult taken = await registry.ImportFacilitiesAsync(Row);

        Assert.Equal(version + 1, taken.Version);
        Assert.Equal(taken.Version, await feed.NextAsync(version, deadline.Token));
        await feed.StopAsync(deadline.Token);
    }

    [Fact]
    public async Task Refused_import_gives_no_notice_and_a_taken_one_gives_one()
    {
        await using RegistryDatabase registry = await postgres.NewRegistryAsync();
        await using NpgsqlConnection listener = await registry.Database.OpenConnectionAsync();
        List<string> notices = [];
        listener.Notification += (_, notice) => notices.Add(notice.Channel);
        await using (NpgsqlCommand listen = new("LISTEN registry_changed", listener)) await listen.ExecuteNonQueryAsync();

        await Assert.ThrowsAsync<Hosting.ImportFaultException>(
            () => registry.ImportFacilitiesAsync(Row + "F2,x,1,province,3A,hospital,,\n"));
        await registry.ImportFacilitiesAsync(Row);

        Assert.True(await listener.WaitAsync(Bound));
        Assert.Equal(["registry_changed"], notices);
    }

    [Fact]
    public async Task Version_that_is_known_already_wakes_nobody()
    {
        using ChangeFeed feed = new(NpgsqlDataSource.Create("Host=127.0.0.1;Port=1"), NullLogger<ChangeFeed>.Instance);
        Assert.Equal(0, feed.Version);
        feed.Raise(5);
        Assert.Equal((5, 5), (feed.Version, await feed.NextAsync(4, CancellationToken.None)));

        Task<long> next = feed.NextAsync(5, CancellationToken.None);
        feed.Raise(5);
        feed.Raise(3);
        Assert.Equal((5, false), (feed.Version, next.IsCompleted));
        feed.Raise(6);
        Assert.Equal(6, await next.WaitAsync(Bound));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => feed.NextAsync(6, new CancellationToken(canceled: true)));
    }
}
