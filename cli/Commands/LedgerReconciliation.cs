using System.CommandLine;
using System.Globalization;
using Claims.Cli.Reconciliation;
using Claims.Cli.Statements;
using Claims.V1;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger reconcile</c>: a hospital's books against the ledger's.</summary>
public static class LedgerReconciliation
{
    private const string WholeCity = "all";
    private const int DifferencesShown = 200;

    public static Command Create()
    {
        Argument<string> facility = new(
            "FACILITY")
        { Description = $"Code of the facility; \"{WholeCity}\" for every facility, of a file whose lines name theirs." };
        Argument<FileInfo> file = CommonOptions.ExistingFile(
            "FILE", $"The hospital's books: CSV with a header of {FacilityFile.CsvHeader} (or some of them), or JSON lines, also as "
            + $"`claims send --out` writes them.");
        Option<DateOnly?> day = Day("--day", "The day that is reconciled, yyyy-MM-dd.");
        Option<DateOnly?> from = Day("--from", "First day.");
        Option<DateOnly?> to = Day("--to", "Last day, inclusive.");
        Option<bool> byVisit =
            new("--by-visit-date") { Description = "Take entries by the day of the visit instead of the day of their settlement." };
        Option<string?> stated =
            new("--totals") { Description = "The hospital's own sums, COUNT,TOTAL_FEN,FUND_PAY_FEN: must be those of its lines." };
        Option<bool> lines = new("--lines") { Description = "Compare the lines although the totals balance." };
        Option<int> wait = PostedBooks.WaitOption();
        Option<bool> json = CommonOptions.Json();
        Command command = new("reconcile",
            "Compare a hospital's books with the ledger's: totals, then lines; exit code 0 only when reconciled.")
        {
            facility, file, day, from, to, byVisit, stated, lines, wait, json,
        };
        command.SetAction(async (result, cancel) =>
        {
            ReconciliationPeriod period =
                PeriodOf(result.GetValue(day), result.GetValue(from), result.GetValue(to), result.GetValue(byVisit));
            SettlementTotals? claimed = result.GetValue(stated) is { } text ? Stated(text) : null;
            string code = result.GetRequiredValue(facility);
            FileInfo books = result.GetRequiredValue(file);
            if (code == WholeCity && claimed is not null)
                throw new CommandException($"--totals are those of one facility, not of \"{WholeCity}\".");

            using Services services = Services.Of(result);
            string address = services.Layout.LedgerAddress;
            FileScope scope = new()
            {
                FacilityCode = code == WholeCity ? "" : code,
                Period = period,
                AlwaysLines = result.GetValue(lines),
                Stated = claimed,
            };
            try
            {
                await PostedBooks.WaitAsync(services, TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
                FileResult file = await FacilityReconciliation.AskAsync(
                    services.Connect(address), scope, FacilityFile.ReadAsync(books, cancel), cancel);
                if (result.GetValue(json)) PrintJson(period, file);
                else Print(period, file);
                return file.Summary.Reconciled ? ExitCodes.Done : ExitCodes.Failed;
            }
            catch (RpcException e)
            {
                throw e.StatusCode is StatusCode.InvalidArgument or StatusCode.NotFound
                    ? new CommandException($"{books.Name} {e.Status.Detail}; nothing was reconciled.")
                    : Services.Failure("ledger", address, e);
            }
        });
        return command;
    }

    private static Option<DateOnly?> Day(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            if (DateOnly.TryParseExact(result.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None,
                out DateOnly day)) return day;
            result.AddError($"{name} must be of the form yyyy-MM-dd.");
            return null;
        },
    };

    private static ReconciliationPeriod PeriodOf(DateOnly? day, DateOnly? from, DateOnly? to, bool byVisit)
    {
        (DateOnly first, DateOnly last) = (day, from, to) switch
        {
            ({ } one, null, null) => (one, one),
            (null, { } begin, { } end) => (begin, end),
            _ => throw new CommandException("Name the period: either --day, or --from and --to."),
        };
        return new ReconciliationPeriod
        {
            From = first.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            To = last.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            Basis = byVisit ? DayBasis.VisitDay : DayBasis.SettlementDay,
        };
    }

    private static SettlementTotals Stated(string text)
    {
        long[] figures = [.. text.Split(',')
            .Select(part => long.TryParse(part, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long figure)
            ? figure
            : throw new CommandException("--totals must be COUNT,TOTAL_FEN,FUND_PAY_FEN."))];
        return figures is [var count, var totalFen, var fundPayFen]
            ? new SettlementTotals { Count = count, TotalFen = totalFen, FundPayFen = fundPayFen }
            : throw new CommandException("--totals must be COUNT,TOTAL_FEN,FUND_PAY_FEN.");
    }

    private static void Print(ReconciliationPeriod period, FileResult file)
    {
        Output.Line($"{period.From} – {period.To}, by day of {(period.Basis == DayBasis.VisitDay ? "visit 按就诊日期" : "settlement 按结算日期")}");
        if (!file.Summary.Complete) Output.Line($"The period has not ended. {file.Summary.Notice}");
        Output.Table(
            ["facility 机构", "type 类型", "totals 对总账", ">count here 中心笔数", ">there 本院笔数", ">total here 中心总费用", ">there 本院总费用",
                ">fund here 中心基金支付", ">there 本院基金支付", "lines 对明细", ">differences 差异"],
            file.Facilities.SelectMany(facility => facility.Outcome.Totals.Comparisons.Select(string[] (comparison) =>
            [
                facility.Outcome.FacilityCode,
                TextOf(comparison.VisitType),
                TextOf(comparison.Outcome),
                Count(comparison.Centre.Count),
                Count(comparison.Facility.Count),
                Output.Yuan(comparison.Centre.TotalFen),
                Output.Yuan(comparison.Facility.TotalFen),
                Output.Yuan(comparison.Centre.FundPayFen),
                Output.Yuan(comparison.Facility.FundPayFen),
                .. LinesOf(facility.Outcome, comparison.VisitType),
            ])));
        foreach (FacilityResult facility in file.Facilities.Where(facility => facility.Differences.Count > 0)) PrintDifferences(facility);
        Output.Line(file.Summary.Reconciled
            ? "Reconciled 对账一致."
            : string.Create(CultureInfo.InvariantCulture,
                $"NOT RECONCILED 对账不一致: {file.Summary.FacilitiesDiffering} of {file.Summary.Facilities} facilities differ."));
    }

    // Lines are compared all together, so they stand beside the sum of all types.
    private static string[] LinesOf(FacilityOutcome facility, VisitType type) => (type, facility.Lines) switch
    {
        (not VisitType.Unspecified, _) => ["", ""],
        (_, null) => ["not compared 未比对", ""],
        (_, { } lines) => [lines.Reconciled ? "agree 一致" : "differ 有差异", Count(lines.Differences)],
    };

    private static void PrintDifferences(FacilityResult result)
    {
        Output.Line($"{result.Outcome.FacilityCode}:");
        Output.Table(
            [">line 行", "cause 原因", "insured 人员编号", "request 请求号", "settlement 结算编号", ">here 中心基金支付", ">there 本院基金支付", "what to do 处理建议"],
            result.Differences.Take(DifferencesShown).Select(difference => new[]
            {
                difference.Line is { } line ? line.LineNumber.ToString(CultureInfo.InvariantCulture) : "",
                $"{Cause(difference).ToLowerInvariant().Replace('_', ' ')} {difference.CauseText}",
                difference.Line?.InsuredId ?? difference.Entry.InsuredId,
                difference.Line?.RequestId ?? difference.Entry.RequestId,
                difference.Line is { SettlementId.Length: > 0 } named ? named.SettlementId : difference.Entry?.SettlementId ?? "",
                difference.Entry is null ? "" : Output.Yuan(difference.Entry.FundPayFen),
                difference.Line is null ? "" : Output.Yuan(difference.Line.FundPayFen),
                difference.ActionText,
            }));
        if (result.Differences.Count > DifferencesShown)
            Output.Line(string.Create(CultureInfo.InvariantCulture,
                $"{result.Differences.Count - DifferencesShown:#,##0} more 其余见 --json"));
    }

    private static void PrintJson(ReconciliationPeriod period, FileResult file) => Output.WriteJson(new
    {
        file.Summary.Reconciled,
        period.From,
        period.To,
        Basis = NameOf(ReconciliationPeriod.Descriptor.FindFieldByName("basis"), (int)period.Basis),
        file.Summary.Complete,
        file.Summary.Notice,
        Facilities = file.Facilities.Select(facility => new
        {
            facility.Outcome.FacilityCode,
            facility.Outcome.Reconciled,
            Outcome = NameOf(facility.Outcome.Totals.Outcome),
            Centre = Json(facility.Outcome.Totals.Comparisons[0].Centre),
            Facility = Json(facility.Outcome.Totals.Comparisons[0].Facility),
            VisitTypes = facility.Outcome.Totals.Comparisons.Skip(1).Select(comparison => new
            {
                VisitType = NameOf(comparison.VisitType),
                Outcome = NameOf(comparison.Outcome),
                Centre = Json(comparison.Centre),
                Facility = Json(comparison.Facility),
            }),
            LinesCompared = facility.Outcome.Lines is not null,
            Differences = facility.Differences.Select(difference => new
            {
                Cause = Cause(difference),
                difference.CauseText,
                Action = NameOf(LineDifference.Descriptor.FindFieldByName("action"), (int)difference.Action),
                difference.ActionText,
                difference.TwinSettlementId,
                difference.TwinLineNumber,
                Line = difference.Line is not { } line ? null : new
                {
                    line.LineNumber,
                    Kind = line.Kind.ToString().ToUpperInvariant(),
                    line.SettlementId,
                    line.RequestId,
                    line.OriginalRequestId,
                    line.InsuredId,
                    line.VisitDate,
                    line.SettledOn,
                    VisitType = NameOf(line.VisitType),
                    line.TotalFen,
                    line.FundPayFen,
                },
                Entry = difference.Entry is not { } entry ? null : new
                {
                    entry.Kind,
                    entry.SettlementId,
                    entry.OriginalSettlementId,
                    entry.RequestId,
                    entry.InsuredId,
                    entry.VisitDate,
                    entry.SettledOn,
                    VisitType = NameOf(entry.VisitType),
                    entry.TotalFen,
                    entry.FundPayFen,
                },
                Centre = Json(difference.Centre),
                Facility = Json(difference.Facility),
            }),
        }),
    });

    private static string Cause(LineDifference difference) =>
        NameOf(LineDifference.Descriptor.FindFieldByName("cause"), (int)difference.Cause);

    private static string NameOf(VisitType type) => NameOf(FacilityLine.Descriptor.FindFieldByName("visit_type"), (int)type);

    private static string NameOf(TotalsOutcome outcome) => NameOf(LinesSummary.Descriptor.FindFieldByName("outcome"), (int)outcome);

    private static object Json(SettlementTotals totals) => new { totals.Count, totals.TotalFen, totals.FundPayFen };

    private static string NameOf(FieldDescriptor field, int value) =>
        field.EnumType.FindValueByNumber(value)?.Name ?? throw CommandException.UnknownWord(field.Name, value);

    private static string TextOf(VisitType type) => type == VisitType.Unspecified ? "all 合计" : StatementWords.VisitTypeOf(type);

    private static string TextOf(TotalsOutcome outcome) => outcome switch
    {
        TotalsOutcome.Balanced => "balanced 平",
        TotalsOutcome.CentreMore => "centre more 中心多",
        TotalsOutcome.FacilityMore => "facility more 医院多",
        TotalsOutcome.Inconsistent => "inconsistent 不一致",
        _ => throw CommandException.UnknownWord("comparison of totals", outcome),
    };

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
