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

    /// <summary>Without one of these an answered settlement is lost with the machine's power, or thrown away to make room.</summary>
    [Fact]
    public async Task Redis_has_each_write_on_disk_throws_nothing_away_and_is_reached_from_this_machine_alone()
    {
        await using PrivateRedis redis = await PrivateRedis.StartAsync();

        foreach ((string name, string value) in ((string, string)[])
            [("appendonly", "yes"), ("appendfsync", "always"), ("save", ""), ("maxmemory-policy", "noeviction"), ("bind", "127.0.0.1")])
            Assert.Equal((name, value), (name, await SettingAsync(redis, name)));
    }

    [Fact]
    public async Task Redis_that_still_loads_its_data_does_not_answer()
    {
        string directory = Directory.CreateTempSubdirectory("claims-loading-").FullName;
        try
        {
            using TcpListener loading = new(IPAddress.Loopback, 0);
            loading.Start();
            PrivateRedis redis = PrivateRedis.Attach(directory, ((IPEndPoint)loading.LocalEndpoint).Port);

            Assert.True(await AnswersAsync("+PONG"));
            Assert.False(await AnswersAsync("-LOADING Redis is loading the dataset in memory"));

            async Task<bool> AnswersAsync(string pong)
            {
                Task<bool> answers = redis.AnswersAsync();
                using TcpClient asked = await loading.AcceptTcpClientAsync();
                await asked.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes($"+OK\r\n{pong}\r\n"));
                return await answers;
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Temporary_place_of_a_server_goes_with_it_and_a_named_one_stays()
    {
        string named = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        string? temporary;
        try
        {
            await using (PrivateRedis kept = await PrivateRedis.StartAsync(named))
            await using (PrivateRedis redis = await PrivateRedis.StartAsync())
            {
                temporary = await SettingAsync(redis, "dir");
                Assert.True(Directory.Exists(temporary));
                Assert.Equal(named, await SettingAsync(kept, "dir"));
            }

            Assert.False(Directory.Exists(temporary));
            Assert.True(Directory.Exists(Path.Combine(named, "appendonlydir")));
            AssertPrivate(named, "redis.conf");
        }
        finally
        {
            Directory.Delete(named, recursive: true);
        }
    }

    [Fact]
    public async Task Postgres_that_outlives_its_starter_loses_nothing_and_asks_for_its_password()
    {
        string directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        ProcessIdentity started = default;
        try
        {
            // An earlier start that was broken off.
            Directory.CreateDirectory(Path.Combine(directory, "data.new"));
            await File.WriteAllTextAsync(Path.Combine(directory, "data.new", "PG_VERSION"), "");
            File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            PrivatePostgres postgres = await PrivatePostgres.StartDetachedAsync(
                directory, FreePort.Take(), Path.Combine(directory, "log"), process => started = process);
            string books = postgres.ConnectionString("books");

            foreach ((string name, string value) in ((string, string)[])
                [("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on"), ("data_checksums", "on"), ("autovacuum", "on"),
                    ("listen_addresses", "127.0.0.1"), ("unix_socket_directories", "")])
                Assert.Equal((name, value), (name, await ExecuteAsync(books, $"SHOW {name}")));
            string stranger = new NpgsqlConnectionStringBuilder(books) { Password = "guessed" }.ConnectionString;
            PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(stranger, "SELECT 1"));
            Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
            AssertPrivate(directory, PrivatePostgres.PasswordName);
        }
        finally
        {
            started.Signal(ProcessSignal.Interrupt);
            await started.WaitForExitAsync(TimeSpan.FromSeconds(10));
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>After a restart of the machine the number may be anybody's.</summary>
    [Fact]
    public void Process_of_the_same_number_that_began_at_another_time_is_another()
    {
        ProcessIdentity self = ProcessIdentity.Of(Environment.ProcessId)!.Value;

        Assert.True(self.IsRunning);
        Assert.False((self with { StartTicks = self.StartTicks - 1 }).IsRunning);
        Assert.False(default(ProcessIdentity).IsRunning);
    }

    /// <summary>After a restart of the machine the number in the file may be another program's: PostgreSQL takes it for its own.</summary>
    [Fact]
    public async Task Postgres_keeps_what_it_committed_when_killed_with_its_lock_file_left_behind()
    {
        string directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            await using PrivatePostgres postgres = await PrivatePostgres.StartAsync(directory);
            string books = postgres.ConnectionString("books");
            await ExecuteAsync(books, "CREATE TABLE entry (fen bigint); INSERT INTO entry VALUES (42)");

            await postgres.KillAsync();
            string[] sleep = Environment.IsPrivilegedProcess
                ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "sleep", "100"]
                : ["sleep", "100"];
            using ServerProcess other = await ServerProcess.StartOwnedAsync(
                new ServerCommand("/usr/bin/env", sleep, Path.Combine(directory, "other.log")));
            string lockFile = Path.Combine(directory, PrivatePostgres.DataName, "postmaster.pid");
            string[] lines = await File.ReadAllLinesAsync(lockFile);
            await File.WriteAllLinesAsync(lockFile, [$"{other.Identity.Pid}", .. lines[1..]]);
            await postgres.RestartAsync();

            Assert.Equal(42L, await ExecuteAsync(postgres.ConnectionString("books"), "SELECT fen FROM entry"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
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

    private static void AssertPrivate(string directory, string secret)
    {
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(directory, secret)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory));
    }

    private static async Task<string?> SettingAsync(PrivateRedis redis, string name)
    {
        string[] answer = await AskRedisAsync(redis, $"CONFIG GET {name}", lines: 5);
        Assert.Equal(name, answer[2]);
        return answer[4];
    }

    private static async Task<string?> AskRedisAsync(PrivateRedis redis, string command) =>
        (await AskRedisAsync(redis, command, lines: 1))[0];

    private static async Task<string[]> AskRedisAsync(PrivateRedis redis, string command, int lines)
    {
        string password = redis.Configuration.Split("password=")[1];
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, redis.Port);
        using StreamReader reader = new(client.GetStream());
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes($"AUTH {password}\r\n{command}\r\n"));
        Assert.Equal("+OK", await reader.ReadLineAsync());
        string[] answer = new string[lines];
        for (int line = 0; line < lines; line++) answer[line] = (await reader.ReadLineAsync())!;
        return answer;
    }

    private static async Task<object?> ExecuteAsync(string connectionString, string sql)
    {
        await using NpgsqlConnection connection = new(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using NpgsqlCommand command = new(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
