using System.Globalization;
using Claims.Ledger.Funding;
using Claims.V1;
using Npgsql;
using Xunit.Abstractions;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Ledger.Tests.Funding;

/// <summary>Random visits, income, payments, reversals and closings, against a few dictionaries.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class FundModelTests(LedgerDatabase databases, ITestOutputHelper output)
{
    private const int Steps = 120;

    [Fact]
    public async Task Books_agree_with_a_model_at_every_past_day_and_pay_no_one_twice()
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed.ToString(CultureInfo.InvariantCulture)}");
        await using Fund fund = await Fund.OpenAsync(databases, new(2025, 1, 5));
        Model model = new(fund, new Random(seed));

        for (int step = 0; step < Steps; step++) await model.StepAsync();

        await model.CompareAsync();
    }

    private sealed class Model(Fund fund, Random random)
    {
        private static readonly string[] Counties = [Fund.District, Fund.OtherDistrict, Fund.County];

        private readonly List<Line> _entries = [];
        private readonly List<(long VoucherId, List<(string Account, long Fen)> Lines)> _reversible = [];
        private readonly SortedSet<DateOnly> _closed = [];
        private readonly PublishedLog _log = new(1);
        private int _keys;

        private string NextKey => $"model-{(_keys++).ToString(CultureInfo.InvariantCulture)}";

        public Task StepAsync() => random.Next(9) switch
        {
            0 or 1 => VisitAsync(),
            2 => CancelAsync(),
            3 or 4 => FillAsync(),
            5 => ReplenishAsync(),
            6 => PayAsync(),
            7 => ReverseAsync(),
            _ => PassTimeAsync(),
        };

        public async Task CompareAsync()
        {
            await fund.AssertBalancedAsync();
            foreach (DateOnly day in _entries.SelectMany(entry => new[] { entry.Posted, entry.Business }).Distinct())
            {
                Assert.Equal(BalancesOf(entry => entry.Posted <= day), await ReadAsync(day, DateKind.ByPosting));
                Assert.Equal(BalancesOf(entry => entry.Business <= day), await ReadAsync(day, DateKind.ByBusiness));
            }

            foreach (DateOnly month in _closed)
                Assert.Equal(BalancesOf(entry => entry.Posted < month.AddMonths(1)), await ReadClosedAsync(month));
            Assert.DoesNotContain(BalancesOf(_ => true),
                account => account.Key.StartsWith("10", StringComparison.Ordinal) && account.Value < 0);
        }

        private async Task VisitAsync()
        {
            string county = Counties[random.Next(Counties.Length)];
            DateOnly visited = fund.Clock.Today.AddDays(-random.Next(70));
            long fen = random.Next(1, 5_000);
            string facility = $"H{county}-{random.Next(2).ToString(CultureInfo.InvariantCulture)}";
            await fund.BookAsync(_log, (facility, county, visited.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), fen));
            Enter(visited, ofVoucher: false, ($"5102.resident.{county}", fen), ($"2101.resident.{county}.{facility}", -fen));
        }

        private async Task CancelAsync()
        {
            SettledClaim[] standing = [.. _log.Records.Where(
                record => record.Kind == Kind.Settlement && _log.Records.All(other => other.OriginalSettlementId != record.SettlementId))];
            if (standing.Length == 0) return;
            SettledClaim cancelled = standing[random.Next(standing.Length)];
            _log.AddMirror(cancelled, Kind.Cancellation);
            await fund.BookAgainAsync(_log);
            Enter(DateOnly.ParseExact(cancelled.VisitDate, "yyyy-MM-dd", CultureInfo.InvariantCulture), ofVoucher: false,
                ($"5102.resident.{cancelled.FacilityCounty}", -cancelled.FundPayFen),
                ($"2101.resident.{cancelled.FacilityCounty}.{cancelled.FacilityCode}", cancelled.FundPayFen));
        }

        private async Task FillAsync()
        {
            long fen = random.Next(1, 10_000);
            DateOnly received = fund.Clock.Today.AddDays(-random.Next(3));
            Voucher income = await fund.Income.ReceiveAsync(fund.Head(NextKey, received), IncomeKind.IncomeOther, "resident", Fund.City,
                Payer.Unspecified, fen, CancellationToken.None);
            EnterVoucher(income.VoucherId, received, ("1003.resident.410100", fen), ("4005.resident.410100", -fen));
            Voucher moved = await fund.Payments.TransferAsync(
                fund.Head(NextKey), TransferRoute.SpecialToCity, "resident", Fund.City, fen, CancellationToken.None);
            EnterVoucher(moved.VoucherId, fund.Clock.Today, ("1004.resident.410100", fen), ("1003.resident.410100", -fen));
        }

        private async Task ReplenishAsync()
        {
            // The model owes in full what is owed, has no year before, and so knows how much the county may be sent.
            long owedFen = BalancesOf(_ => true).Where(account => account.Key.StartsWith("2101.resident.410122", StringComparison.Ordinal))
                .Sum(account => Math.Max(0, -account.Value));
            long lastYearsExpenseFen = _entries.Where(entry => entry.Account == "5102.resident.410122"
                && entry.Business.Year == fund.Clock.Today.Year - 1).Sum(entry => entry.Fen);
            long limitFen = Math.Max(0, owedFen + Math.Max(0, lastYearsExpenseFen / 12) - BalanceOf("1005.resident.410122"));
            Task<Voucher> SendAsync(long fen) =>
                fund.Payments.TransferAsync(fund.Head(NextKey), TransferRoute.CityToCounty, "resident", Fund.County, fen,
                CancellationToken.None);
            await Assert.ThrowsAsync<FundingRefusedException>(() => SendAsync(limitFen + 1));
            if (limitFen == 0 || BalanceOf("1004.resident.410100") < limitFen) return;
            EnterVoucher((await SendAsync(limitFen)).VoucherId, fund.Clock.Today, ("1005.resident.410122", limitFen),
                ("1004.resident.410100", -limitFen));
        }

        private async Task PayAsync()
        {
            string county = Counties[random.Next(Counties.Length)];
            DateOnly month = new DateOnly(fund.Clock.Today.Year, fund.Clock.Today.Month, 1).AddMonths(-1);
            string account = county == Fund.County ? "1005.resident.410122" : "1004.resident.410100";
            List<(string Account, long Fen)> lines =
                [.. _entries.Where(entry => entry.Account.StartsWith($"2101.resident.{county}.", StringComparison.Ordinal))
                .GroupBy(entry => entry.Account)
                // What has been paid counts whole, whatever its date.
                .Select(facility =>
                    (facility.Key, Fen: -facility.Where(entry => entry.OfVoucher || entry.Business < month.AddMonths(1)).Sum(
                    entry => entry.Fen)))
                .Where(line => line.Fen > 0)];
            long totalFen = lines.Sum(line => line.Fen);
            string key = NextKey;
            Task<Voucher>[] runs = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() => fund.PayAsync(county, month, key)))];
            if (totalFen == 0 || totalFen > BalanceOf(account))
            {
                foreach (Task<Voucher> run in runs) await Assert.ThrowsAsync<FundingRefusedException>(() => run);
                return;
            }

            Voucher[] vouchers = await Task.WhenAll(runs);
            Assert.Single(vouchers.Select(voucher => voucher.VoucherId).Distinct());
            Assert.Equal(totalFen, vouchers[0].AmountFen);
            EnterVoucher(vouchers[0].VoucherId, fund.Clock.Today, [.. lines, (account, -totalFen)]);
        }

        private async Task ReverseAsync()
        {
            if (_reversible.Count == 0) return;
            int index = random.Next(_reversible.Count);
            (long voucherId, List<(string Account, long Fen)> lines) = _reversible[index];
            Task<Voucher> reversal = fund.Vouchers.ReverseAsync(fund.Head(NextKey), voucherId, CancellationToken.None);
            if (lines.Any(line => line.Account.StartsWith("10", StringComparison.Ordinal) && BalanceOf(line.Account) < line.Fen))
            {
                await Assert.ThrowsAsync<FundingRefusedException>(() => reversal);
                return;
            }

            await reversal;
            _reversible.RemoveAt(index);
            Enter(fund.Clock.Today, ofVoucher: true, [.. lines.Select(line => (line.Account, -line.Fen))]);
            await Assert.ThrowsAsync<FundingRefusedException>(
                () => fund.Vouchers.ReverseAsync(fund.Head(NextKey), voucherId, CancellationToken.None));
        }

        private async Task PassTimeAsync()
        {
            DateOnly before = fund.Clock.Today;
            fund.Clock.Today = before.AddDays(random.Next(1, 25));
            if (fund.Clock.Today.Month == before.Month || random.Next(2) == 0) return;
            foreach (DateOnly month in _entries.Select(entry => new DateOnly(entry.Posted.Year, entry.Posted.Month, 1))
                .Where(month => month < new DateOnly(fund.Clock.Today.Year, fund.Clock.Today.Month, 1)).Distinct().Order().ToArray())
            {
                await fund.Months.CloseAsync(month, RunningLedger.Caller, CancellationToken.None);
                _closed.Add(month);
            }
        }

        private void EnterVoucher(long voucherId, DateOnly business, params (string Account, long Fen)[] lines)
        {
            Enter(business, ofVoucher: true, lines);
            _reversible.Add((voucherId, [.. lines]));
        }

        private void Enter(DateOnly business, bool ofVoucher, params (string Account, long Fen)[] lines) =>
            _entries.AddRange(lines.Select(line => new Line(line.Account, fund.Clock.Today, business, ofVoucher, line.Fen)));

        private long BalanceOf(string account) => _entries.Where(entry => entry.Account == account).Sum(entry => entry.Fen);

        private Dictionary<string, long> BalancesOf(Func<Line, bool> counts) =>
            _entries.Where(counts).GroupBy(entry => entry.Account)
                .ToDictionary(account => account.Key, account => account.Sum(entry => entry.Fen), StringComparer.Ordinal);

        private async Task<Dictionary<string, long>> ReadAsync(DateOnly day, DateKind by) =>
            (await fund.Balances.OnAsync(day, by, CancellationToken.None))
                .Accounts.ToDictionary(account => account.Code, account => account.BalanceFen, StringComparer.Ordinal);

        private async Task<Dictionary<string, long>> ReadClosedAsync(DateOnly month)
        {
            await using NpgsqlCommand read =
                fund.Ledger.Database.CreateCommand(
                "SELECT account_code, debit_fen - credit_fen FROM closed_month_balance WHERE closed_through = $1");
            read.Parameters.Add(new() { Value = month });
            await using NpgsqlDataReader row = await read.ExecuteReaderAsync();
            Dictionary<string, long> balances = new(StringComparer.Ordinal);
            while (await row.ReadAsync()) balances.Add(row.GetString(0), row.GetInt64(1));
            return balances;
        }

        private sealed record Line(string Account, DateOnly Posted, DateOnly Business, bool OfVoucher, long Fen);
    }
}
