using Claims.Gateway.Clinic;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gateway.Tests;

/// <summary>Attacks on a clinic's session, each beside the same request without the attack, which is served.</summary>
[Collection(nameof(RunningGateway))]
public sealed class SessionTests
{
    private const string Visit = """{"requestId":"R1","facilityCode":"HW1","insuredId":"P1"}""";

    [Fact]
    public async Task Login_gives_a_cookie_that_no_script_reads_and_the_clinics_identity()
    {
        (string?, string?) told = default;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync((request, context) =>
        {
            told = (context.RequestHeaders.GetValue(Identity.Header), context.RequestHeaders.GetValue(Identity.OnBehalfHeader));
            return ClinicAtPage.Answered(request, context);
        }, _ => { });

        ClinicAnswer session = await clinic.LogInAsync();

        Assert.Equal(200, session.Status);
        Assert.Matches("^claims_clinic=[^;]+; path=/; samesite=strict; httponly$", clinic.SetCookie!);
        Assert.Equal(("HW1", "王医生", false, Convert.ToBase64String(new byte[32])),
            (session.Json.GetProperty("facilityCode").GetString(), session.Json.GetProperty("clerk").GetString(),
                session.Json.GetProperty("mustChangePassword").GetBoolean(), session.Json.GetProperty("storageKey").GetString()));
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
        Assert.Equal(("claims://service/gateway", "claims://clinic/HW1"), told);
        Assert.Equal(session.Body, (await clinic.GetAsync("/clinic/session")).Body);
    }

    [Fact]
    public async Task Wrong_password_is_refused_and_a_locked_name_is_told_how_long()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        ClinicAnswer wrong = await clinic.LogInAsync("wrong-one");
        clinic.Eligibility.LockedSeconds = 601;
        ClinicAnswer locked = await clinic.LogInAsync();
        clinic.Eligibility.LockedSeconds = null;

        Assert.Equal((401, "WRONG_CREDENTIALS"), (wrong.Status, wrong.Code));
        Assert.Null(clinic.SetCookie);
        Assert.Equal((429, "LOCKED_OUT", TimeSpan.FromSeconds(601)), (locked.Status, locked.Code, locked.RetryAfter));
        Assert.Contains("11 分钟", locked.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await clinic.LogInAsync()).Status);
    }

    [Fact]
    public async Task Password_that_is_not_changed_is_told_why_and_the_session_stands()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();

        ClinicAnswer wrong = await ChangeAsync("x", "another-one");
        ClinicAnswer weak = await ChangeAsync(FakeEligibility.Password, "short");
        clinic.Eligibility.LockedSeconds = 61;
        ClinicAnswer locked = await ChangeAsync(FakeEligibility.Password, "another-one");

        Assert.Equal((400, "OLD_PASSWORD_WRONG", "原密码不正确。"), (wrong.Status, wrong.Code, wrong.Text));
        Assert.Equal((400, "PASSWORD_WEAK", "新密码太短。"), (weak.Status, weak.Code, weak.Text));
        Assert.Equal((429, "LOCKED_OUT", TimeSpan.FromSeconds(61)), (locked.Status, locked.Code, locked.RetryAfter));
        Assert.Contains("2 分钟", locked.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await clinic.GetAsync("/clinic/session")).Status);

        Task<ClinicAnswer> ChangeAsync(string oldPassword, string newPassword) =>
            clinic.PostAsync("/clinic/password", new { oldPassword, newPassword });
    }

    [Fact]
    public async Task Blanks_around_a_name_are_no_part_of_it_and_those_of_a_password_are()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        await clinic.PostAsync("/clinic/login", new { facilityCode = " HW1", clerk = "王医生 ", password = " right-one " });

        LogInRequest asked = Assert.Single(clinic.Eligibility.LogIns);
        Assert.Equal(("HW1", "王医生", " right-one "), (asked.FacilityCode, asked.Clerk, asked.Password));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Cookie_of_a_gateway_with_TLS_goes_over_TLS_alone(bool withTls)
    {
        DefaultHttpContext context = new();

        new SessionGate(null!, withTls).SetCookie(context, "t");

        Assert.Equal(withTls, context.Response.Headers.SetCookie.ToString().Contains("; secure", StringComparison.Ordinal));
    }

    [Fact]
    public void Tries_are_counted_by_whom_and_begin_anew_when_their_time_is_over()
    {
        Ticking time = new();
        TryCounts<string> tries = new(2, TimeSpan.FromHours(1), time);
        tries.Count("HW1");
        time.Pass(TimeSpan.FromMinutes(50));
        tries.Count("HW1");
        Assert.InRange(tries.Wait("HW1") ?? 0, 590, 600);
        Assert.Null(tries.Wait("HW2"));

        // From the first on: a later one makes it no longer.
        tries.Count("HW1");
        time.Pass(TimeSpan.FromMinutes(10));
        Assert.Null(tries.Wait("HW1"));
        tries.Count("HW1");
        Assert.Null(tries.Wait("HW1"));
        tries.Count("HW1");
        Assert.NotNull(tries.Wait("HW1"));
    }

    [Fact]
    public void Tries_of_many_others_whose_time_is_over_make_nobody_forgotten_whose_time_is_not()
    {
        Ticking time = new();
        TryCounts<int> tries = new(1, TimeSpan.FromHours(1), time);
        for (int other = 1; other < 20_000; other++) tries.Count(other);
        time.Pass(TimeSpan.FromHours(1));
        tries.Count(0);

        tries.Count(20_000);

        Assert.NotNull(tries.Wait(0));
    }

    [Fact]
    public async Task Logins_from_one_address_are_bounded_under_whatever_name()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync("--Claims:LoginsPerMinute=3");
        for (int index = 0; index < 3; index++)
        {
            ClinicAnswer wrong = await clinic.PostAsync("/clinic/login", new { facilityCode = $"H{index}", clerk = "a", password = "b" });
            Assert.Equal(401, wrong.Status);
        }

        ClinicAnswer refused = await clinic.LogInAsync();

        Assert.Equal((429, 3), (refused.Status, clinic.Eligibility.LogIns.Count));
    }

    [Theory]
    [InlineData("")]
    [InlineData("guessed")]
    public async Task Post_without_the_sessions_csrf_token_is_refused(string csrf)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();

        ClinicAnswer forged = await clinic.PostAsync("/v1/settle", Visit, ("X-CSRF-Token", csrf));

        Assert.Equal((403, "CSRF_TOKEN_INVALID"), (forged.Status, forged.Code));
        Assert.Empty(clinic.Asked);
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
    }

    [Fact]
    public async Task Csrf_token_of_another_session_is_refused()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        (string? cookie, string? csrf) = (clinic.Cookie, clinic.CsrfToken);
        clinic.Cookie = null;
        await clinic.LogInAsync();
        Assert.NotEqual(cookie, clinic.Cookie);

        Assert.Equal(403, (await clinic.PostAsync("/v1/settle", Visit, ("X-CSRF-Token", csrf!))).Status);
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
    }

    [Fact]
    public async Task Session_that_was_planted_before_the_login_is_not_the_one_after_it()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        string planted = clinic.Cookie!;

        await clinic.LogInAsync();

        Assert.NotEqual(planted, clinic.Cookie);
        Assert.Equal(200, (await clinic.GetAsync("/clinic/session")).Status);
        clinic.Cookie = planted;
        Assert.Equal(401, (await clinic.GetAsync("/clinic/session")).Status);
        // One that nobody was ever given.
        clinic.Cookie = "claims_clinic=chosen-by-an-attacker";
        await clinic.LogInAsync();
        Assert.NotEqual("claims_clinic=chosen-by-an-attacker", clinic.Cookie);
    }

    [Theory]
    [InlineData("/clinic/session", false)]
    [InlineData("/clinic/day", false)]
    [InlineData("/v1/settle", true)]
    public async Task Guessed_or_ended_session_is_nobody_and_its_cookie_goes(string path, bool posts)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        Assert.Equal(200, (posts ? await clinic.PostAsync(path, Visit) : await clinic.GetAsync(path)).Status);
        clinic.Cookie = "claims_clinic=a-guess";

        ClinicAnswer answer = posts ? await clinic.PostAsync(path, Visit) : await clinic.GetAsync(path);

        Assert.Equal((401, "LOGGED_OUT"), (answer.Status, answer.Code));
        Assert.StartsWith("claims_clinic=; expires=Thu, 01 Jan 1970", clinic.SetCookie!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_whose_cookie_is_gone_is_not_taken_for_a_program_of_this_machine()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        clinic.Cookie = null;

        Assert.Equal(401, (await clinic.PostAsync("/v1/settle", Visit)).Status);
        Assert.Equal(401, (await clinic.GetAsync("/clinic/day")).Status);
        clinic.CsrfToken = null;
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
    }

    [Fact]
    public async Task Revoked_session_ends_within_seconds()
    {
        Ticking time = new();
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync(
            ClinicAtPage.Answered, services => services.Replace(ServiceDescriptor.Singleton<TimeProvider>(time)));
        await clinic.LogInAsync();
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);

        clinic.Eligibility.Sessions.Clear();
        // What was asked just now stands; that is the control: it does not end of itself.
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
        time.Pass(TimeSpan.FromSeconds(3));

        Assert.Equal(401, (await clinic.PostAsync("/v1/settle", Visit)).Status);
    }

    [Fact]
    public async Task Logout_ends_the_session_at_once()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        Assert.Equal(200, (await clinic.GetAsync("/clinic/session")).Status);

        Assert.Equal(200, (await clinic.PostAsync("/clinic/logout", new { })).Status);

        Assert.StartsWith("claims_clinic=; expires=Thu, 01 Jan 1970", clinic.SetCookie!, StringComparison.Ordinal);
        Assert.Equal(401, (await clinic.GetAsync("/clinic/session")).Status);
    }

    [Fact]
    public async Task First_password_opens_nothing_but_its_change()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        clinic.Eligibility.MustChangePassword = true;
        await clinic.LogInAsync();

        ClinicAnswer early = await clinic.PostAsync("/v1/settle", Visit);
        Assert.Equal((403, "PASSWORD_CHANGE_REQUIRED"), (early.Status, early.Code));
        Assert.Equal(403, (await clinic.GetAsync("/clinic/day")).Status);
        Assert.Equal(400, (await clinic.PostAsync("/clinic/password", new { oldPassword = "x", newPassword = "another-one" })).Status);
        ClinicAnswer changed = await clinic.PostAsync(
            "/clinic/password", new { oldPassword = FakeEligibility.Password, newPassword = "another-one" });

        Assert.Equal((200, false), (changed.Status, changed.Json.GetProperty("mustChangePassword").GetBoolean()));
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
    }

    [Fact]
    public async Task Machines_token_serves_without_cookie_and_csrf_until_it_is_revoked()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        string token = clinic.Eligibility.Issue();

        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit, ("Authorization", $"Bearer {token}"))).Status);
        Assert.Equal(200, (await clinic.GetAsync("/clinic/day", ("Authorization", $"Bearer {token}"))).Status);
        ClinicAnswer guessed = await clinic.PostAsync("/v1/settle", Visit, ("Authorization", "Bearer guessed"));
        Assert.Equal((401, "TOKEN_INVALID"), (guessed.Status, guessed.Code));
        // It is no clerk.
        Assert.Equal(401, (await clinic.GetAsync("/clinic/session", ("Authorization", $"Bearer {token}"))).Status);
    }

    [Fact]
    public async Task Token_and_session_do_not_pass_for_each_other()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        string token = clinic.Eligibility.Issue();
        await clinic.LogInAsync();
        string session = clinic.Cookie!["claims_clinic=".Length..];
        Assert.Equal(200, (await clinic.PostAsync("/v1/settle", Visit)).Status);
        clinic.Cookie = null;

        // A session without its CSRF token, as a bearer of it.
        Assert.Equal(401, (await clinic.PostAsync("/v1/settle", Visit, ("Authorization", $"Bearer {session}"))).Status);
        clinic.Cookie = $"claims_clinic={token}";
        Assert.Equal(401, (await clinic.GetAsync("/clinic/day")).Status);
    }

    [Fact]
    public async Task Page_of_another_site_is_refused_with_a_good_cookie()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync("--Claims:Origins=https://clinic.example");
        await clinic.LogInAsync();
        string own = clinic.Gateway.Main.GetLeftPart(UriPartial.Authority);

        Assert.Equal(200, (await clinic.GetAsync("/clinic/day", ("Origin", own))).Status);
        Assert.Equal(403, (await clinic.GetAsync("/clinic/day", ("Origin", "https://evil.example"))).Status);
        // What may call /v1 may not act for whoever is logged in.
        Assert.Equal(403, (await clinic.GetAsync("/clinic/day", ("Origin", "https://clinic.example"))).Status);
        Assert.Equal(421, (await clinic.GetAsync("/clinic/day", ("Host", "evil.example"))).Status);
    }

    [Fact]
    public async Task Eligibility_that_is_away_is_no_refusal_of_the_session()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        await clinic.Eligibility.DisposeAsync();

        ClinicAnswer answer = await clinic.PostAsync("/v1/settle", Visit);

        Assert.Equal((503, "UNAVAILABLE"), (answer.Status, answer.Code));
        Assert.Null(clinic.SetCookie);
    }

    [Theory]
    [InlineData("""{"facilityCode":"HW1","clerk":"王医生"}""")]
    [InlineData("""{"facilityCode":"HW1","clerk":"王医生","password":null}""")]
    [InlineData("""{"facilityCode":"HW1","clerk":"王医生","password":"right-one","role":"bureau"}""")]
    [InlineData("""{"facilityCode":["HW1"],"clerk":"王医生","password":"right-one"}""")]
    [InlineData("null")]
    [InlineData("{")]
    public async Task Login_that_is_malformed_is_told_so(string body)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();

        ClinicAnswer answer = await clinic.PostAsync("/clinic/login", body);

        Assert.Equal((400, "INVALID_ARGUMENT"), (answer.Status, answer.Code));
        Assert.Empty(clinic.Eligibility.LogIns);
    }

    [Fact]
    public async Task Call_of_the_page_gives_back_its_place()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        Assert.Equal(200, (await clinic.GetAsync("/clinic/session")).Status);

        await clinic.Gateway.AllEndedAsync();
    }

    [Fact]
    public async Task Clinic_that_guesses_insured_is_told_to_wait()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync("--Claims:UnknownInsuredPerHour=3");
        await clinic.LogInAsync();
        Assert.Equal("张*丰", (await clinic.GetAsync("/clinic/insured/P1")).Json.GetProperty("nameMasked").GetString());
        Func<FindInsuredRequest, InsuredCard?> find = clinic.Eligibility.Find;
        clinic.Eligibility.Find = _ => null;
        for (int index = 0; index < 3; index++)
            Assert.Equal((404, "INSURED_UNKNOWN"), await CodeAsync($"/clinic/insured/X{index}"));
        clinic.Eligibility.Find = find;

        Assert.Equal((429, "TOO_MANY_UNKNOWN_INSURED"), await CodeAsync("/clinic/insured/P1"));
        // Another clinic is served.
        Assert.Equal(200, (await clinic.GetAsync(
            "/clinic/insured/P1", ("Authorization", $"Bearer {clinic.Eligibility.Issue("HW2")}"))).Status);

        async Task<(int, string?)> CodeAsync(string path)
        {
            ClinicAnswer answer = await clinic.GetAsync(path);
            return (answer.Status, answer.Code);
        }
    }

    /// <summary>A clock that stands until it is told to go on.</summary>
    private sealed class Ticking : TimeProvider
    {
        private long _passed;

        public override long GetTimestamp() => System.GetTimestamp() + Interlocked.Read(ref _passed);

        public void Pass(TimeSpan time) => Interlocked.Add(ref _passed, (long)(time.TotalSeconds * TimestampFrequency));
    }
}
