using System.Collections.Concurrent;
using Claims.Adjudication.Store;

namespace Adjudication.Tests.Store;

/// <summary>Many clients at once on the same insured: what took effect, in the order of its numbers, is what the model gives one by
/// one.</summary>
public sealed class LinearizabilityTests
{
    private const int Clients = 24;
    private const int OperationsEach = 60;

    [Fact]
    public async Task Run_concurrent_clients_on_one_insured_are_as_if_one_after_the_other()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync();
        ConcurrentBag<(long Sequence, Func<Model, ModelAnswer> Operation, ModelAnswer Answer)> effects = [];

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            Random random = new(client);
            for (int i = 0; i < OperationsEach; i++)
            {
                string facility = $"H{random.Next(3)}";
                string request = $"{(char)('a' + random.Next(3))}{random.Next(80)}";
                string target = $"{(char)('a' + random.Next(3))}{random.Next(80)}";
                ModelVisit visit = VisitOf(facility, request);
                (StepMode mode, StepReply reply) = request[0] switch
                {
                    'a' => (StepMode.Settle, await fixture.RunAsync(StepMode.Settle, visit)),
                    'b' =>
                        (StepMode.Cancel, await fixture.UndoAsync(
                        StepMode.Cancel, visit.Insured, facility, request, RequestField.Of(facility, target))),
                    _ when request != target =>
                        (StepMode.Reverse, await fixture.UndoAsync(
                        StepMode.Reverse, visit.Insured, facility, request, RequestField.Of(facility, target))),
                    _ => (StepMode.Settle, default),
                };
                if (reply.Outcome is not StepOutcome.New || reply.Bytes.IsEmpty) continue;
                effects.Add((
                    reply.Header.Sequence,
                    mode switch
                    {
                        StepMode.Cancel => model => model.Cancel(visit.Insured, facility, request, target),
                        StepMode.Reverse => model => model.Reverse(visit.Insured, facility, request, target),
                        _ => model => model.Settle(visit),
                    },
                    StoreFixture.AnswerOf(mode, reply)));
            }
        })));

        Model one = new();
        long expected = 0;
        foreach ((long sequence, Func<Model, ModelAnswer> operation, ModelAnswer answer) in effects.OrderBy(effect => effect.Sequence))
        {
            Assert.Equal(++expected, sequence);
            Assert.Equal(answer, operation(one));
        }

        Assert.True(expected > Clients, $"Only {expected} operations took effect.");
        IReadOnlyList<(string Field, byte[] Value)> stored = await fixture.Store.ShardOf("P").ReadInsuredAsync("P");
        Assert.Equal(one.PaidFen("P", 2024),
            stored.Select(field => AccumulatorField.Read(field.Field, field.Value)).OfType<AccumulatorField>()
            .Where(field => field.Day is null).Sum(field => field.Amount));
    }

    /// <summary>The content follows from the request, so that a repeat is a repeat.</summary>
    private static ModelVisit VisitOf(string facility, string request)
    {
        int number = int.Parse(request.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture);
        long inScopeFen = 500 + (number * 137 % 5_000);
        return new ModelVisit("P", facility, request, new DateOnly(2024, 3, 1 + (number % 20)), inScopeFen, inScopeFen,
            facility == "H0" ? 6500 : 5500, facility == "H0" ? 0 : 4000, 30_000, null);
    }
}
