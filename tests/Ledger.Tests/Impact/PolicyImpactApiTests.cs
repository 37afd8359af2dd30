using System.Text;
using Claims.Policy;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Ledger.Tests.Impact;

/// <summary>Another policy over the wire, as a bureau's own program asks for it: files in, settlements and sums out.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class PolicyImpactApiTests(LedgerDatabase databases) : IAsyncLifetime
{
    private static readonly string Present = Path.Combine(AppContext.BaseDirectory, "policy");

    private readonly PublishedLog _log = new(2);
    private RunningLedger _books = null!;
    private ServedLedger _served = null!;
    private string _postgres = "";

    public async Task InitializeAsync()
    {
        _postgres = await databases.CreateAsync();
        _books = RunningLedger.Create(_postgres);
        await _books.OpenAsync(_log);
        _served = await ServedLedger.StartAsync(_postgres);
    }

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        await _books.DisposeAsync();
    }

    [Fact]
    public async Task Pack_that_raises_the_cap_pays_what_the_cap_had_cut()
    {
        Visit(0, "S-1", inScopeFen: 40_000, fundPayFen: 26_000);
        Visit(0, "S-2", inScopeFen: 20_000, fundPayFen: 4_000);
        Visit(1, "S-3", inScopeFen: 10_000, fundPayFen: 6_500);
        await _books.BookAsync(_log);
        ImpactRequest request = Request("2025-01-01", text => text.Replace("value: 300", "value: 400", StringComparison.Ordinal));

        List<ImpactNews> news = await AskAsync(request);

        Assert.Equal(new ImpactPack { City = "zhengzhou", Hash = news[0].Pack.Hash }, news[0].Pack);
        Assert.NotEqual(PolicyLoader.Load(Present, "zhengzhou").Hash, news[0].Pack.Hash);
        DifferingSettlement one = Assert.Single(
            news.Where(one => one.Settlements is not null).SelectMany(one => one.Settlements.Settlements));
        Assert.Equal(
            new DifferingSettlement
            {
                Shard = 0,
                Sequence = 2,
                SettlementId = "S-2",
                FacilityCode = "H1",
                InsuredId = "P-0",
                VisitDate = "2025-03-02",
                PolicyIdBefore = "zhengzhou-outpatient@2025-01-01",
                PolicyIdAfter = "zhengzhou-outpatient@2025-01-01",
                FundPaidBeforeFen = 4_000,
                FundPaidAfterFen = 13_000,
            },
            one);
        ImpactSum sum = new() { Settlements = 3, Differing = 1, FundPaidBeforeFen = 36_500, FundPaidAfterFen = 45_500 };
        ImpactSum policy = sum.Clone();
        policy.PolicyId = "zhengzhou-outpatient@2025-01-01";
        Assert.Equal(new ImpactTotals { Total = sum, Policies = { policy } }, news[^1].Totals);
    }

    [Fact]
    public async Task Present_pack_differs_in_nothing_and_has_the_hash_of_the_directory()
    {
        Visit(0, "S-1", inScopeFen: 10_000, fundPayFen: 6_500);
        await _books.BookAsync(_log);

        List<ImpactNews> news = await AskAsync(Request("2025-01-01", text => text));

        Assert.Equal((2, PolicyLoader.Load(Present, "zhengzhou").Hash), (news.Count, news[0].Pack.Hash));
        Assert.Equal((1L, 0L), (news[1].Totals.Total.Settlements, news[1].Totals.Total.Differing));
    }

    [Fact]
    public async Task Faults_of_the_pack_are_the_whole_answer_each_by_file_and_line()
    {
        PackFaults faults = Assert.Single(
            await AskAsync(Request("2025-01-01", _ => "city: zhengzhou\ninstrument: outpatient\nfavourite_colour: green\n"))).Faults;

        Assert.All(faults.Faults, fault => Assert.StartsWith("zhengzhou-outpatient.yaml:", fault, StringComparison.Ordinal));
        Assert.Contains(faults.Faults, fault => fault.Contains("favourite_colour", StringComparison.Ordinal));
        ImpactRequest incomplete = Request("2025-01-01", text => text);
        incomplete.City = "xinzhou";
        Assert.StartsWith("xinzhou: ", Assert.Single(Assert.Single(await AskAsync(incomplete)).Faults.Faults), StringComparison.Ordinal);
        incomplete.City = "nowhere";
        Assert.Equal("There is no nowhere-outpatient.yaml among the files.",
            Assert.Single(Assert.Single(await AskAsync(incomplete)).Faults.Faults));
    }

    [Fact]
    public async Task Request_that_is_none_is_refused_by_field()
    {
        ImpactRequest noDay = Request("2025-02-30", text => text);
        ImpactRequest noCity = Request("2025-01-01", text => text);
        noCity.City = "";
        ImpactRequest twice = Request("2025-01-01", text => text);
        twice.Files.Add(twice.Files[0]);
        ImpactRequest noFiles = new() { City = "zhengzhou", From = "2025-01-01" };

        foreach ((ImpactRequest request, string field) in new[] { (noDay, "from"), (noCity, "city"), (twice, "twice"), (noFiles, "files") })
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => AskAsync(request));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.Contains(field, refused.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Books_that_disagree_with_themselves_are_data_lost()
    {
        SettledClaim settled = Visit(0, "S-1", inScopeFen: 10_000, fundPayFen: 6_500);
        _log.AddMirror(settled, SettledClaim.Types.Kind.Restoration);
        await _books.BookAsync(_log);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => AskAsync(Request("2025-01-01", text => text)));

        Assert.Equal(
            (StatusCode.DataLoss, "the books do not agree with themselves: entry 2 of shard 0 undoes S-1, which has not been cancelled"),
            (refused.StatusCode, refused.Status.Detail));
    }

    [Fact]
    public async Task Pack_that_tells_people_apart_asks_the_registry_who_they_are()
    {
        Visit(0, "S-1", inScopeFen: 40_000, fundPayFen: 26_000);
        Visit(0, "S-2", inScopeFen: 20_000, fundPayFen: 4_000);
        Visit(1, "S-3", inScopeFen: 40_000, fundPayFen: 26_000);
        Visit(1, "S-4", inScopeFen: 20_000, fundPayFen: 4_000);
        await _books.BookAsync(_log);
        ImpactRequest request = Request("2025-01-01", WithMinors);

        RpcException withoutRegistry = await Assert.ThrowsAsync<RpcException>(() => AskAsync(request));
        await _served.DisposeAsync();
        _served = await ServedLedger.StartAsync(_postgres, eligibility: new Births { ["P-0"] = 20_070_303, ["P-1"] = 20_070_302 });
        List<ImpactNews> news = await AskAsync(request);

        Assert.Equal(StatusCode.FailedPrecondition, withoutRegistry.StatusCode);
        Assert.Contains("Claims:EligibilityAddress", withoutRegistry.Status.Detail, StringComparison.Ordinal);
        DifferingSettlement one = Assert.Single(
            news.Where(one => one.Settlements is not null).SelectMany(one => one.Settlements.Settlements));
        Assert.Equal(("S-2", 4_000L, 13_000L), (one.SettlementId, one.FundPaidBeforeFen, one.FundPaidAfterFen));
    }

    /// <summary>Once in a second at most: a bureau's million settlements are a thousand portions.</summary>
    [Theory]
    [InlineData(0, new long[0])]
    [InlineData(1, new long[] { 1_000, 1_002 })]
    public async Task Progress_is_told_of_the_portions_between_which_a_second_has_passed(int seconds, long[] told)
    {
        await _books.BookAsync(_log.AddSettlements(501));
        await using ServedLedger served =
            await ServedLedger.StartAsync(_postgres, time: new LeapingClock(TimeSpan.FromSeconds(seconds)));
        using AsyncServerStreamingCall<ImpactNews> call = served.Impact.Calculate(Request("2024-01-01", text => text));

        Assert.Equal(told, await call.ResponseStream.ReadAllAsync().Where(news => news.Progress is not null)
            .Select(news => news.Progress.Entries).ToArrayAsync());
    }

    /// <summary>Whoever is below eighteen has a higher cap.</summary>
    private static string WithMinors(string outpatient) => outpatient
        .Replace("\nbenefits:", """

            person_classes:
              minor: {number: 1, label: 未成年人, when: {age_below: 18}}
              adult: {number: 2, label: 其他居民, when: {}}

            benefits:
            """, StringComparison.Ordinal)
        .Replace("of: fund_pay\n", "of: fund_pay\n        by: [person_class]\n", StringComparison.Ordinal)
        .Replace("value: 300", "rows: {minor: 400, adult: 300}", StringComparison.Ordinal);

    private static ImpactRequest Request(string from, Func<string, string> outpatient) => new()
    {
        City = "zhengzhou",
        From = from,
        Files =
        {
            Directory.EnumerateFiles(Present, "*.yaml").Order(StringComparer.Ordinal).Select(path => new PackFile
            {
                Name = Path.GetFileName(path),
                Content = Path.GetFileName(path) == "zhengzhou-outpatient.yaml"
                    ? ByteString.CopyFrom(outpatient(File.ReadAllText(path)), Encoding.UTF8)
                    : ByteString.CopyFrom(File.ReadAllBytes(path)),
            }),
        },
    };

    /// <summary>Of one insured a shard, at the grassroots, in March 2025.</summary>
    private SettledClaim Visit(int shard, string settlementId, long inScopeFen, long fundPayFen) => _log.AddSettlement(shard, record =>
    {
        (record.SettlementId, record.FacilityCode, record.InsuredId) = (settlementId, "H1", $"P-{shard}");
        record.VisitDate = $"2025-03-0{record.Sequence}";
        record.PolicyId = "zhengzhou-outpatient@2025-01-01";
        record.SettledAtUnixMs = new DateTimeOffset(2025, 3, 9, 12, 0, 0, TimeSpan.FromHours(8)).ToUnixTimeMilliseconds();
        (record.TotalFen, record.FullSelfPayFen, record.InScopeFen, record.FundPayFen) = (inScopeFen, 0, inScopeFen, fundPayFen);
        (record.CapUsedBeforeFen, record.CapUsedAfterFen) = (0, fundPayFen);
    });

    private async Task<List<ImpactNews>> AskAsync(ImpactRequest request)
    {
        using AsyncServerStreamingCall<ImpactNews> call = _served.Impact.Calculate(request);
        List<ImpactNews> news = [];
        await foreach (ImpactNews one in call.ResponseStream.ReadAllAsync()) if (one.Progress is null) news.Add(one);
        return news;
    }

    /// <summary>A registry that knows when each insured was born: yyyymmdd.</summary>
    private sealed class Births : Eligibility.EligibilityClient
    {
        private readonly Dictionary<string, int> _births = [];

        public int this[string insuredId]
        {
            set => _births[insuredId] = value;
        }

        public override AsyncUnaryCall<LookupReply> LookupAsync(LookupRequest request, CallOptions options)
        {
            LookupReply reply = new();
            foreach ((int position, string id) in request.InsuredIds.Index())
            {
                Enrolment enrolment = new() { PlanYear = 2025, County = "410105", Paid = true, BirthDate = _births[id] };
                reply.Enrolled.Add(new Enrolled { Position = position, Enrolments = { enrolment } });
            }

            return new AsyncUnaryCall<LookupReply>(
                Task.FromResult(reply), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }
    }
}
