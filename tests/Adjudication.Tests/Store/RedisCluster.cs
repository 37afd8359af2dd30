using System.Diagnostics;
using System.Globalization;
using Claims.PrivateServers;

namespace Adjudication.Tests.Store;

/// <summary>
/// A Redis Cluster of this test's own: three masters, each with a third of the slots and every write on disk before its answer,
/// and a replica of the first or of each. Formed and changed with redis-cli, as an operator would.
/// </summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    public const int Masters = 3;
    private const int Slots = 16_384;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    // Each look is a program that starts and ends: at 20 ms they took a sixth of the processors.
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan HandOverLimit = TimeSpan.FromSeconds(6);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-cluster-");
    private readonly string _password = Guid.NewGuid().ToString("n");

    private RedisCluster()
    {
    }

    /// <summary>The masters that the cluster began with, then their replicas in the same order.</summary>
    public List<Node> Nodes { get; } = [];

    public Node Replica => Nodes[Masters];

    /// <summary>For StackExchange.Redis.</summary>
    public string Configuration => $"{string.Join(',', Nodes.Select(node => $"127.0.0.1:{node.Port}"))},password={_password}";

    /// <param name="mayTakeOver">Whether the replica takes over by itself: Redis' own default, and a setting that loses answers.</param>
    /// <param name="replicas">How many of the masters have one.</param>
    public static async Task<RedisCluster> StartAsync(bool mayTakeOver = false, int replicas = 1)
    {
        RedisCluster cluster = new();
        try
        {
            await cluster.FormAsync(mayTakeOver, replicas);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Which slot the keys of a shard are in.</summary>
    public async Task<int> SlotOfAsync(int shard) =>
        int.Parse(await Nodes[0].TellAsync("CLUSTER", "KEYSLOT", string.Create(CultureInfo.InvariantCulture, $"{{s{shard:00}}}")),
            CultureInfo.InvariantCulture);

    /// <summary>The node that has the slot, as the node itself and the one that is asked agree.</summary>
    public async Task<Node> OwnerOfAsync(int slot)
    {
        foreach (Node node in Nodes.Where(node => node.Server.Process.IsRunning))
        {
            string self = (await node.TellAsync("CLUSTER", "NODES")).Split('\n')
                .Single(line => line.Contains("myself", StringComparison.Ordinal));
            if (!self.Contains("master", StringComparison.Ordinal)) continue;
            IEnumerable<int[]> ranges = self.Split(' ').Skip(8).Where(range => range[0] != '[')
                .Select(range => range.Split('-').Select(bound => int.Parse(bound, CultureInfo.InvariantCulture)).ToArray());
            if (ranges.Any(range => range[0] <= slot && slot <= range[^1])) return node;
        }

        throw new InvalidOperationException($"No node has slot {slot}.");
    }

    /// <summary>Moves a slot as the documentation of CLUSTER SETSLOT has it: key by key, while clients go on.</summary>
    /// <param name="halfWay">Called once, when the first key has gone and others have not.</param>
    public async Task MoveAsync(int slot, Node from, Node to, Func<Task>? halfWay = null)
    {
        string number = slot.ToString(CultureInfo.InvariantCulture);
        await to.TellAsync("CLUSTER", "SETSLOT", number, "IMPORTING", from.Id);
        await from.TellAsync("CLUSTER", "SETSLOT", number, "MIGRATING", to.Id);
        while (await from.TellAsync("CLUSTER", "GETKEYSINSLOT", number, "2") is { Length: > 0 } keys)
        {
            // The mark goes last: no script reads it, so that nothing would be refused half way.
            await from.TellAsync(["MIGRATE", "127.0.0.1", to.Port.ToString(CultureInfo.InvariantCulture), "", "0", "5000", "AUTH",
                _password, "KEYS", keys.Split('\n').MinBy(key => key.EndsWith(":mark", StringComparison.Ordinal))!]);
            if (halfWay is not null) await halfWay();
            halfWay = null;
        }

        await to.TellAsync("CLUSTER", "SETSLOT", number, "NODE", to.Id);
        await from.TellAsync("CLUSTER", "SETSLOT", number, "NODE", to.Id);
    }

    /// <summary>Hands the first master's slots to its replica without loss, and waits until they have changed places.</summary>
    public async Task HandOverAsync()
    {
        long asked = 0;
        await UntilAsync(async () =>
        {
            if ((await Replica.TellAsync("ROLE")).StartsWith("master", StringComparison.Ordinal)) return true;

            // On a busy machine the five seconds that Redis allows for it may run out; then nothing has changed hands.
            if (Environment.TickCount64 - asked > HandOverLimit.TotalMilliseconds)
            {
                await Replica.TellAsync("CLUSTER", "FAILOVER");
                asked = Environment.TickCount64;
            }

            return false;
        });
        await UntilAsync(async () => (await Nodes[0].TellAsync("ROLE")).StartsWith("slave", StringComparison.Ordinal));
    }

    /// <summary>Cuts the line between a replica and its master until it is mended. A replica that is but paused would read what had
    /// reached its machine.</summary>
    public static async Task CutAsync(Node replica, Node master)
    {
        await replica.TellAsync("CONFIG", "SET", "masterauth", "wrong");
        await master.TellAsync("CLIENT", "KILL", "TYPE", "replica");
    }

    public async Task MendAsync(Node replica)
    {
        await replica.TellAsync("CONFIG", "SET", "masterauth", _password);
        await FollowsAsync(replica);
    }

    /// <param name="state">Told where the condition does not come about.</param>
    public static Task UntilAsync(Func<Task<bool>> condition, Func<string>? state = null) =>
        Eventually.HoldsAsync(Bound, condition, state, Poll);

    public async ValueTask DisposeAsync()
    {
        foreach (Node node in Nodes) await node.Server.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    private async Task FormAsync(bool mayTakeOver, int replicas)
    {
        for (int number = 0; number < Masters + replicas; number++)
        {
            int port = FreePort.Take(2);
            DirectoryInfo directory = _directory.CreateSubdirectory($"node-{number}");
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "password"), _password);
            string[] settings =
            [
                "cluster-enabled yes",
                "repl-diskless-sync-delay 0",
                "cluster-config-file nodes.conf",
                "cluster-node-timeout 2000",
                "cluster-require-full-coverage no",
                $"cluster-replica-no-failover {(mayTakeOver ? "no" : "yes")}",
                $"cluster-port {port + 1}",
                $"masterauth {_password}",
            ];
            PrivateRedis server = await PrivateRedis.StartAsync(directory.FullName, port, settings);
            Node node = new(server, _password);
            Nodes.Add(node);
            node.Id = await node.TellAsync("CLUSTER", "MYID");
            await node.TellAsync("CLUSTER", "SET-CONFIG-EPOCH", (number + 1).ToString(CultureInfo.InvariantCulture));
        }

        for (int number = 0; number < Masters; number++)
        {
            string first = (Slots * number / Masters).ToString(CultureInfo.InvariantCulture);
            string last = ((Slots * (number + 1) / Masters) - 1).ToString(CultureInfo.InvariantCulture);
            await Nodes[number].TellAsync("CLUSTER", "ADDSLOTSRANGE", first, last);
        }

        foreach (Node node in Nodes.Skip(1))
            await Nodes[0].TellAsync("CLUSTER", "MEET", "127.0.0.1", node.Port.ToString(CultureInfo.InvariantCulture),
                (node.Port + 1).ToString(CultureInfo.InvariantCulture));
        await EveryNodeAsync(string.Create(CultureInfo.InvariantCulture, $"cluster_known_nodes:{Nodes.Count}"));
        await EveryNodeAsync("cluster_state:ok");
        foreach ((Node replica, Node master) in Nodes.Skip(Masters).Zip(Nodes))
        {
            await replica.TellAsync("CLUSTER", "REPLICATE", master.Id);
            await FollowsAsync(replica);
        }

        foreach (Node node in Nodes)
            await UntilAsync(async () => (await node.TellAsync("CLUSTER", "NODES")).Split("slave").Length == replicas + 1);
    }

    /// <summary>Until the node is a replica that has all of its master's data and is connected with it.</summary>
    public static Task FollowsAsync(Node node) => UntilAsync(async () => (await node.TellAsync("INFO", "replication"))
        .Contains("master_link_status:up", StringComparison.Ordinal));

    private async Task EveryNodeAsync(string information)
    {
        foreach (Node node in Nodes)
            await UntilAsync(async () => (await node.TellAsync("CLUSTER", "INFO")).Contains(information, StringComparison.Ordinal));
    }

    /// <summary>One server of the cluster.</summary>
    internal sealed class Node(PrivateRedis server, string password)
    {
        public PrivateRedis Server => server;

        public int Port => server.Port;

        public string Id { get; set; } = "";

        /// <returns>The reply as redis-cli prints it, without the last line's end.</returns>
        /// <exception cref="InvalidOperationException">The server answered with an error.</exception>
        public async Task<string> TellAsync(params string[] command)
        {
            ProcessStartInfo start = new(Programs.Find("redis-cli", "redis-tools"),
                ["-p", Port.ToString(CultureInfo.InvariantCulture), "-e", .. command])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["REDISCLI_AUTH"] = password },
            };
            using Process process = Process.Start(start)!;
            using CancellationTokenSource bound = new(Bound);
            Task<string> errors = process.StandardError.ReadToEndAsync(bound.Token);
            string output = await process.StandardOutput.ReadToEndAsync(bound.Token);
            await process.WaitForExitAsync(bound.Token);
            return process.ExitCode == 0
                ? output.Trim()
                : throw new InvalidOperationException(
                    $"{string.Join(' ', command.TakeWhile(word => word != "AUTH"))} at {Port}: {output}{await errors}");
        }
    }
}
