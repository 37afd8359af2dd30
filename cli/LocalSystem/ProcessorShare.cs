using System.Globalization;

namespace Claims.Cli.LocalSystem;

/// <summary>
/// How many processors each .NET process of a local system counts on: half of the machine's. With all of them in every process, more
/// threads wake than there are processors: on two, 1 000 visits/s took 45 000 switches between threads a second and 25 000 with one each.
/// </summary>
public static class ProcessorShare
{
    private const string Variable = "DOTNET_PROCESSOR_COUNT";

    public static KeyValuePair<string, string> Setting { get; } =
        new(Variable, Of(Environment.GetEnvironmentVariable(Variable), Environment.ProcessorCount));

    /// <param name="set">What the caller has set stays as it is: a system started by a load test has the same share as any other.</param>
    public static string Of(string? set, int processors) =>
        string.IsNullOrEmpty(set) ? Math.Max(1, processors / 2).ToString(CultureInfo.InvariantCulture) : set;
}
