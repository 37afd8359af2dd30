using Claims.Eligibility.Clinics;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>Credentials over a real database. Each refusal stands beside the same try that is let in.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class ClinicCredentialsTests(PostgresServer postgres)
{
    private const string Facility = "H1";
    private const string Clerk = "王医生";
    private const string Chosen = "a-chosen-password";

    [Fact]
    public async Task First_password_logs_in_and_says_that_it_is_the_first()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();

        string token = await office.TokenAsync(first);
        OpenSession session = (await office.Credentials.CheckAsync(token, default))!;

        Assert.Equal((Facility, "卫生室一", Clerk, true, false, 32),
            (session.FacilityCode, session.FacilityName, session.Clerk, session.MustChangePassword, session.IsMachine,
                session.StorageKey.Length));
        Assert.Matches("^[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}$", first);
        Assert.Equal((true, (TimeSpan?)null),
            await office.Credentials.ChangePasswordAsync(session, token, first, Chosen, default));
        Assert.False((await office.Credentials.CheckAsync(token, default))!.MustChangePassword);
        Assert.Null((await office.LogInAsync(first)).Token);
        // The chosen one holds on when the first would not.
        office.Time.Pass(ClinicCredentials.FirstPasswordHolds);
        Assert.NotNull((await office.LogInAsync(Chosen)).Token);
    }

    [Fact]
    public async Task No_secret_stands_in_the_database()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string token = await office.TokenAsync(first);
        (string machine, _, _) = await office.Credentials.IssueAsync(Facility, "his", false, TimeSpan.FromDays(1), default);

        string rows = await office.TextAsync("SELECT string_agg(c::text, ' ') FROM clinic_credential c")
            + await office.TextAsync("SELECT string_agg(t::text, ' ') FROM clinic_token t")
            + await office.TextAsync("SELECT string_agg(t::text, ' ') FROM clinic_login_try t");

        Assert.Contains("pbkdf2-sha256$600000$", rows, StringComparison.Ordinal);
        Assert.DoesNotContain(first, rows, StringComparison.Ordinal);
        Assert.DoesNotContain(token, rows, StringComparison.Ordinal);
        Assert.DoesNotContain(machine, rows, StringComparison.Ordinal);
        // The control: what is there is found.
        Assert.Contains(Clerk, rows, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Clerk)]
    [InlineData("nobody")]
    public async Task Name_is_locked_after_five_wrong_tries_whether_there_is_such_a_clerk_or_not(string clerk)
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        for (int index = 0; index < ClinicCredentials.MostTries; index++)
            Assert.Equal((null, null), await office.LogInAsync("wrong", clerk));

        (string? token, TimeSpan? locked) = await office.LogInAsync(first, clerk);
        Assert.Equal((null, ClinicCredentials.LockedFor), (token, locked));

        // Trying on does not lock it for longer.
        office.Time.Pass(ClinicCredentials.LockedFor - TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(1), (await office.LogInAsync(first, clerk)).Locked);
        office.Time.Pass(TimeSpan.FromSeconds(1));
        (token, locked) = await office.LogInAsync(first, clerk);
        Assert.Equal((clerk == Clerk, null), (token is not null, locked));
    }

    [Fact]
    public async Task Good_login_forgets_the_wrong_tries_before_it()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        for (int round = 0; round < 3; round++)
        {
            for (int index = 1; index < ClinicCredentials.MostTries; index++)
                Assert.Null((await office.LogInAsync("wrong")).Locked);
            Assert.NotNull((await office.LogInAsync(first)).Token);
        }
    }

    [Fact]
    public async Task Of_many_tries_at_once_no_more_are_looked_at_than_may_be()
    {
        await using Office office = await Office.OpenAsync(postgres);
        await office.AddAsync();

        (string?, TimeSpan? Locked)[] answers =
            await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => TryAsync()));

        Assert.Equal(ClinicCredentials.MostTries, answers.Count(answer => answer.Locked is null));

        // On a busy machine some of the five wait too long for their turn: they are turned away, and were not locked.
        async Task<(string? Token, TimeSpan? Locked)> TryAsync()
        {
            try
            {
                return await office.LogInAsync("wrong");
            }
            catch (TimeoutException)
            {
                return (null, null);
            }
        }
    }

    [Fact]
    public async Task Every_login_has_a_token_of_its_own_and_ends_the_one_it_replaces()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string before = await office.TokenAsync(first);
        string other = await office.TokenAsync(first);

        (string? token, _) = await office.Credentials.LogInAsync(Facility, Clerk, first, before, default);

        Assert.Equal(3, new[] { before, other, token }.Distinct().Count());
        Assert.Null(await office.Credentials.CheckAsync(before, default));
        Assert.NotNull(await office.Credentials.CheckAsync(other, default));
        Assert.NotNull(await office.Credentials.CheckAsync(token!, default));
        // A session that somebody has made up is not begun by naming it.
        (_, _) = await office.Credentials.LogInAsync(Facility, Clerk, first, "made-up", default);
        Assert.Null(await office.Credentials.CheckAsync("made-up", default));
    }

    [Fact]
    public async Task Session_ends_with_its_time()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string token = await office.TokenAsync(await office.AddAsync());
        office.Time.Pass(TimeSpan.FromMinutes(720) - TimeSpan.FromSeconds(1));
        Assert.NotNull(await office.Credentials.CheckAsync(token, default));

        office.Time.Pass(TimeSpan.FromSeconds(1));

        Assert.Null(await office.Credentials.CheckAsync(token, default));
    }

    [Fact]
    public async Task First_password_that_nobody_used_is_not_taken_after_a_week()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        office.Time.Pass(ClinicCredentials.FirstPasswordHolds - TimeSpan.FromSeconds(1));
        Assert.NotNull((await office.LogInAsync(first)).Token);

        office.Time.Pass(TimeSpan.FromSeconds(1));

        Assert.Null((await office.LogInAsync(first)).Token);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Revoked_or_reset_clerk_has_neither_session_nor_password_and_others_keep_theirs(bool revokes)
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string other = await office.AddAsync("李护士");
        string token = await office.TokenAsync(first);
        string others = await office.TokenAsync(other, "李护士");

        string? next = null;
        if (revokes) Assert.Equal(1, await office.Credentials.RevokeAsync(Facility, Clerk, default));
        else (next, _, _) = await office.Credentials.IssueAsync(Facility, Clerk, reset: true, null, default);

        Assert.Null(await office.Credentials.CheckAsync(token, default));
        Assert.Null((await office.LogInAsync(first)).Token);
        Assert.NotNull(await office.Credentials.CheckAsync(others, default));
        if (next is not null) Assert.NotNull((await office.LogInAsync(next)).Token);
    }

    [Fact]
    public async Task Reset_opens_a_locked_name()
    {
        await using Office office = await Office.OpenAsync(postgres);
        await office.AddAsync();
        for (int index = 0; index <= ClinicCredentials.MostTries; index++) await office.LogInAsync("wrong");
        Assert.NotNull((await office.LogInAsync("wrong")).Locked);

        (string next, _, _) = await office.Credentials.IssueAsync(Facility, Clerk, reset: true, null, default);

        Assert.NotNull((await office.LogInAsync(next)).Token);
    }

    [Fact]
    public async Task Changed_password_ends_the_clerks_other_sessions()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string here = await office.TokenAsync(first);
        string elsewhere = await office.TokenAsync(first);
        OpenSession session = (await office.Credentials.CheckAsync(here, default))!;

        Assert.False((await office.Credentials.ChangePasswordAsync(session, here, "wrong", Chosen, default)).Changed);
        Assert.NotNull(await office.Credentials.CheckAsync(elsewhere, default));
        Assert.True((await office.Credentials.ChangePasswordAsync(session, here, first, Chosen, default)).Changed);

        Assert.NotNull(await office.Credentials.CheckAsync(here, default));
        Assert.Null(await office.Credentials.CheckAsync(elsewhere, default));
    }

    [Fact]
    public async Task Old_password_is_guessed_no_oftener_at_its_change_than_at_the_login()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string token = await office.TokenAsync(first);
        OpenSession session = (await office.Credentials.CheckAsync(token, default))!;
        for (int index = 0; index < ClinicCredentials.MostTries; index++)
            Assert.Equal((false, null), await office.Credentials.ChangePasswordAsync(session, token, "wrong", Chosen, default));

        Assert.Equal((false, ClinicCredentials.LockedFor),
            await office.Credentials.ChangePasswordAsync(session, token, first, Chosen, default));
    }

    [Fact]
    public async Task Of_two_changes_of_a_password_at_once_the_one_that_is_told_as_done_is_the_one_that_holds()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string token = await office.TokenAsync(first);
        OpenSession session = (await office.Credentials.CheckAsync(token, default))!;

        (bool Changed, TimeSpan? Locked)[] changes = await Task.WhenAll(
            office.Credentials.ChangePasswordAsync(session, token, first, $"{Chosen}-0", default),
            office.Credentials.ChangePasswordAsync(session, token, first, $"{Chosen}-1", default));

        int done = Array.FindIndex(changes, change => change.Changed);
        Assert.Single(changes, change => change.Changed);
        Assert.NotNull((await office.LogInAsync($"{Chosen}-{done}")).Token);
    }

    [Fact]
    public async Task Logout_ends_its_session_and_no_other_of_the_clerk()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        string here = await office.TokenAsync(first);
        string elsewhere = await office.TokenAsync(first);

        await office.Credentials.LogOutAsync(here, default);

        Assert.Null(await office.Credentials.CheckAsync(here, default));
        Assert.NotNull(await office.Credentials.CheckAsync(elsewhere, default));
    }

    [Theory]
    [InlineData("revoked")]
    [InlineData("all revoked")]
    [InlineData("reset")]
    public async Task Credential_of_the_same_name_at_another_clinic_stands(string ended)
    {
        await using Office office = await Office.OpenAsync(postgres);
        string here = await IssueAsync(Facility, reset: false);
        string there = await IssueAsync("H2", reset: false);

        if (ended == "reset") Assert.NotEqual(here, await IssueAsync(Facility, reset: true));
        else Assert.Equal(1, await office.Credentials.RevokeAsync(Facility, ended == "revoked" ? "his" : "", default));

        Assert.Null(await office.Credentials.CheckAsync(here, default));
        Assert.Equal("H2", (await office.Credentials.CheckAsync(there, default))?.FacilityCode);
        KeptCredential kept = Assert.Single(await office.Credentials.ListAsync("H2", default));
        Assert.Equal(("H2", null, 1), (kept.FacilityCode, kept.RevokedAt, kept.Sessions));
        kept = Assert.Single(await office.Credentials.ListAsync(Facility, default));
        Assert.Equal((Facility, ended == "reset" ? null : office.Time.GetUtcNow(), ended == "reset" ? 1 : 0),
            (kept.FacilityCode, kept.RevokedAt, kept.Sessions));
        Assert.Equal(2, (await office.Credentials.ListAsync("", default)).Count);

        async Task<string> IssueAsync(string facility, bool reset) =>
            (await office.Credentials.IssueAsync(facility, "his", reset, TimeSpan.FromDays(1), default)).Secret;
    }

    [Fact]
    public async Task Changed_password_of_the_same_name_at_another_clinic_stands()
    {
        await using Office office = await Office.OpenAsync(postgres);
        string first = await office.AddAsync();
        (string other, _, _) = await office.Credentials.IssueAsync("H2", Clerk, false, null, default);
        string here = await office.TokenAsync(first);
        (string? there, _) = await office.Credentials.LogInAsync("H2", Clerk, other, "", default);
        OpenSession session = (await office.Credentials.CheckAsync(here, default))!;

        Assert.True((await office.Credentials.ChangePasswordAsync(session, here, first, Chosen, default)).Changed);

        Assert.True((await office.Credentials.CheckAsync(there!, default))?.MustChangePassword);
    }

    [Fact]
    public async Task Machines_token_holds_its_days_and_no_password_opens_it()
    {
        await using Office office = await Office.OpenAsync(postgres);
        (string token, _, _) = await office.Credentials.IssueAsync(Facility, "his", false, TimeSpan.FromDays(30), default);

        Assert.Equal((true, 0), ((await office.Credentials.CheckAsync(token, default)) is { } session
            ? (session.IsMachine, session.StorageKey.Length) : default));
        Assert.Null((await office.LogInAsync(token, "his")).Token);
        await office.Credentials.LogOutAsync(token, default);
        Assert.NotNull(await office.Credentials.CheckAsync(token, default));
        office.Time.Pass(TimeSpan.FromDays(30));
        Assert.Null(await office.Credentials.CheckAsync(token, default));
    }

    [Fact]
    public async Task What_cannot_be_issued_is_refused()
    {
        await using Office office = await Office.OpenAsync(postgres);
        await office.AddAsync();

        Assert.True((await RefusedAsync(Facility, Clerk, reset: false)).Exists);
        Assert.False((await RefusedAsync("H9", Clerk, reset: false)).Exists);
        Assert.False((await RefusedAsync(Facility, "nobody", reset: true)).Exists);
        await office.Credentials.RevokeAsync(Facility, Clerk, default);
        await office.AddAsync();

        Task<CredentialException> RefusedAsync(string facility, string clerk, bool reset) => Assert.ThrowsAsync<CredentialException>(
            () => office.Credentials.IssueAsync(facility, clerk, reset, null, default));
    }

    [Fact]
    public async Task Of_two_that_add_the_same_at_once_one_is_told_so()
    {
        await using Office office = await Office.OpenAsync(postgres);

        Task<string>[] both = [office.AddAsync(), office.AddAsync()];
        await Assert.ThrowsAsync<CredentialException>(() => Task.WhenAll(both));

        string first = await Assert.Single(both, add => add.IsCompletedSuccessfully);
        Assert.NotNull((await office.LogInAsync(first)).Token);
    }

    [Fact]
    public async Task Storage_key_is_the_facilitys_and_stays()
    {
        await using Office office = await Office.OpenAsync(postgres);
        byte[] first = (await office.Credentials.CheckAsync(await office.TokenAsync(await office.AddAsync()), default))!.StorageKey;
        byte[] second = (await office.Credentials.CheckAsync(
            await office.TokenAsync(await office.AddAsync("李护士"), "李护士"), default))!.StorageKey;
        (string other, _, _) = await office.Credentials.IssueAsync("H2", Clerk, false, null, default);
        (string? token, _) = await office.Credentials.LogInAsync("H2", Clerk, other, "", default);

        Assert.Equal(first, second);
        Assert.NotEqual(first, (await office.Credentials.CheckAsync(token!, default))!.StorageKey);
    }

    [Theory]
    [InlineData("9-letters", false)]
    [InlineData("10-letters", true)]
    [InlineData("abcdabcdabcd", false)]
    [InlineData("abcdeabcde", true)]
    [InlineData("aaaaaaaaaaaa", false)]
    [InlineData("my-H1000-password", false)]
    [InlineData("die-王医生-kommt", false)]
    [InlineData("the-old-password", false)]
    [InlineData("a-new-password", true)]
    public void New_password_is_weighed(string password, bool good) =>
        Assert.Equal(good, Passwords.Weakness(password, "H1000", Clerk, "the-old-password") is null);

    [Fact]
    public void New_password_may_be_as_long_as_a_login_takes_and_no_longer()
    {
        string longest = string.Concat(Enumerable.Repeat("a-long-password-", Passwords.MostCharacters / 16));
        Assert.Equal(128, longest.Length);
        Assert.Null(Passwords.Weakness(longest, "H1000", Clerk, "the-old-password"));
        Assert.Equal("新密码应为 10 至 128 个字符。", Passwords.Weakness(longest + "x", "H1000", Clerk, "the-old-password"));
    }

    [Theory]
    [InlineData(Chosen, true)]
    [InlineData("a-chosen-passwort", false)]
    public void Password_that_was_hashed_with_another_number_of_iterations_is_still_read(string password, bool right) => Assert.Equal(
        right, Passwords.Is(password, "pbkdf2-sha256$1000$AAECAwQFBgcICQoLDA0ODw==$FrhmII/SVkJ+GbZTst38+sTygPloE11v8q/sJHJj4pI="));

    private sealed class Office : IAsyncDisposable
    {
        private readonly RegistryDatabase _registry;

        private Office(RegistryDatabase registry)
        {
            _registry = registry;
            Credentials = new ClinicCredentials(registry.Database, new EligibilitySettings(), Time);
        }

        public Clock Time { get; } = new();

        public ClinicCredentials Credentials { get; }

        public static async Task<Office> OpenAsync(PostgresServer postgres)
        {
            RegistryDatabase registry = await postgres.NewRegistryAsync();
            await registry.ImportFacilitiesAsync(RegistryDatabase.FacilityHeader
                + "H1,卫生室一,410105,village,none,village_clinic,2024-01-01,\nH2,卫生室二,410105,village,none,village_clinic,2024-01-01,\n");
            return new Office(registry);
        }

        public async Task<string> AddAsync(string clerk = Clerk) =>
            (await Credentials.IssueAsync(Facility, clerk, reset: false, tokenHolds: null, default)).Secret;

        public Task<(string? Token, TimeSpan? Locked)> LogInAsync(string password, string clerk = Clerk) =>
            Credentials.LogInAsync(Facility, clerk, password, "", default);

        public async Task<string> TokenAsync(string password, string clerk = Clerk) =>
            (await LogInAsync(password, clerk)).Token ?? throw new InvalidOperationException("The login was refused.");

        public async Task<string> TextAsync(string sql)
        {
            await using NpgsqlCommand command = _registry.Database.CreateCommand(sql);
            return await command.ExecuteScalarAsync() as string ?? "";
        }

        public async ValueTask DisposeAsync()
        {
            Credentials.Dispose();
            await _registry.DisposeAsync();
        }
    }

    /// <summary>PostgreSQL keeps microseconds.</summary>
    private sealed class Clock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 6, 18, 8, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now;

        public void Pass(TimeSpan time) => _now += time;
    }
}
