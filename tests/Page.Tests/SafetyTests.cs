using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Claims.PageTests;

/// <summary>What a page must not do with what it is given.</summary>
[Collection(PageCollection.Name)]
public sealed class SafetyTests(PageSystem system)
{
    [Fact]
    public async Task Markup_in_names_of_people_and_items_stays_text()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, before: "window.alert = () => { window.ran = true; };");
        await counter.IdentifyAsync(clinic.Insured(13));
        await counter.TypeAsync("xzz");
        await Expect(counter.Page.Locator("#hits")).ToContainTextAsync(PageSystem.BadName);
        await counter.PressAsync("Enter");
        await counter.PressAsync("Enter");
        await counter.TypeAsync("5");
        await counter.PressAsync("Enter");
        await Expect(counter.Page.Locator(".lines")).ToContainTextAsync(PageSystem.BadName);
        await counter.SettleAsync();
        await counter.ExpectStateAsync("已结算");
        await Expect(counter.Page.Locator(".receipt .lines")).ToContainTextAsync(PageSystem.BadName);
        await counter.Page.GotoAsync("/#entry/%3Cimg%20src=x%20onerror=alert(1)%3E");
        await Expect(counter.Page.Locator("main")).ToContainTextAsync("本机没有这一笔");
        Assert.Equal(0, await counter.Page.Locator("img").CountAsync());
        Assert.False(await counter.Page.EvaluateAsync<bool>("() => window.ran === true"));
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Injected_script_and_style_do_not_run()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.Page.EvaluateAsync("""
            () => {
              const script = document.createElement('script');
              script.textContent = 'window.ran = true';
              document.body.append(script);
              const style = document.createElement('style');
              style.textContent = 'body { display: none }';
              document.body.append(style);
            }
            """);
        Assert.False(await counter.Page.EvaluateAsync<bool>("() => window.ran === true"));
        Assert.True(await counter.Page.Locator("body").IsVisibleAsync());
        Assert.Contains(counter.Faults, fault => fault.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_of_a_person_lies_in_the_browser_in_the_clear()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("已结算");
        string everything = await EverythingAsync(counter.Page);
        Assert.Contains(clinic.FacilityCode, everything, StringComparison.Ordinal);
        Assert.DoesNotContain(clinic.Insured(1), everything, StringComparison.Ordinal);
        Assert.DoesNotContain("张", everything, StringComparison.Ordinal);
        // The key cannot be read out, and no script reads the cookie.
        Assert.False(await counter.Page.EvaluateAsync<bool>("""
            async () => {
              const open = indexedDB.open('claims-clinic');
              const db = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
              const session = await new Promise((resolve) => {
                const get = db.transaction('meta').objectStore('meta').get('session');
                get.onsuccess = () => resolve(get.result);
              });
              db.close();
              return session.key.extractable || document.cookie !== '';
            }
            """));
    }

    [Fact]
    public async Task Another_clinic_at_the_same_browser_sees_nothing_of_the_first()
    {
        Clinic first = await system.NextClinicAsync();
        Clinic second = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, first);
        string requestId = await counter.VisitAsync(1);
        await counter.ExpectStateAsync("已结算");
        string settlementId = Assert.Single(await counter.StoredAsync()).GetProperty("settlementId").GetString()!;
        // One that is begun.
        await counter.Page.GotoAsync("/#visit");
        await counter.IdentifyAsync(first.Insured(2));
        await counter.Page.GotoAsync($"/#entry/{requestId}");
        await counter.ExpectStateAsync("已结算");
        await counter.Button("退出").ClickAsync();
        await counter.LogInAsync(clinic: second);
        await Expect(counter.Page.Locator("main")).ToContainTextAsync("本机没有这一笔");
        await counter.Page.GotoAsync("/#day");
        await Expect(counter.Page.Locator("main")).ToContainTextAsync("这一天没有记录");
        // A guessed address: the gateway itself does not give it out.
        await counter.Page.GotoAsync($"/#settlement/{settlementId}/{first.Insured(1)}");
        await Expect(counter.Page.Locator(".entry .notice")).Not.ToHaveTextAsync("");
        Assert.Equal(0, await counter.Page.Locator(".receipt").CountAsync());
        Assert.DoesNotContain(requestId, await counter.Page.Locator("main").InnerTextAsync(), StringComparison.Ordinal);
        await counter.Page.GotoAsync("/#visit");
        await Expect(counter.Page.GetByLabel("人员编号")).ToHaveValueAsync("");
    }

    [Fact]
    public async Task Day_that_is_reconciled_leaves_nothing_of_a_person()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("已结算");
        Assert.Single(await system.BooksOfAsync(clinic));
        await counter.Page.GotoAsync("/#day");
        // Before midnight it agrees and is not complete: everything stays.
        await counter.Button("日终对账").ClickAsync();
        await Expect(counter.Page.Locator(".result .notice")).Not.ToHaveTextAsync("");
        Assert.True(Assert.Single(await counter.StoredAsync()).GetProperty("sealed").GetBoolean());

        // What the gateway says once the day is over.
        await counter.Context.RouteAsync("**/clinic/day/compare", async route =>
        {
            IAPIResponse answer = await route.FetchAsync();
            JsonElement said = (await answer.JsonAsync())!.Value;
            Assert.Empty(said.GetProperty("differences").EnumerateArray());
            Dictionary<string, JsonElement> changed = said.EnumerateObject().ToDictionary(part => part.Name, part => part.Value);
            changed["complete"] = JsonSerializer.SerializeToElement(true);
            await route.FulfillAsync(
                new RouteFulfillOptions { Response = answer, BodyBytes = JsonSerializer.SerializeToUtf8Bytes(changed) });
        });
        await counter.Button("日终对账").ClickAsync();
        await Expect(counter.Page.Locator(".result")).ToContainTextAsync("个人信息已从本机清除");
        JsonElement left = Assert.Single(await counter.StoredAsync());
        Assert.False(left.GetProperty("sealed").GetBoolean() || left.GetProperty("answered").GetBoolean());
        await Expect(counter.Page.Locator(".list tbody")).ToContainTextAsync("已对账，不再保存");
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Amounts_of_lines_are_those_that_the_centre_reckons()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.OpenAsync(system, clinic);
        await counter.Page.GotoAsync("/");
        int seed = Random.Shared.Next();
        Random random = new(seed);
        (long MilliFen, long E4)[] lines =
            [.. Enumerable.Range(0, 500).Select(_ => (random.NextInt64(1, 1_000_000_000), random.NextInt64(1, 100_000_000)))];
        string[] reckoned = await counter.Page.EvaluateAsync<string[]>("""
            async (lines) => {
              const money = await import('/money.js');
              return lines.map(([price, quantity]) => String(money.amountFen(money.priceMilliFen(money.yuanOfMilliFen(price)),
                money.quantityE4(money.pieces(quantity)))));
            }
            """, lines.Select(line => new[] { line.MilliFen, line.E4 }).ToArray());
        string[] wanted = [.. lines.Select(line => ((((Int128)line.MilliFen * line.E4) + 5_000_000) / 10_000_000).ToString())];
        Assert.True(wanted.SequenceEqual(reckoned), $"seed {seed}");
    }

    private static async Task<string> EverythingAsync(IPage page) => Encoding.UTF8.GetString(Convert.FromBase64String(
        await page.EvaluateAsync<string>("""
            async () => {
              const open = indexedDB.open('claims-clinic');
              const db = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
              const all = [];
              for (const name of db.objectStoreNames) {
                all.push(await new Promise((resolve) => {
                  const get = db.transaction(name).objectStore(name).getAll();
                  get.onsuccess = () => resolve(get.result);
                }));
              }
              db.close();
              for (const name of await caches.keys()) {
                const cache = await caches.open(name);
                for (const kept of await cache.keys()) all.push(kept.url);
              }
              // What is encrypted is read byte by byte, as whoever has the disk would.
              const text = JSON.stringify([all, { ...localStorage }, { ...sessionStorage }], (_, value) => value instanceof ArrayBuffer
                ? String.fromCharCode(...new Uint8Array(value)) : value);
              return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
            }
            """)));
}
