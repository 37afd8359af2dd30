using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using Claims.Rules;
using FsCheck;
using FsCheck.Fluent;

namespace Adjudication.Tests.Store;

/// <summary>Random sequences for few insured, run against the model, the rules and a real Redis alike.</summary>
public sealed class ScriptAgainstModelTests
{
    private const int Sequences = 400;
    private const int Workers = 8;
    private const int LongestSequence = 160;
    private const int Requests = 9;
    private const int Window = 180;

    [Fact]
    public async Task Settle_random_sequences_agree_with_model_and_rules()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 32);

        long operations = await RunAsync(fixture, Workers);

        Assert.True(operations >= 100_000, $"Only {operations} operations were run.");
    }

    [Fact]
    public async Task Settle_scenarios_agree_with_model_and_rules()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();

        await RunScenariosAsync(fixture);
    }

    public static TheoryData<string, string, string> Mutations => new()
    {
        { "requests are not remembered", "if earlier then\n    must_not_be_merged(stored[asked + 1])\n    return earlier\n  end", "" },
        { "the cap does not bind", "allowed = allowed and min(allowed, left) or left", "" },
        { "a cancellation leaves the cap used", "if use.moved > 0 and use.name ~= ''", "if use.moved > 0 and use.kind ~= 'f'" },
        { "a cancellation leaves the deductible borne", "if use.moved > 0 and use.name ~= ''", "if use.moved > 0 and use.kind ~= 'D'" },
        {
            "settlements are undone in any order",
            "if blocking then return refused('CANCEL_BLOCKED_BY_LATER_SETTLEMENT', all[blocking], all[blocking + 1]) end",
            ""
        },
        { "whatever comes later blocks a cancellation", "and shares(other, IN_ORDER, spared) then", "and spared then" },
        {
            "what blocks is not the newest", "if other.order > newest and shares(other, IN_ORDER, spared)",
            "if (newest == 0 or other.order < newest) and shares(other, IN_ORDER, spared)"
        },
        { "a settlement is cancelled twice", "if state_of(record) ~= 'A' then return refused('ALREADY_CANCELLED', field, record) end", "" },
        {
            "a restoration passes the cap",
            "local taken = use.moved > 0 and use.kind ~= 'b'",
            "local taken = use.moved > 0 and use.kind ~= 'f'"
        },
        {
            "a restoration bears the deductible twice",
            "local taken = use.moved > 0 and use.kind ~= 'b'",
            "local taken = use.moved > 0 and use.kind ~= 'D'"
        },
        { "a restored settlement keeps its old rank", "target.state, target.order = 'A', seq + 1", "target.state = 'A'" },
        { "what never came leaves no mark", "put(fields, target, pack(h))", "" },
        {
            "a cancelled request is settled anew as a replay",
            "if state == 'X' then return refused('REQUEST_CANCELLED', request, stored) end",
            ""
        },
        {
            "the deductible is borne at every visit", "deductible = min(base, max(limits[i] - used[i], 0))",
            "deductible = min(base, limits[i])"
        },
        { "rounding goes down", "* rate + divisor / 2) / divisor)", "* rate) / divisor)" },
        { "content is not compared", "if kind ~= 'S' or not same_content(stored, item, content_at) then", "if kind ~= 'S' then" },
        { "a quote is stored", "if mode == 'Q' then return 'N', header end", "" },
        { "what never came is told as undone before", "state = original and '4' or '3'", "state = '4'" },
        { "a visit id is not looked at", "local standing = stands and stored[accumulators + 2]", "local standing = nil" },
        { "a visit id holds for every facility", "return 'v' .. facility .. '\\n' .. visit end", "return 'v' .. visit end" },
        { "a visit id is not freed by a cancellation", "if standing == field then put(fields, stands, '') end", "" },
        {
            "a restoration passes the visit id",
            "if standing and standing ~= '' then return refused('RESTORE_IMPOSSIBLE'",
            "if false then return refused('RESTORE_IMPOSSIBLE'"
        },
        { "a restored settlement does not hold its visit id", "if stands then put(fields, stands, field) end", "" },
        { "allowances have no distance", "if t.window > 0 then", "if false then" },
        { "the distance of allowances is a day too long", "day_number(date)) < days", "day_number(date)) <= days" },
        { "the distance of allowances is a day too short", "day_number(date)) < days", "day_number(date)) < days - 1" },
        {
            "only what comes after keeps its distance", "math.abs(day_number(other.date) - day_number(date)) < days",
            "day_number(date) >= day_number(other.date) and day_number(date) - day_number(other.date) < days"
        },
        {
            "only what comes before keeps its distance", "math.abs(day_number(other.date) - day_number(date)) < days",
            "day_number(other.date) >= day_number(date) and day_number(other.date) - day_number(date) < days"
        },
        {
            "the allowance that is named is not the newest", "and other.order > newest then\n        newest, field",
            "and (newest == 0 or other.order < newest) then\n        newest, field"
        },
        {
            "a cancelled allowance keeps its distance", "sub(known(all[i + 1]), 2, 4) == 'SAF'",
            "(sub(known(all[i + 1]), 2, 4) == 'SAF' or sub(known(all[i + 1]), 2, 4) == 'SXF')"
        },
        { "a restoration passes an allowance", "if near then return refused('RESTORE_IMPOSSIBLE', near, near_record) end", "" },
        { "leap days are not counted", "+ floor(y / 4) ", "" },
    };

    [Theory]
    [MemberData(nameof(Mutations))]
    public async Task Settle_with_a_rule_switched_off_is_noticed(string mutation, string line, string replacement)
    {
        await using StoreFixture fixture =
            await StoreFixture.StartAsync(settle: Script.FromResource("settle.lua").Mutated(line, replacement));

        Exception? noticed = await Record.ExceptionAsync(() => RunScenariosAsync(fixture));

        Assert.True(noticed is not null, $"Nothing noticed that {mutation}.");
    }

    [Fact]
    public async Task Settle_each_edge_of_each_tier_agrees_with_model_and_rules()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        Model model = new();
        long[] edges = [0, 1, 10, 2_500, 3_999, 4_000, 4_001, 4_002, 4_010, 46_153, 46_154, 54_545, 58_545, 58_546, 70_667, long.MaxValue];
        (int Rate, long Tariff)[] tiers = [(4500, 4000), (5500, 4000), (6500, 0)];
        int insured = 0;
        foreach ((int rate, long tariff) in tiers)
        {
            foreach (long earlier in edges)
            {
                foreach (long edge in edges)
                {
                    string person = $"E{insured++}";
                    ModelVisit first = new(person, "H1", "r1", new DateOnly(2024, 3, 5), Math.Max(earlier, 1), earlier, rate, tariff,
                        30_000, null);
                    ModelVisit second = first with { Request = "r2", TotalFen = Math.Max(edge, 1), InScopeFen = edge };
                    await AssertSameAsync(fixture, model, StepMode.Settle, first);
                    await AssertSameAsync(fixture, model, StepMode.Settle, second);
                }
            }
        }
    }

    private static async Task RunScenariosAsync(StoreFixture fixture)
    {
        int salt = 0;
        foreach (Operation[] scenario in Scenarios)
        {
            salt++;
            await CheckSequenceAsync(fixture, [.. scenario.Select(operation => operation.For(salt))]);
        }
    }

    /// <summary>One for each rule of what has happened before; at H2 (55%, deductible) or H3 (65%, none).</summary>
    private static Operation[][] Scenarios =>
    [
        [Settle("r1"), Settle("r1"), Settle("r1", inScopeFen: 10_001)],
        [Settle("r1", "H3", 80_000), Settle("r2", "H3"), Settle("r3")],
        [Settle("r1", inScopeFen: 2_500), Settle("r2", inScopeFen: 6_000), Settle("r3", inScopeFen: 6_000), Settle("r4", "H1")],
        [Settle("r1", inScopeFen: 4_001), Settle("r2", "H3", 10)],
        [Settle("r1") with { Kind = "quote" }, Settle("r1")],
        [Settle("r1"), Undo("cancel", "c1", "r1"), Settle("r1"), Settle("r2"), Undo("cancel", "c1", "r1")],
        [Settle("r1"), Settle("r2"), Undo("cancel", "c1", "r1"), Undo("cancel", "c2", "r2"), Undo("cancel", "c1", "r1")],
        [Settle("r1"), Undo("cancel", "c1", "r1"), Undo("cancel", "c2", "r1"), Undo("cancel", "c1", "r2"), Settle("c1")],
        [Settle("r1", "H3", 46_154), Undo("cancel", "c1", "r1", "H3"), Settle("r2", "H3", 46_154), Undo("reverse", "v1", "c1", "H3")],
        [Settle("r1"), Undo("cancel", "c1", "r1"), Settle("r2"), Undo("reverse", "v1", "c1")],
        [Settle("r1", inScopeFen: 1_000), Undo("cancel", "c1", "r1"), Settle("r2", inScopeFen: 500), Undo("reverse", "v1", "c1"),
            Undo("cancel", "c2", "r2"), Undo("cancel", "c1", "r1"), Undo("cancel", "c3", "r1"), Undo("cancel", "c2", "r2")],
        [Undo("reverse", "v1", "r1"), Settle("r1"), Undo("reverse", "v2", "r1"), Undo("reverse", "v1", "r1"), Undo("cancel", "c1", "r1")],
        [Settle("r1"), Undo("reverse", "v1", "r1"), Undo("reverse", "v1", "r1"), Settle("r1"), Undo("cancel", "c1", "r1"),
            Undo("reverse", "v2", "v1")],
        [Settle("r1"), Undo("cancel", "c1", "r1"), Undo("reverse", "v1", "c1"), Settle("r1"), Undo("cancel", "c1", "r1"),
            Undo("reverse", "v2", "c1"), Undo("cancel by id", "c2", "r1")],
        [Settle("r1", allowance: true), Settle("r1", allowance: true), Settle("r2", "H3"), Undo("cancel", "c1", "r1")],
        [Settle("r1"), Settle("r2", allowance: true), Undo("cancel", "c1", "r1")],
        [Settle("r1"), Settle("r2"), Settle("r3"), Undo("cancel", "c1", "r1"), Undo("reverse", "v1", "r1")],
        [Settle("r1", visit: "v"), Settle("r2", visit: "v"), Settle("r2", visit: "v") with { Kind = "quote" }, Settle("r1", visit: "v"),
            Settle("r3", "H3", visit: "v"), Settle("r4", visit: "w")],
        [Settle("r1", visit: "v"), Undo("cancel", "c1", "r1"), Settle("r2", visit: "v"), Undo("reverse", "v1", "c1"),
            Undo("reverse", "v2", "r2"), Undo("reverse", "v3", "c1"), Settle("r3", visit: "v")],
        [Settle("r1", "H3", visit: "v"), Undo("cancel", "c1", "r1", "H3"), Settle("r2", "H3", visit: "v"),
            Undo("reverse", "v1", "c1", "H3"), Undo("cancel", "c2", "r2", "H3"), Undo("reverse", "v2", "c1", "H3"),
            Settle("r3", "H3", visit: "v")],
        [Allowance("r1", "2024-12-31"), Allowance("r2", "2024-12-31"), Allowance("r2", "2025-06-28"), Allowance("r3", "2025-06-29"),
            Allowance("r4", "2024-07-05"), Allowance("r5", "2024-07-04"), Allowance("r6", "2025-03-31")],
        [Allowance("r1", "2023-09-03"), Allowance("r2", "2024-02-29"), Allowance("r3", "2024-03-01"), Allowance("r4", "2024-08-27"),
            Allowance("r5", "2024-08-28")],
        [Allowance("r1", "2024-12-31"), Undo("cancel", "c1", "r1"), Allowance("r2", "2025-01-01"), Undo("reverse", "v1", "c1"),
            Undo("cancel", "c2", "r2"), Undo("reverse", "v2", "c1"), Allowance("r3", "2025-01-01")],
    ];

    private static Operation Allowance(string request, string date)
    {
        Operation settle = Settle(request, allowance: true);
        return settle with { Visit = settle.Visit with { Day = DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture) } };
    }

    private static Operation Settle(
        string request, string facility = "H2", long inScopeFen = 10_000, bool allowance = false, string visit = "") => new(
        "settle",
        new ModelVisit(
            "A", facility, request, new DateOnly(2024, 12, 31), inScopeFen + 1, inScopeFen, allowance ? 0 : facility == "H3" ? 6500 : 5500,
            allowance || facility == "H3" ? 0 : 4000, 30_000, allowance ? 100_000 : null, visit, allowance ? Window : 0),
        "");

    private static Operation Undo(string kind, string request, string target, string facility = "H2") =>
        Settle(request, facility) with { Kind = kind, Target = target };

    private static async Task<long> RunAsync(StoreFixture fixture, int workers)
    {
        long operations = 0;
        int run = 0;
        // On threads of their own, since FsCheck blocks them: blocked threads of the pool starve the replies that they wait for.
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Factory.StartNew(() =>
        {
            // A failure names the seed: "(a,b)", to be given to Config.WithReplay.
            Config configuration = Config.QuickThrowOnFailure.WithMaxTest(Sequences).WithEndSize(LongestSequence);
            Prop.ForAll(Arb.From(Sequence, Shrink), sequence =>
            {
                // Every run has insured of its own, so that shrinking starts afresh on the same Redis.
                int salt = Interlocked.Increment(ref run);
                Interlocked.Add(ref operations, sequence.Length);
                CheckSequenceAsync(fixture, [.. sequence.Select(operation => operation.For(salt))]).GetAwaiter().GetResult();
            }).Check(configuration);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        return operations;
    }

    private static async Task CheckSequenceAsync(StoreFixture fixture, Operation[] sequence)
    {
        Model model = new();
        Dictionary<(string, string, string), string> targets = [];
        foreach (Operation operation in sequence)
        {
            ModelVisit visit = operation.Visit;
            switch (operation.Kind)
            {
                case "cancel" or "cancel by id":
                    string target = RequestField.Of(visit.Facility, operation.Target);
                    if (operation.Kind == "cancel by id"
                        && targets.TryGetValue((visit.Insured, visit.Facility, operation.Target), out string? idTarget))
                    {
                        // The same cancellation may name its target either way, but then its content differs.
                        StepReply byId = await fixture.UndoAsync(
                            StepMode.Cancel, visit.Insured, visit.Facility, visit.Request + "#", idTarget);
                        Assert.Equal(model.Cancel(visit.Insured, visit.Facility, visit.Request + "#", operation.Target),
                            StoreFixture.AnswerOf(StepMode.Cancel, byId));
                        break;
                    }

                    StepReply cancelled = await fixture.UndoAsync(StepMode.Cancel, visit.Insured, visit.Facility, visit.Request, target);
                    Assert.Equal(model.Cancel(visit.Insured, visit.Facility, visit.Request, operation.Target),
                        StoreFixture.AnswerOf(StepMode.Cancel, cancelled));
                    break;
                case "reverse" when visit.Request != operation.Target:
                    StepReply reversed = await fixture.UndoAsync(
                        StepMode.Reverse, visit.Insured, visit.Facility, visit.Request, RequestField.Of(visit.Facility, operation.Target));
                    Assert.Equal(model.Reverse(visit.Insured, visit.Facility, visit.Request, operation.Target),
                        StoreFixture.AnswerOf(StepMode.Reverse, reversed));
                    break;
                default:
                    StepReply settled = await AssertSameAsync(
                        fixture, model, operation.Kind == "quote" ? StepMode.Quote : StepMode.Settle, visit);
                    if (operation.Kind != "quote" && settled.Outcome is StepOutcome.New)
                        targets[(visit.Insured, visit.Facility, visit.Request)] = Step.TargetOf(visit.Day.Year, settled.Header.Sequence);
                    break;
            }
        }

        await AssertSameAccumulatorsAsync(fixture, model);
    }

    private static async Task AssertSameAccumulatorsAsync(StoreFixture fixture, Model model)
    {
        foreach (IGrouping<string, ModelVisit> insured in model.Visits.GroupBy(visit => visit.Insured))
        {
            IReadOnlyList<(string Field, byte[] Value)> fields = await fixture.Store.ShardOf(insured.Key).ReadInsuredAsync(insured.Key);
            Assert.Equal(
                model.StandingVisits(insured.Key)
                    .Select(visit => ($"v{visit.Facility}\n{visit.VisitId}", $"q{visit.Facility}\n{visit.Request}")).Order(),
                fields.Where(field => field.Field[0] == 'v' && field.Value.Length > 0)
                    .Select(field => (field.Field, Encoding.UTF8.GetString(field.Value))).Order());
            AccumulatorField[] stored = [.. fields.Select(field => AccumulatorField.Read(field.Field, field.Value))
                .OfType<AccumulatorField>()];
            foreach (AccumulatorField year in stored.Where(field => field.Day is null))
            {
                Assert.Equal($"{SampleTerms.Year}:{year.Year}", year.Name);
                Assert.Equal(model.PaidFen(insured.Key, year.Year), year.Amount);
            }

            foreach (ModelVisit visit in insured)
            {
                long borneFen = stored.Where(field => field.Day == visit.Day && field.FacilityCode == visit.Facility)
                    .Sum(field => field.Amount);
                Assert.Equal(model.BorneFen(visit), borneFen);
                Assert.InRange(model.PaidFen(insured.Key, visit.Day.Year), 0, visit.CapFen);
            }
        }
    }

    private static async Task<StepReply> AssertSameAsync(StoreFixture fixture, Model model, StepMode mode, ModelVisit visit)
    {
        ModelAnswer expected = mode is StepMode.Quote ? model.Quote(visit) : model.Settle(visit);
        StepReply reply = await fixture.RunAsync(mode, visit);
        Assert.Equal(expected, StoreFixture.AnswerOf(mode, reply));
        if (reply.Outcome is StepOutcome.New)
        {
            Terms terms = StoreFixture.TermsOf(visit);
            LimitUse[] uses = new LimitUse[terms.Limits.Length];
            reply.Limits.CopyTo(uses);
            long[] moved = new long[uses.Length];
            Settlement settlement = Adjudicator.Adjudicate(
                terms, visit.TotalFen, Math.Min(visit.InScopeFen, Step.BaseLimitFen), [.. uses.Select(use => use.UsedBefore)], moved);
            Assert.Equal((expected.DeductibleFen, expected.FundPayFen), (settlement.DeductibleFen, settlement.FundPayFen));
            Assert.Equal(moved, uses.Select(use => use.Moved));
            Assert.Equal(reply.Header.Outcome, settlement);
        }

        return reply;
    }

    private sealed record Operation(string Kind, ModelVisit Visit, string Target)
    {
        public Operation For(int salt) => this with { Visit = Visit with { Insured = $"{Visit.Insured}-{salt}" } };
    }

    /// <summary>Few requests, each with the content it mostly comes with and another for conflicts; then operations on them.</summary>
    private static Gen<Operation[]> Sequence =>
        from contents in Gen.ArrayOf(Contents, 2 * Requests)
        from facilities in Gen.ArrayOf(
            Gen.Elements(("H1", 4500, 4000L), ("H2", 5500, 4000L), ("H2", 5500, 4000L), ("H3", 6500, 0L)), Requests)
        from picks in Gen.ListOf(Picks)
        select picks.Select(pick => OperationOf(pick, contents, facilities)).ToArray();

    /// <summary>The last are 179 and 180 days from one that comes often.</summary>
    private static Gen<DateOnly> Days => Gen.Frequency(
        (12, Gen.Constant(new DateOnly(2024, 12, 31))),
        (4, Gen.Constant(new DateOnly(2025, 1, 1))),
        (2, Gen.Elements(new DateOnly(2024, 7, 4), new DateOnly(2024, 7, 5), new DateOnly(2025, 6, 28), new DateOnly(2025, 6, 29))));

    private static Gen<(DateOnly Day, int InScopeFen, int OutOfScopeFen, bool Allowance, string VisitId)> Contents =>
        from day in Days
        from inScope in Gen.OneOf(Gen.Choose(0, 12_000), Gen.Choose(1, 1_500), Gen.Elements(0, 1, 2_500, 3_999, 4_000, 4_001, 46_154),
            Gen.Choose(0, 60_000))
        from outOfScope in Gen.Elements(1, 250)
        from allowance in Gen.Choose(0, 9)
        from visit in Gen.Elements("", "", "", "", "v", "就")
        select (day, inScope, outOfScope, allowance < 2, visit);

    private static Gen<(string Kind, string Insured, int Request, int Target, bool Other)> Picks =>
        from kind in Gen.Frequency(
            (8, Gen.Constant("settle")),
            (1, Gen.Constant("quote")),
            (3, Gen.Constant("cancel")),
            (1, Gen.Constant("cancel by id")),
            (3, Gen.Constant("reverse")))
        from insured in Gen.Elements("A", "B")
        from request in Gen.Choose(0, Requests - 1)
        from target in Gen.Choose(0, Requests - 1)
        from other in Gen.Choose(0, 15)
        select (kind, insured, request, target, other == 0);

    private static Operation OperationOf(
        (string Kind, string Insured, int Request, int Target, bool Other) pick,
        (DateOnly Day, int InScopeFen, int OutOfScopeFen, bool Allowance, string VisitId)[] contents,
        (string Code, int Rate, long Tariff)[] facilities)
    {
        var content = contents[(2 * pick.Request) + (pick.Other ? 1 : 0)];
        bool undoes = pick.Kind is not ("settle" or "quote");
        var facility = facilities[undoes ? pick.Target : pick.Request];

        // A reversal mostly names a cancellation or a settlement, seldom another reversal.
        string request = undoes ? $"{pick.Kind[0]}{pick.Request}" : $"r{pick.Request}";
        string target = pick.Kind == "reverse" && pick.Request % 2 == 0 ? $"c{pick.Request / 2}" : $"r{pick.Target}";
        if (pick.Other) request = $"r{pick.Request}";
        return new Operation(
            pick.Kind,
            new ModelVisit(
                pick.Insured, facility.Code, request, content.Day, content.InScopeFen + content.OutOfScopeFen, content.InScopeFen,
                content.Allowance ? 0 : facility.Rate, content.Allowance ? 0 : facility.Tariff, 30_000, content.Allowance ? 100_000 : null,
                content.VisitId, content.Allowance ? Window : 0),
            target);
    }

    private static IEnumerable<Operation[]> Shrink(Operation[] sequence)
    {
        for (int part = sequence.Length / 2; part > 0; part /= 2)
        {
            for (int from = 0; from + part <= sequence.Length; from += part)
                yield return [.. sequence[..from], .. sequence[(from + part)..]];
        }
    }
}
