using System.Globalization;
using Claims.Cli;
using Claims.LoadTests.Chaos.Faults;

namespace Claims.LoadTests.Chaos;

/// <summary>A run for a person, and for a program.</summary>
public static class ChaosReport
{
    public static void Print(ChaosResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        Output.Table(
            [">second", "fault", "on", ">lasted s", ">answered again s", ">without an answer"],
            result.Faults.Select(fault => new[]
            {
                Number(fault.Second), fault.Kind, fault.Target, Number(fault.Seconds), Number(fault.AgainSeconds),
                Count(fault.Unanswered),
            }));
        Output.Table(
            ["answers", ">times"],
            result.Outcomes.OrderByDescending(outcome => outcome.Value).Select(outcome => new[] { outcome.Key, Count(outcome.Value) }));
        if (result.Unanswered.Count > 0)
        {
            Output.Table(
                ["attempts without an answer", ">times"],
                result.Unanswered.OrderByDescending(why => why.Value).Select(why => new[] { why.Key, Count(why.Value) }));
        }

        foreach (string note in result.Notes) Output.Line($"{note}.");
        if (result.Lost.Count > 0)
        {
            Output.Line($"Rebuilds gave up numbers {Count(result.Lost.Count)} times, which are booked as lost; the first: "
                + $"{result.Lost.First()}.");
        }

        foreach (string left in result.LeftOut) Output.Line($"Left out: {left}.");
        if (result.NotReached > 0) Output.Line($"{result.NotReached} acts were not reached in time.");
        Output.Line($"{Count(result.Calls)} calls of {Count(result.Keys)} keys in {Count(result.Attempts)} attempts; "
            + $"{Count(result.LeftOpen)} were left open, of which {Count(result.Resolved)} were resolved in the end; the books had all of "
            + $"it after {Number(result.DrainSeconds)} s.");
        Output.Table(
            ["", "invariant", "figures"],
            result.Checks.Select(check => new[] { check.Holds ? "✓" : "✗", check.Name, check.Detail }));
        Output.Line(VerdictOf(result));
    }

    public static void PrintJson(ChaosResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        Output.WriteJson(JsonOf(result));
    }

    internal static string VerdictOf(ChaosResult result) =>
        result.Holds ? "Every invariant holds." : $"AN INVARIANT DOES NOT HOLD; seed {result.Options.Seed}.";

    internal static object JsonOf(ChaosResult result) => new
    {
        Ok = result.Holds,
        result.Options.Seed,
        Minutes = result.Options.Duration.TotalMinutes,
        result.Options.PerSecond,
        Schedule = result.Schedule.SelectMany(act => act.Faults).Select(JsonOf),
        result.Faults,
        result.NotReached,
        result.LeftOut,
        result.Notes,
        result.Lost,
        result.Calls,
        result.Keys,
        result.Attempts,
        result.LeftOpen,
        result.Resolved,
        DrainSeconds = Math.Round(result.DrainSeconds, 1),
        result.Outcomes,
        result.Unanswered,
        Invariants = result.Checks,
        result.Data,
    };

    private static object JsonOf(PlannedFault fault) => new
    {
        Second = fault.At.TotalSeconds,
        fault.Kind,
        fault.Target,
        Seconds = fault.Duration.TotalSeconds,
    };

    private static string Number(double number) => number.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
