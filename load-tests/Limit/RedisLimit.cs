using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using Claims.Cli;
using Claims.LoadTests.Hospitals;
using Claims.PrivateServers;
using Claims.V1;
using StackExchange.Redis;

namespace Claims.LoadTests.Limit;

/// <summary>
/// What the store alone can do: the settlement script over a Redis of its own with an fsync before every answer, driven by redis-cli's
/// pipe mode with batches of the size that the service makes, without the service.
/// </summary>
public static class RedisLimit
{
    private const int ShardCount = 32;
    private const long LongestOutbox = 1_000_000_000;
    private const string Epoch = "00000000000000000000000000000000";

    // As the policy has them: province-level III-A, other, grassroots.
    private static readonly Terms[] TermsOfTier = [new(4_500, 4_000, 30_000, null), new(5_500, 4_000, 30_000, null), new(6_500, 0, 30_000, null)];

    /// <param name="batch">Visits in one call of the script.</param>
    /// <returns>Settlements per second.</returns>
    public static async Task<double> MeasureAsync(Workload workload, int visits, int batch, CancellationToken cancellationToken)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("claims-limit-");
        int port = FreePort.Take();
        string redisDirectory = Path.Combine(directory.FullName, "redis");
        ProcessIdentity process = default;
        try
        {
            await PrivateRedis.StartDetachedAsync(redisDirectory, port, Path.Combine(directory.FullName, "redis.log"), started => process = started, cancellationToken);
            PrivateRedis redis = PrivateRedis.Attach(redisDirectory, port);
            byte[] digest = await OpenAsync(redis, cancellationToken);
            string commands = Path.Combine(directory.FullName, "commands.resp");
            int calls = await WriteCommandsAsync(commands, workload, visits, batch, digest, cancellationToken);
            return visits / await PipeAsync(redis, commands, calls, cancellationToken);
        }
        finally
        {
            process.Signal(ProcessSignal.Kill);
            await process.WaitForExitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
            directory.Delete(recursive: true);
        }
    }

    private static async Task<byte[]> OpenAsync(PrivateRedis redis, CancellationToken cancellationToken)
    {
        string script;
        using (StreamReader text = new(typeof(ShardQueue).Assembly.GetManifestResourceStream("settle.lua")!, Encoding.UTF8))
            script = await text.ReadToEndAsync(cancellationToken);
        using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(redis.Configuration);
        await connection.GetServer(connection.GetEndPoints()[0]).ScriptLoadAsync(script);
        foreach (int shard in Enumerable.Range(0, ShardCount))
        {
            await connection.GetDatabase().HashSetAsync(
                new ShardKeys(shard).Shard, [new("epoch", Epoch), new("seq", 0), new("committed", 0)]);
        }

#pragma warning disable CA5350 // SHA-1 is how Redis names scripts; nothing is protected by it.
        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(script))));
#pragma warning restore CA5350
    }

    private static async Task<int> WriteCommandsAsync(
        string file, Workload workload, int visits, int batch, byte[] digest, CancellationToken cancellationToken)
    {
        await using FileStream commands = File.Create(file);
        List<Step>[] waiting = [.. Enumerable.Range(0, ShardCount).Select(_ => new List<Step>(batch))];
        int calls = 0;
        for (int visit = 0; visit < visits; visit++)
        {
            SettleRequest request = workload.Next();
            int shard = Shards.Of(request.InsuredId, ShardCount);
            waiting[shard].Add(StepOf(request, TermsOfTier[visit % TermsOfTier.Length]));
            if (waiting[shard].Count < batch) continue;
            await commands.WriteAsync(Command(shard, waiting[shard], digest), cancellationToken);
            waiting[shard].Clear();
            calls++;
        }

        foreach ((int shard, List<Step> rest) in waiting.Index().Where(shard => shard.Item.Count > 0))
        {
            await commands.WriteAsync(Command(shard, rest, digest), cancellationToken);
            calls++;
        }

        return calls;
    }

    private static Step StepOf(SettleRequest request, Terms terms)
    {
        StoredRequest stored = new()
        {
            VisitType = (int)request.VisitType,
            TotalFen = request.TotalFen,
            InScopeFen = request.InScopeFen,
            RateBp = terms.RateBasisPoints,
            Tier = 1,
            InsuredCounty = 410105,
            FacilityCounty = 410105,
            Citations = 1,
            SettledAtUnixMs = 1_750_200_000_000,
        };
        return new Step(
            StepMode.Settle, request.InsuredId,
            Step.PackTerms(terms, DateOnly.ParseExact(request.VisitDate, "yyyy-MM-dd", CultureInfo.InvariantCulture), request.TotalFen, request.InScopeFen),
            RequestField.Of(request.FacilityCode, request.RequestId), Fingerprints.Content(request, stored));
    }

    private static byte[] Command(int shard, List<Step> steps, byte[] digest)
    {
        ShardKeys keys = new(shard);
        RedisValue[] arguments = new RedisValue[steps.Count * Step.Arguments];
        foreach ((int index, Step step) in steps.Index()) step.WriteArguments(arguments.AsSpan(index * Step.Arguments, Step.Arguments));
        using MemoryStream command = new();
        byte[][] words =
        [
            "EVALSHA"u8.ToArray(), digest, Text(2 + steps.Count), (byte[])keys.Shard!, (byte[])keys.Outbox!,
            .. steps.Select(step => (byte[])keys.Insured(step.InsuredId)!), Encoding.ASCII.GetBytes(Epoch), Text(0), Text(LongestOutbox),
            .. arguments.Select(argument => (byte[])argument!),
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

    private static async Task<double> PipeAsync(PrivateRedis redis, string file, int calls, CancellationToken cancellationToken)
    {
        string[] address = redis.Configuration.Split(',')[0].Split(':');
        string password = redis.Configuration.Split(',').Single(part => part.StartsWith("password=", StringComparison.Ordinal))["password=".Length..];
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
        await using (FileStream commands = File.OpenRead(file))
            await commands.CopyToAsync(client.StandardInput.BaseStream, cancellationToken);
        client.StandardInput.Close();
        await client.WaitForExitAsync(cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        string expected = string.Create(CultureInfo.InvariantCulture, $"errors: 0, replies: {calls}");
        return (await output).Contains(expected, StringComparison.Ordinal)
            ? seconds
            : throw new CommandException($"redis-cli reports \"{(await output).Trim().Split('\n')[^1]}\" instead of \"{expected}\".", ExitCodes.Failed);
    }

    private static byte[] Text(long number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));
}
