using System.Globalization;
using Claims.Cli.Conformance;
using Claims.Conformance.Scripts;
using Claims.Hosting;
using Claims.PrivateServers;
using Claims.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Claims.Cli.Tests.Conformance;

/// <summary>Every situation with a system that handles it, and with systems that do not: a judge that cannot fail is none.</summary>
public sealed class ConformanceTests
{
    private const string Facility = "CF0001";
    private const string Patient = "CF000001";
    private static readonly Cast Cast = new(Facility, Patient, "CF000002");
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(150);

    // Between two looks at whether the judge, who is woken by calls and by his own clock, has ended the situation.
    private static readonly TimeSpan JudgesTurn = TimeSpan.FromMilliseconds(50);

    private static readonly Waits Ample = new(
        TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(150), TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(10),
        TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(100));

    // A late answer leaves a second call time to come before it, on a machine that stalls for a second too.
    private static readonly Waits Short = Ample with { Hold = TimeSpan.FromSeconds(2), Delay = TimeSpan.FromSeconds(2) };

    [Fact]
    public async Task Well_behaved_system_handles_every_situation()
    {
        IReadOnlyList<Outcome> outcomes = await PlayAsync("", Ample, (hospital, key, counter) => hospital.PlayAsync(key, counter));
        Assert.Equal([], outcomes.Where(outcome => outcome.Verdict is not Verdict.Handled)
            .Select(outcome => $"{outcome.Situation.Key}: {outcome.Verdict}{Report.Why(outcome)}"));
        Assert.Equal(Situations.All.Count, outcomes.Count);
    }

    public static TheoryData<string, string> Misdeeds
    {
        get
        {
            TheoryData<string, string> rows = [];
            foreach (Misdeed one in ConformanceMisdeeds.All) rows.Add(one.Situation, one.Name);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Misdeeds))]
    public async Task Misbehaving_system_is_told_what_was_seen(string situation, string name)
    {
        Misdeed misdeed = ConformanceMisdeeds.All.Single(one => one.Situation == situation && one.Name == name);
        Outcome outcome = Assert.Single(await PlayAsync(
            situation, Short, (hospital, _, counter) => misdeed.Play(hospital, counter), patient: false));
        Assert.Equal(Verdict.NotHandled, outcome.Verdict);
        Assert.Contains(misdeed.Seen, outcome.Seen, StringComparison.Ordinal);
        Assert.NotEmpty(outcome.Should);
        Assert.Contains(outcome.Clause, Clauses.All);
    }

    [Fact]
    public void Every_situation_has_a_system_that_fails_it() => Assert.Equal(
        [], Situations.All.Select(situation => situation.Key).Except(ConformanceMisdeeds.All.Select(one => one.Situation)));

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task System_that_does_nothing_has_not_tried(string key)
    {
        Outcome outcome = Assert.Single(await PlayAsync(key, Short, (_, _, _) => Task.CompletedTask, patient: false));
        Assert.Equal(Verdict.NotTried, outcome.Verdict);
    }

    public static TheoryData<string> Keys => [.. Situations.All.Select(situation => situation.Key)];

    [Fact]
    public async Task Calls_for_another_insured_are_passed_on_and_told()
    {
        Outcome outcome = Assert.Single(await PlayAsync("plain", Short, async (hospital, _, counter) =>
            await hospital.SettleAsync(hospital.Visit(counter with { Insured = "P9" })), patient: false));
        Assert.Equal(
            (Verdict.NotTried, "没有看到本情形所需的调用；看到 1 次其他机构或参保人的调用"), (outcome.Verdict, outcome.Seen));
    }

    [Fact]
    public async Task Late_repeat_of_an_earlier_situation_is_not_taken_for_the_present_one()
    {
        SettleRequest? earlier = null;
        IReadOnlyList<Outcome> outcomes = await PlayAsync("quote-only,lookup,settle-anew", Ample, async (hospital, key, counter) =>
        {
            if (key == "lookup") earlier = hospital.Visit(counter);
            if (key == "settle-anew") await hospital.SettleAsync(earlier!);
            if (key != "lookup")
            {
                await hospital.PlayAsync(key, counter);
                return;
            }

            await hospital.SettleAsync(earlier!);
            await hospital.Client.GetSettlementAsync(ScriptedHospital.LookupOf(earlier!));
        });
        Assert.All(outcomes, outcome => Assert.Equal(Verdict.Handled, outcome.Verdict));
    }

    [Theory]
    [InlineData("3,7-9,refund", 5)]
    [InlineData("", -1)]
    [InlineData("plain", 1)]
    public void Situations_are_chosen_by_number_range_and_key(string only, int count) =>
        Assert.Equal(count < 0 ? Situations.All.Count : count, Situations.Choose(only).Count);

    [Theory]
    [InlineData("0")]
    [InlineData("refunds")]
    [InlineData("900")]
    [InlineData("1-2-3")]
    public void Situation_that_does_not_exist_is_named(string only) =>
        Assert.Contains(
            $"'{only}' is no situation", Assert.Throws<CommandException>(() => Situations.Choose(only)).Message, StringComparison.Ordinal);

    [Fact]
    public void Keys_of_situations_are_unique_and_as_many_as_the_documents_say()
    {
        Assert.Equal(Situations.All.Count, Situations.All.DistinctBy(situation => situation.Key).Count());
        Assert.Equal(47, Situations.All.Count);
    }

    [Fact]
    public async Task Amounts_beyond_what_can_be_added_are_a_finding_and_no_failure()
    {
        Outcome outcome = Assert.Single(await PlayAsync("fee-lines", Short, async (hospital, _, counter) =>
        {
            SettleRequest visit = ScriptedHospital.Itemized(hospital.Visit(counter));
            (visit.Lines[0].UnitPriceMilliFen, visit.Lines[0].QuantityE4) = (long.MaxValue, long.MaxValue);
            await hospital.SettleAsync(visit);
        }, patient: false));
        Assert.Equal((Verdict.NotHandled, "金额的合计超出 int64"), (outcome.Verdict, outcome.Seen));
    }

    [Fact]
    public void Record_has_neither_the_insured_id_nor_what_a_sentence_says_of_it()
    {
        Exchange call = new(1, "Settle", 0, new SettleRequest { InsuredId = Patient, RequestId = "R1" }, DateTimeOffset.UnixEpoch)
        {
            Answer = new SettleReply { InsuredId = Patient, ReasonText = $"参保人 {Patient} 不在名册" },
        };
        string line = CallRecord.LineOf("plain", call);
        Assert.DoesNotContain(Patient, line, StringComparison.Ordinal);
        Assert.Contains("\"insuredId\":\"***0001\"", line, StringComparison.Ordinal);
        Assert.Contains("参保人 ***0001 不在名册", line, StringComparison.Ordinal);
    }

    /// <param name="patient">False: a situation's time is over as soon as its script has ended.</param>
    private static async Task<IReadOnlyList<Outcome>> PlayAsync(
        string only, Waits waits, Func<ScriptedHospital, string, Counter, Task> play, bool patient = true)
    {
        ScriptClock time = new();
        MemoryCentre centre = new(ChinaTime.Today(time));
        Session session = new(Facility, waits, time, (_, _) => { });
        int port = FreePort.Take(2);
        await using Proxy proxy = await Proxy.StartAsync(session, new Upstream(centre, centre, time), port, port + 1);
        using GrpcChannel channel = GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
        await channel.ConnectAsync();
        ScriptedHospital hospital = new(channel.CreateCallInvoker(), Limit, Pause) { CallSeen = () => CallSeenAsync(session) };
        IReadOnlyList<(int Number, Situation Situation)> chosen = Situations.Choose(only);
        Queue<(int Number, Situation Situation)> coming = new(chosen);
        List<Task> scripts = [];
        ConformanceRun? run = null;
        run = new ConformanceRun(session, Cast, chosen, said =>
        {
            if (!said.StartsWith('【')) return;
            (int number, Situation situation) = coming.Dequeue();
            Counter counter = new(Facility, Cast.Of(situation), ChinaTime.Today(time), Situations.FenOf(number));
            scripts.Add(Task.Run(() => ScriptAsync(situation.Key, counter)));
        });
        await run.PlayAsync(CancellationToken.None);
        try
        {
            await Task.WhenAll(scripts);
        }
        catch (RpcException)
        {
            // A system that misbehaves may end anyhow.
        }

        return run.Outcomes;

        async Task ScriptAsync(string key, Counter counter)
        {
            try
            {
                await play(hospital, key, counter);
            }
            finally
            {
                // More than once, where the situation had only begun.
                while (!patient && run!.Outcomes.Count == 0)
                {
                    time.Pass(waits.Situation);
                    await Task.Delay(JudgesTurn);
                }
            }
        }
    }

    private static async Task CallSeenAsync(Session session)
    {
        while (true)
        {
            (Seen seen, bool _, int _, Task changed) = session.Look();
            if (seen.Calls.Count > 0) return;
            await changed.WaitAsync(Limit);
        }
    }

    /// <summary>The machine's, set forward at will.</summary>
    private sealed class ScriptClock : TimeProvider
    {
        private long _ahead;

        public void Pass(TimeSpan time) => Interlocked.Add(ref _ahead, time.Ticks);

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _ahead));
    }
}
