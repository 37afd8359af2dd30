using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Claims.SystemTests;
using Claims.V1;
using Grpc.Core;
using Microsoft.Playwright;

namespace Claims.PageTests;

[CollectionDefinition(Name)]
public sealed class PageCollection : ICollectionFixture<PageSystem>
{
    public const string Name = "page";
}

/// <summary>A clinic of one test, with a clerk who has set a password, and people of its own.</summary>
public sealed record Clinic(string FacilityCode, string Clerk, string Password, string Prefix)
{
    /// <summary>18 characters, as a card has them.</summary>
    public string Insured(int number) => string.Create(CultureInfo.InvariantCulture, $"41010519800101{Prefix}{number:00}");
}

/// <summary>One system with its gateway, and one browser: Debian's.</summary>
public sealed class PageSystem : IAsyncLifetime
{
    public const int Clinics = 40;
    public const int PeoplePerClinic = 45;
    public const string BadName = "<img src=x onerror=alert(1)>";
    private const string Clerk = "王医生";
    private const string Password = "Cun-Weisheng-2026";

    // Without a window: the same pages take half of the processor time. Where Debian has no such package, the browser itself does.
    private static readonly string Chromium = new[] { "/usr/bin/chromium-headless-shell", "/usr/bin/chromium" }.First(File.Exists);

    // All clinics log in from one address here: on a quick machine more than 60 a minute, which is the bound.
    private readonly RunningSystem _system = new() { Variables = [("Claims__LoginsPerMinute", "6000")] };
    private IPlaywright? _playwright;
    private int _taken;

    public RunningSystem System => _system;

    public IBrowser Browser { get; private set; } = null!;

    public Uri Gateway => Address(_system.PortBase + 4);

    /// <summary>Today in China: the visits' day, and so the enrolment's year.</summary>
    public static DateOnly Today => DateOnly.FromDateTime(DateTime.UtcNow.AddHours(8));

    public static Uri Address(int port) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/"));

    public async Task InitializeAsync()
    {
        Task<IPlaywright> playwright = Playwright.CreateAsync();
        await _system.InitializeAsync();
        await ImportAsync();
        _playwright = await playwright;
        Browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Chromium,
            // The tests run as root in a container of their own.
            Args = ["--no-sandbox"],
        });
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null) await Browser.DisposeAsync();
        _playwright?.Dispose();
        await _system.DisposeAsync();
    }

    /// <summary>The next clinic that no test has, with its clerk ready to log in.</summary>
    public async Task<Clinic> NextClinicAsync()
    {
        int number = Interlocked.Increment(ref _taken);
        Assert.True(number <= Clinics, "more clinics are wanted than were imported");
        Clinic clinic = new(Code(number), Clerk, Password, Prefix(number));
        await GiveCredentialsAsync(clinic);
        return clinic;
    }

    /// <summary>Every entry of the books of one clinic, once all that was settled is booked.</summary>
    public async Task<List<SubLedgerEntry>> BooksOfAsync(Clinic clinic)
    {
        AdjudicationOperations.AdjudicationOperationsClient operations = new(_system.Connect(_system.PortBase + 6));
        await Eventually.HoldsAsync(async () =>
        {
            Outbox outbox = await operations.GetOutboxAsync(new GetOutboxRequest(), null, DateTime.UtcNow.AddSeconds(30));
            return outbox.Shards.All(shard => shard.Ready && shard.Committed == shard.Sequence);
        });
        using AsyncServerStreamingCall<SubLedgerEntry> call = new Ledger.LedgerClient(_system.Connect(_system.PortBase + 3))
            .ListEntries(new ListEntriesRequest(), null, DateTime.UtcNow.AddSeconds(60));
        List<SubLedgerEntry> entries = [];
        while (await call.ResponseStream.MoveNext(CancellationToken.None)) entries.Add(call.ResponseStream.Current);
        return [.. entries.Where(entry => entry.FacilityCode == clinic.FacilityCode)];
    }

    public ClinicAccess.ClinicAccessClient Access => new(_system.Connect(_system.PortBase + 2));

    private async Task GiveCredentialsAsync(Clinic clinic)
    {
        IssuedCredential issued = await Access.IssueCredentialAsync(
            new IssueCredentialRequest { FacilityCode = clinic.FacilityCode, Clerk = clinic.Clerk }, null, DateTime.UtcNow.AddSeconds(30));
        using HttpClient http = new() { BaseAddress = Gateway };
        using HttpResponseMessage login = await http.PostAsJsonAsync("clinic/login",
            new { clinic.FacilityCode, clinic.Clerk, Password = issued.Secret });
        string said = await login.Content.ReadAsStringAsync();
        Assert.True(login.IsSuccessStatusCode, said);
        http.DefaultRequestHeaders.Add("X-CSRF-Token", JsonDocument.Parse(said).RootElement.GetProperty("csrfToken").GetString());
        using HttpResponseMessage changed = await http.PostAsJsonAsync("clinic/password",
            new { OldPassword = issued.Secret, NewPassword = clinic.Password });
        Assert.True(changed.IsSuccessStatusCode, await changed.Content.ReadAsStringAsync());
    }

    private async Task ImportAsync()
    {
        StringBuilder facilities = new("facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\n");
        StringBuilder insured = new("insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n");
        for (int clinic = 1; clinic <= Clinics; clinic++)
        {
            facilities.Append(CultureInfo.InvariantCulture, $"{Code(clinic)},示例{clinic}村卫生室,410183,village,none,clinic,2024-01-01,\n");
            Clinic of = new(Code(clinic), Clerk, Password, Prefix(clinic));
            for (int person = 0; person < PeoplePerClinic; person++)
            {
                string name = person == 13 ? BadName : "张大三";
                insured.Append(CultureInfo.InvariantCulture,
                    $"{of.Insured(person)},{name},resident,410183,general,{Today.Year},{Today.Year - 1}-11-05,1980-01-01,\n");
            }
        }

        string catalogue = $"""
            item_code,name,class,first_self_pay_bp,price_limit_milli_fen,valid_from,valid_to
            XJ01CAA040,阿莫西林胶囊,乙,1000,1500000,2024-01-01,
            ZA01BAG009,感冒灵颗粒,甲,,,2024-01-01,
            001102000010000,一般诊疗费,甲,,,2024-01-01,
            XZZ999,{BadName},丙,,,2024-01-01,

            """;
        foreach ((string what, string text) in new[]
        {
            ("facilities", facilities.ToString()), ("insured", insured.ToString()), ("catalogue", catalogue),
        })
        {
            RunningSystem.AssertDone(await _system.RunAsync("import", what, _system.Write($"{what}.csv", text)));
        }
    }

    private static string Code(int clinic) => string.Create(CultureInfo.InvariantCulture, $"H4101830{clinic:0000}");

    private static string Prefix(int clinic) => string.Create(CultureInfo.InvariantCulture, $"{clinic:00}");
}
