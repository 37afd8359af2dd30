using Claims.Ledger.Acts;
using Claims.Ledger.Closing;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Ledger.Tests;

/// <summary>What cannot be undone names who did it, stands in the chain, and a year is closed no sooner than it could be taken
/// back.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class ActsTests(LedgerDatabase databases)
{
    private const string Zhang = "claims://role/bureau/zhang.wei";
    private const string Li = "claims://role/bureau/li.na";

    private static readonly DateTimeOffset Start = new(2025, 1, 10, 1, 0, 0, TimeSpan.Zero);

    private readonly StoppedClock _clock = new(Start);

    [Fact]
    public async Task Year_closes_no_sooner_than_the_delay_after_its_proposal()
    {
        await using RunningLedger ledger = await CreateAsync(72);
        YearProposals proposals = ledger.Get<YearProposals>();
        await RefusedAsync("the closing of 2024 has not been proposed, or was taken back", () => CloseAsync(ledger));
        await RefusedAsync("the closing of 2024 has not been proposed, or was taken back", () => CloseToHospitalsAsync(ledger));

        YearProposal proposed = await proposals.ProposeAsync(2024, Zhang, CancellationToken.None);

        Assert.Equal(new YearProposal
        {
            Year = 2024,
            ProposedBy = Zhang,
            MayCloseAtUnixMs = Start.AddHours(72).ToUnixTimeMilliseconds(),
        }, proposed);
        Assert.Equal(proposed, await proposals.ProposeAsync(2024, Li, CancellationToken.None));
        _clock.Now = Start.AddHours(72).AddMilliseconds(-1);
        const string Early = "the closing of 2024 was proposed by claims://role/bureau/zhang.wei and may be taken back until "
            + "2025-01-13 09:00:00 China Standard Time";
        await RefusedAsync(Early, () => CloseAsync(ledger));
        await RefusedAsync(Early, () => CloseToHospitalsAsync(ledger));
        Assert.Equal([(2024, Start.AddHours(72))], await proposals.PendingAsync(CancellationToken.None));

        _clock.Now = Start.AddHours(72);
        Assert.True((await proposals.ProposeAsync(2024, Li, CancellationToken.None)).MayClose);
        await CloseToHospitalsAsync(ledger);
        Assert.Equal(2024, await CloseAsync(ledger));
        Assert.Empty(await proposals.PendingAsync(CancellationToken.None));
        Assert.Equal(
            [$"YEAR_PROPOSED 2024 {Zhang}", $"YEAR_CLOSED_TO_HOSPITALS 2024 {Li}", $"YEAR_CLOSED 2024 {Li}"], await ActsAsync(ledger));
        Assert.Equal(new YearProposal { Year = 2024, MayClose = true }, await proposals.ProposeAsync(2024, Li, CancellationToken.None));
    }

    [Fact]
    public async Task Year_that_is_taken_back_is_proposed_anew_and_one_that_is_closed_to_hospitals_is_not_taken_back()
    {
        await using RunningLedger ledger = await CreateAsync(1);
        YearProposals proposals = ledger.Get<YearProposals>();
        await RefusedAsync("the closing of 2024 is not proposed", () => proposals.TakeBackAsync(2024, Li, CancellationToken.None));
        await proposals.ProposeAsync(2024, Zhang, CancellationToken.None);

        await proposals.TakeBackAsync(2024, Li, CancellationToken.None);

        _clock.Now = Start.AddHours(2);
        await RefusedAsync("the closing of 2024 has not been proposed, or was taken back", () => CloseAsync(ledger));
        Assert.Empty(await proposals.PendingAsync(CancellationToken.None));
        Assert.False((await proposals.ProposeAsync(2024, Zhang, CancellationToken.None)).MayClose);
        _clock.Now = Start.AddHours(3);
        await CloseToHospitalsAsync(ledger);
        await RefusedAsync($"the year 2024 has been closed to hospitals already, by {Li}",
            () => proposals.TakeBackAsync(2024, Zhang, CancellationToken.None));
        await CloseAsync(ledger);
        await RefusedAsync("the year 2024 is closed already", () => proposals.TakeBackAsync(2024, Zhang, CancellationToken.None));
    }

    [Fact]
    public async Task Proposals_of_a_year_that_is_closed_and_of_those_before_it_are_pending_no_longer()
    {
        await using RunningLedger ledger = await CreateAsync(1);
        YearProposals proposals = ledger.Get<YearProposals>();
        foreach (int year in (int[])[2024, 2023]) await proposals.ProposeAsync(year, Zhang, CancellationToken.None);
        _clock.Now = Start.AddHours(1);
        Assert.Equal([2023, 2024], (await proposals.PendingAsync(CancellationToken.None)).Select(pending => pending.Year));

        // Not to hospitals first, as nobody does who is asked twice.
        await CloseAsync(ledger);

        Assert.Empty(await proposals.PendingAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Each_year_waits_for_its_own_proposal()
    {
        await using RunningLedger ledger = await CreateAsync(72);
        YearProposals proposals = ledger.Get<YearProposals>();
        await proposals.ProposeAsync(2023, Zhang, CancellationToken.None);
        _clock.Now = Start.AddHours(1);
        await proposals.ProposeAsync(2024, Li, CancellationToken.None);

        _clock.Now = Start.AddHours(72);
        Assert.False((await proposals.ProposeAsync(2024, Zhang, CancellationToken.None)).MayClose);
        await RefusedAsync("the closing of 2024 was proposed by claims://role/bureau/li.na and may be taken back until "
            + "2025-01-13 10:00:00 China Standard Time", () => CloseAsync(ledger));
        await proposals.TakeBackAsync(2024, Li, CancellationToken.None);
        Assert.Equal(2023, await ledger.ClosedYears.CloseAsync(2023, Li, CancellationToken.None));
    }

    [Fact]
    public async Task Without_a_delay_a_year_closes_at_once_and_not_before_it_has_ended()
    {
        await using RunningLedger ledger = await CreateAsync(0);

        Assert.True((await ledger.Get<YearProposals>().ProposeAsync(2024, Zhang, CancellationToken.None)).MayClose);
        Assert.Equal(2024, await CloseAsync(ledger));
        await RefusedAsync("the year 2025 has not ended: today is 2025-01-10 in China Standard Time",
            () => ledger.Get<YearProposals>().ProposeAsync(2025, Zhang, CancellationToken.None));
    }

    [Fact]
    public async Task Closing_and_taking_back_at_the_same_time_end_in_one_of_the_two()
    {
        await using RunningLedger ledger = await CreateAsync(1);
        YearProposals proposals = ledger.Get<YearProposals>();
        for (int year = 2001; year <= 2020; year++)
        {
            int named = year;
            _clock.Now = Start;
            await proposals.ProposeAsync(named, Zhang, CancellationToken.None);
            _clock.Now = Start.AddHours(1);

            Task<bool>[] both =
            [
                SucceedsAsync(() => proposals.CloseToHospitalsAsync(named, Zhang, CancellationToken.None)),
                SucceedsAsync(() => proposals.TakeBackAsync(named, Li, CancellationToken.None)),
            ];
            await Task.WhenAll(both);

            Assert.Single((bool[])[await both[0], await both[1]], ended => ended);
        }

        static async Task<bool> SucceedsAsync(Func<Task<Act>> act)
        {
            try
            {
                await act();
                return true;
            }
            catch (YearStaysOpenException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Acts_over_the_wire_name_the_caller_and_take_only_what_other_services_do()
    {
        await using ServedLedger served = await ServedLedger.StartAsync(await databases.CreateAsync(), writesPolicyDown: true);
        Metadata zhang = new() { { Claims.Hosting.Identity.Header, Zhang } };
        Metadata eligibility = new() { { Claims.Hosting.Identity.Header, "claims://service/eligibility" } };
        Metadata finance = new() { { Claims.Hosting.Identity.Header, "claims://role/finance/li.na" } };

        await served.Acts.ProposeYearAsync(new ProposeYearRequest { Year = 2020 }, zhang);
        await served.Acts.TakeBackYearAsync(new TakeBackYearRequest { Year = 2020 }, finance);
        await served.Acts.RecordAsync(
            new RecordActRequest { Kind = ActKind.FileImported, Subject = "INSURED", Detail = "a", Caller = Li }, eligibility);
        await served.Funding.SetPlanAsync(
            new SetPlanRequest { County = "410105", Year = 2024, Revision = 1, PlanFen = 7, Actor = "li" }, finance);
        await served.Funding.ReceiveAsync(new ReceiveRequest
        {
            Header = new VoucherHeader { Key = "k", Actor = "li", Memo = "利息" },
            Kind = IncomeKind.IncomeInterest,
            AmountFen = 5,
        }, finance);
        await served.Funding.CloseMonthAsync(new CloseMonthRequest { Month = "2020-01" }, finance);
        await served.Client.CloseYearAsync(new CloseLedgerYearRequest { Year = 2020 }, zhang);

        List<Act> acts = await ListAsync(new ListActsRequest());
        Assert.Equal(ActKind.PolicyInForce, acts[0].Kind);
        Assert.Equal(("zhengzhou", "claims://service/ledger"), (acts[0].Subject, acts[0].Caller));
        Assert.Equal(
            [
                $"YearProposed 2020  {Zhang} ", "YearTakenBack 2020  claims://role/finance/li.na ", $"FileImported INSURED a {Li} ",
                "PlanSet resident/410105/2024/1 7 claims://role/finance/li.na li",
                "VoucherEntered 1 INTEREST_RECEIVED claims://role/finance/li.na li",
                "MonthClosed 2020-01  claims://role/finance/li.na ", $"YearClosed 2020  {Zhang} ",
            ],
            acts.Skip(1).Select(act => $"{act.Kind} {act.Subject} {act.Detail} {act.Caller} {act.Actor}"));
        Assert.Equal(acts[4..], await ListAsync(new ListActsRequest { After = acts[3].ActId }));
        Assert.Equal(acts[5..6], await ListAsync(new ListActsRequest { Kind = ActKind.VoucherEntered }));

        RpcException open = await Assert.ThrowsAsync<RpcException>(() => served.Acts.RecordAsync(
            new RecordActRequest { Kind = ActKind.YearClosedToHospitals, Subject = $"{DateTime.UtcNow.Year + 1}", Caller = Li },
            eligibility).ResponseAsync);
        Assert.Equal(StatusCode.FailedPrecondition, open.StatusCode);
        foreach (RecordActRequest wrong in new RecordActRequest[]
        {
            new() { Kind = ActKind.YearClosed, Subject = "2020", Caller = Li },
            new() { Kind = ActKind.Unspecified, Subject = "2020", Caller = Li },
            new() { Kind = ActKind.YearClosedToHospitals, Subject = "twenty", Caller = Li },
            new() { Kind = ActKind.YearClosedToHospitals, Subject = "9999", Caller = Li },
            new() { Kind = ActKind.FileImported, Subject = "", Caller = Li },
            new() { Kind = ActKind.FileImported, Subject = "x", Caller = "somebody" },
            new() { Kind = ActKind.FileImported, Subject = "x", Caller = Li, Detail = new string('x', 501) },
        })
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => served.Acts.RecordAsync(wrong, eligibility).ResponseAsync);
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        }

        async Task<List<Act>> ListAsync(ListActsRequest request)
        {
            using AsyncServerStreamingCall<Act> call = served.Acts.List(request);
            List<Act> listed = [];
            while (await call.ResponseStream.MoveNext(CancellationToken.None)) listed.Add(call.ResponseStream.Current);
            return listed;
        }
    }

    /// <summary>The books keep the name for good: it is that of the protocol.</summary>
    [Fact]
    public void Kinds_of_acts_have_their_own_names_and_some_are_those_of_other_services()
    {
        ActKind[] kinds = [.. Enum.GetValues<ActKind>().Where(kind => kind != ActKind.Unspecified)];

        Assert.Equal(kinds.Select(kind => string.Concat(kind.ToString().Select((letter, at) =>
            at > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{char.ToUpperInvariant(letter)}"))), kinds.Select(ActKinds.Text));
        Assert.Equal(kinds, kinds.Select(kind => ActKinds.Of(ActKinds.Text(kind))));
        Assert.Equal(ActKind.Unspecified, ActKinds.Of("OF_A_NEWER_PROGRAM"));
        Assert.Equal(
            [
                ActKind.FileImported, ActKind.InsuredMerged, ActKind.InsuredParted, ActKind.InsuredRestored, ActKind.ShardRebuilt,
                ActKind.YearClosedToHospitals,
            ],
            kinds.Where(ActKinds.IsOfOthers).OrderBy(kind => kind.ToString(), StringComparer.Ordinal));
    }

    [Fact]
    public async Task Policy_that_comes_into_force_is_written_down_once()
    {
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres);
        NpgsqlDataSource database = ledger.Get<NpgsqlDataSource>();

        foreach (string hash in (string[])["aa", "aa", "bb", "aa"])
            await new PolicyInForce(database, ledger.Get<ActBook>(), LedgerDatabase.Policy with { Hash = hash }).StartAsync(
                CancellationToken.None);

        Assert.Equal(["aa", "bb", "aa"], await ledger.RowsAsync("SELECT detail FROM act ORDER BY act_id"));
    }

    [Fact]
    public async Task Act_cannot_be_changed_and_a_closing_that_was_undone_by_hand_is_noticed()
    {
        string postgres = await databases.CreateAsync();
        await using RunningLedger ledger = RunningLedger.Create(postgres, clock: _clock);
        await ledger.OpenAsync(new PublishedLog(1));
        await CloseAsync(ledger);
        await using Audit audit = new(postgres);
        await audit.ChainAllAsync();
        Assert.Equal("", await audit.FirstBadRowAsync());

        foreach (string change in (string[])["UPDATE act SET caller = 'x'", "DELETE FROM act", "TRUNCATE act"])
            await Assert.ThrowsAsync<PostgresException>(() => ledger.ExecuteAsync(change));
        await audit.TamperAsync("DELETE FROM closed_year");

        Assert.Equal("closed_year 2024 REMOVED", await audit.FirstBadRowAsync());
    }

    [Fact]
    public async Task Links_before_acts_were_written_down_do_not_cover_them()
    {
        await using RunningLedger ledger = RunningLedger.Create(await databases.CreateAsync(), clock: _clock);
        await CloseAsync(ledger);
        await using NpgsqlConnection connection = await ledger.Database.OpenConnectionAsync();

        foreach ((short format, int rows) in new (short, int)[] { (4, 1), (5, 2) })
        {
            using Claims.Ledger.Audit.BatchRows read =
                (await Claims.Ledger.Audit.BatchRows.ReadAsync(connection, [1], format, recent: null, CancellationToken.None))[1];
            Assert.Equal(rows, read.Count);
        }
    }

    private async Task<RunningLedger> CreateAsync(int delayHours) =>
        RunningLedger.Create(await databases.CreateAsync(), clock: _clock, yearCloseDelayHours: delayHours);

    private static Task<int> CloseAsync(RunningLedger ledger) => ledger.ClosedYears.CloseAsync(2024, Li, CancellationToken.None);

    private static Task<Act> CloseToHospitalsAsync(RunningLedger ledger) =>
        ledger.Get<YearProposals>().CloseToHospitalsAsync(2024, Li, CancellationToken.None);

    private static Task<List<string>> ActsAsync(RunningLedger ledger) =>
        ledger.RowsAsync("SELECT concat_ws(' ', kind, subject, caller) FROM act ORDER BY act_id");

    private static async Task RefusedAsync(string sentence, Func<Task> act) =>
        Assert.Equal(sentence, (await Assert.ThrowsAsync<YearStaysOpenException>(act)).Message);
}
