using System.Globalization;
using Claims.LoadTests.Chaos.Stage;
using StackExchange.Redis;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>Redis forgets the scripts that it was sent.</summary>
public sealed class ScriptsFlushed(Scene scene) : IFault
{
    public Task BeginAsync(CancellationToken cancellationToken) =>
        RedisCommands.RunAsync(scene, redis => redis.ExecuteAsync("SCRIPT", "FLUSH"));

    public Task EndAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Somebody changes a setting of the running server, and changes it back.</summary>
public sealed class RedisSetting(Scene scene, string name, string value, string before) : IFault
{
    public Task BeginAsync(CancellationToken cancellationToken) => SetAsync(value);

    public Task EndAsync(CancellationToken cancellationToken) => SetAsync(before);

    // A server that was killed meanwhile has its settings from its file again.
    private Task SetAsync(string to) => RedisCommands.RunAsync(scene, redis => redis.ExecuteAsync("CONFIG", "SET", name, to));
}

/// <summary>
/// Memory is short, and Redis may throw away whatever it likes. Hospitals wait until the shards are closed over it: what was answered in
/// the second before, and is not booked, may be thrown away like anything else.
/// </summary>
public sealed class Evicting(Scene scene) : IFault
{
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await scene.Operator.BringToRestAsync(cancellationToken);
        await RedisCommands.RunAsync(scene, async redis =>
        {
            long usedBytes = RedisCommands.Figure(await redis.ExecuteAsync("INFO", "memory"), "used_memory");
            await redis.ExecuteAsync("CONFIG", "SET", "maxmemory-policy", "allkeys-random");
            await redis.ExecuteAsync("CONFIG", "SET", "maxmemory", usedBytes - (usedBytes / 50));
        });
        await scene.Operator.WaitUntilClosedAsync(cancellationToken);
        scene.Hospitals.Resume();
    }

    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await RedisCommands.RunAsync(scene, async redis =>
        {
            await redis.ExecuteAsync("CONFIG", "SET", "maxmemory-policy", "noeviction");
            await redis.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
            scene.Operator.Note($"{RedisCommands.Figure(await redis.ExecuteAsync("INFO", "stats"), "evicted_keys")} keys were evicted");
            await redis.ExecuteAsync("CONFIG", "RESETSTAT");
        });
        await scene.Operator.RebuildAsync(cancellationToken);
    }
}

/// <summary>The hashes of a few people are gone.</summary>
public sealed class InsuredDeleted(Scene scene) : IFault
{
    private const int People = 5;

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await scene.Operator.BringToRestAsync(cancellationToken);
        await RedisCommands.RunAsync(scene, async redis =>
        {
            for (int deleted = 0; deleted < People;)
            {
                RedisKey key = await redis.KeyRandomAsync();
                if (((string)key!).Contains(":i:4", StringComparison.Ordinal) && await redis.KeyDeleteAsync(key)) deleted++;
            }
        });
        scene.Hospitals.Resume();
    }

    public Task EndAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Redis is told to forget everything, and is rebuilt.</summary>
public sealed class Emptied(Scene scene) : IFault
{
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await scene.Operator.BringToRestAsync(cancellationToken);
        await RedisCommands.RunAsync(scene, redis => redis.ExecuteAsync("FLUSHALL"));
        scene.Hospitals.Resume();
    }

    public Task EndAsync(CancellationToken cancellationToken) => scene.Operator.RebuildAsync(cancellationToken);
}

/// <summary>Redis comes back without its files, and is rebuilt.</summary>
public sealed class Wiped(Scene scene) : IFault
{
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        await scene.Operator.BringToRestAsync(cancellationToken);
        SystemProcess redis = scene.System.Processes[ChaosSystem.Redis];
        await redis.KillAsync();
        Directory.Delete(RedisCommands.AppendOnlyDirectory(scene), recursive: true);
        await redis.StartAsync(cancellationToken);
        scene.Hospitals.Resume();
    }

    public Task EndAsync(CancellationToken cancellationToken) => scene.Operator.RebuildAsync(cancellationToken);
}

/// <summary>An earlier copy of Redis' files takes the place of the later ones, and is rebuilt.</summary>
public sealed class RolledBack(Scene scene) : IFault
{
    private string Copy => Path.Combine(scene.System.Layout.DataDirectory, "redis-copy");

    public async Task BeginAsync(CancellationToken cancellationToken) =>
        await Files.CopyAsync(RedisCommands.AppendOnlyDirectory(scene), Copy, cancellationToken);

    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await scene.Operator.BringToRestAsync(cancellationToken);
        SystemProcess redis = scene.System.Processes[ChaosSystem.Redis];
        await redis.KillAsync();
        string directory = RedisCommands.AppendOnlyDirectory(scene);
        Directory.Delete(directory, recursive: true);
        await Files.CopyAsync(Copy, directory, cancellationToken);
        Directory.Delete(Copy, recursive: true);
        await redis.StartAsync(cancellationToken);
        scene.Hospitals.Resume();
        await scene.Operator.RebuildAsync(cancellationToken);
    }
}

internal static class RedisCommands
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    public static string AppendOnlyDirectory(Scene scene) => Path.Combine(scene.System.RedisDirectory, "appendonlydir");

    /// <summary>One line of what INFO says.</summary>
    public static long Figure(RedisResult info, string name) => long.Parse(
        ((string)info!).Split($"{name}:", 2)[1].Split('\r')[0], NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>Over a connection of its own, tried again where Redis is away for another reason.</summary>
    public static async Task RunAsync(Scene scene, Func<IDatabase, Task> run)
    {
        long deadline = Environment.TickCount64 + (long)Bound.TotalMilliseconds;
        while (true)
        {
            try
            {
                await using ConnectionMultiplexer connection = await scene.System.ConnectRedisAsync();
                await run(connection.GetDatabase());
                return;
            }
            catch (Exception e) when (e is RedisConnectionException or RedisTimeoutException && Environment.TickCount64 < deadline)
            {
                await Task.Delay(PollInterval);
            }
        }
    }
}
