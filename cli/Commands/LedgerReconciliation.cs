using System.CommandLine;
using System.Globalization;
using Claims.Cli.Reconciliation;
using Claims.V1;
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
            FacilityReconciliation reconciliation = new(services.Connect(address), period, result.GetValue(lines));
            try
            {
                List<FacilityLine> kept = [];
                SettlementTotals totals = await ReadAsync(books, code, kept, cancel);
                if (claimed is not null && !claimed.Equals(totals))
                    throw new CommandException($"--totals {Text(claimed)} are not the sums of the lines of {books.Name}, {Text(totals)}; "
                        + $"nothing was reconciled.");
                await PostedBooks.WaitAsync(services, TimeSpan.FromSeconds(result.GetValue(wait)), cancel);
                IReadOnlyList<FacilityResult> results = code == WholeCity
                    ? await reconciliation.OfCityAsync(kept, cancel)
                    : [await reconciliation.OfFacilityAsync(code, totals, () => FacilityFile.ReadAsync(books, cancel), cancel)];
                if (result.GetValue(json)) PrintJson(period, results);
                else Print(period, results);
                return results.All(one => one.Reconciled) ? ExitCodes.Done : ExitCodes.Failed;
            }
            catch (RpcException e)
            {
                throw e.StatusCode == StatusCode.InvalidArgument
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

    /// <summary>Reads the whole file once, so that nothing is compared of one that has a bad line. Only a city's lines are kept.</summary>
    private static async Task<SettlementTotals> ReadAsync(
        FileInfo books, string code, List<FacilityLine> kept, CancellationToken cancellationToken)
    {
        SettlementTotals totals = new();
        await foreach (FacilityLine line in FacilityFile.ReadAsync(books, cancellationToken))
        {
            if (code == WholeCity && line.FacilityCode.Length == 0)
                throw new CommandException(string.Create(CultureInfo.InvariantCulture,
                    $"{books.Name} line {line.LineNumber}: facility_code is missing; nothing was reconciled."));
            if (code == WholeCity) kept.Add(line);
            FacilityReconciliation.Add(totals, line);
        }

        return totals;
    }

    private static void Print(ReconciliationPeriod period, IReadOnlyList<FacilityResult> results)
    {
        Output.Line($"{period.From} – {period.To}, by day of {(period.Basis == DayBasis.VisitDay ? "visit 按就诊日期" : "settlement 按结算日期")}");
        Output.Table(
            ["facility 机构", "totals 对总账", ">count here 中心笔数", ">there 本院笔数", ">total here 中心总费用", ">there 本院总费用", ">fund here 中心基金支付",
                ">there 本院基金支付", "lines 对明细", ">differences 差异"],
            results.Select(result => new[]
            {
                result.FacilityCode,
                TextOf(result.Outcome),
                Count(result.Centre.Count),
                Count(result.Facility.Count),
                Output.Yuan(result.Centre.TotalFen),
                Output.Yuan(result.Facility.TotalFen),
                Output.Yuan(result.Centre.FundPayFen),
                Output.Yuan(result.Facility.FundPayFen),
                result.Summary is null ? "not compared 未比对" : result.Summary.Reconciled ? "agree 一致" : "differ 有差异",
                result.Summary is null ? "" : Count(result.Summary.Differences),
            }));
        foreach (FacilityResult result in results.Where(result => result.Differences.Count > 0)) PrintDifferences(result);
        long differing = results.Count(result => !result.Reconciled);
        Output.Line(differing == 0
            ? "Reconciled 对账一致."
            : string.Create(CultureInfo.InvariantCulture, $"NOT RECONCILED 对账不一致: {differing} of {results.Count} facilities differ."));
    }

    private static void PrintDifferences(FacilityResult result)
    {
        Output.Line($"{result.FacilityCode}:");
        Output.Table(
            [">line 行", "cause 原因", "insured 人员编号", "request 请求号", "settlement 结算编号", ">here 中心基金支付", ">there 本院基金支付", "what to do 处理建议"],
            result.Differences.Take(DifferencesShown).Select(difference => new[]
            {
                difference.Line is { } line ? line.LineNumber.ToString(CultureInfo.InvariantCulture) : "",
                TextOf(difference),
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

    private static void PrintJson(ReconciliationPeriod period, IReadOnlyList<FacilityResult> results) => Output.WriteJson(new
    {
        Reconciled = results.All(result => result.Reconciled),
        period.From,
        period.To,
        Basis = NameOf(ReconciliationPeriod.Descriptor.FindFieldByName("basis"), (int)period.Basis),
        Facilities = results.Select(result => new
        {
            result.FacilityCode,
            result.Reconciled,
            Outcome = NameOf(LinesSummary.Descriptor.FindFieldByName("outcome"), (int)result.Outcome),
            Centre = Json(result.Centre),
            Facility = Json(result.Facility),
            LinesCompared = result.Summary is not null,
            Differences = result.Differences.Select(difference => new
            {
                Cause = NameOf(LineDifference.Descriptor.FindFieldByName("cause"), (int)difference.Cause),
                Action = NameOf(LineDifference.Descriptor.FindFieldByName("action"), (int)difference.Action),
                difference.ActionText,
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
                    entry.TotalFen,
                    entry.FundPayFen,
                },
                Centre = Json(difference.Centre),
                Facility = Json(difference.Facility),
            }),
        }),
    });

    private static object Json(SettlementTotals totals) => new { totals.Count, totals.TotalFen, totals.FundPayFen };

    private static string NameOf(Google.Protobuf.Reflection.FieldDescriptor field, int value) =>
        field.EnumType.FindValueByNumber(value)?.Name ?? throw CommandException.UnknownWord(field.Name, value);

    private static string Text(SettlementTotals totals) =>
        string.Create(CultureInfo.InvariantCulture, $"{totals.Count},{totals.TotalFen},{totals.FundPayFen}");

    private static string TextOf(TotalsOutcome outcome) => outcome switch
    {
        TotalsOutcome.Balanced => "balanced 平",
        TotalsOutcome.CentreMore => "centre more 中心多",
        TotalsOutcome.FacilityMore => "facility more 医院多",
        TotalsOutcome.Inconsistent => "inconsistent 不一致",
        _ => throw CommandException.UnknownWord("comparison of totals", outcome),
    };

    private static string TextOf(LineDifference difference) => difference.Cause switch
    {
        DifferenceCause.MissingHere => "missing here 中心无",
        DifferenceCause.MissingThere => "missing there 本院无",
        DifferenceCause.Amount => "amount 金额不符",
        DifferenceCause.CancelledHere => "cancelled here 中心已撤销",
        DifferenceCause.CancelledThere => "cancelled there 本院已撤销",
        DifferenceCause.OtherDay => $"other day 日期不符 {difference.Entry.SettledOn}",
        DifferenceCause.Duplicate => "duplicate 重复",
        DifferenceCause.OtherFacility => "other facility 非本机构",
        DifferenceCause.OtherId => "other id 编号不符",
        _ => throw CommandException.UnknownWord("cause of a difference", difference.Cause),
    };

    private static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);
}
