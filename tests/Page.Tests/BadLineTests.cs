using System.Text.Json;
using Claims.SystemTests;
using Claims.V1;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Claims.PageTests;

/// <summary>What a village's line, power and clock do.</summary>
[Collection(PageCollection.Name)]
public sealed class BadLineTests(PageSystem system)
{
    [Fact]
    public async Task Entries_made_offline_wait_survive_a_reload_and_are_sent_once_in_their_order()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await SeenOnceAsync(counter);
        await counter.Context.SetOfflineAsync(true);
        await counter.IdentifyAsync(clinic.Insured(1));
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("参保情况未核实");
        // The catalogue is what was seen before.
        await counter.AddAsync("gml", "1", "12.5");
        await Expect(counter.Page.Locator(".sums")).ToContainTextAsync("线路恢复后自动上传");
        await counter.SettleAsync();
        await counter.ExpectStateAsync("待上传");
        string first = counter.RequestId;
        string second = await counter.VisitAsync(2);

        await counter.Page.ReloadAsync();
        await counter.ExpectStateAsync("待上传");
        await Expect(counter.Page.Locator(".entry")).ToContainTextAsync("费用合计 12.50 元");
        Assert.Equal(["WAITING", "WAITING"], (await counter.StoredAsync()).Select(stored => stored.GetProperty("state").GetString()));
        Assert.Empty(await system.BooksOfAsync(clinic));

        List<string> sent = [];
        counter.Context.Request += (_, request) =>
        {
            if (request.Url.EndsWith("/v1/settle", StringComparison.Ordinal))
                sent.Add(request.PostDataJSON()!.Value.GetProperty("requestId").GetString()!);
        };
        await counter.Context.SetOfflineAsync(false);
        await counter.ExpectStateAsync("已结算");
        Assert.Equal([first, second], sent);
        Assert.Equal(2, (await system.BooksOfAsync(clinic)).Count);
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Answer_that_is_lost_is_not_taken_for_settled_and_is_settled_once()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using CuttingLine line = new(system.Gateway);
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, line.Address);
        int sent = 0;
        await counter.Context.RouteAsync("**/v1/settle", async route =>
        {
            // The first call reaches the centre; its answer does not come back.
            if (Interlocked.Increment(ref sent) == 1)
            {
                await route.FetchAsync();
                line.Cut();
                await route.AbortAsync("connectionreset");
            }
            else
            {
                await route.ContinueAsync();
            }
        });
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("结算中");
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("结果未知");
        await Expect(counter.Button("撤回，不再上传")).ToHaveCountAsync(0);
        Assert.Single(await system.BooksOfAsync(clinic));
        Assert.Equal("SENDING", Assert.Single(await counter.StoredAsync()).GetProperty("state").GetString());

        line.Mend();
        await counter.ExpectStateAsync("已结算");
        Assert.Single(await system.BooksOfAsync(clinic));
    }

    [Fact]
    public async Task Page_that_is_killed_while_it_settles_goes_on_when_it_is_opened_again()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int sent = 0;
        await counter.Context.RouteAsync("**/v1/settle", async route =>
        {
            if (Interlocked.Increment(ref sent) > 1)
            {
                await route.ContinueAsync();
                return;
            }

            // The centre settles; the page is gone before it hears of it.
            await route.FetchAsync();
            reached.SetResult();
        });
        string requestId = await counter.VisitAsync(1);
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(1));
        IPage again = await counter.Context.NewPageAsync();
        await counter.Page.CloseAsync();
        await again.GotoAsync($"/#entry/{requestId}");
        await counter.ExpectStateAsync("已结算", again);
        Assert.Single(await system.BooksOfAsync(clinic));
    }

    [Fact]
    public async Task Call_that_is_never_answered_is_given_up_and_its_entry_is_not_entered_anew()
    {
        // The page's patience ends when the test says so.
        const string Patience = """
            const calls = [];
            AbortSignal.timeout = () => {
              const call = new AbortController();
              calls.push(call);
              return call.signal;
            };
            window.loseAll = () => calls.forEach((call) => call.abort(new DOMException('', 'TimeoutError')));
            """;
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, before: Patience);
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int sent = 0;
        await counter.Context.RouteAsync("**/v1/settle", async route =>
        {
            switch (Interlocked.Increment(ref sent))
            {
                case 1:
                    reached.SetResult();
                    break;
                case 2:
                    await route.FulfillAsync(Lost(route.Request));
                    break;
                default:
                    await route.ContinueAsync();
                    break;
            }
        });
        await counter.VisitAsync(1);
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(1));
        await counter.Page.EvaluateAsync("() => loseAll()");
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("线路中断，结果未知");
        Assert.Equal("SENDING", Assert.Single(await counter.StoredAsync()).GetProperty("state").GetString());

        // The centre has lost its records: the first call may have settled all the same.
        await TryUntilAsync(counter, "失败");
        await Expect(counter.Button("原样重新提交")).ToBeVisibleAsync();
        await Expect(counter.Button("修改后重新办理")).ToHaveCountAsync(0);
        await counter.Button("原样重新提交").ClickAsync();
        await counter.ExpectStateAsync("已结算");
        Assert.Single(await system.BooksOfAsync(clinic));
    }

    [Fact]
    public async Task Two_tabs_send_an_entry_once_and_both_see_it_settled()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await SeenOnceAsync(counter);
        IPage other = await counter.Context.NewPageAsync();
        counter.Watch(other);
        await other.GotoAsync("/#day");
        await other.Locator(".totals").WaitForAsync();
        // What waits is on the list of whatever day is looked at.
        ILocator day = other.GetByLabel("日期");
        await day.FillAsync($"{PageSystem.Today.AddDays(-1):yyyy-MM-dd}");
        await Expect(other.Locator("main")).ToContainTextAsync("这一天没有记录");
        int calls = 0;
        counter.Context.Request += (_, request) => { if (request.Url.EndsWith("/v1/settle", StringComparison.Ordinal)) calls++; };
        await counter.Context.SetOfflineAsync(true);
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.AddAsync("gml", "1", "12.5");
        await counter.SettleAsync();
        await counter.ExpectStateAsync("待上传");
        await Expect(other.Locator(".list")).ToContainTextAsync("待上传");
        await day.FillAsync($"{PageSystem.Today:yyyy-MM-dd}");

        await counter.Context.SetOfflineAsync(false);
        await counter.ExpectStateAsync("已结算");
        await Expect(other.Locator(".list")).ToContainTextAsync("已结算");
        Assert.Equal(1, calls);
        Assert.Single(await system.BooksOfAsync(clinic));
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Session_that_ends_loses_no_entry_and_takes_the_key_with_it()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.AddAsync("gml", "1", "12.5");
        await Expect(counter.Page.Locator(".quote dl")).ToBeVisibleAsync();
        await counter.Context.ClearCookiesAsync();
        await counter.SettleAsync();
        await Expect(counter.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("登录已到期");
        JsonElement stored = Assert.Single(await counter.StoredAsync());
        Assert.Equal("WAITING", stored.GetProperty("state").GetString());
        Assert.False(await HasKeyAsync(counter.Page));

        // Even after a reload, with nobody logged in.
        await counter.Page.ReloadAsync();
        await Expect(counter.Page.GetByLabel("密码")).ToBeVisibleAsync();
        Assert.Empty(await system.BooksOfAsync(clinic));
        await counter.LogInAsync();
        await counter.ExpectStateAsync("已结算");
        Assert.True(await HasKeyAsync(counter.Page));
        Assert.Single(await system.BooksOfAsync(clinic));

        await counter.Button("退出").ClickAsync();
        await Expect(counter.Page.GetByLabel("密码")).ToBeVisibleAsync();
        Assert.False(await HasKeyAsync(counter.Page));
    }

    [Theory]
    [InlineData(-3 * 365)]
    [InlineData(2 * 365)]
    public async Task Clock_that_is_wrong_changes_neither_the_day_nor_the_outcome(int days)
    {
        Clinic clinic = await system.NextClinicAsync();
        string moved = $$"""
            const right = Date;
            const off = {{days}} * 86400000;
            globalThis.Date = class extends right {
              constructor(...parts) { parts.length === 0 ? super(right.now() + off) : super(...parts); }
              static now() { return right.now() + off; }
            };
            """;
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, before: moved);
        await Expect(counter.Page.Locator(".notice.warning").First).ToContainTextAsync("本机时钟与医保中心相差");
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("已结算");
        SubLedgerEntry entry = Assert.Single(await system.BooksOfAsync(clinic));
        Assert.Equal(PageSystem.Today.ToString("yyyy-MM-dd"), entry.VisitDate);
        Assert.StartsWith($"W{PageSystem.Today:yyMMdd}-", entry.RequestId, StringComparison.Ordinal);
        await counter.Page.GotoAsync("/#day");
        await Expect(counter.Page.Locator(".list tbody")).ToContainTextAsync("已结算");
    }

    /// <summary>What stands on the line may answer in the centre's place: a portal that wants a login, a cache, a proxy.</summary>
    [Fact]
    public async Task Answer_that_is_not_the_centres_settles_nothing_and_refuses_nothing()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        (int Status, string Type, string Body)[] strangers =
        [
            (200, "text/html", "<html><body>请先登录上网</body></html>"),
            (200, "application/json", "{}"),
            (200, "application/json", """{"decision":"SETTLED","requestId":"OTHER","settlementId":"2026-01-0000000001"}"""),
            (404, "application/json", """{"text":"没有这个网页"}"""),
            (502, "text/plain", "Bad gateway"),
        ];
        foreach ((int index, (int status, string type, string body)) in strangers.Index())
        {
            await counter.Context.RouteAsync("**/v1/settle",
                route => route.FulfillAsync(new RouteFulfillOptions { Status = status, ContentType = type, Body = body }));
            string requestId = await counter.VisitAsync(index + 1);
            await Eventually.HoldsAsync(async () => await StoredAsync(counter, requestId) is var entry
                && (entry.GetProperty("text").GetString() is { Length: > 0 } || entry.GetProperty("state").GetString() == "SETTLED"));
            string? state = (await StoredAsync(counter, requestId)).GetProperty("state").GetString();
            Assert.True(state is "WAITING" or "SENDING", $"{status} {body}: {state}");

            await counter.Context.UnrouteAsync("**/v1/settle");
            await TryUntilAsync(counter, "已结算");
        }

        Assert.Equal(strangers.Length, (await system.BooksOfAsync(clinic)).Count);
    }

    private static async Task<JsonElement> StoredAsync(Counter counter, string requestId) =>
        (await counter.StoredAsync()).Single(entry => entry.GetProperty("requestId").GetString() == requestId);

    [Fact]
    public async Task Outcome_that_is_learnt_by_asking_is_taken_and_not_reversed()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.Context.RouteAsync("**/v1/settle", async route =>
        {
            await route.FetchAsync();
            await route.FulfillAsync(Unanswered);
        });
        await counter.VisitAsync(1);
        await TryUntilAsync(counter, "已结算");
        SubLedgerEntry entry = Assert.Single(await system.BooksOfAsync(clinic));
        Assert.Equal(entry.SettlementId, Assert.Single(await counter.StoredAsync()).GetProperty("settlementId").GetString());
    }

    [Fact]
    public async Task Outcome_that_stays_unknown_is_asked_for_then_reversed_and_says_so()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        List<string> calls = [];
        await counter.Context.RouteAsync("**/v1/*", async route =>
        {
            string call = route.Request.Url[(route.Request.Url.LastIndexOf('/') + 1)..];
            if (call is not ("settle" or "get-settlement"))
            {
                if (call == "reverse") calls.Add(call);
                await route.ContinueAsync();
                return;
            }

            calls.Add(call);
            if (call == "settle") await route.FetchAsync();
            await route.FulfillAsync(Unanswered);
        });
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("结算中");
        await TryUntilAsync(counter, "失败");
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("已发起冲正");
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("基金未支付");
        Assert.Equal(8, calls.Count(call => call == "settle"));
        Assert.Equal(["get-settlement", "reverse"], calls[^2..]);
        List<SubLedgerEntry> books = await system.BooksOfAsync(clinic);
        Assert.Equal(2, books.Count);
        Assert.Equal(0, books.Sum(entry => entry.FundPayFen));
    }

    [Fact]
    public async Task Clerk_who_does_not_wait_reverses_what_is_unknown()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using CuttingLine line = new(system.Gateway);
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, line.Address);
        await counter.Context.RouteAsync("**/v1/settle", async route =>
        {
            line.Cut();
            await route.AbortAsync("connectionreset");
        });
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("结算中");
        await counter.Button("不再等待，冲正这一笔").ClickAsync();
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("正在向中心查询并冲正");
        line.Mend();
        await counter.ExpectStateAsync("失败");
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("中心没有结算这一笔");
        Assert.DoesNotContain(await system.BooksOfAsync(clinic), entry => entry.FundPayFen != 0);
    }

    [Fact]
    public async Task Entry_that_was_never_sent_is_withdrawn()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await SeenOnceAsync(counter);
        await counter.Context.SetOfflineAsync(true);
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("待上传");
        await counter.Button("撤回，不再上传").ClickAsync();
        await counter.ExpectStateAsync("已撤回");
        await counter.Context.SetOfflineAsync(false);
        await counter.VisitAsync(2);
        await counter.ExpectStateAsync("已结算");
        Assert.Single(await system.BooksOfAsync(clinic));
    }

    private static RouteFulfillOptions Unanswered => new()
    {
        Status = 504,
        ContentType = "application/json",
        Body = """{"code":"DEADLINE_EXCEEDED","text":"系统未能在规定时间内答复，办理结果未知。"}""",
    };

    private static RouteFulfillOptions Lost(IRequest request)
    {
        JsonElement sent = request.PostDataJSON()!.Value;
        return new RouteFulfillOptions
        {
            Status = 200,
            ContentType = "application/json",
            Body = JsonSerializer.Serialize(new
            {
                decision = "REFUSED",
                reasonCode = "RECORDS_LOST",
                reasonText = "中心的记录不全，不能办理。",
                requestId = sent.GetProperty("requestId"),
                facilityCode = sent.GetProperty("facilityCode"),
                insuredId = sent.GetProperty("insuredId"),
            }),
        };
    }

    /// <summary>The pauses between the calls are not waited for.</summary>
    private static Task TryUntilAsync(Counter counter, string state) => Eventually.HoldsAsync(async () =>
    {
        if (await counter.Page.Locator("h1 .state").InnerTextAsync() == state) return true;
        // Dispatched: the button may be gone by then.
        await counter.Page.EvaluateAsync(
            "() => [...document.querySelectorAll('button')].find(button => button.textContent === '立即重试')?.click()");
        return false;
    });

    /// <summary>The service worker has the page, and the browser has seen the item.</summary>
    private static async Task SeenOnceAsync(Counter counter)
    {
        await counter.Page.EvaluateAsync("async () => { await navigator.serviceWorker.ready; }");
        await counter.Page.ReloadAsync();
        await counter.IdentifyAsync(counter.Clinic.Insured(1));
        await counter.Page.Keyboard.TypeAsync("gml");
        await counter.Page.Locator("#hits li").First.WaitForAsync();
        await counter.Page.GetByLabel("项目（拼音首字母、编码或名称）").FillAsync("");
    }

    private static Task<bool> HasKeyAsync(IPage page) => page.EvaluateAsync<bool>("""
        () => new Promise((resolve) => {
          const open = indexedDB.open('claims-clinic');
          open.onsuccess = () => {
            const get = open.result.transaction('meta').objectStore('meta').get('session');
            get.onsuccess = () => { open.result.close(); resolve(get.result !== undefined); };
          };
        })
        """);
}
