using System.Collections.Concurrent;
using Claims.Hosting;
using Claims.PrivateServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Hosting.Tests;

/// <summary>A PostgreSQL that may lose what it answers is not written to. Each test has a server of its own, and sets it as it
/// runs.</summary>
public sealed class PostgresTrustTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    [Theory]
    [InlineData("fsync")]
    [InlineData("full_page_writes")]
    public async Task Setting_that_is_off_is_a_fault_until_it_is_on_and_is_told_once_a_change(string setting)
    {
        await using PrivatePostgres server = await PrivatePostgres.StartAsync();
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(server.ConnectionString("postgres"));
        LogLines log = new();
        PostgresTrust trust = new(database, acceptUnsafe: false, log);
        string fault = $"PostgreSQL must have {setting} on; nothing is written until it has.";
        await SetAsync(database, "fsync", "on");
        await SetAsync(database, "full_page_writes", "on");
        await UntilAsync(new PostgresTrust(database, acceptUnsafe: false, new LogLines()), null);
        Assert.Null(await trust.FindFaultAsync(CancellationToken.None));
        await trust.RequireAsync(CancellationToken.None);
        Assert.Empty(log.Lines);

        await SetAsync(database, setting, "off");
        await UntilAsync(trust, fault);
        PostgresNotTrustedException refused =
            await Assert.ThrowsAsync<PostgresNotTrustedException>(() => trust.RequireAsync(CancellationToken.None));
        Assert.Equal(fault, refused.Message);
        await SetAsync(database, setting, "on");
        await UntilAsync(trust, null);
        await trust.RequireAsync(CancellationToken.None);

        Assert.Equal([(LogLevel.Error, fault), (LogLevel.Information, "PostgreSQL is what it must be again.")], log.Lines);
    }

    [Fact]
    public async Task Server_that_is_accepted_as_it_is_is_written_to_and_told_as_a_warning()
    {
        await using PrivatePostgres server = await PrivatePostgres.StartAsync();
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(server.ConnectionString("postgres"));
        LogLines log = new();
        PostgresTrust trust = new(database, acceptUnsafe: true, log);

        await trust.RequireAsync(CancellationToken.None);
        Assert.Null(await trust.FindFaultAsync(CancellationToken.None));

        Assert.Equal(
            [(LogLevel.Warning, "PostgreSQL must have fsync and full_page_writes on; nothing is written until it has. "
                + "Claims__AcceptUnsafePostgres takes it all the same: what is booked may be lost with the machine.")],
            log.Lines);
    }

    [Theory]
    [InlineData("-c synchronous_commit=off", "off")]
    [InlineData("-c synchronous_commit=false", "off")]
    [InlineData("-c synchronous_commit=remote_apply", "remote_apply")]
    [InlineData("-c statement_timeout=60000", "on")]
    public async Task Connection_string_that_asks_for_less_than_a_commit_on_disk_is_not_written_with(string options, string session)
    {
        await using PrivatePostgres server = await PrivatePostgres.StartAsync();
        string postgres = server.ConnectionString("postgres");
        await using NpgsqlDataSource administrator = NpgsqlDataSource.Create(postgres);
        await SetAsync(administrator, "fsync", "on");
        await SetAsync(administrator, "full_page_writes", "on");
        await UntilAsync(new PostgresTrust(administrator, acceptUnsafe: false, new LogLines()), null);

        // An assembly without migrations.
        await using InProcessService service = await InProcessService.StartAsync(new Behaviour(), builder => builder.AddPostgres(
            new NpgsqlConnectionStringBuilder(postgres) { Options = options }.ConnectionString, typeof(PostgresTrustTests).Assembly));

        string[] told = [.. service.Log];
        await using NpgsqlCommand show =
            service.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("SHOW synchronous_commit");
        Assert.Equal(session, await show.ExecuteScalarAsync());
        string? fault = session == "off" ? "PostgreSQL must have synchronous_commit on; nothing is written until it has." : null;
        Assert.Equal(fault is null ? [] : [fault], told);
        Assert.Equal(fault, await service.Services.GetRequiredService<PostgresTrust>().FindFaultAsync(CancellationToken.None));
        HealthReport health = await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(
            (fault is null ? HealthStatus.Healthy : HealthStatus.Degraded, fault), (health.Status, health.Entries["postgres"].Description));
        Assert.Equal(told, service.Log);
    }

    private static async Task SetAsync(NpgsqlDataSource database, string setting, string value)
    {
        await using NpgsqlCommand set = database.CreateCommand($"ALTER SYSTEM SET {setting} = {value}");
        await set.ExecuteNonQueryAsync();
        await using NpgsqlCommand reload = database.CreateCommand("SELECT pg_reload_conf()");
        await reload.ExecuteNonQueryAsync();
    }

    private static async Task UntilAsync(PostgresTrust trust, string? fault)
    {
        using CancellationTokenSource deadline = new(Limit);
        while (await trust.FindFaultAsync(deadline.Token) != fault) await Task.Delay(Poll, deadline.Token);
    }

    private sealed class LogLines : ILogger<PostgresTrust>
    {
        public ConcurrentQueue<(LogLevel Level, string Sentence)> Lines { get; } = new();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Enqueue((logLevel, formatter(state, exception)));
    }
}
