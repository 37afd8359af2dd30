using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Claims.Cli.Demo;
using Claims.Cli.LocalSystem;
using Claims.Cli.Reconciliation;
using Claims.Cli.SampleCity;
using Claims.Hosting;
using Claims.PrivateServers;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

public static class DemoCommand
{
    private const int DefaultVisits = 100_000;
    private const int DefaultSeed = 20_250_618;
    private const int Hospitals = 8;
    private const int ReadersOfAccumulators = 64;
    private static readonly TimeSpan PostedBound = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ListBound = TimeSpan.FromMinutes(2);

    public static Command Create()
    {
        Option<int> visits = new("--visits") { Description = "How many visits to stream.", DefaultValueFactory = _ => DefaultVisits };
        visits.Must(count => count is >= 100 and <= 10_000_000, "from 100 to 10000000");
        Option<int> seed = new("--seed") { Description = "Another seed is another city.", DefaultValueFactory = _ => DefaultSeed };
        Option<string?> policy = CommonOptions.Policy();
        Option<string?> city = CommonOptions.City();
        Option<bool> faults = new("--faults")
        {
            Description = "Kill every process in turn with SIGKILL while the visits stream; the accounts must agree all the same.",
        };
        Option<bool> keep = new("--keep") { Description = "Leave the system running afterwards, and say where." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("demo",
            "A sample city's day in a store of its own: settle, book, compare; exit code 0 only if all accounts agree.")
        {
            visits,
            seed,
            policy,
            city,
            faults,
            keep,
            json,
        };
        command.SetAction((result, cancel) => RunAsync(
            CityPolicy.Choose(result.GetValue(policy), result.GetValue(city), earlier: null),
            result.GetValue(visits), result.GetValue(seed), result.GetValue(faults), result.GetValue(keep), result.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(
        CityPolicy policy, int visits, int seed, bool faults, bool keep, bool json, CancellationToken cancellationToken)
    {
        Action<string> tell = json ? Output.Progress : Output.Line;
        City city = CityGenerator.Generate(policy.Load(), seed, visits);
        tell(string.Create(
            CultureInfo.InvariantCulture,
            $"Sample city 示例城市 (seed {seed}): {city.Facilities.Count:#,##0} facilities 定点机构, {city.Insured.Count:#,##0} insured "
                + $"参保人, {city.Visits.Count:#,##0} visits 就诊, most of {city.Day:yyyy-MM-dd}"));

        await using TemporarySystem system = await TemporarySystem.StartAsync("demo", policy, tell, cancellationToken);
        try
        {
            return await StreamAndCompareAsync(city, system, faults, json, tell, cancellationToken) ? ExitCodes.Done : ExitCodes.Failed;
        }
        finally
        {
            if (keep)
                system.Keep();
        }
    }

    private static async Task<bool> StreamAndCompareAsync(
        City city, TemporarySystem system, bool faults, bool json, Action<string> tell, CancellationToken cancellationToken)
    {
        using Services services = new(system.Layout);
        long facilities = await ImportCommand.RunAsync(
            services, ImportKind.Facilities, "facilities.csv", Csv(city.FacilitiesCsv()), cancellationToken);
        long insured = await ImportCommand.RunAsync(services, ImportKind.Insured, "insured.csv", Csv(city.InsuredCsv()), cancellationToken);
        tell(string.Create(CultureInfo.InvariantCulture, $"Imported {facilities:#,##0} facilities and {insured:#,##0} insured."));

        ReplyBook replies = new();
        using FaultPlan? plan = faults ? new FaultPlan(system, city.Visits.Count) : null;
        using ClinicCounter counter = CounterOf(city, system.Layout);
        IssueCredentialRequest asked = new() { FacilityCode = counter.FacilityCode, Clerk = ClinicCommand.UsualClerk };
        IssuedCredential credential = await ClinicCommand.IssueAsync(services, asked, cancellationToken);
        (string changedFacilities, IReadOnlyList<string> codes) = city.ChangedFacilities();
        (string changedInsured, IReadOnlyList<string> ids) = city.ChangedInsured();
        RegistryChanges registry = new(city.Visits.Count, async () =>
        {
            await ImportCommand.RunAsync(
                services, ImportKind.Facilities, "changed-facilities.csv", Csv(changedFacilities), cancellationToken);
            await ImportCommand.RunAsync(services, ImportKind.Insured, "changed-insured.csv", Csv(changedInsured), cancellationToken);
        });
        DateOnly first = ChinaTime.Today(TimeProvider.System);
        TimeSpan elapsed = await StreamAsync(city, services, replies, plan, registry, counter, credential, cancellationToken);
        DateOnly last = ChinaTime.Today(TimeProvider.System);
        tell(string.Create(CultureInfo.InvariantCulture,
            $"Half-way the registry changed 途中登记变更: {codes.Count:#,##0} facilities 机构, {ids.Count:#,##0} insured 参保人."));
        await PostedBooks.WaitAsync(services, PostedBound, cancellationToken);
        Books books = await ReadBooksAsync(city, services, replies, cancellationToken);
        (List<WrongSettlement> wrong, RecheckTotals totals) =
            await RecheckCommand.AskAsync(services, new RecheckRequest(), told: null, cancellationToken);
        IReadOnlyList<Check> checks =
        [
            .. Verdict.Of(city.Visits, replies, books), Verdict.CorrectionsFound(wrong, totals, codes, ids),
            await counter.CompareAsync(first == last ? [first] : [first, last], cancellationToken),
        ];
        tell($"Clinics' page 诊所页面: {system.Layout.GatewayAddress}/ (facility {counter.FacilityCode}, clerk {credential.Clerk}, password "
            + $"{counter.Password}; it goes with the demo unless --keep).");
        bool agreed = checks.All(check => check.Holds);
        if (json)
            PrintJson(replies, books.TrialBalance, checks, elapsed, agreed);
        else
            Print(replies, books.TrialBalance, checks, elapsed, agreed);
        return agreed;
    }

    private static MemoryStream Csv(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>Of the village clinics, that with the most visits: they are settled at the gateway's page.</summary>
    private static ClinicCounter CounterOf(City city, SystemLayout layout)
    {
        HashSet<string> villages = [.. city.Facilities.Where(facility => facility.AdminLevel == "village" && facility.PooledTo.Length == 0)
            .Select(facility => facility.Code)];
        SettleRequest[] visits = city.Visits.Where(visit => villages.Contains(visit.FacilityCode)).GroupBy(visit => visit.FacilityCode)
            .OrderByDescending(clinic => clinic.Count()).ThenBy(clinic => clinic.Key, StringComparer.Ordinal)
            .FirstOrDefault()?.ToArray() ?? [];
        return new ClinicCounter(layout.GatewayAddress, visits.Length > 0 ? visits[0].FacilityCode : city.Facilities[^1].Code, visits);
    }

    private static async Task<TimeSpan> StreamAsync(City city, Services services, ReplyBook replies, FaultPlan? faults,
        RegistryChanges registry, ClinicCounter counter, IssuedCredential credential, CancellationToken cancellationToken)
    {
        SettleRequest[][] hospitals = [.. city.Visits
            .Where(visit => visit.FacilityCode != counter.FacilityCode)
            .GroupBy(visit => HospitalOf(visit.FacilityCode))
            .Select(hospital => hospital.ToArray())];
        long begun = Stopwatch.GetTimestamp();
        try
        {
            string title = $"{hospitals.Length} streams of hospitals 医院实时结算, a clinic at its page 诊所网页结算";
            await Progress.ShowAsync(title, city.Visits.Count, async advance =>
            {
                Task injecting = faults?.RunAsync(cancellationToken) ?? Task.CompletedTask;
                Task clinic = counter.RunAsync(credential.Clerk, credential.Secret, Answered, cancellationToken);
                await Task.WhenAll(hospitals.Select(visits =>
                {
                    V1.Adjudication.AdjudicationClient client = new(services.Connect(services.Layout.AdjudicationAddress));
                    return new HospitalStream(client, visits, Answered).RunAsync(cancellationToken);
                }));
                await clinic;
                await injecting;

                async Task Answered(SettleRequest request, SettleReply reply)
                {
                    replies.Add(request, reply);
                    advance();
                    await registry.AnsweredAsync(cancellationToken);
                    if (faults is not null) await faults.AnsweredAsync();
                }
            });
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", services.Layout.AdjudicationAddress, e);
        }
        return Stopwatch.GetElapsedTime(begun);
    }

    // By the last digits, which number the facilities one after the other.
    private static int HospitalOf(string facilityCode) => int.Parse(facilityCode.AsSpan(^5), CultureInfo.InvariantCulture) % Hospitals;

    private static async Task<Books> ReadBooksAsync(City city, Services services, ReplyBook replies, CancellationToken cancellationToken)
    {
        try
        {
            Ledger.LedgerClient ledger = new(services.Connect(services.Layout.LedgerAddress));
            Accumulators[] accumulators = await ReadAccumulatorsAsync(city, services, cancellationToken);
            // A millisecond for each visit besides: with a million, two minutes were not enough on a busy machine.
            DateTime listed = DateTime.UtcNow + ListBound + TimeSpan.FromMilliseconds(city.Visits.Count);
            using AsyncServerStreamingCall<InsuredYear> years =
                ledger.ListInsuredYears(new ListInsuredYearsRequest(), null, listed, cancellationToken);
            using AsyncServerStreamingCall<SubLedgerEntry> entries =
                ledger.ListEntries(new ListEntriesRequest(), null, listed, cancellationToken);
            return new Books(
                accumulators,
                await ReadAllAsync(years, cancellationToken),
                await ReadAllAsync(entries, cancellationToken),
                await LedgerTrialBalance.ReadAsync(services, cancellationToken),
                await ReconcileAsync(city, services, replies, cancellationToken),
                await LedgerVerify.VerifyAsync(
                    services, new VerifyRequest(), PostedBound + TimeSpan.FromMilliseconds(city.Visits.Count), cancellationToken));
        }
        catch (RpcException e)
        {
            throw Services.Failure("ledger", services.Layout.LedgerAddress, e);
        }
    }

    private static async Task<FacilityOutcome[]> ReconcileAsync(
        City city, Services services, ReplyBook replies, CancellationToken cancellationToken)
    {
        string[] days = [.. city.Visits.Select(visit => visit.VisitDate).Distinct().Order(StringComparer.Ordinal)];
        ReconciliationPeriod period = new() { From = days[0], To = days[^1], Basis = DayBasis.VisitDay };
        FileResult file = await FacilityReconciliation.AskAsync(services.Connect(services.Layout.LedgerAddress),
            new FileScope { Period = period, AlwaysLines = true }, replies.Lines.ToAsyncEnumerable(), cancellationToken);
        return [.. file.Facilities.Select(facility => facility.Outcome)];
    }

    private static async Task<Accumulators[]> ReadAccumulatorsAsync(City city, Services services, CancellationToken cancellationToken)
    {
        string address = services.Layout.AdjudicationAddress;
        V1.Adjudication.AdjudicationClient client = new(services.Connect(address));
        Accumulators[] accumulators = new Accumulators[city.Insured.Count];
        ParallelOptions bounded = new() { MaxDegreeOfParallelism = ReadersOfAccumulators, CancellationToken = cancellationToken };
        try
        {
            await Parallel.ForAsync(0, accumulators.Length, bounded, async (index, cancel) =>
            {
                GetAccumulatorsRequest request = new() { InsuredId = city.Insured[index].Id, Year = city.Day.Year };
                accumulators[index] = await client.GetAccumulatorsAsync(request, null, DateTime.UtcNow + CallBound, cancel);
            });
        }
        catch (RpcException e)
        {
            throw Services.Failure("adjudication", address, e);
        }
        return accumulators;
    }

    private static async Task<List<T>> ReadAllAsync<T>(AsyncServerStreamingCall<T> call, CancellationToken cancellationToken)
    {
        List<T> all = [];
        while (await call.ResponseStream.MoveNext(cancellationToken))
            all.Add(call.ResponseStream.Current);
        return all;
    }

    internal static void Print(ReplyBook replies, TrialBalance balance, IReadOnlyList<Check> checks, TimeSpan elapsed, bool agreed)
    {
        Output.Table(
            ["decision 结果", "reason 原因", ">visits 笔数"],
            replies.Outcomes.OrderByDescending(outcome => outcome.Value).Select(outcome => new[]
            {
                outcome.Key.Decision.ToString().ToUpperInvariant(), outcome.Key.Reason,
                outcome.Value.ToString("#,##0", CultureInfo.InvariantCulture),
            }));
        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{replies.Replies:#,##0} visits answered in {elapsed.TotalSeconds:0.0} s "
                + $"({replies.Replies / elapsed.TotalSeconds:#,##0}/s); {replies.Settlements.Count:#,##0} settlements 结算, the fund pays "
                + $"基金支付 {Output.Yuan(replies.FundPayFen)}"));
        PrintAccountClasses(balance);
        Output.Table(
            ["", "verdict 核对", "figures"],
            checks.Select(check => new[] { check.Holds ? "✓" : "✗", check.Name, check.Detail }));
        Output.Line(agreed ? "All accounts agree 各账一致." : "THE ACCOUNTS DO NOT AGREE 各账不一致.");
    }

    /// <remarks>One account per scheme, county and facility is too much for a screen: summed by the first part of their codes.</remarks>
    private static void PrintAccountClasses(TrialBalance balance) => Output.Table(
        ["accounts", "name", ">number", ">debit 借方", ">credit 贷方"],
        balance.Accounts.GroupBy(account => account.Code.Split('.')[0]).Select(accounts => new[]
        {
            accounts.Key,
            CommonName([.. accounts.Select(account => account.Name.Split('—'))]),
            accounts.Count().ToString(CultureInfo.InvariantCulture),
            Output.Yuan(accounts.Sum(account => Math.Max(account.BalanceFen, 0))),
            Output.Yuan(accounts.Sum(account => Math.Max(-account.BalanceFen, 0))),
        }));

    private static string CommonName(string[][] names) => string.Join(
        '—', names[0].TakeWhile((part, index) => names.All(name => index < name.Length && name[index] == part)));

    private static void PrintJson(ReplyBook replies, TrialBalance balance, IReadOnlyList<Check> checks, TimeSpan elapsed, bool agreed) =>
        Output.WriteJson(new
        {
            Ok = agreed,
            Visits = replies.Replies,
            Settlements = replies.Settlements.Count,
            replies.Replayed,
            replies.FundPayFen,
            Seconds = Math.Round(elapsed.TotalSeconds, 3),
            Outcomes = replies.Outcomes.Select(outcome => new
            {
                Decision = outcome.Key.Decision.ToString().ToUpperInvariant(),
                ReasonCode = outcome.Key.Reason,
                Count = outcome.Value,
            }),
            TrialBalance = new { balance.Balanced, balance.DebitFen, balance.CreditFen, balance.StandingSettlements, balance.FundPaidFen },
            Checks = checks,
        });
}
