using System.Net;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>
/// What a Redis must be, on every node, as long as a shard is open. An acknowledgement means that the answer is on disk, which only an
/// append-only file synced at every write gives, on whichever node of a cluster is or becomes the master; and that it stays, which only a
/// Redis gives that evicts nothing. Redis replicates after it has answered: a replica that takes over by itself may lack answers that were
/// given, and nobody would know. So in a cluster replicas may take over only on command, which hands over without loss; outside of one
/// nothing keeps a replica from being promoted, and there must be none. Where answers wait for replicas (<see cref="ReplicaWait"/>), those
/// may take over; outside of a cluster there is one master among those that are named.
/// </summary>
public static class RedisTrust
{
    private const string Unless = ", unless answers wait for replicas (Claims__RedisReplicas)";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <returns>Why this Redis cannot be trusted, or null. A node that is not connected is not asked.</returns>
    /// <exception cref="RedisException">A node did not answer.</exception>
    /// <exception cref="TimeoutException">A node did not answer within 5 s.</exception>
    /// <param name="replicas">That an answer waits for.</param>
    public static async Task<string?> FindFaultAsync(IConnectionMultiplexer redis, int replicas)
    {
        int masters = 0;
        int alone = 0;
        foreach (EndPoint endPoint in redis.GetEndPoints())
        {
            IServer server = redis.GetServer(endPoint);
            if (!server.IsConnected) continue;
            bool inCluster = server.ServerType is ServerType.Cluster;
            Task<Dictionary<string, string>> append = SettingsAsync(server, "append*");
            Task<Dictionary<string, string>> memory = SettingsAsync(server, "maxmemory-policy");
            Task<RedisResult> role = inCluster ? Task.FromResult(RedisResult.Create(RedisValue.Null)) : server.ExecuteAsync("ROLE");
            await Task.WhenAll(append, memory, role).WaitAsync(Limit);
            if ((await append).GetValueOrDefault("appendonly") != "yes" || (await append).GetValueOrDefault("appendfsync") != "always")
                return "Redis must run with appendonly yes and appendfsync always";
            if ((await memory).GetValueOrDefault("maxmemory-policy") != "noeviction")
                return "Redis must run with maxmemory-policy noeviction";
            if (!inCluster)
            {
                RedisResult[] said = (RedisResult[])(await role)!;
                bool isMaster = (string)said[0]! == "master";
                if (replicas == 0 && (!isMaster || ((RedisResult[])said[2]!).Length > 0))
                    return "Redis outside of a cluster must be one master without replicas, since one that is promoted may lack answers"
                        + Unless;
                alone++;
                if (isMaster) masters++;
            }
            else if (replicas == 0 && server.IsReplica
                && (await SettingsAsync(server, "cluster-replica-no-failover")).GetValueOrDefault("cluster-replica-no-failover") != "yes")
            {
                return "replicas of a Redis Cluster must run with cluster-replica-no-failover yes" + Unless;
            }
        }

        return alone > 0 && masters != 1 ? $"of the Redis servers outside of a cluster one must be the master, and {masters} are" : null;
    }

    private static async Task<Dictionary<string, string>> SettingsAsync(IServer server, string pattern) =>
        new(await server.ConfigGetAsync(pattern).WaitAsync(Limit), StringComparer.Ordinal);
}
