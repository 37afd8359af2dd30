using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>
/// Waits until so many replicas have what a shard's master had when it was asked. Redis answers before it replicates, so that a replica
/// that takes over may lack what was answered. A round on a node is one WAIT for all shards that asked during the round before.
/// </summary>
/// <remarks>
/// WAIT looks at the last write of its own connection, from Redis 7.2 on; before, at its last command. So a round writes a mark into
/// each of its shards first: it comes after all that the shard's scripts did or saw, whichever connection or instance they came from,
/// and a node that no longer has the shard refuses it. The connection's number, asked for before and after, says that marks and WAIT
/// went the same way. A replica with appendfsync always confirms what it has synced.
/// </remarks>
/// <param name="replicas">How many replicas of each master must have it, 1 at least.</param>
public sealed class ReplicaWait(int replicas)
{
    /// <summary>How long Redis waits for the replicas, and holds up what comes after on the connection. Who asks during a round waits twice
    /// as long at most.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<EndPoint, Node> _nodes = new();

    /// <param name="master">Where the shard's script ran.</param>
    /// <param name="mark">A key of the shard that nothing else is kept in.</param>
    /// <exception cref="ReplicasBehindException">Too few replicas have it after a second, or that could not be found out.</exception>
    /// <exception cref="RedisException">The node did not answer, or has the shard no longer.</exception>
    /// <exception cref="TimeoutException">The node did not answer.</exception>
    public Task HoldsAsync(IServer master, RedisKey mark) =>
        _nodes.GetOrAdd(master.EndPoint, static (_, parts) => new Node(parts.Master, parts.Replicas), (Master: master, Replicas: replicas))
            .HoldsAsync(mark);

    /// <summary>One master's rounds, one at a time.</summary>
    private sealed class Node(IServer server, int replicas)
    {
        private readonly Lock _gate = new();
        private Round? _next;
        private bool _isWaiting;

        public Task HoldsAsync(RedisKey mark)
        {
            Round joined;
            lock (_gate)
            {
                joined = _next ??= new Round();
                joined.Marks.Add(mark);
                if (_isWaiting) return joined.OfAsync(mark);
                _isWaiting = true;
            }

            _ = RunAllAsync();
            return joined.OfAsync(mark);
        }

        private async Task RunAllAsync()
        {
            while (Take() is { } round) await RunAsync(round);
        }

        private Round? Take()
        {
            lock (_gate)
            {
                Round? taken = _next;
                _next = null;
                _isWaiting = taken is not null;
                return taken;
            }
        }

        private async Task RunAsync(Round round)
        {
            try
            {
                Task<RedisResult> before = TellAsync("CLIENT", "ID");
                foreach (RedisKey mark in round.Marks) round.Written[mark] = TellAsync("SET", mark, RedisValue.EmptyString);
                Task<RedisResult> waited = TellAsync("WAIT", replicas, (int)Limit.TotalMilliseconds);
                Task<RedisResult> after = TellAsync("CLIENT", "ID");

                // One by one in their order: whichever fails is told to all, but for a mark, which is told to its own shard.
                await Task.WhenAll(before, waited, after);
                int have = (int)await waited;
                if (have < replicas) throw new ReplicasBehindException(have, replicas);
                if ((long)await before != (long)await after)
                    throw new ReplicasBehindException("the connection was made anew while it was waited for the replicas");
                round.Done.SetResult();
            }
            catch (Exception e)
            {
                round.Done.SetException(e);
            }
        }

        private Task<RedisResult> TellAsync(string command, params object[] arguments) =>
            server.ExecuteAsync(null, command, arguments, CommandFlags.NoRedirect);
    }

    private sealed class Round
    {
        public HashSet<RedisKey> Marks { get; } = [];

        public Dictionary<RedisKey, Task<RedisResult>> Written { get; } = [];

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task OfAsync(RedisKey mark)
        {
            await Done.Task;
            await Written[mark];
        }
    }
}

/// <summary>What was written may be lost with its master: it stands there, and nobody is told so.</summary>
public sealed class ReplicasBehindException : TimeoutException
{
    internal ReplicasBehindException(string message) : base(message)
    {
    }

    internal ReplicasBehindException(int have, int wanted)
        : this(string.Create(CultureInfo.InvariantCulture, $"{have} of {wanted} replicas have it"))
    {
    }
}
