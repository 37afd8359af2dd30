using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Claims.PageTests;

/// <summary>WCAG 2.2 AA as far as axe can tell, on a phone and on a desktop.</summary>
[Collection(PageCollection.Name)]
public sealed class AccessibilityTests(PageSystem system)
{
    private static readonly AxeRunOptions Rules = new()
    {
        RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_view_is_clean(bool phone)
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.OpenAsync(system, clinic, size: phone ? Counter.Phone : Counter.Desktop);
        await counter.Page.GotoAsync("/");
        await Expect(counter.Page.GetByLabel("密码")).ToBeVisibleAsync();
        await AssertCleanAsync(counter, "login");
        await counter.LogInAsync();
        await counter.VisitAsync(1, "150");
        await counter.ExpectStateAsync("已结算");
        await counter.Page.GotoAsync("/#visit");
        await counter.IdentifyAsync(clinic.Insured(1));
        await counter.TypeAsync("gml");
        await counter.Page.Locator("#hits li").First.WaitForAsync();
        if (!phone) await AssertCleanAsync(counter, "search");
        await counter.PressAsync("Enter");
        await Expect(counter.Page.GetByLabel("数量")).ToBeFocusedAsync();
        await AssertCleanAsync(counter, "item");
        await counter.PressAsync("Enter");
        await counter.TypeAsync("12.5");
        await counter.PressAsync("Enter");
        await Expect(counter.Page.Locator(".quote dl")).ToBeVisibleAsync();
        await AssertCleanAsync(counter, "quote");
        await ShootAsync(counter, phone ? "visit-phone" : "visit");
        await counter.SettleAsync();
        await counter.ExpectStateAsync("已结算");
        await AssertCleanAsync(counter, "receipt");
        await ShootAsync(counter, phone ? "receipt-phone" : "receipt");
        await counter.Button("撤销这笔结算").ClickAsync();
        await AssertCleanAsync(counter, "cancel");
        await counter.Button("不撤销").ClickAsync();
        foreach (string view in phone ? ["day"] : new[] { "day", "find", "password" })
        {
            await counter.Page.GotoAsync($"/#{view}");
            await counter.Page.Locator("main h1, main h2").First.WaitForAsync();
            await AssertCleanAsync(counter, view);
            await ShootAsync(counter, phone ? $"{view}-phone" : view);
        }

        if (!phone)
        {
            // A new password that is repeated otherwise is not sent; what says so is clean too.
            await counter.Page.GetByLabel("当前密码").FillAsync(clinic.Password);
            await counter.Page.GetByLabel("新密码", new PageGetByLabelOptions { Exact = true }).FillAsync("Cun-Weisheng-2027");
            await counter.Page.GetByLabel("再输一遍新密码").FillAsync("Cun-Weisheng-2028");
            await counter.Button("保存新密码").ClickAsync();
            await Expect(counter.Page.Locator("main .notice")).ToContainTextAsync("两次输入的新密码不一致");
            await AssertCleanAsync(counter, "password refused");
        }

        // Nothing is wider than the screen but tables, which scroll by themselves.
        Assert.True(await counter.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"));
        counter.AssertNoFaults();
    }

    [Fact]
    public async Task Label_that_was_taken_away_is_found()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.OpenAsync(system, clinic);
        await counter.Page.GotoAsync("/");
        await Expect(counter.Page.GetByLabel("密码")).ToBeVisibleAsync();
        await counter.Page.EvaluateAsync("() => document.querySelector('label[for=password]').remove()");
        AxeResult result = await counter.Page.RunAxe(Rules);
        Assert.Contains(result.Violations, violation => violation.Id == "label");
    }

    private static async Task AssertCleanAsync(Counter counter, string view)
    {
        AxeResult result = await counter.Page.RunAxe(Rules);
        Assert.NotEmpty(result.Passes);
        Assert.True(result.Violations.Length == 0, $"{view}: " + string.Join("; ", result.Violations.Select(
            violation => $"{violation.Id}: {violation.Help}: {string.Join(" | ", violation.Nodes.Select(node => node.Html))}")));
    }

    /// <summary>For whoever looks at the page: artifacts/page/NAME.png.</summary>
    private static async Task ShootAsync(Counter counter, string name)
    {
        PageViewportSizeResult size = counter.Page.ViewportSize!;
        float bottom = await counter.Page.EvaluateAsync<float>("() => document.querySelector('main').getBoundingClientRect().bottom");
        await counter.Page.ScreenshotAsync(new PageScreenshotOptions
        {
            Path = Kept.File($"{name}.png"),
            Clip = new Clip { X = 0, Y = 0, Width = size.Width, Height = Math.Min(size.Height, bottom) },
        });
    }
}
