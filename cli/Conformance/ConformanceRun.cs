using Claims.Hosting;

namespace Claims.Cli.Conformance;

/// <summary>How a situation ended.</summary>
public sealed record Outcome(int Number, Situation Situation, Verdict Verdict, string Seen, string Should, string Clause);

/// <param name="Facility">Whose system is under test.</param>
/// <param name="Patient">Of every situation but that of the cap.</param>
public sealed record Cast(string Facility, string Patient, string CapPatient)
{
    public string Of(Situation situation)
    {
        ArgumentNullException.ThrowIfNull(situation);
        return situation.Who is Who.CapPatient ? CapPatient : Patient;
    }
}

/// <summary>Plays the situations one after the other and judges each by the calls that it sees.</summary>
public sealed class ConformanceRun(
    Session session, Cast cast, IReadOnlyList<(int Number, Situation Situation)> chosen, Action<string> say)
{
    // The clock is looked at this often, since it may be set while a situation is played.
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);

    private readonly List<Outcome> _outcomes = [];

    public IReadOnlyList<Outcome> Outcomes => _outcomes;

    /// <exception cref="OperationCanceledException">It was to end; <see cref="Outcomes"/> has those before.</exception>
    public async Task PlayAsync(CancellationToken cancellationToken)
    {
        foreach ((int number, Situation situation) in chosen)
        {
            Place place = new(
                cast.Facility, cast.Of(situation), ChinaTime.Today(session.Time), Situations.FenOf(number));
            session.Begin(situation, place);
            say($"【{number}/{Situations.All.Count} {situation.Key}】{situation.Title}");
            say($"    {situation.Tell(place)}");
            Outcome outcome = await JudgeAsync(number, situation, cancellationToken);
            _outcomes.Add(outcome);
            say($"    {Report.Mark(outcome.Verdict)}{Report.Why(outcome)}");
        }

        session.Begin(null, null);
    }

    private async Task<Outcome> JudgeAsync(int number, Situation situation, CancellationToken cancellationToken)
    {
        TimeProvider time = session.Time;
        DateTimeOffset end = time.GetUtcNow() + session.Waits.Situation;
        TimeSpan quiet = situation.BySilence ? session.Waits.Silence : session.Waits.Quiet;
        DateTimeOffset? since = null;
        while (true)
        {
            // The clock first: whatever came before the end is seen.
            DateTimeOffset now = time.GetUtcNow();
            (Seen seen, bool underWay, int others, Task changed) = session.Look();
            Finding finding = Judge(situation, seen);
            if (finding.Verdict is Verdict.NotHandled) return Of(finding, Verdict.NotHandled);
            since = finding.Verdict is Verdict.Handled && !underWay ? LastOf(seen, now) : null;
            if (since is { } handled && (now - handled >= quiet || now >= end)) return Of(finding, Verdict.Handled);
            // A call under way is waited for, and has a bound of its own.
            if (now >= end && !underWay)
            {
                return finding.Verdict is Verdict.NotTried
                    ? Of(others == 0 ? finding : finding with { Seen = $"{finding.Seen}；看到 {others} 次其他机构或参保人的调用" }, Verdict.NotTried)
                    : Of(finding, Verdict.NotHandled);
            }

            TimeSpan wait = since is { } begun ? begun + quiet - now : LookAgain;
            await WaitAsync(changed, wait < LookAgain ? wait : LookAgain, time, cancellationToken);
        }

        Outcome Of(Finding finding, Verdict verdict) =>
            new(number, situation, verdict, finding.Seen, finding.Should, finding.Clause);
    }

    private static Finding Judge(Situation situation, Seen seen)
    {
        try
        {
            return situation.Judge(seen);
        }
        catch (OverflowException)
        {
            return Finding.Wrong("金额的合计超出 int64", "金额以分为单位，合计在范围之内", Clauses.Fields);
        }
    }

    private static DateTimeOffset LastOf(Seen seen, DateTimeOffset now) =>
        seen.Calls.Count == 0 ? now : seen.Calls.Max(call => call.Ended ?? call.At);

    private static async Task WaitAsync(Task changed, TimeSpan wait, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await changed.WaitAsync(wait < TimeSpan.Zero ? TimeSpan.Zero : wait, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Nothing came.
        }
    }
}
