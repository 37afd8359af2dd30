using Claims.Adjudication.Accumulators;
using Claims.Adjudication.Rules;
using FsCheck;

namespace Adjudication.Tests.Accumulators;

/// <summary>Random sequences for few insured, run against the model, the rules and a real Redis alike.</summary>
public sealed class ScriptAgainstModelTests
{
    private const int Sequences = 150;
    private const int LongestSequence = 120;

    [Fact]
    public async Task Settle_random_sequences_agree_with_model_and_rules()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();

        Run(fixture, Sequences);
    }

    public static TheoryData<string, string, string> Mutations => new()
    {
        { "requests are not remembered", "if earlier then return earlier end", "" },
        { "the cap does not bind", "h.paid = min(uncapped, max(cap - used, 0))", "h.paid = uncapped" },
        { "the deductible is borne at every visit", "max(tariff - borne, 0)", "tariff" },
        { "rounding goes down", "* rate + 5000) / 10000)", "* rate) / 10000)" },
        { "content is not compared", "if kind ~= 'S' or not same_content(stored, content) then", "if kind ~= 'S' then" },
        { "a quote is stored", "if mode == 'Q' then return 'N' .. pack(h) end", "" },
    };

    [Theory]
    [MemberData(nameof(Mutations))]
    public async Task Settle_with_a_rule_switched_off_is_noticed(string mutation, string line, string replacement)
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(settle: Script.FromResource("settle.lua").Mutated(line, replacement));

        Exception? noticed = Record.Exception(() => Run(fixture, Sequences));

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
                    ModelVisit first = new(person, "H1", "r1", new DateOnly(2024, 3, 5), Math.Max(earlier, 1), earlier, rate, tariff, 30_000, null);
                    ModelVisit second = first with { Request = "r2", TotalFen = Math.Max(edge, 1), InScopeFen = edge };
                    await AssertSameAsync(fixture, model, StepMode.Settle, first);
                    await AssertSameAsync(fixture, model, StepMode.Settle, second);
                }
            }
        }
    }

    private static void Run(StoreFixture fixture, int sequences)
    {
        int run = 0;
        Configuration configuration = Configuration.QuickThrowOnFailure;
        configuration.MaxNbOfTest = sequences;
        configuration.EndSize = LongestSequence;
        Prop.ForAll(Arb.From(Gen.ListOf(Operations), Arb.Shrink<Microsoft.FSharp.Collections.FSharpList<(StepMode, ModelVisit)>>), operations =>
        {
            // Every run has insured of its own, so that shrinking starts afresh on the same Redis.
            int salt = Interlocked.Increment(ref run);
            Model model = new();
            foreach ((StepMode mode, ModelVisit visit) in operations)
            {
                AssertSameAsync(fixture, model, mode, visit with { Insured = $"{visit.Insured}-{salt}" }).GetAwaiter().GetResult();
            }
        }).Check(configuration);
    }

    private static async Task AssertSameAsync(StoreFixture fixture, Model model, StepMode mode, ModelVisit visit)
    {
        ModelAnswer expected = mode is StepMode.Quote ? model.Quote(visit) : model.Settle(visit);
        StepReply reply = await fixture.RunAsync(mode, visit);
        Assert.Equal(expected, StoreFixture.AnswerOf(mode, reply));
        if (reply.Outcome is StepOutcome.New)
        {
            Settlement settlement = Adjudicator.Adjudicate(new Terms(visit.RateBasisPoints, visit.TariffFen, visit.CapFen, visit.AllowanceFen), visit.TotalFen, visit.InScopeFen, reply.Header.Before);
            Assert.Equal((expected.DeductibleFen, expected.FundPayFen), (settlement.DeductibleFen, settlement.FundPayFen));
        }
    }

    private static Gen<(StepMode Mode, ModelVisit Visit)> Operations =>
        from mode in Gen.Frequency(Tuple.Create(5, Gen.Constant(StepMode.Settle)), Tuple.Create(1, Gen.Constant(StepMode.Quote)))
        from insured in Gen.Elements("A", "B", "C")
        from facility in Gen.Elements(("H1", 4500, 4000L), ("H2", 5500, 4000L), ("H3", 6500, 0L))
        from request in Gen.Choose(1, 40)
        from day in Gen.Elements(new DateOnly(2024, 3, 5), new DateOnly(2024, 12, 31), new DateOnly(2025, 1, 1))
        from inScope in Gen.OneOf(Gen.Choose(0, 12_000), Gen.Elements(0, 1, 2_500, 3_999, 4_000, 4_001, 46_154), Gen.Choose(0, 100_000))
        from outOfScope in Gen.Elements(1, 250)
        from allowance in Gen.Frequency(Tuple.Create(9, Gen.Constant((long?)null)), Tuple.Create(1, Gen.Constant((long?)100_000)))
        select (mode, new ModelVisit(
            insured, facility.Item1, $"r{request}", day, inScope + outOfScope, inScope,
            allowance is null ? facility.Item2 : 0, allowance is null ? facility.Item3 : 0, 30_000, allowance));
}
