using System.CommandLine;
using Claims.Cli.Statements;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger statement</c>: a facility's month, to read, to calculate with, or to print.</summary>
public static class LedgerStatement
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        Argument<string> facility = new("FACILITY") { Description = "Code of the facility." };
        Argument<string> month = CommonOptions.Month("MONTH", "yyyy-MM, of the posting date.");
        Option<string> format =
            new("--format") { Description = "table; csv: the lines; html: a page to print.", DefaultValueFactory = _ => "table" };
        format.AcceptOnlyFromAmong("table", "csv", "html");
        Option<bool> summary = new("--summary") { Description = "Without the lines." };
        Option<FileInfo?> output = new("--out") { Description = "Write here instead of to standard output." };
        Option<int> wait = PostedBooks.WaitOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("statement",
            "A facility's month: sums, lines, payable and paid; exit code 0 only when lines and general ledger agree.")
        {
            facility, month, format, summary, output, wait, json,
        };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            await PostedBooks.WaitAsync(services, TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            FacilityStatement statement = await ReadAsync(
                services, result.GetRequiredValue(facility), result.GetRequiredValue(month), result.GetValue(summary), cancel);
            string text = (result.GetValue(json) ? "json" : result.GetRequiredValue(format)) switch
            {
                "json" => StatementJson.Render(statement),
                "table" => StatementTable.Render(statement),
                "csv" => StatementCsv.Render(statement),
                "html" => StatementHtml.Render(statement),
                string other => throw new InvalidOperationException($"--format {other} is accepted and not written."),
            };
            if (result.GetValue(output) is { } file) await File.WriteAllTextAsync(file.FullName, text, cancel);
            else Console.Out.Write(text);
            if (statement.Statement.Agrees) return ExitCodes.Done;
            Output.Error($"the lines of {statement.Statement.FacilityCode} in {statement.Statement.Month} do not come to what the general "
                + $"ledger has as payable; `claims ledger verify` looks for the reason.");
            return ExitCodes.Failed;
        });
        return command;
    }

    private static async Task<FacilityStatement> ReadAsync(
        Services services, string facilityCode, string month, bool withoutLines, CancellationToken cancellationToken)
    {
        string name = await NameOfAsync(services, facilityCode, cancellationToken);
        string address = services.Layout.LedgerAddress;
        try
        {
            return await FacilityStatement.ReadAsync(services.Connect(address), name, facilityCode, month, withoutLines, cancellationToken);
        }
        catch (RpcException e)
        {
            throw e.StatusCode is StatusCode.InvalidArgument or StatusCode.NotFound
                ? new CommandException($"{e.Status.Detail}.")
                : Services.Failure("ledger", address, e);
        }
    }

    private static async Task<string> NameOfAsync(Services services, string facilityCode, CancellationToken cancellationToken)
    {
        string address = services.Layout.EligibilityAddress;
        try
        {
            LookupReply reply = await new Eligibility.EligibilityClient(services.Connect(address))
                .LookupAsync(new LookupRequest { FacilityCodes = { facilityCode } }, null, DateTime.UtcNow + CallBound, cancellationToken);
            return reply.Facilities.FirstOrDefault()?.Name ?? "";
        }
        catch (RpcException e)
        {
            throw Services.Failure("eligibility", address, e);
        }
    }
}
