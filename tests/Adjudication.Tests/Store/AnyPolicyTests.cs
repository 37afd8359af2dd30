using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
using FsCheck;
using FsCheck.Fluent;

namespace Adjudication.Tests.Store;

/// <summary>Random policies over the whole format and random visits: model, rules and a real Redis agree to the fen, and so do all
/// accumulators.</summary>
public sealed class AnyPolicyTests
{
    private const int Runs = 1_300;
    private const int Workers = 4;
    private const int Longest = 80;

    private static readonly DateOnly[] Days =
    [
        new(2024, 3, 31), new(2024, 4, 1), new(2024, 4, 2), new(2024, 6, 30), new(2024, 12, 31), new(2025, 1, 1),
    ];

    private static int _insured;

    [Fact]
    public async Task Settle_by_any_policy_agrees_with_model_and_rules()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 8);
        long operations = 0;

        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Factory.StartNew(() =>
            Prop.ForAll(Arb.From(Cases, Shrink), one =>
            {
                Interlocked.Add(ref operations, one.Operations.Length);
                CheckAsync(fixture, one).GetAwaiter().GetResult();
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(Runs).WithEndSize(Longest)),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        Assert.True(operations >= 100_000, $"Only {operations} operations were run.");
    }

    public static TheoryData<string, string, string> Mutations => new()
    {
        { "caps on cost do not cut", "base = min(base, max(limits[i] - used[i], 0))\n      moved[i] = base", "moved[i] = base" },
        { "a longer period's deductible does not bind", "deductible = min(deductible, at_most_left)", "" },
        { "a longer period's deductible does not move", "moved[at_most] = deductible", "" },
        { "the band begins anew at each visit", "cost, moved[i] = used[i], base", "cost, moved[i] = 0, base" },
        { "the cost of a band does not move", "cost, moved[i] = used[i], base", "cost = used[i]" },
        {
            "the deductible is no part of the cost", "local from, to = cost + deductible, cost + base",
            "local from, to = cost, cost + base - deductible"
        },
        { "every part is rounded to the fen", "t.rates[i], t.unit)", "t.rates[i], 1)" },
        {
            "the deductible after the rate is not taken", "uncapped, deductible = uncapped - after, deductible + after",
            "deductible = deductible + after"
        },
        { "visits are not counted", "elseif kind == 'n' and paid > 0 then moved[i] = 1 end", "end" },
        { "a visit that is not paid for is counted", "elseif kind == 'n' and paid > 0", "elseif kind == 'n'" },
        { "the number of visits does not bind", "elseif kind == 'n' and used[i] >= limits[i] then", "elseif false then" },
        { "only the last cap binds", "allowed = allowed and min(allowed, left) or left", "allowed = left" },
        {
            "a deductible that is free blocks", "IN_ORDER = { D = true, A = true }",
            "IN_ORDER = { D = true, A = true, d = true, a = true }"
        },
        { "a deductible after the rate does not block", "IN_ORDER = { D = true, A = true }", "IN_ORDER = { D = true }" },
        {
            "a restoration passes a count", "local taken = use.moved > 0 and use.kind ~= 'b'",
            "local taken = use.moved > 0 and use.kind ~= 'b' and use.kind ~= 'n'"
        },
        { "a restoration asks for room in a band", "local taken = use.moved > 0 and use.kind ~= 'b'", "local taken = use.moved > 0" },
    };

    [Theory]
    [MemberData(nameof(Mutations))]
    public async Task Settle_with_a_part_of_the_format_switched_off_is_noticed(string mutation, string line, string replacement)
    {
        await using StoreFixture fixture =
            await StoreFixture.StartAsync(shards: 1, settle: Script.FromResource("settle.lua").Mutated(line, replacement));

        Exception? noticed = null;
        for (int seed = 1; noticed is null && seed <= 2_000; seed++)
        {
            Case one = Cases.Sample(1, 60).First() with { Policy = RandomPolicies.Of(seed) };
            noticed = await Record.ExceptionAsync(() => CheckAsync(fixture, one));
        }

        Assert.True(noticed is not null, $"Nothing noticed that {mutation}.");
    }

    private static async Task CheckAsync(StoreFixture fixture, Case one)
    {
        PolicyPack pack = Packs.Zhengzhou with { Outpatient = [one.Policy] };
        TermsCatalogue catalogue = new(pack);
        PolicyModel model = new(one.Policy);
        string insured = string.Create(CultureInfo.InvariantCulture, $"A{Interlocked.Increment(ref _insured)}");
        PersonClass person = RandomPolicies.People[one.Minor ? 0 : 1];
        HashSet<string> cancelled = [];
        foreach (Operation operation in one.Operations)
        {
            FacilityClass facility = RandomPolicies.Facilities[operation.Facility == "V1" ? 0 : 1];
            PolicyVisit visit = new(operation.Request, operation.Facility, facility, person, operation.VisitType, operation.Day,
                operation.InScopeFen + operation.OtherFen, operation.InScopeFen);
            switch (operation.Kind)
            {
                case "cancel" when cancelled.Add(operation.Request):
                    StepReply undone = await fixture.UndoAsync(
                        StepMode.Cancel, insured, operation.Facility, $"c{operation.Request}",
                        RequestField.Of(operation.Facility, operation.Request));
                    ModelOutcome expected = model.Cancel(operation.Request);
                    Assert.Equal(expected, Said(undone));
                    if (expected.Said != "new") cancelled.Remove(operation.Request);
                    break;
                case "restore" when cancelled.Contains(operation.Request):
                    StepReply restored = await fixture.UndoAsync(StepMode.Reverse, insured, operation.Facility,
                        string.Create(CultureInfo.InvariantCulture, $"v{operation.Number}"),
                        RequestField.Of(operation.Facility, $"c{operation.Request}"));
                    if (!model.IsCancelled(operation.Request)) break;
                    Assert.Equal(model.Restore(operation.Request), Said(restored));
                    break;
                case "settle" or "quote":
                    await SettleAsync(operation.Kind == "quote" ? StepMode.Quote : StepMode.Settle, visit);
                    break;
            }
        }

        IEnumerable<(string, long)> stored = (await fixture.Store.ShardOf(insured).ReadInsuredAsync(insured))
            .Select(field => AccumulatorField.Read(field.Field, field.Value)).OfType<AccumulatorField>()
            .Where(field => field.Amount != 0).Select(field => (field.Name, field.Amount)).Order();
        Assert.Equal(model.Accumulators, stored);

        async Task SettleAsync(StepMode mode, PolicyVisit visit)
        {
            VisitType type = visit.VisitType switch
            {
                "ORDINARY" => VisitType.Ordinary,
                "PRENATAL_CHECK" => VisitType.PrenatalCheck,
                _ => VisitType.DeliveryNatural,
            };
            Terms terms = catalogue.Find(one.Policy, visit.FacilityCode == "V1" ? "village" : "county", "none", person, type)!;
            SettleRequest request = new()
            {
                RequestId = visit.Request,
                FacilityCode = visit.FacilityCode,
                InsuredId = insured,
                VisitDate = visit.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                VisitType = type,
                TotalFen = visit.TotalFen,
                InScopeFen = visit.InScopeFen,
            };
            StepReply reply = await fixture.Store.ShardOf(insured).RunAsync(
                Step.Visit(mode, request, visit.Day, terms, visit.TotalFen, visit.InScopeFen,
                    new StoredRequest { TotalFen = visit.TotalFen }));
            Assert.Equal(mode is StepMode.Quote ? model.Quote(visit) : model.Settle(visit),
                mode is StepMode.Quote ? Said(reply) with { Said = "quoted" } : Said(reply));
            if (reply.Outcome is not StepOutcome.New) return;
            LimitUse[] uses = new LimitUse[terms.Limits.Length];
            reply.Limits.CopyTo(uses);
            long[] moved = new long[uses.Length];
            Settlement rules = Adjudicator.Adjudicate(
                terms, visit.TotalFen, visit.InScopeFen, [.. uses.Select(use => use.UsedBefore)], moved);
            Assert.Equal(reply.Header.Outcome, rules);
            Assert.Equal(moved, uses.Select(use => use.Moved));
        }
    }

    private static ModelOutcome Said(StepReply reply) => reply.Outcome is StepOutcome.New or StepOutcome.Replay
        ? new ModelOutcome(reply.Outcome.ToString().ToLowerInvariant(), reply.Header.DeductibleFen, reply.Header.FundPayFen,
            reply.Header.ShortfallFen)
        : new ModelOutcome(reply.Outcome is StepOutcome.Refused ? reply.ReasonCode : reply.Outcome.ToString().ToLowerInvariant(), 0, 0, 0);

    private static Gen<Case> Cases =>
        from seed in Gen.Choose(1, int.MaxValue - 1)
        from minor in Gen.Elements(true, false)
        from operations in Gen.ListOf(Operations)
        select new Case(RandomPolicies.Of(seed), minor, [.. operations.Index().Select(one => one.Item with { Number = one.Index })]);

    /// <summary>A request has one facility, day, type and content whenever it comes.</summary>
    private static Gen<Operation> Operations =>
        from kind in Gen.Frequency((9, Gen.Constant("settle")), (1, Gen.Constant("quote")), (3, Gen.Constant("cancel")),
            (2, Gen.Constant("restore")))
        from number in Gen.Choose(0, 17)
        let random = new Random(number)
        select new Operation(kind, 0, $"r{number}", random.Next(3) switch { 0 => "V1", 1 => "H1", _ => "H2" },
            random.Next(8) switch { 0 => "DELIVERY_NATURAL", 1 => "PRENATAL_CHECK", _ => "ORDINARY" }, Days[random.Next(Days.Length)],
            random.Next(4) switch { 0 => random.Next(0, 1_500), 1 => random.Next(0, 60_000), _ => random.Next(0, 12_000) },
            random.Next(1, 300));

    private static IEnumerable<Case> Shrink(Case one)
    {
        for (int part = one.Operations.Length / 2; part > 0; part /= 2)
        {
            for (int from = 0; from + part <= one.Operations.Length; from += part)
                yield return one with { Operations = [.. one.Operations[..from], .. one.Operations[(from + part)..]] };
        }

        foreach (OutpatientPolicy simpler in RandomPolicies.Simpler(one.Policy)) yield return one with { Policy = simpler };
    }

    private sealed record Case(OutpatientPolicy Policy, bool Minor, Operation[] Operations)
    {
        public override string ToString()
        {
            StringBuilder text = new(Policy.PolicyId);
            foreach (NoticeSection section in Notice.Of(Policy))
            {
                foreach (NoticeLine line in section.Lines) text.Append(CultureInfo.InvariantCulture, $"\n  {line.Item} {line.Value}");
            }

            foreach (Operation operation in Operations) text.Append('\n').Append(operation);
            return text.ToString();
        }
    }

    private sealed record Operation(
        string Kind, int Number, string Request, string Facility, string VisitType, DateOnly Day, long InScopeFen, long OtherFen);
}
