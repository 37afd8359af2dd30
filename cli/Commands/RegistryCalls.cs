using System.CommandLine;
using System.Globalization;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary>What the commands about the registry have in common.</summary>
internal static class RegistryCalls
{
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(5);

    public static Option<DateOnly?> AsOf() =>
        CommonOptions.OptionalDay("--as-of", "As the registry knew it at the end of that day, yyyy-MM-dd; without it as it knows it now.");

    public static Option<string> Reason() => new("--reason") { Description = "Why, in a sentence that is kept.", Required = true };

    public static string Iso(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "";

    /// <exception cref="CommandException">The service refused, or does not answer.</exception>
    public static async Task<int> CallAsync(ParseResult parsed, Func<RegistryOffice.RegistryOfficeClient, CallOptions, Task<int>> call,
        CancellationToken cancellationToken)
    {
        using Services services = Services.Of(parsed);
        string address = services.Layout.EligibilityAddress;
        try
        {
            return await call(new RegistryOffice.RegistryOfficeClient(services.Connect(address)),
                new CallOptions(deadline: DateTime.UtcNow + CallBound, cancellationToken: cancellationToken));
        }
        catch (RpcException e)
        {
            throw Services.Refusal("eligibility", address, e);
        }
    }

    /// <summary>The command that says in Chinese what decides on a day.</summary>
    /// <param name="subject">Of whom.</param>
    /// <param name="ask">Takes the subject, the day and the day as of which, these as ISO dates or empty.</param>
    public static Command Explain(Argument<string> subject, string description,
        Func<RegistryOffice.RegistryOfficeClient, string, string, string, CallOptions, AsyncUnaryCall<Explanation>> ask)
    {
        Option<DateOnly?> on = CommonOptions.OptionalDay("--on", "Day of the visit, yyyy-MM-dd; without it today.");
        Option<DateOnly?> asOf = AsOf();
        Option<bool> json = CommonOptions.Json();
        Command command = new("explain", description) { subject, on, asOf, json };
        command.SetAction((parsed, cancel) => CallAsync(parsed, async (office, options) => Print(
            await ask(office, parsed.GetRequiredValue(subject), Iso(parsed.GetValue(on)), Iso(parsed.GetValue(asOf)), options),
            parsed.GetValue(json)), cancel));
        return command;
    }

    /// <returns><see cref="ExitCodes.Done"/> whatever is explained.</returns>
    private static int Print(Explanation explanation, bool json)
    {
        if (json)
        {
            Output.WriteJson(new
            {
                explanation.Holds,
                Sentences = explanation.Sentences.Select(sentence => new { sentence.Text, sentence.Source }),
            });
            return ExitCodes.Done;
        }

        foreach (Sentence sentence in explanation.Sentences)
            Output.Line(sentence.Source.Length > 0 ? $"{sentence.Text}（{sentence.Source}）" : sentence.Text);
        return ExitCodes.Done;
    }

    public static string Text(Change? change) =>
        change is null ? "" : $"{change.MadeAt} {change.MadeBy}{(change.Reason.Length > 0 ? $": {change.Reason}" : "")}";

    public static object? Json(Change? change) => change is null ? null : new { change.MadeAt, change.MadeBy, change.Reason };
}
