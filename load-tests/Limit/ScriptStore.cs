using System.Diagnostics;
using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.Cli;
using Claims.PrivateServers;
using Claims.V1;
using StackExchange.Redis;

namespace Claims.LoadTests.Limit;

/// <summary>A Redis of its own with the settlement script and an fsync before every answer, driven by redis-cli's pipe mode, without the
/// service.</summary>
internal sealed class ScriptStore : IAsyncDisposable
{
    private const int ShardCount = 32;
    private const long LongestOutbox = 1_000_000_000;
    private const string Epoch = "00000000000000000000000000000000";

    // As the policy has them: province-level III-A, other, grassroots.
    private static readonly Terms[] TermsOfTier = [.. SampleTerms.OfEveryFacilityClass()];

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-limit-");
    private ProcessIdentity _process;
    private PrivateRedis? _redis;
    private byte[] _digest = [];

    private ScriptStore()
    {
    }

    public static async Task<ScriptStore> StartAsync(CancellationToken cancellationToken)
    {
        ScriptStore store = new();
        try
        {
            string directory = Path.Combine(store._directory.FullName, "redis");
            store._redis = await PrivateRedis.StartDetachedAsync(
                directory, FreePort.Take(), store.FilePath("redis.log"), started => store._process = started, cancellationToken);
            store._digest = await OpenAsync(store._redis, cancellationToken);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>A file that goes with the store.</summary>
    public string FilePath(string name) => Path.Combine(_directory.FullName, name);

    /// <summary>Bytes that Redis has taken of memory, once no outbox is left.</summary>
    public async Task<long> UsedBytesAsync()
    {
        using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync($"{_redis!.Configuration},allowAdmin=true");
        foreach (int shard in Enumerable.Range(0, ShardCount)) await connection.GetDatabase().KeyDeleteAsync(new ShardKeys(shard).Outbox);
        IGrouping<string, KeyValuePair<string, string>>[] info = await connection.GetServer(connection.GetEndPoints()[0])
            .InfoAsync("memory");
        return long.Parse(info.SelectMany(section => section).Single(entry => entry.Key == "used_memory").Value,
            CultureInfo.InvariantCulture);
    }

    /// <summary>Visits as calls of the script, each of one shard and as large as asked.</summary>
    /// <returns>How many calls there are.</returns>
    public async Task<int> WriteCallsAsync(
        Stream commands, IEnumerable<SettleRequest> visits, int batch, CancellationToken cancellationToken)
    {
        List<Step>[] waiting = [.. Enumerable.Range(0, ShardCount).Select(_ => new List<Step>(batch))];
        int calls = 0;
        foreach ((int index, SettleRequest visit) in visits.Index())
        {
            int shard = Shards.Of(visit.InsuredId, ShardCount);
            waiting[shard].Add(StepOf(visit, TermsOfTier[index % TermsOfTier.Length]));
            if (waiting[shard].Count < batch) continue;
            await commands.WriteAsync(Command(shard, waiting[shard]), cancellationToken);
            waiting[shard].Clear();
            calls++;
        }

        foreach ((int shard, List<Step> rest) in waiting.Index().Where(shard => shard.Item.Count > 0))
        {
            await commands.WriteAsync(Command(shard, rest), cancellationToken);
            calls++;
        }

        return calls;
    }

    /// <param name="send">Writes the calls and says how many.</param>
    /// <returns>Seconds until the last was answered.</returns>
    /// <exception cref="CommandException">A call was answered by an error.</exception>
    public async Task<double> PipeAsync(Func<Stream, Task<int>> send, CancellationToken cancellationToken)
    {
        string[] address = _redis!.Configuration.Split(',')[0].Split(':');
        string password = _redis.Configuration.Split(',')
            .Single(part => part.StartsWith("password=", StringComparison.Ordinal))["password=".Length..];
        ProcessStartInfo start = new(Programs.Find("redis-cli", "redis-tools"), ["-h", address[0], "-p", address[1], "--pipe"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            Environment = { ["REDISCLI_AUTH"] = password },
        };
        long begun = Stopwatch.GetTimestamp();
        using Process client = Process.Start(start)!;
        Task<string> output = client.StandardOutput.ReadToEndAsync(cancellationToken);
        int calls = await send(client.StandardInput.BaseStream);
        client.StandardInput.Close();
        await client.WaitForExitAsync(cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        string expected = string.Create(CultureInfo.InvariantCulture, $"errors: 0, replies: {calls}");
        return (await output).Contains(expected, StringComparison.Ordinal)
            ? seconds
            : throw new CommandException($"redis-cli reports \"{(await output).Trim().Split('\n')[^1]}\" instead of \"{expected}\".",
                ExitCodes.Failed);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Signal(ProcessSignal.Kill);
        await _process.WaitForExitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        _directory.Delete(recursive: true);
    }

    private static async Task<byte[]> OpenAsync(PrivateRedis redis, CancellationToken cancellationToken)
    {
        string script;
        using (StreamReader text = new(typeof(ShardQueue).Assembly.GetManifestResourceStream("settle.lua")!, Encoding.UTF8))
            script = await text.ReadToEndAsync(cancellationToken);
        using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(redis.Configuration);
        byte[] digest = await connection.GetServer(connection.GetEndPoints()[0]).ScriptLoadAsync(script);
        foreach (int shard in Enumerable.Range(0, ShardCount))
        {
            await connection.GetDatabase().HashSetAsync(
                new ShardKeys(shard).Shard, [new("epoch", Epoch), new("seq", 0), new("committed", 0)]);
        }

        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(digest));
    }

    private static Step StepOf(SettleRequest request, Terms terms)
    {
        StoredRequest stored = new()
        {
            VisitType = (int)request.VisitType,
            TotalFen = request.TotalFen,
            InScopeFen = request.InScopeFen,
            InsuredCounty = 410105,
            FacilityCounty = 410105,
            Terms = 1,
            SettledAtUnixMs = 1_750_200_000_000,
        };
        DateOnly date = DateOnly.ParseExact(request.VisitDate, "yyyy-MM-dd", CultureInfo.InvariantCulture);
        return Step.Visit(StepMode.Settle, request, date, terms, request.TotalFen, request.InScopeFen, stored);
    }

    private byte[] Command(int shard, List<Step> steps)
    {
        ShardKeys keys = new(shard);
        using MemoryStream command = new();
        byte[][] words =
        [
            "EVALSHA"u8.ToArray(), _digest, Text(3 + steps.Count), (byte[])keys.Shard!, (byte[])keys.Outbox!, (byte[])keys.Known!,
            .. steps.Select(step => (byte[])keys.Insured(step.InsuredId)!), Encoding.ASCII.GetBytes(Epoch), Text(0), Text(LongestOutbox),
            .. steps.Select(step => step.Item),
        ];
        command.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"*{words.Length}\r\n")));
        foreach (byte[] word in words)
        {
            command.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"${word.Length}\r\n")));
            command.Write(word);
            command.Write("\r\n"u8);
        }

        return command.ToArray();
    }

    private static byte[] Text(long number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));
}
