using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Claims.V1;
using Grpc.Core;

namespace Claims.Eligibility.Tests;

/// <summary>Over the wire, against the service as it is deployed.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class EligibilityServiceTests(PostgresServer postgres, SharedService shared) : IClassFixture<SharedService>
{
    private const string Facilities = RegistryDatabase.FacilityHeader + "F1,省人民医院,410105,province,3A,hospital,2024-01-01,\n";
    private const string Insured =
        RegistryDatabase.InsuredHeader + "410105198001011234,欧阳测试,resident,410105,general,2024,2023-11-05,1980-01-01,\n";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Import_is_seen_by_lookup_and_by_watchers_of_every_instance()
    {
        string database = await postgres.NewDatabaseAsync();
        await using EligibilityService one = await EligibilityService.StartAsync(database);
        await using EligibilityService other = await EligibilityService.StartAsync(database);
        using AsyncServerStreamingCall<EligibilityVersion> watch =
            other.Client.WatchChanges(new WatchChangesRequest(), deadline: DateTime.UtcNow + Bound);
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        long before = watch.ResponseStream.Current.Version;

        Assert.Equal(1, (await one.ImportAsync(ImportKind.Facilities, Facilities)).Rows);
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(before + 1, watch.ResponseStream.Current.Version);

        Assert.Equal(1, (await one.ImportAsync(ImportKind.Insured, Insured)).Rows);
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(before + 2, watch.ResponseStream.Current.Version);

        LookupReply reply = await other.Client.LookupAsync(
            new LookupRequest { FacilityCodes = { "F1" }, InsuredIds = { "410105198001011234" } }, deadline: DateTime.UtcNow + Bound);
        Assert.Equal(before + 2, reply.Version);
        LookupReply enrolled = await other.Client.LookupAsync(
            new LookupRequest { InsuredIds = { "P9", "410105198001011234" }, Enrolled = true }, deadline: DateTime.UtcNow + Bound);
        Assert.Equal((1, 0, 0), (Assert.Single(enrolled.Enrolled).Position, enrolled.Insured.Count, enrolled.Facilities.Count));
        CountHeadsReply heads = await other.Client.CountHeadsAsync(
            new CountHeadsRequest { Scheme = "resident", PlanYear = 2024 }, deadline: DateTime.UtcNow + Bound);
        Assert.Equal(("410105", 1L, 1L), RegistryDatabase.Heads(Assert.Single(heads.Counties)));
        Assert.Empty((await other.Client.CountHeadsAsync(
            new CountHeadsRequest { Scheme = "employee", PlanYear = 2024 }, deadline: DateTime.UtcNow + Bound)).Counties);
        Assert.Empty((await other.Client.CountHeadsAsync(new CountHeadsRequest { Scheme = "resident", PlanYear = 2024, County = "410122" },
            deadline: DateTime.UtcNow + Bound)).Counties);

        string[] metrics = (await other.MetricsAsync()).Split('\n');
        Assert.Contains($"claims_eligibility_registry_version {before + 2}", metrics);
        Assert.Contains("claims_eligibility_lookup_seconds_count 2", metrics);
        metrics = (await one.MetricsAsync()).Split('\n');
        Assert.Contains("claims_eligibility_imported_rows_total{kind=\"Facilities\"} 1", metrics);
        Assert.Contains("claims_eligibility_imported_rows_total{kind=\"Insured\"} 1", metrics);
        Assert.Equal("2024-01-01", Assert.Single(Assert.Single(reply.Insured).Coverages).CoveredFrom);
        Assert.Equal("省人民医院", Assert.Single(reply.Facilities).Name);
        Assert.DoesNotContain("欧阳", one.Log + other.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("410105198001011234", one.Log + other.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_file_is_answered_with_line_and_column_and_leaves_no_personal_data_in_the_log()
    {
        await using EligibilityService service = await EligibilityService.StartAsync(await postgres.NewDatabaseAsync());
        // The fault stands near the beginning, so that the sender is still writing when it is found.
        StringBuilder file = new(Insured.Replace("resident", "resident1", StringComparison.Ordinal));
        for (int row = 0; row < 20_000; row++)
            file.Append(CultureInfo.InvariantCulture, $"P{row},欧阳测试,resident,410105,general,2024,2023-11-05,1980-01-01,\n");

        ImportReply reply = await service.ImportAsync(ImportKind.Insured, file.ToString(), chunkBytes: 16 * 1024);
        Assert.Equal(new ImportReply
        {
            Error = new ImportError { Line = 2, Column = "scheme", Message = "'resident1' is not one of employee, resident" },
        }, reply);
        LookupReply lookup = await service.Client.LookupAsync(
            new LookupRequest { InsuredIds = { "P1" } }, deadline: DateTime.UtcNow + Bound);
        Assert.Empty(lookup.Insured);
        Assert.Contains("import_refused", service.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("欧阳", service.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("resident1", service.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_ends_a_watchers_call_at_once()
    {
        await using EligibilityService service = await EligibilityService.StartAsync(await postgres.NewDatabaseAsync());
        using AsyncServerStreamingCall<EligibilityVersion> watch =
            service.Client.WatchChanges(new WatchChangesRequest(), deadline: DateTime.UtcNow + Bound);
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        service.Terminate();
        RpcException ended = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(("The service is stopping.", StatusCode.Unavailable), (ended.Status.Detail, ended.StatusCode));
    }

    [Fact]
    public async Task Import_without_a_known_kind_is_refused()
    {
        EligibilityService service = shared.Service;
        Assert.Equal("nothing was sent", (await service.ImportAsync(ImportKind.Facilities, "")).Error.Message);
        Assert.Contains("is not a kind of file", (await service.ImportAsync(ImportKind.Unspecified, "x\n")).Error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lookup_of_more_than_a_thousand_is_an_invalid_argument()
    {
        EligibilityService service = shared.Service;
        LookupRequest request = new();
        request.InsuredIds.AddRange(Enumerable.Range(0, 1000).Select(number => $"P{number}"));
        Assert.Empty((await service.Client.LookupAsync(request, deadline: DateTime.UtcNow + Bound)).Insured);
        request.InsuredIds.Add("P1000");
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Client.LookupAsync(request, deadline: DateTime.UtcNow + Bound));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        LookupRequest facilities = new() { FacilityCodes = { request.InsuredIds.Take(1000) } };
        Assert.Empty((await service.Client.LookupAsync(facilities, deadline: DateTime.UtcNow + Bound)).Facilities);
        facilities.FacilityCodes.Add("P1000");
        refused = await Assert.ThrowsAsync<RpcException>(
            async () => await service.Client.LookupAsync(facilities, deadline: DateTime.UtcNow + Bound));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
    }

    [Fact]
    public async Task Database_that_is_gone_is_unavailable_and_the_service_is_live_and_not_ready()
    {
        string database = await postgres.NewDatabaseAsync();
        await using EligibilityService service = await EligibilityService.StartAsync(database);
        Assert.Equal("200", await service.StatusAsync("/healthz/ready"));
        await postgres.Postgres.CloseAsync(database);

        foreach (Func<Task> call in new Func<Task>[]
        {
            async () => await service.Client.LookupAsync(new LookupRequest { InsuredIds = { "P1" } }, deadline: DateTime.UtcNow + Bound),
            async () =>
                await service.Client.CountHeadsAsync(
                new CountHeadsRequest { Scheme = "resident", PlanYear = 2024 }, deadline: DateTime.UtcNow + Bound),
            async () => await service.ImportAsync(ImportKind.Facilities, Facilities, chunkBytes: 4096),
        })
        {
            RpcException away = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal((StatusCode.Unavailable, "The registry's database does not answer."), (away.StatusCode, away.Status.Detail));
        }

        Assert.Equal(("503", "200"), (await service.StatusAsync("/healthz/ready"), await service.StatusAsync("/healthz/live")));
        Assert.Contains("\"event\":\"registry_unavailable\"", service.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Database_that_may_lose_what_it_answers_is_read_and_not_changed_unless_it_is_accepted_as_it_is()
    {
        string database = await postgres.NewDatabaseAsync();
        await using EligibilityService service = await EligibilityService.StartAsync(database, acceptUnsafe: false);
        const string Fault = "PostgreSQL must have fsync and full_page_writes on; nothing is written until it has.";

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => service.ImportAsync(ImportKind.Facilities, Facilities, chunkBytes: 4096));

        Assert.Equal((StatusCode.Unavailable, Fault), (refused.StatusCode, refused.Status.Detail));
        refused = await Assert.ThrowsAsync<RpcException>(() => RegisterAsync(service, Enrol("窗口办理")));
        Assert.Equal((StatusCode.Unavailable, Fault), (refused.StatusCode, refused.Status.Detail));
        LookupRequest lookup = new() { FacilityCodes = { "F1" } };
        Assert.Empty((await service.Client.LookupAsync(lookup, deadline: DateTime.UtcNow + Bound)).Facilities);
        Assert.Equal("200", await service.StatusAsync("/healthz/ready"));
        Assert.Contains("\"event\":\"postgres_not_trusted\"", service.Log, StringComparison.Ordinal);
        await using EligibilityService accepting = await EligibilityService.StartAsync(database, acceptUnsafe: true);
        Assert.Equal(1, (await accepting.ImportAsync(ImportKind.Facilities, Facilities)).Rows);
        Assert.Single((await RegisterAsync(accepting, Enrol("窗口办理"))).Spans);
        Assert.Contains("\"event\":\"postgres_unsafe\"", accepting.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Registration_needs_a_reason_and_insured_is_explained_by_what_was_known_on_the_day()
    {
        EligibilityService service = shared.Service;
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => RegisterAsync(service, Enrol(reason: "")));
        Assert.Equal((StatusCode.InvalidArgument, "reason is not a text of 1 to 200 characters, each of them seen"),
            (refused.StatusCode, refused.Status.Detail));

        Assert.Equal("窗口办理", (await RegisterAsync(service, Enrol("窗口办理"))).Change.Reason);

        Explanation now = await ExplainAsync(asOf: "");
        Assert.True(now.Holds);
        Assert.EndsWith("窗口办理", now.Sentences[0].Source, StringComparison.Ordinal);
        Explanation before = await ExplainAsync(asOf: "2025-06-30");
        Assert.Equal((false, "查无此参保人，请核对人员编号或医保电子凭证。"), (before.Holds, Assert.Single(before.Sentences).Text));

        async Task<Explanation> ExplainAsync(string asOf) => await service.Office.ExplainInsuredAsync(
            new ExplainInsuredRequest { InsuredId = "counter-1", On = "2025-06-30", AsOf = asOf }, deadline: DateTime.UtcNow + Bound);
    }

    [Fact]
    public async Task Machines_token_holds_its_days_and_a_login_ends_the_session_that_it_replaces()
    {
        EligibilityService service = shared.Service;
        Assert.Equal(1, (await service.ImportAsync(ImportKind.Facilities, Facilities)).Rows);

        IssuedCredential machines = await IssueAsync(new() { Clerk = "his", Machine = true, Days = 30 });
        Credential kept = Assert.Single((await service.Access.ListCredentialsAsync(
            new ListCredentialsRequest { FacilityCode = "F1" }, deadline: DateTime.UtcNow + Bound)).Credentials);
        Assert.Equal(TimeSpan.FromDays(30), Time(kept.HoldsUntil) - Time(kept.IssuedAt));
        Assert.Equal(kept.HoldsUntil, machines.HoldsUntil);
        Assert.Equal(("his", kept.HoldsUntil), await WhoseAsync(machines.Secret));

        string password = (await IssueAsync(new() { Clerk = "王医生" })).Secret;
        string replaced = await LogInAsync(replaces: "");
        Assert.Equal("王医生", (await WhoseAsync(replaced))?.Clerk);
        string token = await LogInAsync(replaced);
        Assert.Null(await WhoseAsync(replaced));
        Assert.Equal("王医生", (await WhoseAsync(token))?.Clerk);

        static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);

        async Task<IssuedCredential> IssueAsync(IssueCredentialRequest request)
        {
            request.FacilityCode = "F1";
            return await service.Access.IssueCredentialAsync(request, deadline: DateTime.UtcNow + Bound);
        }

        async Task<string> LogInAsync(string replaces) => (await service.Access.LogInAsync(
            new LogInRequest { FacilityCode = "F1", Clerk = "王医生", Password = password, Replaces = replaces },
            deadline: DateTime.UtcNow + Bound)).Token;

        async Task<(string Clerk, string Until)?> WhoseAsync(string secret) => (await service.Access.CheckTokenAsync(
            new CheckTokenRequest { Token = secret }, deadline: DateTime.UtcNow + Bound)).Session is { } session
            ? (session.Clerk, session.ExpiresAt) : null;
    }

    [Fact]
    public async Task Act_that_is_not_registered_is_told_by_its_status_and_a_sentence()
    {
        RegistryOffice.RegistryOfficeClient office = shared.Service.Office;
        RegisterRequest enrol = Enrol("窗口办理");
        (enrol.InsuredId, enrol.RequestId) = ("counter-2", "R2");
        Assert.False((await office.RegisterAsync(enrol)).Replayed);
        Assert.True((await office.RegisterAsync(enrol)).Replayed);

        enrol.Enrol.Name = "李四";
        Assert.Equal((StatusCode.AlreadyExists, "请求编号R2已用于内容不同的登记。"), await RefusedAsync());
        enrol.RequestId = "R3";
        Assert.Equal((StatusCode.FailedPrecondition, "该参保人2025年度已在金水区参加城乡居民医保，请先办理终止，避免重复参保。"), await RefusedAsync());
        enrol.Enrol.Scheme = "rural";
        Assert.Equal((StatusCode.InvalidArgument, "请求字段 enrol.scheme 不是resident或employee。"), await RefusedAsync());
        enrol.InsuredId = "counter 2";
        Assert.Equal((StatusCode.InvalidArgument, "请求字段 insured_id 不是1至30位的字母、数字、-、_或.。"), await RefusedAsync());
        enrol.RequestId = new string('R', 31);
        Assert.Equal((StatusCode.InvalidArgument, "请求字段 request_id 不是1至30位的字母、数字、-、_或.。"), await RefusedAsync());
        // The reason is a person's, and one that is not seen is none.
        enrol.Reason = "窗口\u200b办理";
        enrol.RequestId = "R4";
        enrol.InsuredId = "counter-3";
        enrol.Enrol.Scheme = "resident";
        Assert.Equal(StatusCode.InvalidArgument, (await RefusedAsync()).Item1);

        async Task<(StatusCode, string)> RefusedAsync() => await FaultAsync(office.RegisterAsync(enrol));
    }

    [Fact]
    public async Task Facility_that_cannot_be_suspended_or_shown_is_told_by_its_status()
    {
        EligibilityService service = shared.Service;
        RegistryOffice.RegistryOfficeClient office = service.Office;
        Assert.Equal(1, (await service.ImportAsync(
            ImportKind.Facilities, RegistryDatabase.FacilityHeader + "F7,x,410105,city,2A,hospital,2024-01-01,\n", reason: "新签协议")).Rows);
        FacilityRecord shown = await office.ShowFacilityAsync(new() { FacilityCode = "F7" });
        Assert.Equal(("claims://role/local", "新签协议"), (shown.Change.MadeBy, shown.Change.Reason));

        SuspendFacilityRequest suspend = new() { FacilityCode = "F7", Reason = "检查", From = "2025-03-10" };
        shown = await office.SuspendFacilityAsync(suspend);
        Assert.Equal("2025-03-10", Assert.Single(shown.Suspensions).Suspension.SuspendedFrom);
        Assert.Equal((StatusCode.FailedPrecondition, "F7 is suspended already, from 2025-03-10 on"),
            await FaultAsync(office.SuspendFacilityAsync(suspend)));
        suspend.From = "10.03.2025";
        Assert.Equal((StatusCode.InvalidArgument, "from is not a date of the form yyyy-MM-dd"),
            await FaultAsync(office.SuspendFacilityAsync(suspend)));
        foreach (AsyncUnaryCall<FacilityRecord> unknown in (AsyncUnaryCall<FacilityRecord>[])
        [
            office.ShowFacilityAsync(new() { FacilityCode = "F9" }),
            office.SuspendFacilityAsync(new() { FacilityCode = "F9", Reason = "检查" }),
            office.ResumeFacilityAsync(new() { FacilityCode = "F9", Reason = "检查" }),
        ]) Assert.Equal((StatusCode.NotFound, "The registry has no facility F9."), await FaultAsync(unknown));
        Explanation told = await office.ExplainFacilityAsync(new() { FacilityCode = "F7", On = "2025-03-10" });
        Assert.False(told.Holds);
        told = await office.ExplainFacilityAsync(new() { FacilityCode = "F7", On = "2025-03-09" });
        Assert.True(told.Holds);
        foreach (int year in (int[])[1999, 2101])
        {
            Assert.Equal((StatusCode.InvalidArgument, "year is not between 2000 and 2100"),
                await FaultAsync(office.CloseYearAsync(new() { Year = year })));
        }
    }

    [Fact]
    public async Task Reason_of_an_import_that_is_too_long_or_not_seen_takes_nothing()
    {
        foreach (string reason in (string[])[new('x', 201), "新\u0007"])
        {
            ImportReply reply = await shared.Service.ImportAsync(
                ImportKind.Facilities, Facilities.Replace("F1", "F8", StringComparison.Ordinal), reason: reason);
            Assert.Equal((0, "the reason is not a text of at most 200 characters"), (reply.Rows, reply.Error?.Message));
        }

        Assert.Empty((await shared.Service.Client.LookupAsync(new() { FacilityCodes = { "F8" } })).Facilities);
    }

    [Fact]
    public async Task Credential_that_cannot_be_issued_changed_or_revoked_is_told_why_and_logins_are_counted()
    {
        EligibilityService service = shared.Service;
        ClinicAccess.ClinicAccessClient access = service.Access;
        await service.ImportAsync(ImportKind.Facilities, Facilities.Replace("F1", "F6", StringComparison.Ordinal));
        IssueCredentialRequest machine = new() { FacilityCode = "F6", Clerk = "his", Machine = true, Days = 3_650 };
        string token = (await access.IssueCredentialAsync(machine)).Secret;
        Assert.Equal((StatusCode.AlreadyExists, "F6 has a credential under 'his' already; reset or revoke it"),
            await FaultAsync(access.IssueCredentialAsync(machine)));
        foreach (int days in (int[])[0, 3_651])
        {
            Assert.Equal((StatusCode.InvalidArgument, "days must be 1 to 3650"),
                await FaultAsync(access.IssueCredentialAsync(new(machine) { Days = days })));
        }

        foreach (string clerk in (string[])["", " his", "h\u200bis", new('x', 41)])
            Assert.Equal(StatusCode.InvalidArgument, (await FaultAsync(access.IssueCredentialAsync(new(machine) { Clerk = clerk }))).Code);
        Assert.Equal((StatusCode.FailedPrecondition, "F6 has no standing credential under 'nobody'"),
            await FaultAsync(access.RevokeCredentialAsync(new() { FacilityCode = "F6", Clerk = "nobody" })));
        // A machine has no password that could be changed.
        Assert.Equal(ChangePasswordOutcome.NoSession,
            (await access.ChangePasswordAsync(new() { Token = token, OldPassword = "x", NewPassword = "a-chosen-password" })).Outcome);

        string password = (await access.IssueCredentialAsync(new() { FacilityCode = "F6", Clerk = "李护士" })).Secret;
        LogInRequest logIn = new() { FacilityCode = "F6", Clerk = "李护士", Password = password };
        LogInReply loggedIn = await access.LogInAsync(logIn);
        Assert.Equal((LogInOutcome.LoggedIn, "李护士", true), (loggedIn.Outcome, loggedIn.Session.Clerk, loggedIn.Session.MustChangePassword));
        Assert.EndsWith("+08:00", loggedIn.Session.ExpiresAt, StringComparison.Ordinal);
        ChangePasswordRequest change = new() { Token = loggedIn.Token, OldPassword = "wrong", NewPassword = password };
        Assert.Equal(ChangePasswordOutcome.OldPasswordWrong, (await access.ChangePasswordAsync(change)).Outcome);
        change.NewPassword = "short";
        Assert.Equal(ChangePasswordOutcome.NewPasswordWeak, (await access.ChangePasswordAsync(change)).Outcome);
        logIn.Password = new('x', 129);
        Assert.Equal(LogInOutcome.WrongCredentials, (await access.LogInAsync(logIn)).Outcome);
        // Five tries in all are looked at: one of them was the wrong old password.
        logIn.Password = "wrong";
        for (int index = 0; index < 4; index++) Assert.Equal(LogInOutcome.WrongCredentials, (await access.LogInAsync(logIn)).Outcome);
        LogInReply locked = await access.LogInAsync(logIn);
        Assert.Equal(LogInOutcome.LockedOut, locked.Outcome);
        Assert.InRange(locked.RetryAfterSeconds, 600, 900);
        Assert.Contains("claims_clinic_logins_total{outcome=\"locked_out\"} 1", (await service.MetricsAsync()).Split('\n'));
    }

    [Fact]
    public async Task File_that_the_ledger_cannot_write_down_is_not_imported()
    {
        await using EligibilityService service = await EligibilityService.StartAsync(
            await postgres.NewDatabaseAsync(), ledgerAddress: "http://127.0.0.1:1");

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => service.ImportAsync(ImportKind.Facilities, Facilities, chunkBytes: 4096));

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.StartsWith("The ledger could not write it down: ", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Empty((await service.Client.LookupAsync(new() { FacilityCodes = { "F1" } })).Facilities);
    }

    [Fact]
    public async Task Settings_that_are_missing_are_named_each_with_exit_code_78()
    {
        ProcessStartInfo start = new("dotnet",
            ["exec", typeof(EligibilitySettings).Assembly.Location,
            "--Claims:City="])
        { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string inherited in start.Environment.Keys.Where(name => name.StartsWith("Claims__", StringComparison.OrdinalIgnoreCase))
            .ToList()) start.Environment.Remove(inherited);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Bound);

        Assert.Equal(
            ["Port", "MetricsPort", "Postgres", "PolicyDirectory"],
            errors.TrimEnd().Split('\n').Select(
                line =>
                Regex.Match(line, "^Setting Claims:(?<name>\\w+) \\(environment variable Claims__\\k<name>\\) is missing\\.$",
                RegexOptions.ExplicitCapture, Bound).Groups["name"].Value));
        Assert.Equal((78, ""), (process.ExitCode, await output));
    }

    [Fact]
    public async Task Broken_policy_is_named_by_file_and_line_and_nothing_is_served()
    {
        DirectoryInfo policy = Directory.CreateTempSubdirectory("claims-policy-");
        foreach (string file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "policy"), "*.yaml"))
            File.Copy(file, Path.Combine(policy.FullName, Path.GetFileName(file)));
        await File.AppendAllTextAsync(Path.Combine(policy.FullName, "zhengzhou-coverage.yaml"), "extra: 1\n");
        string log = await EligibilityService.RefusalAsync(await postgres.NewDatabaseAsync(), policy.FullName);
        policy.Delete(recursive: true);
        Assert.Matches(@"zhengzhou-coverage\.yaml:[0-9]+: unknown key 'extra'", log);
    }

    private static RegisterRequest Enrol(string reason) => new()
    {
        RequestId = "R1",
        InsuredId = "counter-1",
        PlanYear = 2025,
        Reason = reason,
        Enrol = new EnrolmentSpan
        {
            Name = "张三",
            Scheme = "resident",
            County = "410105",
            Category = "general",
            PaidOn = "2024-11-05",
            BirthDate = "1980-01-01",
        },
    };

    private static async Task<(StatusCode Code, string Detail)> FaultAsync<T>(AsyncUnaryCall<T> call)
    {
        Status status = (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).Status;
        return (status.StatusCode, status.Detail);
    }

    private static async Task<RegisterReply> RegisterAsync(EligibilityService service, RegisterRequest request) =>
        await service.Office.RegisterAsync(request, deadline: DateTime.UtcNow + Bound);
}
