using System.CommandLine;
using System.Diagnostics;
using Claims.Cli.LocalSystem;
using Claims.Cli.Operations;
using Grpc.Core;

namespace Claims.Cli.Commands;

public static class SendCommand
{
    // A file of a few is one that a person tries; more would scroll the counts away.
    private const int ToldOneByOne = 20;
    private const int DefaultConnections = 4;

    public static Command Create()
    {
        Argument<FileInfo> file = CommonOptions.ExistingFile(
            "OPS.jsonl", "One operation a line, such as {\"settle\": {…}}, in proto3 JSON.");
        Option<FileInfo?> output = new("--out") { Description = "Write the answers here, one a line, in the order of the operations." };
        Option<int> connections = new("--connections")
        {
            Description = "How many connections to share the operations among.",
            DefaultValueFactory = _ => DefaultConnections,
        };
        connections.Must(count => count is >= 1 and <= 64, "from 1 to 64");
        Option<bool> json = CommonOptions.Json();
        Command command = new("send", "Send operations to adjudication; exit code 3 when some were left without an answer.")
        {
            file,
            output,
            connections,
            json,
        };
        command.SetAction((result, cancel) => RunAsync(
            result, result.GetRequiredValue(file), result.GetValue(output), result.GetValue(connections), result.GetValue(json), cancel));
        return command.Reaching();
    }

    private static async Task<int> RunAsync(
        ParseResult parsed, FileInfo file, FileInfo? output, int connections, bool json, CancellationToken cancellationToken)
    {
        IReadOnlyList<Operation> operations = OperationFile.Read(file);
        using AnswersFile? answers = output is null ? null : AnswersFile.Open(output);
        using Services services = Services.Of(parsed);
        CallInvoker[] invokers = [.. Enumerable.Range(0, connections).Select(_ => services.Connect(services.Layout.AdjudicationAddress))];

        string[] sentences = new string[operations.Count <= ToldOneByOne ? operations.Count : 0];
        string[] lines = new string[output is null ? 0 : operations.Count];
        SendSummary summary = new();
        long begun = Stopwatch.GetTimestamp();
        await Progress.ShowAsync("send", operations.Count, async advance =>
        {
            OperationSender sender = new(invokers, (index, answer) =>
            {
                Operation operation = operations[index];
                summary.Add(operation, answer);
                if (sentences.Length > 0)
                    sentences[index] = AnswerSentence.Of(operation, answer);
                if (output is not null)
                    lines[index] = LineOf(operation, answer);
                advance();
            });
            await sender.SendAsync(operations, cancellationToken);
        });
        TimeSpan elapsed = Stopwatch.GetElapsedTime(begun);

        if (answers is not null) await answers.WriteAsync(lines, cancellationToken);
        if (json)
            summary.PrintJson(elapsed);
        else
            summary.Print(elapsed, sentences);
        if (summary.Errors == 0)
            return ExitCodes.Done;
        Output.Error($"{summary.Errors} of {operations.Count} operations were left without an answer; sending the same "
            + $"file again is safe.");
        return ExitCodes.Unavailable;
    }

    private static string LineOf(Operation operation, Answer answer) => answer.Reply is { } reply
        ? AnswerJson.Line(operation.Key, reply)
        : AnswerJson.ErrorLine(operation.Key, SendSummary.StatusName(answer.Error.StatusCode), answer.Error.Detail);
}
