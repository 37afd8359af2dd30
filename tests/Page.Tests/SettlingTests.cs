using System.Text.Json;
using System.Text.Json.Nodes;
using Claims.V1;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Claims.PageTests;

/// <summary>A clerk's ordinary day.</summary>
[Collection(PageCollection.Name)]
public sealed class SettlingTests(PageSystem system)
{
    // Initials 3 and Enter; Enter for one piece; the price 4 and Enter; Enter to the button, Enter to settle, Enter to print.
    private const int KeysOfAFirstSettlement = 14;

    [Fact]
    public async Task First_settlement_takes_one_scan_and_few_keys_and_is_printed()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(
            system, clinic, before: "window.print = () => { window.printed = true; };");
        await Expect(counter.Page.GetByLabel("人员编号")).ToBeFocusedAsync();
        await counter.ScanAsync(clinic.Insured(1));
        await Expect(counter.Page.GetByLabel("项目（拼音首字母、编码或名称）")).ToBeFocusedAsync();
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("张*三");
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("剩余 300.00 元");
        await counter.AddAsync("gml", "1", "12.5");
        await Expect(counter.Page.Locator(".quote dl")).ToContainTextAsync("8.13");
        await Expect(counter.Page.Locator(".quote")).ToContainTextAsync("预结算");
        await counter.SettleAsync();
        await counter.ExpectStateAsync("已结算");
        await Expect(counter.Button("打印")).ToBeFocusedAsync();
        await counter.PressAsync("Enter");
        Assert.True(await counter.Page.EvaluateAsync<bool>("() => window.printed === true"));
        Assert.Equal(KeysOfAFirstSettlement, counter.Keys);

        SubLedgerEntry entry = Assert.Single(await system.BooksOfAsync(clinic));
        Assert.Equal((1250, 813, clinic.Insured(1)), (entry.TotalFen, entry.FundPayFen, entry.InsuredId));
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Receipt_has_the_four_parts_and_what_the_answer_says()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.IdentifyAsync(clinic.Insured(1));
        // Class B above its price limit: 2 × 16.00, limit 15.00, a tenth of the rest first.
        await counter.AddAsync("amxl", "2", "16");
        // The second of those whose codes begin so.
        await counter.TypeAsync("x");
        await Expect(counter.Page.Locator("#hits li").Last).ToContainTextAsync("XZZ999");
        await Expect(counter.Page.Locator("#hits li")).ToHaveCountAsync(2);
        await counter.PressAsync("ArrowDown");
        await Expect(counter.Page.Locator("#hits [aria-selected=true]")).ToContainTextAsync("XZZ999");
        await counter.PressAsync("Enter");
        await counter.PressAsync("Enter");
        await counter.TypeAsync("3");
        await counter.PressAsync("Enter");
        await Expect(counter.Page.Locator(".lines tbody tr").Last).ToContainTextAsync(PageSystem.BadName);
        await counter.SettleAsync();
        await counter.ExpectStateAsync("已结算");
        string[][] amounts = await AmountsAsync(counter.Page);
        Assert.Equal(
            [
                ["费用总额", "35.00"], ["全自费", "3.00"], ["超限价", "2.00"], ["先行自付", "3.00"], ["政策范围内费用", "27.00"],
                ["本次起付标准", "0.00"], ["支付比例", "65%"], ["统筹基金支付", "17.55"], ["个人支付", "17.45"], ["年度剩余额度", "282.45"],
            ], amounts);
        ILocator receipt = counter.Page.Locator(".receipt");
        await Expect(receipt.Locator(".steps li").First).ToContainTextAsync("郑医保〔2023〕6号");
        Assert.True(await receipt.Locator(".steps li").CountAsync() >= 3);
        await Expect(receipt).Not.ToContainTextAsync(clinic.Insured(1));

        // What the answer does not say is not printed as nothing.
        string settlementId = await SettlementIdAsync(counter);
        await counter.Context.RouteAsync("**/v1/get-settlement", async route =>
        {
            IAPIResponse answer = await route.FetchAsync();
            Dictionary<string, JsonElement> said = (await answer.JsonAsync())!.Value.EnumerateObject()
                .Where(part => part.Name != "capRemainingFen").ToDictionary(part => part.Name, part => part.Value);
            await route.FulfillAsync(new RouteFulfillOptions { Response = answer, BodyBytes = JsonSerializer.SerializeToUtf8Bytes(said) });
        });
        await counter.Page.GotoAsync($"/#settlement/{settlementId}/{clinic.Insured(1)}");
        await Expect(receipt.Locator(".amounts tr").Last).ToHaveTextAsync("年度剩余额度未知");
    }

    [Fact]
    public async Task Year_that_the_policy_does_not_limit_is_neither_shown_nor_printed()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await ChangeAsync("**/clinic/insured/*", said => said["capped"] = false, "capFen", "capRemainingFen", "capRemainingKnown");
        await ChangeAsync("**/v1/settle", said => said["capFen"] = "0", "capRemainingFen");

        await counter.IdentifyAsync(clinic.Insured(1));
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("就诊当日享受待遇");
        await Expect(counter.Page.Locator(".insured")).Not.ToContainTextAsync("年度");
        await counter.AddAsync("gml", "1", "20");
        await counter.SettleAsync();
        await counter.ExpectStateAsync("已结算");

        Assert.Equal(["统筹基金支付", "个人支付"], (await AmountsAsync(counter.Page))[^2..].Select(row => row[0]));

        Task ChangeAsync(string address, Action<JsonObject> change, params string[] without) =>
            counter.Context.RouteAsync(address, async route =>
            {
                IAPIResponse answer = await route.FetchAsync();
                JsonObject said = JsonNode.Parse(await answer.BodyAsync())!.AsObject();
                foreach (string name in without) said.Remove(name);
                change(said);
                await route.FulfillAsync(new RouteFulfillOptions { Response = answer, Body = said.ToJsonString() });
            });
    }

    [Fact]
    public async Task Double_click_on_settle_settles_once()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.AddAsync("gml", "1", "20");
        await counter.Button("结算").DblClickAsync();
        await counter.ExpectStateAsync("已结算");
        Assert.Single(await counter.StoredAsync());

        // The same bill once more, by mistake: it is asked about first.
        await counter.Page.GotoAsync("/#visit");
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.AddAsync("gml", "1", "20");
        await counter.Button("结算").ClickAsync();
        await Expect(counter.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("同一次就诊只能结算一次");
        await counter.Button("不再办理").ClickAsync();
        Assert.Single(await system.BooksOfAsync(clinic));
    }

    [Fact]
    public async Task Cancellation_is_asked_a_reason_and_prints_a_slip()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        string settled = await counter.VisitAsync(1);
        await counter.ExpectStateAsync("已结算");
        await counter.Button("撤销这笔结算").ClickAsync();
        await counter.Page.GetByLabel("撤销原因").SelectOptionAsync("患者退费");
        await counter.Button("确认撤销").DblClickAsync();
        await Expect(counter.Page.Locator(".receipt h2")).ToHaveTextAsync("居民医保门诊撤销单");
        await Expect(counter.Page.Locator(".receipt")).ToContainTextAsync("患者退费");
        await Expect(counter.Page.Locator(".amounts")).ToContainTextAsync("-8.13");
        await counter.Page.GotoAsync($"/#entry/{settled}");
        await counter.ExpectStateAsync("已撤销");
        await Expect(counter.Page.Locator(".receipt")).ToContainTextAsync("本结算已撤销");

        List<SubLedgerEntry> books = await system.BooksOfAsync(clinic);
        Assert.Equal(2, books.Count);
        Assert.Equal(0, books.Sum(entry => entry.FundPayFen));
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Refusal_says_what_to_do_and_the_visit_can_be_corrected()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.ScanAsync("410105190001019999");
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("请核对人员编号");
        await counter.Page.GetByLabel("项目（拼音首字母、编码或名称）").FocusAsync();
        await counter.AddAsync("gml", "1", "9.9");
        await Expect(counter.Page.Locator(".sums")).ToContainTextAsync("查无此参保人");
        await counter.Button("结算").ClickAsync();
        await counter.ExpectStateAsync("失败");
        await Expect(counter.Page.Locator(".head")).ToContainTextAsync("请核对人员编号");
        string refused = counter.RequestId;

        await counter.Button("修改后重新办理").ClickAsync();
        await Expect(counter.Page.Locator("[data-test=total]")).ToHaveTextAsync("9.90");
        // The page looks the insured up anew, a moment after the visit is shown.
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("请核对人员编号");
        await counter.IdentifyAsync(clinic.Insured(2));
        await counter.SettleAsync();
        await counter.ExpectStateAsync("已结算");
        Assert.NotEqual(refused, counter.RequestId);
        Assert.Single(await system.BooksOfAsync(clinic));
    }

    [Fact]
    public async Task Keys_typed_ahead_of_a_slow_line_go_where_they_belong()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, before: Counter.Later("/clinic/", 500));
        await Expect(counter.Page.GetByLabel("人员编号")).ToBeFocusedAsync();
        await counter.ScanAsync(clinic.Insured(1));
        foreach (string keys in new[] { "gml", "10", "1.25", "amxl", "2", "16" })
        {
            await counter.TypeAsync(keys);
            await counter.PressAsync("Enter");
        }

        await counter.PressAsync("Enter");
        await Expect(counter.Page.Locator(".lines tbody tr")).ToHaveCountAsync(2);
        await Expect(counter.Page.Locator(".lines tbody tr").First).ToContainTextAsync("12.50");
        await Expect(counter.Page.Locator(".lines tbody tr").Last).ToContainTextAsync("32.00");
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("张*三");
        await Expect(counter.Button("结算")).ToBeFocusedAsync();
        Assert.Empty(await counter.StoredAsync());
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Card_scanned_while_the_catalogue_is_asked_is_no_quantity()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic, before: Counter.Later("/catalogue", 1_500));
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.TypeAsync("gml");
        await counter.PressAsync("Enter");
        await counter.ScanAsync(clinic.Insured(2));
        await Expect(counter.Page.GetByLabel("人员编号")).ToHaveValueAsync(clinic.Insured(2));
        await Expect(counter.Page.Locator("#hits li").First).ToBeVisibleAsync();
        await Expect(counter.Page.GetByLabel("数量")).ToHaveCountAsync(0);
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Key_held_down_and_a_second_click_add_one_line_and_settle_nothing()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.ChooseAsync("gml");
        await counter.PressAsync("Enter");
        await counter.TypeAsync("3");
        for (int time = 0; time < 20; time++) await counter.Page.Keyboard.DownAsync("Enter");
        await counter.Page.Keyboard.UpAsync("Enter");
        await Expect(counter.Page.Locator(".lines tbody tr")).ToHaveCountAsync(1);
        await Expect(counter.Page.GetByLabel("项目（拼音首字母、编码或名称）")).ToBeFocusedAsync();

        // The price of the last time is offered.
        await counter.ChooseAsync("gml");
        await Expect(counter.Page.GetByLabel("单价（元）")).ToHaveValueAsync("3.00");
        await counter.Page.GetByLabel("单价（元）").FillAsync("4");
        await counter.Button("加入").DblClickAsync();
        await Expect(counter.Page.Locator("[data-test=total]")).ToHaveTextAsync("7.00");
        await Expect(counter.Page.Locator(".lines tbody tr")).ToHaveCountAsync(2);
        Assert.Empty(await counter.StoredAsync());
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Scanned_card_is_taken_out_of_whatever_field_has_the_focus()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.ChooseAsync("gml");
        await counter.ScanAsync(clinic.Insured(2));
        await Expect(counter.Page.GetByLabel("人员编号")).ToHaveValueAsync(clinic.Insured(2));
        await Expect(counter.Page.GetByLabel("数量")).ToHaveValueAsync("1");
        await Expect(counter.Page.Locator(".insured")).ToContainTextAsync("张*三");

        // An identity number may end in X.
        const string WithX = "41010519800101003X";
        await counter.Page.GetByLabel("数量").FocusAsync();
        await counter.ScanAsync(WithX);
        await Expect(counter.Page.GetByLabel("人员编号")).ToHaveValueAsync(WithX);
        await Expect(counter.Page.GetByLabel("数量")).ToHaveValueAsync("1");
    }

    [Fact]
    public async Task Settlement_of_another_browser_is_found_again_and_cancelled()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter first = await Counter.LoggedInAsync(system, clinic);
        string requestId = await first.VisitAsync(1);
        await first.ExpectStateAsync("已结算");
        Assert.Single(await system.BooksOfAsync(clinic));

        await using Counter second = await Counter.LoggedInAsync(system, clinic);
        await second.Page.GotoAsync("/#day");
        await Expect(second.Page.Locator(".list")).ToContainTextAsync(requestId);
        await Expect(second.Page.Locator(".totals")).ToContainTextAsync("1 笔，费用 12.50 元，基金支付 8.13 元");
        await second.Page.GotoAsync("/#find");
        ILocator number = second.Page.GetByLabel("编号（不填则列出这些天的全部）");
        ILocator found = second.Page.Locator(".list tbody tr");
        foreach ((string by, string text, int count) in new[]
        {
            ("settlement", "2020-01-0000000001", 0), ("settlement", await SettlementIdAsync(first), 1), ("request", requestId, 1),
            ("insured", clinic.Insured(2), 0), ("insured", clinic.Insured(1), 1),
        })
        {
            await second.Page.GetByLabel("按", new PageGetByLabelOptions { Exact = true }).SelectOptionAsync(by);
            await number.FillAsync(text);
            await second.Button("查找").ClickAsync();
            await Expect(second.Page.Locator("main .notice")).ToContainTextAsync(count == 0 ? "没有找到" : "找到 1 条");
            await Expect(found).ToHaveCountAsync(count);
        }

        await second.Page.Locator(".list tbody a").First.ClickAsync();
        await Expect(second.Page.Locator(".receipt")).ToContainTextAsync(requestId);
        await Expect(second.Page.Locator(".void")).ToHaveCountAsync(0);
        string address = second.Page.Url;
        await second.Button("撤销这笔结算").ClickAsync();
        await second.Button("确认撤销").ClickAsync();
        await Expect(second.Page.Locator(".receipt h2")).ToHaveTextAsync("居民医保门诊撤销单");
        Assert.Equal(0, (await system.BooksOfAsync(clinic)).Sum(entry => entry.FundPayFen));
        await second.Page.GotoAsync(address);
        await Expect(second.Page.Locator(".receipt")).ToContainTextAsync(requestId);
        await Expect(second.Page.Locator(".receipt .void")).ToHaveTextAsync("本结算已撤销");
        await second.Page.GotoAsync("/#day");
        await Expect(second.Page.Locator(".totals")).ToContainTextAsync("0 笔，费用 0.00 元，基金支付 0.00 元");
        second.AssertNoFaults();
    }

    [Fact]
    public async Task Day_is_compared_and_differences_are_named_with_what_to_do()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter first = await Counter.LoggedInAsync(system, clinic);
        await first.VisitAsync(1);
        await first.ExpectStateAsync("已结算");
        await using Counter second = await Counter.LoggedInAsync(system, clinic);
        string elsewhere = await second.VisitAsync(2);
        await second.ExpectStateAsync("已结算");
        Assert.Equal(2, (await system.BooksOfAsync(clinic)).Count);

        await first.Page.GotoAsync("/#day");
        await first.Button("日终对账").ClickAsync();
        ILocator differences = first.Page.Locator(".result tbody tr");
        await Expect(differences).ToHaveCountAsync(1);
        await Expect(differences).ToContainTextAsync(elsewhere);
        Assert.NotEqual("", await differences.Locator("td").Nth(2).InnerTextAsync());
        first.AssertNoFaults();
    }

    private static async Task<string> SettlementIdAsync(Counter counter) =>
        Assert.Single(await counter.StoredAsync()).GetProperty("settlementId").GetString()!;

    private static async Task<string[][]> AmountsAsync(IPage page) =>
        await page.EvaluateAsync<string[][]>(
            "() => [...document.querySelectorAll('.amounts tr')].map(row => [...row.children].map(cell => cell.textContent.trim()))");
}
