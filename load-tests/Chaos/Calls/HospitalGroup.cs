using System.Collections.Concurrent;
using System.Diagnostics;
using Claims.LoadTests.Chaos.Stage;
using Grpc.Core;

namespace Claims.LoadTests.Chaos.Calls;

/// <summary>
/// All hospitals of a run: 24 with calls, 6 with streams, 6 clinics. Each does one thing after the other, repeats it under the same id
/// until it is answered, gives it up after some seconds, and goes on.
/// </summary>
public sealed class HospitalGroup : IAsyncDisposable
{
    private const int WithCalls = 24;
    private const int WithStreams = 6;
    private const int Clinics = 6;

    /// <summary>How many there are, each with people of its own.</summary>
    public const int Count = WithCalls + WithStreams + Clinics;

    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan GivenUpAfter = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan ResolveBound = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly Hospital[] _hospitals;
    private readonly ConcurrentDictionary<string, long> _unexpected = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _unanswered = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Call> _asked = [];
    private TaskCompletionSource? _paused;
    private Task _running = Task.CompletedTask;
    private long _answered;
    private long _lastFailureTicks;
    private int _busy;

    /// <param name="perSecond">Operations of all together.</param>
    /// <param name="duration">How long they may be at it.</param>
    public HospitalGroup(ChaosSystem system, int seed, int perSecond, TimeSpan duration)
        : this(lane => WaysOf(system, lane), seed, perSecond, duration)
    {
    }

    /// <param name="waysOf">A hospital's ways, by its number.</param>
    internal HospitalGroup(Func<int, IWay[]> waysOf, int seed, int perSecond, TimeSpan duration)
    {
        int operations = OperationsOfEach(perSecond, duration);
        _hospitals = [.. Enumerable.Range(0, Count).Select(lane => new Hospital(
            lane, new Script(seed, lane, operations), new Random(unchecked((seed * 7_919) + lane)), waysOf(lane)))];
        Interval = TimeSpan.FromSeconds((double)Count / perSecond);
    }

    public static int People(int perSecond, TimeSpan duration) => Count * Script.People(OperationsOfEach(perSecond, duration));

    /// <summary>What a hospital waits from one operation to the next.</summary>
    public TimeSpan Interval { get; }

    /// <summary>Every call, after all have ended.</summary>
    public IEnumerable<Call> Calls => _hospitals.SelectMany(hospital => hospital.Calls).Concat(_asked);

    /// <summary>Answers that no contract knows, and how often: never right.</summary>
    public IReadOnlyDictionary<string, long> Unexpected => _unexpected;

    /// <summary>Attempts without an answer, by what was told instead.</summary>
    public IReadOnlyDictionary<string, long> Unanswered => _unanswered;

    public long Answered => Interlocked.Read(ref _answered);

    public long Sent => _hospitals.Sum(hospital => hospital.Sent);

    /// <summary>When the last attempt ended without an answer; 0 while none has.</summary>
    public long LastFailureTicks => Interlocked.Read(ref _lastFailureTicks);

    /// <summary>Moves the calendars of a third of the hospitals; 0 puts them right.</summary>
    public void MoveClocks(int days, int third)
    {
        foreach (Hospital hospital in _hospitals.Where(hospital => hospital.Lane % 3 == third)) hospital.DaysOff = days;
    }

    public void Start() => _running = Task.WhenAll(_hospitals.Select(hospital => RunAsync(hospital, _stop.Token)));

    /// <summary>Returns once nothing of theirs is on its way.</summary>
    public async Task PauseAsync(CancellationToken cancellationToken)
    {
        _paused ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Every call of theirs has a bound of its own.
        while (Volatile.Read(ref _busy) > 0) await Task.Delay(20, cancellationToken);
    }

    public void Resume() => Interlocked.Exchange(ref _paused, null)?.TrySetResult();

    /// <summary>Each ends what it is at.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        Resume();
        await _running;
    }

    /// <summary>Asks what was given up again, each until it is answered.</summary>
    /// <returns>How many found an answer, and how many found none.</returns>
    public async Task<(int Resolved, int Open)> ResolveAsync(CancellationToken cancellationToken)
    {
        // One after the other within a hospital: the order in which it gave them up.
        long deadline = Environment.TickCount64 + (long)ResolveBound.TotalMilliseconds;
        int[] resolved = await Task.WhenAll(_hospitals.Select(async hospital =>
        {
            int answered = 0;
            foreach (Call call in hospital.Calls.Where(call => call.Reply is null))
            {
                while (call.Reply is null && Environment.TickCount64 < deadline)
                    await AskAsync(hospital, call, first: 0, cancellationToken);
                if (call.Reply is not null) answered++;
            }

            return answered;
        }));
        return (resolved.Sum(), Calls.Count(call => call.Reply is null));
    }

    /// <summary>Repeats every request that had an effect, once each: the last word on it.</summary>
    public async Task RepeatAsync(CancellationToken cancellationToken)
    {
        foreach (List<Call> asked in await Task.WhenAll(_hospitals.Select(async hospital =>
        {
            List<Call> asked = [];
            foreach (Op op in hospital.Calls.Where(call => call.Reply is { HasEffect: true }).Select(call => call.Op)
                .DistinctBy(op => op.Key).ToArray())
            {
                Call call = new(op) { Final = true };
                await AskAsync(hospital, call, first: asked.Count, cancellationToken);
                asked.Add(call);
            }

            return asked;
        })))
        {
            _asked.AddRange(asked);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stop.IsCancellationRequested) await StopAsync();
        foreach (Hospital hospital in _hospitals)
        {
            foreach (IWay way in hospital.Ways) await way.DisposeAsync();
        }

        _stop.Dispose();
    }

    private static int OperationsOfEach(int perSecond, TimeSpan duration) => (int)(perSecond * duration.TotalSeconds / Count) + 1;

    private static IWay[] WaysOf(ChaosSystem system, int lane)
    {
        // Half of them begin with the other instance.
        string[] addresses = [.. Enumerable.Range(0, ChaosSystem.Instances)
            .Select(turn => system.HospitalAddress(1 + ((lane + turn) % ChaosSystem.Instances)))];
        return lane switch
        {
            < WithCalls => [.. addresses.Select(address => new UnaryWay(address))],
            < WithCalls + WithStreams => [.. addresses.Select(address => new StreamWay(address))],
            _ => [.. Enumerable.Range(0, ChaosSystem.Instances)
                .Select(turn => new GatewayWay(system.ClinicAddresses[(lane + turn) % system.ClinicAddresses.Count]))],
        };
    }

    private async Task RunAsync(Hospital hospital, CancellationToken stop)
    {
        // Not all at the same moment.
        long due = Stopwatch.GetTimestamp() + (long)(hospital.Lots.NextDouble() * Interval.TotalSeconds * Stopwatch.Frequency);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                TimeSpan wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
                if (wait > TimeSpan.Zero) await Task.Delay(wait, stop);
                if (_paused is { } paused) await paused.Task.WaitAsync(stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Interlocked.Increment(ref _busy);
            try
            {
                if (_paused is not null) continue;
                Script.Step step = hospital.Script.Next(hospital.Script.Today.AddDays(hospital.DaysOff));
                Task other = step.AtOnceTwice ? AskAsync(hospital, hospital.Begin(step.Op), first: 1, CancellationToken.None)
                    : Task.CompletedTask;
                await AskAsync(hospital, hospital.Begin(step.Op), first: 0, CancellationToken.None);
                await other;
            }
            finally
            {
                Interlocked.Decrement(ref _busy);
            }

            // What an outage has kept it from is not made up for all at once.
            due = Math.Max(due + (long)(Interval.TotalSeconds * Stopwatch.Frequency), Stopwatch.GetTimestamp());
        }
    }

    /// <param name="first">The way of the first attempt; the others take turns.</param>
    private async Task AskAsync(Hospital hospital, Call call, int first, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        TimeSpan pause = FirstPause;
        for (int attempt = 0; Stopwatch.GetElapsedTime(begun) < GivenUpAfter; attempt++)
        {
            long sent = Stopwatch.GetTimestamp();
            if (call.FirstSentTicks == 0) call.FirstSentTicks = sent;
            call.Attempts++;
            string why;
            try
            {
                Reply reply = await hospital.Ways[(first + attempt) % hospital.Ways.Length].AskAsync(call.Op, CallBound, cancellationToken);
                if (reply.Reason != Rules.Reasons.RecordsLost)
                {
                    call.Answered(reply, sent, Stopwatch.GetTimestamp());
                    Interlocked.Increment(ref _answered);
                    return;
                }

                // Not an answer to the request: the same is to be sent again once the insured has been put back.
                why = reply.Reason;
            }
            catch (NoAnswerException e)
            {
                why = e.Message;
            }
            catch (RpcException e)
            {
                why = $"{e.StatusCode}: {e.Status.Detail}";
                _unexpected.AddOrUpdate(why, 1, (_, times) => times + 1);
            }

            catch (Exception e) when (e is not OperationCanceledException)
            {
                // Told at the end like a status that nobody knows: a hospital that fell silent would hide what it has seen.
                why = $"{e.GetType().Name}: {e.Message}";
                _unexpected.AddOrUpdate(why, 1, (_, times) => times + 1);
            }

            _unanswered.AddOrUpdate(why, 1, (_, times) => times + 1);
            Interlocked.Exchange(ref _lastFailureTicks, Stopwatch.GetTimestamp());
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }

        call.LeftOpen = true;
    }

    private sealed class Hospital(int lane, Script script, Random lots, IWay[] ways)
    {
        private readonly List<Call> _calls = [];

        public int Lane { get; } = lane;

        public Script Script { get; } = script;

        public Random Lots { get; } = lots;

        public IWay[] Ways { get; } = ways;

        /// <summary>How far its calendar is off.</summary>
        public volatile int DaysOff;

        public IReadOnlyList<Call> Calls => _calls;

        public int Sent => Volatile.Read(ref _sent);

        private int _sent;

        public Call Begin(Op op)
        {
            Call call = new(op);
            _calls.Add(call);
            Volatile.Write(ref _sent, _calls.Count);
            return call;
        }
    }
}
