using System.Net;
using System.Security.Cryptography;
using System.Text;
using Claims.Hosting;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;
using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>A Lua script of this service, called by its digest, and by its text where a server does not know it.</summary>
public sealed class Script
{
    private readonly string _text;
    private readonly byte[] _digest;

    private Script(string text)
    {
        _text = text;
#pragma warning disable CA5350 // SHA-1 is how Redis names scripts; nothing is protected by it.
        _digest = SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350
    }

    public static Script FromResource(string name)
    {
        using Stream resource = typeof(Script).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The script {name} is not part of this build.");
        using StreamReader reader = new(resource, Encoding.UTF8);
        return new Script(reader.ReadToEnd());
    }

    /// <summary>The same script with one line changed: for the controls that show that the tests would notice.</summary>
    internal Script Mutated(string line, string replacement)
    {
        string text = _text.Replace(line, replacement, StringComparison.Ordinal);
        return text == _text ? throw new ArgumentException($"The script has no such line: {line}", nameof(line)) : new Script(text);
    }

    internal byte[] Digest => _digest;

    internal string Text => _text;
}

/// <summary>
/// Calls of one shard's scripts: each within a bounded time, refused at once while they keep failing, and never made twice on its own.
/// What fails is a call without an answer, and one that Redis refuses as it would any write. One for each shard, so that a node of a
/// cluster that is away takes down no other node's shards.
/// </summary>
/// <param name="name">The callee, a label of the metrics: <c>redis-s07</c>.</param>
/// <param name="replicas">What each reply waits for before it is believed; null where nothing but the master's disk.</param>
/// <param name="mark">The shard's key for <paramref name="replicas"/>.</param>
public sealed class ScriptCaller(IDatabase redis, string name, ReplicaWait? replicas = null, RedisKey mark = default)
{
    /// <summary>After it the outcome is unknown. The client's own limit is no shorter.</summary>
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(5);

    /// <summary>No retry: whether a call that failed took effect is unknown, and the sender repeats the request, which finds its
    /// answer.</summary>
    private readonly ResiliencePipeline _pipeline =
        OutgoingPipelines.Create(name, CallLimit, maxRetries: 0,
            failure => failure is RedisConnectionException or TimeoutException || RefusesEveryWrite(CodeOf(failure)));

    /// <summary>The first word of what a server has answered instead of a reply; empty where it has not answered.</summary>
    internal static string CodeOf(Exception failure) => failure is RedisServerException ? failure.Message.Split(' ', 2)[0] : "";

    /// <summary>Whether Redis answers so to every write, before the first one of a script, and so of the whole of it. What a script
    /// answers, OUTBOXFULL or STALE, is no such thing.</summary>
    internal static bool RefusesEveryWrite(string code) => code is "CLUSTERDOWN" or "LOADING" or "MASTERDOWN" or "READONLY" or "OOM" or
        "NOREPLICAS" or "MISCONF" or "BUSY" or "NOPERM" or "NOAUTH";

    /// <exception cref="RedisServerException">The script refused; its message starts with the script's code.</exception>
    /// <exception cref="RedisException">No connection, or it broke: the outcome is unknown.</exception>
    /// <exception cref="TimeoutException">No answer within 5 s, the outcome is unknown; or Redis keeps failing and was not
    /// called.</exception>
    public async Task<RedisResult> CallAsync(Script script, RedisKey[] keys, RedisValue[] arguments)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get();
        try
        {
            // Failures as values: as exceptions each layer of the pipeline would throw them anew.
            Outcome<RedisResult> outcome = await _pipeline.ExecuteOutcomeAsync(
                static async (context, call) =>
                {
                    try
                    {
                        return Outcome.FromResult(await call.Caller.EvaluateAsync(
                            call.Script, call.Keys, call.Arguments, context.CancellationToken));
                    }
                    catch (Exception e) when (e is RedisException or TimeoutException or OperationCanceledException)
                    {
                        return Outcome.FromException<RedisResult>(e);
                    }
                },
                context,
                (Caller: this, Script: script, Keys: keys, Arguments: arguments));
            outcome.ThrowIfException();
            return outcome.Result!;
        }
        catch (TimeoutRejectedException e)
        {
            throw new TimeoutException($"Redis did not answer within {CallLimit.TotalSeconds} s.", e);
        }
        catch (BrokenCircuitException e)
        {
            throw new TimeoutException(
                $"Redis has failed repeatedly and is not called for a moment. {e.InnerException?.Message}".TrimEnd(), e);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Until what was written beside the scripts is where it must be before a script's record refers to it.</summary>
    /// <exception cref="RedisException">No connection, or it broke.</exception>
    /// <exception cref="TimeoutException">Too few replicas have it after a second, or no answer within 5 s.</exception>
    public Task<T> HeldAsync<T>(Func<Task<T>> write) =>
        (replicas is null ? write() : HeldAsync(write, replicas)).WaitAsync(CallLimit);

    /// <summary>The node that holds the key now.</summary>
    /// <exception cref="RedisException">No connection.</exception>
    /// <exception cref="TimeoutException">No answer within 5 s, or no node is known.</exception>
    public async Task<EndPoint> NodeOfAsync(RedisKey key) =>
        await redis.IdentifyEndpointAsync(key).WaitAsync(CallLimit) ?? throw new TimeoutException($"No node is known for {key}.");

    private Task<RedisResult> EvaluateAsync(Script script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation) =>
        replicas is null
            ? EvaluateAsync(script, keys, arguments, CommandFlags.None, cancellation)
            : HeldAsync(() => EvaluateAsync(script, keys, arguments, CommandFlags.NoRedirect, cancellation), replicas)
                .WaitAsync(cancellation);

    private async Task<T> HeldAsync<T>(Func<Task<T>> call, ReplicaWait replicas)
    {
        IServer master = Master();
        T reply = await call();
        await HoldsAsync(master, replicas);
        return reply;
    }

    private IServer Master() => redis.Multiplexer.GetServer(mark, null, CommandFlags.DemandMaster);

    /// <summary>The replicas of one node say nothing of what another has answered meanwhile.</summary>
    private Task HoldsAsync(IServer master, ReplicaWait replicas) => master.EndPoint.Equals(Master().EndPoint)
        ? replicas.HoldsAsync(master, mark)
        : throw new ReplicasBehindException("the shard went to another node while it was waited for the replicas");

    private async Task<RedisResult> EvaluateAsync(
        Script script, RedisKey[] keys, RedisValue[] arguments, CommandFlags flags, CancellationToken cancellation)
    {
        try
        {
            return await redis.ScriptEvaluateAsync(script.Digest, keys, arguments, flags).WaitAsync(cancellation);
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            // By its text, which the server keeps: nothing is asked of the nodes that have no part in it, and may be away.
            object[] call = [script.Text, keys.Length, .. keys.Cast<object>(), .. arguments.Cast<object>()];
            return await redis.ExecuteAsync("EVAL", call, flags | CommandFlags.DemandMaster).WaitAsync(cancellation);
        }
    }
}
