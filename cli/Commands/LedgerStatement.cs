using System.CommandLine;
using System.Globalization;
using Claims.Cli.LocalSystem;
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
        Argument<string> month = new("MONTH") { Description = "yyyy-MM, of the posting date." };
        Option<string> format = new("--format") { Description = "table; csv: the lines; html: a page to print.", DefaultValueFactory = _ => "table" };
        format.AcceptOnlyFromAmong("table", "csv", "html");
        Option<bool> summary = new("--summary") { Description = "Without the lines." };
        Option<FileInfo?> output = new("--out") { Description = "Write here instead of to standard output." };
        Option<int> wait = LedgerCommand.WaitOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("statement", "A facility's month: sums, lines, payable and paid; exit code 0 only when lines and general ledger agree.")
        {
            facility, month, format, summary, output, wait, json,
        };
        command.SetAction(async (result, cancel) =>
        {
            using Services services = new(SystemLayout.FromEnvironment());
            await LedgerCommand.WaitUntilPostedAsync(services, TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
            FacilityStatement statement = await ReadAsync(
                services, result.GetRequiredValue(facility), result.GetRequiredValue(month), result.GetValue(summary), cancel);
            string text = result.GetValue(json) ? Output.Json(Json(statement)) + Environment.NewLine : result.GetRequiredValue(format) switch
            {
                "csv" => StatementCsv.Render(statement),
                "html" => StatementHtml.Render(statement),
                _ => Table(statement),
            };
            if (result.GetValue(output) is { } file) await File.WriteAllTextAsync(file.FullName, text, cancel);
            else Console.Out.Write(text);
            if (statement.Statement.Agrees) return ExitCodes.Done;
            Output.Error($"the lines of {statement.Statement.FacilityCode} in {statement.Statement.Month} do not come to what the general ledger has as payable; `claims ledger verify` looks for the reason.");
            return ExitCodes.Failed;
        });
        return command;
    }

    private static async Task<FacilityStatement> ReadAsync(Services services, string facilityCode, string month, bool withoutLines, CancellationToken cancellationToken)
    {
        string name = await NameOfAsync(services, facilityCode, cancellationToken);
        string address = services.Layout.LedgerAddress;
        try
        {
            return await FacilityStatement.ReadAsync(services.Connect(address), name, facilityCode, month, withoutLines, cancellationToken);
        }
        catch (RpcException e)
        {
            throw e.StatusCode == StatusCode.InvalidArgument ? new CommandException($"{e.Status.Detail}.") : Services.Failure("ledger", address, e);
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

    private static string Table(FacilityStatement statement)
    {
        Statement month = statement.Statement;
        StatementGroup[] groups = [.. month.Groups, month.Sum];
        PayableAccount[] accounts = [.. month.Payables, month.PayableSum];
        return $"{statement.FacilityName} {month.FacilityCode}, {month.From} – {month.To}{(month.Complete ? "" : ", not ended yet 本月未结束")}\n"
            + TextTable.Render(
                ["tier 机构层级", "type 就诊类型", ">settled 结算", ">cancelled 撤销", ">total 总费用", ">in scope 政策范围内", ">deductible 起付", ">beyond cap 超限额", ">fund 基金支付", ">self 个人支付"],
                groups.Select(group => new[]
                {
                    ReferenceEquals(group, month.Sum) ? "合计" : StatementWords.Tier(group.Tier),
                    StatementWords.VisitTypeOf(group.VisitType),
                    Count(group.Settlements),
                    Count(group.Cancellations),
                    StatementWords.Yuan(group.TotalFen),
                    StatementWords.Yuan(group.InScopeFen),
                    StatementWords.Yuan(group.DeductibleFen),
                    StatementWords.Yuan(group.CapCutFen),
                    StatementWords.Yuan(group.FundPayFen),
                    StatementWords.Yuan(group.SelfPayFen),
                }))
            + TextTable.Render(
                ["account 账户", ">opening 期初", ">payable 本期应付", ">other 其他", ">paid 本期已付", ">closing 期末"],
                accounts.Select(account => new[]
                {
                    ReferenceEquals(account, month.PayableSum) ? "合计" : account.AccountCode,
                    StatementWords.Yuan(account.OpeningFen),
                    StatementWords.Yuan(account.PayableFen),
                    StatementWords.Yuan(account.OtherFen),
                    StatementWords.Yuan(account.PaidFen),
                    StatementWords.Yuan(account.ClosingFen),
                }))
            + $"{(month.Agrees ? "Lines and general ledger agree 明细与总账一致." : "LINES AND GENERAL LEDGER DO NOT AGREE 明细与总账不一致.")}\n";
    }

    private static object Json(FacilityStatement statement)
    {
        Statement month = statement.Statement;
        return new
        {
            month.FacilityCode,
            statement.FacilityName,
            month.Month,
            month.From,
            month.To,
            month.PreparedAt,
            month.Complete,
            month.Agrees,
            Groups = month.Groups.Select(group => new { group.Tier, VisitType = TypeName(group.VisitType), Figures = Figures(group) }),
            Sum = Figures(month.Sum),
            Payables = month.Payables.Select(account => new { account.AccountCode, account.Name, Movement = Movement(account) }),
            PayableSum = Movement(month.PayableSum),
            Lines = statement.Lines.Select(line => new
            {
                line.PostedOn,
                line.SettledAt,
                line.Kind,
                line.SettlementId,
                line.OriginalSettlementId,
                line.RequestId,
                line.InsuredId,
                line.VisitDate,
                line.Tier,
                VisitType = TypeName(line.VisitType),
                line.TotalFen,
                line.InScopeFen,
                line.DeductibleFen,
                line.CapCutFen,
                line.FundPayFen,
                line.ReasonCode,
            }),
        };
    }

    private static object Figures(StatementGroup group) => new
    {
        group.Settlements,
        group.Cancellations,
        group.TotalFen,
        group.InScopeFen,
        group.DeductibleFen,
        group.CapCutFen,
        group.CapCutSettlements,
        group.FundPayFen,
        group.SelfPayFen,
        group.CancelledFundPayFen,
    };

    private static object Movement(PayableAccount account) =>
        new { account.OpeningFen, account.PayableFen, account.OtherFen, account.PaidFen, account.ClosingFen };

    private static string TypeName(VisitType type) => StatementLine.Descriptor.FindFieldByName("visit_type").EnumType.FindValueByNumber((int)type).Name;

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
