using System.Text.Json;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Gateway.Tests;

/// <summary>What a clerk looks up before a visit is entered.</summary>
[Collection(nameof(RunningGateway))]
public sealed class InsuredRoutesTests
{
    [Fact]
    public async Task Insured_is_looked_up_for_the_visits_day_and_the_cap_of_its_year()
    {
        FindInsuredRequest? asked = null;
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        clinic.Eligibility.Find = request =>
        {
            asked = request;
            return new InsuredCard { NameMasked = "张*丰", Scheme = "resident", County = "410105", CountyName = "金水区" };
        };

        JsonElement insured = (await clinic.GetAsync("/clinic/insured/P1?date=2024-12-31")).Json;

        Assert.Equal(new FindInsuredRequest { InsuredId = "P1", Date = "2024-12-31" }, asked);
        Assert.Equal<IMessage>(
            [
                new SettleRequest
                {
                    RequestId = "INSURED-LOOKUP", FacilityCode = FakeEligibility.FacilityCode, InsuredId = "P1", VisitDate = "2024-12-31",
                    VisitType = VisitType.Ordinary, TotalFen = 1, InScopeFen = 1,
                },
                new GetAccumulatorsRequest { InsuredId = "P1", Year = 2024 },
            ],
            clinic.Asked);
        Assert.Equal("""P1 张*丰 True   resident 410105 金水区 30000 0 0 True True""", Said(insured));
    }

    [Theory]
    [InlineData("WRONG_SCHEME", true)]
    [InlineData("", false)]
    public async Task Insured_who_is_not_covered_is_told_why_and_a_cap_that_is_not_known_is_none(string whyUnknown, bool capped)
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync(
            (request, _) => Task.FromResult<IMessage>(request switch
            {
                GetAccumulatorsRequest => new Accumulators { FundPaidFen = 700, ReasonCode = whyUnknown },
                _ => new SettleReply { Decision = Decision.Refused, ReasonCode = "WRONG_SCHEME", ReasonText = "职工医保" },
            }),
            _ => { });
        await clinic.LogInAsync();

        Assert.Equal($"P1 张*丰 False WRONG_SCHEME 职工医保 resident 410105 金水区 null 700 null False {capped}",
            Said((await clinic.GetAsync("/clinic/insured/P1")).Json));
    }

    [Fact]
    public async Task Catalogue_is_searched_for_the_visits_day_and_at_most_fifty_items()
    {
        List<SearchCatalogueRequest> asked = [];
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        clinic.Eligibility.Search = request =>
        {
            asked.Add(request);
            return new CatalogueMatches
            {
                Items =
                {
                    new CatalogueMatch { ItemCode = "A", ItemClass = ItemClass.ClassA },
                    new CatalogueMatch
                    {
                        ItemCode = "B", Name = "名", PinyinInitials = "m", ItemClass = ItemClass.ClassB, FirstSelfPayBasisPoints = 1000,
                        PriceLimitMilliFen = 0,
                    },
                    new CatalogueMatch { ItemCode = "C", ItemClass = ItemClass.ClassC },
                },
            };
        };

        JsonElement found = (await clinic.GetAsync("/clinic/catalogue?q=m&date=2024-12-31")).Json;
        Assert.Equal(["A   甲 0 null", "B 名 m 乙 1000 0", "C   丙 0 null"], found.GetProperty("items").EnumerateArray().Select(Said));
        Assert.Equal(200, (await clinic.GetAsync("/clinic/catalogue?q=m&date=2024-12-31&limit=50")).Status);
        foreach (string limit in (string[])["0", "51", "x", "-1"])
            Assert.Equal(400, (await clinic.GetAsync($"/clinic/catalogue?q=m&limit={limit}")).Status);

        Assert.Equal([20, 50], asked.Select(request => request.Limit));
        Assert.All(asked, request => Assert.Equal(("m", "2024-12-31"), (request.Query, request.Date)));
    }

    [Fact]
    public async Task Look_up_that_cannot_be_one_is_refused_here_and_one_that_the_registry_refuses_is_told_in_Chinese()
    {
        await using ClinicAtPage clinic = await ClinicAtPage.StartAsync();
        await clinic.LogInAsync();
        int asked = 0;
        clinic.Eligibility.Find = _ => throw new RpcException(new Status(StatusCode.InvalidArgument, $"insured_id is no id {++asked}"));
        clinic.Eligibility.Search = _ => throw new RpcException(new Status(StatusCode.InvalidArgument, $"query is none {++asked}"));

        Assert.Equal("人员编号应为 1 至 30 个字符。", await RefusedAsync($"/clinic/insured/{new string('P', 31)}"));
        Assert.Equal("日期（date）应为 yyyy-MM-dd 形式。", await RefusedAsync("/clinic/insured/P1?date=3000-01-01"));
        Assert.Equal("查询内容（q）不超过 40 个字符。", await RefusedAsync($"/clinic/catalogue?q={new string('q', 41)}"));
        Assert.Equal("""{"items":[]}""", (await clinic.GetAsync("/clinic/catalogue?q=%20")).Body);
        Assert.Equal(0, asked);
        Assert.Equal("查询内容有误，请核对后重新输入。", await RefusedAsync($"/clinic/insured/{new string('P', 30)}"));
        Assert.Equal("查询内容有误，请核对后重新输入。", await RefusedAsync($"/clinic/catalogue?q={new string('q', 40)}"));
        Assert.Equal(2, asked);

        async Task<string> RefusedAsync(string path)
        {
            ClinicAnswer answer = await clinic.GetAsync(path);
            Assert.Equal(400, answer.Status);
            return answer.Text;
        }
    }

    private static string Said(JsonElement reply) => string.Join(' ', reply.EnumerateObject().Select(field =>
        field.Value.ValueKind is JsonValueKind.Null ? "null" : field.Value.ToString()));
}
