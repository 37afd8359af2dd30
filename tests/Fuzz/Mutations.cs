using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Fuzz;

/// <summary>
/// Sound input, broken at random for some seconds: what reads it answers, or refuses in a way of its own, and in time. CLAIMS_FUZZ_SECONDS
/// says how long, CLAIMS_FUZZ_SEED repeats a run; each run prints its seed.
/// </summary>
internal static class Mutations
{
    private const int MostChanges = 6;
    private const int MostBytes = 64 * 1024;
    private const int MostKept = 500;

    // The machine may be doing other things: what takes this long does not end.
    private static readonly TimeSpan LongestOne = TimeSpan.FromSeconds(20);

    private static readonly byte[] Telling =
        [.. "\0\t\n\r \"'#%&*+,-./0159:;<=>?@[\\]^_`{|}~"u8, 0x7F, 0x80, 0xBF, 0xC0, 0xE4, 0xF0, 0xFE, 0xFF];

    /// <summary>The seconds that this run has.</summary>
    public static double Seconds => double.TryParse(
        Environment.GetEnvironmentVariable("CLAIMS_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out double seconds) ? seconds : 2;

    /// <param name="parse">Reads one input; what it keeps of it must not matter to the next.</param>
    /// <param name="refusals">What it may throw, their subclasses included.</param>
    /// <exception cref="Xunit.Sdk.XunitException">It threw something else, or did not end; the message has the input.</exception>
    public static void Run(ITestOutputHelper output, IReadOnlyList<byte[]> corpus, Action<byte[]> parse, params Type[] refusals)
    {
        Assert.NotEmpty(corpus);
        foreach (byte[] sound in corpus) parse(sound);
        int seed = int.TryParse(Environment.GetEnvironmentVariable("CLAIMS_FUZZ_SEED"), CultureInfo.InvariantCulture, out int given)
            ? given
            : Random.Shared.Next();
        output.WriteLine($"CLAIMS_FUZZ_SEED={seed}");
        byte[] current = [];
        long began = Stopwatch.GetTimestamp();
        (int answered, int refused) = (0, 0);
        Task run = Task.Run(() =>
        {
            Random random = new(seed);
            List<byte[]> pool = [.. corpus];
            long end = Stopwatch.GetTimestamp() + (long)(Seconds * Stopwatch.Frequency);
            while (Stopwatch.GetTimestamp() < end)
            {
                byte[] input = Broken(pool, random);
                (current, began) = (input, Stopwatch.GetTimestamp());
                try
                {
                    parse(input);
                    answered++;
                    // What is still taken for sound leads on to what a single change does not reach.
                    if (pool.Count < MostKept) pool.Add(input);
                    else pool[random.Next(corpus.Count, MostKept)] = input;
                }
                catch (Exception exception) when (refusals.Any(refusal => refusal.IsInstanceOfType(exception)))
                {
                    refused++;
                }
            }
        });
        while (!((IAsyncResult)run).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(1)))
        {
            if (Stopwatch.GetElapsedTime(Volatile.Read(ref began)) > LongestOne)
                Assert.Fail(
                    $"Seed {seed}: not read within {LongestOne.TotalSeconds} s: {Convert.ToBase64String(Volatile.Read(ref current))}");
        }

        if (run.Exception?.InnerException is { } escaped)
            Assert.Fail($"Seed {seed}: {escaped.GetType().Name} for {Convert.ToBase64String(current)}\n{escaped}");
        output.WriteLine($"{answered} answered, {refused} refused");
        Assert.True(refused > 0, "nothing was refused: the input is hardly broken");
    }

    private static byte[] Broken(List<byte[]> pool, Random random)
    {
        List<byte> bytes = [.. pool[random.Next(pool.Count)]];
        for (int changes = random.Next(1, MostChanges + 1); changes > 0; changes--) Change(bytes, pool, random);
        if (bytes.Count > MostBytes) bytes.RemoveRange(MostBytes, bytes.Count - MostBytes);
        return [.. bytes];
    }

    private static void Change(List<byte> bytes, List<byte[]> pool, Random random)
    {
        int at = random.Next(bytes.Count + 1);
        int length = Math.Min(random.Next(1, random.Next(2, 33)), bytes.Count - at);
        switch (random.Next(10))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = Telling[random.Next(Telling.Length)];
                break;
            case 2:
                bytes.Insert(at, Telling[random.Next(Telling.Length)]);
                break;
            case 3:
                bytes.RemoveRange(at, length);
                break;
            case 4:
                bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                break;
            case 5:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 6:
                byte[] other = pool[random.Next(pool.Count)];
                int from = random.Next(other.Length + 1);
                bytes.RemoveRange(at, bytes.Count - at);
                bytes.AddRange(other.AsSpan(from));
                break;
            case 7:
                // A length or a number, at either of its ends.
                byte end = random.Next(2) == 0 ? (byte)0 : (byte)0xFF;
                for (int i = at; i < Math.Min(at + 4, bytes.Count); i++) bytes[i] = end;
                break;
            case 8:
                // A number in digits that is longer than any.
                int digit = bytes.FindIndex(at, value => value is >= (byte)'0' and <= (byte)'9');
                if (digit >= 0) bytes.InsertRange(digit, Enumerable.Repeat((byte)'9', random.Next(1, 30)));
                break;
            case 9:
                // Many of the same: what nests or repeats.
                byte value = at < bytes.Count ? bytes[at] : Telling[random.Next(Telling.Length)];
                bytes.InsertRange(at, Enumerable.Repeat(value, random.Next(1, 300)));
                break;
        }
    }
}
