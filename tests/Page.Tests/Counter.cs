using System.Globalization;
using System.Text.Json;
using Microsoft.Playwright;

namespace Claims.PageTests;

/// <summary>A clerk's browser at the page of one clinic, used by its keys as a clerk would.</summary>
public sealed class Counter : IAsyncDisposable
{
    // A machine that does five things at once takes its time.
    private const float BoundMs = 40_000;

    private readonly IBrowserContext _context;

    private Counter(IBrowserContext context, IPage page, Clinic clinic) => (_context, Page, Clinic) = (context, page, clinic);

    public IPage Page { get; }

    public Clinic Clinic { get; }

    public IBrowserContext Context => _context;

    /// <summary>What the page has complained of, but for answers that refuse: those are no faults of it.</summary>
    public List<string> Faults { get; } = [];

    public int Keys { get; private set; }

    public static (int Width, int Height) Desktop => (1280, 900);

    public static (int Width, int Height) Phone => (360, 740);

    public static async Task<Counter> OpenAsync(
        PageSystem system, Clinic clinic, Uri? address = null, (int Width, int Height)? size = null, string? before = null)
    {
        (int width, int height) = size ?? Desktop;
        IBrowserContext context = await system.Browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = (address ?? system.Gateway).ToString(),
            Locale = "zh-CN",
            TimezoneId = "Asia/Shanghai",
            ViewportSize = new ViewportSize { Width = width, Height = height },
        });
        context.SetDefaultTimeout(BoundMs);
        Assertions.SetDefaultExpectTimeout(BoundMs);
        if (before is not null) await context.AddInitScriptAsync(before);
        Counter counter = new(context, await context.NewPageAsync(), clinic);
        counter.Watch(counter.Page);
        return counter;
    }

    public static async Task<Counter> LoggedInAsync(
        PageSystem system, Clinic clinic, Uri? address = null, (int Width, int Height)? size = null, string? before = null)
    {
        Counter counter = await OpenAsync(system, clinic, address, size, before);
        await counter.Page.GotoAsync("/");
        await counter.LogInAsync();
        return counter;
    }

    /// <summary>A script to run before the page's own: whatever is asked for below the path comes so much later.</summary>
    public static string Later(string path, int delayMs) => $$"""
        const straight = window.fetch;
        window.fetch = async (address, ...rest) => {
          if (String(address).includes('{{path}}')) await new Promise((done) => setTimeout(done, {{Text(delayMs)}}));
          return straight(address, ...rest);
        };
        """;

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    public void Watch(IPage page)
    {
        page.PageError += (_, fault) => Faults.Add(fault);
        page.Console += (_, said) =>
        {
            if (said.Type == "error" && !said.Text.StartsWith("Failed to load resource", StringComparison.Ordinal)) Faults.Add(said.Text);
        };
    }

    /// <param name="clinic">Another than the counter's own.</param>
    public async Task LogInAsync(IPage? page = null, Clinic? clinic = null)
    {
        page ??= Page;
        clinic ??= Clinic;
        // The form takes the focus a moment after it is shown: what is being filled then would end in another field.
        await page.Locator("form.login :focus").WaitForAsync();
        if (await page.GetByLabel("机构编码").IsEditableAsync()) await page.GetByLabel("机构编码").FillAsync(clinic.FacilityCode);
        await page.GetByLabel("经办人").FillAsync(clinic.Clerk);
        await page.GetByLabel("密码").FillAsync(clinic.Password);
        await page.GetByLabel("密码").PressAsync("Enter");
        ILocator navigation = page.GetByRole(AriaRole.Navigation);
        ILocator refusal = page.Locator("form.login .notice.error");
        await navigation.Or(refusal).First.WaitForAsync();
        if (await refusal.CountAsync() > 0) Assert.Fail($"the login was refused: {await refusal.TextContentAsync()}");
    }

    /// <summary>Keys, each counted. As fast as a scanner: a line of fewer than 8 is taken for a hand's all the same.</summary>
    public async Task TypeAsync(string text)
    {
        Assert.True(text.Length < 8, "a hand is slower");
        Keys += text.Length;
        await Page.Keyboard.TypeAsync(text);
    }

    public async Task PressAsync(string key)
    {
        Keys++;
        await Page.Keyboard.PressAsync(key);
    }

    /// <summary>A line of keys as a card reader sends it, an X at its end with Shift: one act of the clerk's.</summary>
    public async Task ScanAsync(string line)
    {
        Keys++;
        bool shifts = line.EndsWith('X');
        await Page.Keyboard.TypeAsync(shifts ? line[..^1] : line);
        if (shifts) await Page.Keyboard.PressAsync("Shift+X");
        await Page.Keyboard.PressAsync("Enter");
    }

    /// <summary>The person's card, read; the item search has the focus then.</summary>
    public async Task IdentifyAsync(string insuredId)
    {
        await Page.GetByLabel("人员编号").FillAsync("");
        await ScanAsync(insuredId);
        await Assertions.Expect(Page.GetByLabel("项目（拼音首字母、编码或名称）")).ToBeFocusedAsync();
    }

    /// <summary>An item by its initials; its quantity has the focus then.</summary>
    public async Task ChooseAsync(string initials)
    {
        await TypeAsync(initials);
        await PressAsync("Enter");
        await Assertions.Expect(Page.GetByLabel("数量")).ToBeFocusedAsync();
    }

    public async Task AddAsync(string initials, string quantity, string price)
    {
        await ChooseAsync(initials);
        if (quantity != "1") await TypeAsync(quantity);
        await PressAsync("Enter");
        await TypeAsync(price);
        int lines = await Page.Locator(".lines tbody tr").CountAsync();
        await PressAsync("Enter");
        await Assertions.Expect(Page.Locator(".lines tbody tr")).ToHaveCountAsync(lines + 1);
    }

    /// <summary>Enter on an empty search, and Enter on the button.</summary>
    public async Task SettleAsync()
    {
        await PressAsync("Enter");
        await Assertions.Expect(Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "结算", Exact = true })).ToBeFocusedAsync();
        await PressAsync("Enter");
    }

    /// <summary>A visit typed and settled; its id.</summary>
    public async Task<string> VisitAsync(int person, string price = "12.5")
    {
        await Page.GotoAsync("/#visit");
        await IdentifyAsync(Clinic.Insured(person));
        await AddAsync("gml", "1", price);
        await SettleAsync();
        await SubmittedAsync(Page);
        return RequestId;
    }

    /// <summary>Until the entry is on the browser's disk and shown.</summary>
    public static Task SubmittedAsync(IPage page) => Assertions.Expect(page.Locator("h1 .state"))
        .ToBeVisibleAsync();

    public string RequestId => Page.Url[(Page.Url.LastIndexOf('/') + 1)..];

    public Task ExpectStateAsync(string word, IPage? page = null) =>
        Assertions.Expect((page ?? Page).Locator("h1 .state")).ToHaveTextAsync(word);

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = name, Exact = true });

    /// <summary>The browser's own rows, as they lie on its disk.</summary>
    public async Task<JsonElement[]> StoredAsync(IPage? page = null)
    {
        JsonElement rows = await (page ?? Page).EvaluateAsync<JsonElement>("""
            () => new Promise((resolve, reject) => {
              const open = indexedDB.open('claims-clinic');
              open.onerror = () => reject(open.error);
              open.onsuccess = () => {
                const all = open.result.transaction('entries').objectStore('entries').getAll();
                all.onsuccess = () => {
                  open.result.close();
                  resolve(all.result.map(({ content, answer, ...plain }) =>
                    ({ ...plain, sealed: Boolean(content), answered: Boolean(answer) })));
                };
              };
            })
            """);
        return [.. rows.EnumerateArray()];
    }

    public void AssertNoFaults() => Assert.Empty(Faults);

    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
