using System.CommandLine;
using System.Globalization;
using Claims.Cli.Audit;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

public static class LedgerVerify
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    public static Command Create()
    {
        Option<int> wait =
            PostedBooks.WaitOption("Seconds to wait at most until all that was settled is in the books, and the books are chained.");
        Option<string?> expect =
            new("--expect") { Description = "LINK:HASH, a head of the chain that was noted earlier: it must still be part of it." };
        expect.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && NotedHead.Parse(text) is null)
                result.AddError("--expect must be a link, a colon and 64 hexadecimal digits.");
        });
        Option<bool> json = CommonOptions.Json();
        Command command = new("verify",
            "Replay the chain of the books and compare them with the accumulators; exit code 0 only if nothing was changed by "
            + "hand.") { wait, expect, json };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = Services.Of(result);
            TimeSpan bound = TimeSpan.FromSeconds(result.GetValue(wait));
            VerifyRequest request = result.GetValue(expect) is { } text ? NotedHead.Parse(text)! : new VerifyRequest();
            return await RunAsync(services, request, bound, result.GetValue(json), cancel);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        Services services, VerifyRequest request, TimeSpan bound, bool json, CancellationToken cancellationToken)
    {
        AuditReport report = await VerifyAsync(services, request, bound, cancellationToken);
        if (json) PrintJson(report);
        else Print(report);
        return report.Holds ? ExitCodes.Done : report.Refuted ? ExitCodes.Failed : ExitCodes.Unavailable;
    }

    /// <summary>Waits until everything that was settled is in the books and chained, then checks the books and the accumulators.</summary>
    /// <exception cref="CommandException">A service does not answer, or is not that far within the bound.</exception>
    public static async Task<AuditReport> VerifyAsync(
        Services services, VerifyRequest request, TimeSpan bound, CancellationToken cancellationToken)
    {
        CallInvoker ledger = services.Connect(services.Layout.LedgerAddress);
        await PostedBooks.WaitAsync(services, bound, cancellationToken);
        await WaitUntilChainedAsync(ledger, services.Layout.LedgerAddress, bound, cancellationToken);
        try
        {
            return await BooksAudit.RunAsync(new V1.Audit.AuditClient(ledger), request, cancellationToken);
        }
        catch (RpcException e)
        {
            throw e.StatusCode == StatusCode.FailedPrecondition
                ? Services.Refusal("ledger", services.Layout.LedgerAddress, e)
                : Services.Failure("ledger", services.Layout.LedgerAddress, e);
        }
    }

    /// <summary>A chain that is broken is not waited for: the verification says so.</summary>
    /// <exception cref="CommandException">Batches are not chained within the bound, or the ledger does not answer.</exception>
    private static async Task WaitUntilChainedAsync(CallInvoker ledger, string address, TimeSpan bound, CancellationToken cancellationToken)
    {
        V1.Audit.AuditClient client = new(ledger);
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        try
        {
            while (true)
            {
                ChainHead head = await client.GetChainHeadAsync(
                    new GetChainHeadRequest(), null, DateTime.UtcNow + CallBound, cancellationToken);
                if (head.WaitingBatches == 0 || head.Broken.Length > 0) return;
                if (Environment.TickCount64 >= deadline)
                    throw new CommandException(string.Create(CultureInfo.InvariantCulture,
                        $"After {bound.TotalSeconds} s {head.WaitingBatches} batches are not chained yet."), ExitCodes.Unavailable);
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", address, e);
        }
    }

    private static void Print(AuditReport report)
    {
        Output.Table(
            ["", "check 核对", ">examined 检查数", "finding 发现"],
            report.Findings.Select(finding => new[]
            {
                finding.Holds switch { true => "✓", false => "✗", null => "?" },
                finding.Name,
                finding.Examined.ToString("#,##0", CultureInfo.InvariantCulture),
                finding.Detail,
            }));
        if (report.Head.Link > 0)
            Output.Line(string.Create(CultureInfo.InvariantCulture,
                $"Head of the chain 链首: {report.Head.Link}:{report.Head.Hash}. Keep it outside of the database; --expect "
                + $"compares with it."));
        Output.Line(report.Holds
            ? "Nothing was changed by hand 账册完整，未发现改动."
            : report.Refuted ? "SOMETHING WAS CHANGED OR LOST 数据已被改动或丢失." : "It cannot be known now; run it again 暂时无法判定，请稍后再试.");
    }

    private static void PrintJson(AuditReport report) => Output.WriteJson(new
    {
        Ok = report.Holds,
        Head = new { report.Head.Link, report.Head.Hash },
        Checks = report.Findings.Select(finding => new
        {
            finding.Code,
            finding.Name,
            finding.Holds,
            finding.Examined,
            finding.Table,
            finding.Key,
            finding.Tampering,
            finding.Detail,
        }),
    });
}
