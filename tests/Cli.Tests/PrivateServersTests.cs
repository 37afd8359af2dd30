using System.Net;
using System.Net.Sockets;
using Claims.PrivateServers;
using Npgsql;

namespace Claims.Cli.Tests;

public sealed class PrivateServersTests
{
    [Fact]
    public async Task Redis_keeps_what_it_acknowledged_when_killed()
    {
        await using PrivateRedis redis = await PrivateRedis.StartAsync();
        Assert.Equal("+OK", await AskRedisAsync(redis, "SET answer 42"));

        await redis.KillAsync();
        Assert.False(await redis.AnswersAsync());
        await redis.RestartAsync();

        Assert.Equal("$2", await AskRedisAsync(redis, "GET answer"));
    }

    [Fact]
    public async Task Redis_refuses_who_does_not_know_its_password()
    {
        await using PrivateRedis redis = await PrivateRedis.StartAsync();
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, redis.Port);
        using StreamReader reader = new(client.GetStream());
        await client.GetStream().WriteAsync("PING\r\n"u8.ToArray());

        Assert.StartsWith("-NOAUTH", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Postgres_keeps_what_it_committed_when_killed_with_its_lock_file_left_behind()
    {
        await using PrivatePostgres postgres = await PrivatePostgres.StartAsync();
        string books = postgres.ConnectionString("books");
        await ExecuteAsync(books, "CREATE TABLE entry (fen bigint); INSERT INTO entry VALUES (42)");

        await postgres.KillAsync();
        await postgres.RestartAsync();

        Assert.Equal(42L, await ExecuteAsync(postgres.ConnectionString("books"), "SELECT fen FROM entry"));
    }

    [Fact]
    public async Task Busy_port_is_named()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;

        PrivateServerException redis = await Assert.ThrowsAsync<PrivateServerException>(() => PrivateRedis.StartAsync(null, port));
        PrivateServerException postgres = await Assert.ThrowsAsync<PrivateServerException>(() => PrivatePostgres.StartAsync(null, port));

        Assert.Contains($"Port {port}, which Redis needs", redis.Message, StringComparison.Ordinal);
        Assert.Contains($"Port {port}, which PostgreSQL needs", postgres.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_program_is_named_with_its_package()
    {
        PrivateServerException e = Assert.Throws<PrivateServerException>(() => Programs.Find("no-such-server", "no-such-package"));

        Assert.Contains("Debian package no-such-package", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposed_server_no_longer_runs()
    {
        ProcessIdentity process;
        await using (PrivateRedis redis = await PrivateRedis.StartAsync())
        {
            process = redis.Process;
            Assert.True(process.IsRunning);
        }

        Assert.True(await process.WaitForExitAsync(TimeSpan.FromSeconds(10)));
    }

    private static async Task<string?> AskRedisAsync(PrivateRedis redis, string command)
    {
        string password = redis.Configuration.Split("password=")[1];
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, redis.Port);
        using StreamReader reader = new(client.GetStream());
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes($"AUTH {password}\r\n{command}\r\n"));
        Assert.Equal("+OK", await reader.ReadLineAsync());
        return await reader.ReadLineAsync();
    }

    private static async Task<object?> ExecuteAsync(string connectionString, string sql)
    {
        await using NpgsqlConnection connection = new(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using NpgsqlCommand command = new(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
