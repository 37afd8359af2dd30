using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Claims.V1;
using Microsoft.Playwright;
using Xunit.Abstractions;

namespace Claims.PageTests;

/// <summary>The line is cut, or the tab closed, somewhere in a settlement. Exactly one settlement follows, each time.</summary>
[Collection(PageCollection.Name)]
public sealed class CutLineTests(PageSystem system, ITestOutputHelper output)
{
    private const int Cuts = 40;
    private const int AtOnce = 4;

    // A settlement's calls have some 600 to 900 bytes up, and 1 500 to 2 500 down, each.
    private const int MostUpBytes = 4_000;
    private const int MostDownBytes = 9_000;
    private const int MostMs = 400;

    [Fact]
    public async Task Line_cut_at_40_random_points_settles_exactly_once_each_time()
    {
        string? asked = Environment.GetEnvironmentVariable("CLAIMS_SEED");
        int seed = asked is null ? Random.Shared.Next() : int.Parse(asked, CultureInfo.InvariantCulture);
        output.WriteLine($"seed {seed}; again with CLAIMS_SEED={seed}");
        Random random = new(seed);
        Clinic clinic = await system.NextClinicAsync();
        ConcurrentQueue<(int Person, Fault Fault)> faults =
            new(Enumerable.Range(0, Cuts).Select(person => (person + 1, Fault.Of(random, person))));
        ConcurrentBag<JsonElement> page = [];
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            await using CuttingLine line = new(system.Gateway);
            await using Counter counter = await Counter.LoggedInAsync(system, clinic, line.Address);
            while (faults.TryDequeue(out (int Person, Fault Fault) next)) await SettleAsync(counter, line, next.Person, next.Fault);
            foreach (JsonElement entry in await counter.StoredAsync(counter.Context.Pages[^1])) page.Add(entry);
        }));

        // The page, the gateway and the books: the same settlements, one for each person.
        List<SubLedgerEntry> books = await system.BooksOfAsync(clinic);
        Assert.Equal(Cuts, page.Count);
        Assert.All(page, entry => Assert.Equal("SETTLED", entry.GetProperty("state").GetString()));
        Assert.Equal(Cuts, books.Select(entry => entry.InsuredId).Distinct().Count());
        Assert.Equal(
            page.Select(entry => (entry.GetProperty("requestId").GetString()!, entry.GetProperty("settlementId").GetString()!,
                long.Parse(entry.GetProperty("fundPayFen").GetString()!, CultureInfo.InvariantCulture))).Order(),
            books.Select(entry => (entry.RequestId, entry.SettlementId, entry.FundPayFen)).Order());
        await using Counter reader = await Counter.LoggedInAsync(system, clinic);
        JsonElement day = await reader.Page.EvaluateAsync<JsonElement>(
            $"async () => (await fetch('/clinic/day?date={PageSystem.Today:yyyy-MM-dd}')).json()");
        Assert.Equal(
            books.Select(entry => entry.SettlementId).Order(),
            day.GetProperty("lines").EnumerateArray().Select(entry => entry.GetProperty("settlementId").GetString()!).Order());
        // Balanced, and verified against Redis.
        await system.System.BooksAsync();
        Assert.Equal(books.Sum(entry => entry.FundPayFen), Int64Of(day.GetProperty("totals").GetProperty("fundPayFen")));
    }

    private async Task SettleAsync(Counter counter, CuttingLine line, int person, Fault fault)
    {
        IPage page = counter.Context.Pages[^1];
        await page.GotoAsync("/#visit");
        await page.GetByLabel("人员编号").FillAsync(counter.Clinic.Insured(person));
        await page.GetByLabel("人员编号").PressAsync("Enter");
        await page.GetByLabel("项目（拼音首字母、编码或名称）").FillAsync("gml");
        await page.GetByLabel("项目（拼音首字母、编码或名称）").PressAsync("Enter");
        await page.GetByLabel("单价（元）").FillAsync("10");
        await page.GetByLabel("单价（元）").PressAsync("Enter");
        await page.Locator(".lines tbody tr").WaitForAsync();
        output.WriteLine($"{person}: {fault}");
        Task late = fault.BeginAsync(line, counter.Context);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "结算", Exact = true }).ClickAsync();
        await Counter.SubmittedAsync(page);
        string entry = page.Url[(page.Url.LastIndexOf('/') + 1)..];
        await late;
        if (fault.ClosesTab)
        {
            IPage next = await counter.Context.NewPageAsync();
            await page.CloseAsync();
            page = next;
        }

        line.Mend();
        await counter.Context.SetOfflineAsync(false);
        if (fault.ClosesTab) await page.GotoAsync($"/#entry/{entry}");
        else await page.EvaluateAsync("() => dispatchEvent(new Event('online'))");
        await counter.ExpectStateAsync("已结算", page);
    }

    private static long Int64Of(JsonElement number) =>
        number.ValueKind == JsonValueKind.String ? long.Parse(number.GetString()!, CultureInfo.InvariantCulture) : number.GetInt64();

    /// <summary>Where a settlement is broken off.</summary>
    private sealed record Fault(string Where, long Bytes, int Ms, bool ClosesTab)
    {
        public static Fault Of(Random random, int number) => (number % 5) switch
        {
            0 => new Fault("before the first byte", 0, 0, false),
            1 => new Fault("in a request", random.NextInt64(1, MostUpBytes), MostMs, false),
            2 => new Fault("in an answer", random.NextInt64(1, MostDownBytes), MostMs, false),
            3 => new Fault("at the browser", 0, random.Next(MostMs), false),
            _ => new Fault("with the tab", random.NextInt64(1, MostDownBytes), random.Next(MostMs), true),
        };

        /// <summary>Completes once the line is cut, or was to be and the settlement was through before.</summary>
        public async Task BeginAsync(CuttingLine line, IBrowserContext context)
        {
            switch (Where)
            {
                case "before the first byte":
                    line.Cut();
                    return;
                case "in a request":
                    line.CutAfter(Bytes, null);
                    break;
                case "in an answer":
                    line.CutAfter(null, Bytes);
                    break;
                case "with the tab":
                    line.CutAfter(null, Bytes);
                    await Task.Delay(Ms);
                    return;
                default:
                    await Task.Delay(Ms);
                    await context.SetOfflineAsync(true);
                    return;
            }

            await Task.WhenAny(line.WhenCut, Task.Delay(Ms));
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"cut {Where}, {Bytes} bytes, {Ms} ms");
    }
}
