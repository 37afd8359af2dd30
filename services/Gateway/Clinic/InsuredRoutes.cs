using System.Globalization;
using Claims.Hosting;
using Claims.V1;
using Grpc.Core;
using AdjudicationClient = Claims.V1.Adjudication.AdjudicationClient;
using RegistryClient = Claims.V1.ClinicRegistry.ClinicRegistryClient;

namespace Claims.Gateway.Clinic;

/// <param name="Covered">Whether an ordinary visit to this clinic on the day would be settled.</param>
/// <param name="Reason">Why not; or CAP_EXHAUSTED.</param>
/// <param name="Text">The same in Chinese.</param>
/// <param name="CapFen">Of the year; null where it is not known, or there is none.</param>
/// <param name="Capped">False where the policy limits no year: then nothing of it can be left.</param>
internal sealed record InsuredReply(string InsuredId, string NameMasked, bool Covered, string Reason, string Text, string Scheme,
    string County, string CountyName, long? CapFen, long UsedFen, long? CapRemainingFen, bool CapRemainingKnown, bool Capped);

/// <param name="PriceLimitMilliFen">Null where there is none.</param>
internal sealed record ItemReply(
    string ItemCode, string Name, string PinyinInitials, string Class, int FirstSelfPayBasisPoints, long? PriceLimitMilliFen);

internal sealed record CatalogueReply(IReadOnlyList<ItemReply> Items);

/// <summary>What a clerk looks up before a visit is entered: the insured, and items of the catalogue.</summary>
internal sealed class InsuredRoutes(
    RegistryClient registry, AdjudicationClient adjudication, UnknownInsured unknown, TimeProvider time) : IPageRoutes
{
    private const int MostItems = 50;
    private const int UsualItems = 20;
    private const int MostIdCharacters = 30;
    private const int MostQueryCharacters = 40;

    public void Map(PageRoutes routes)
    {
        routes.Get("/clinic/insured/{id}", InsuredAsync);
        routes.Get("/clinic/catalogue", CatalogueAsync);
    }

    /// <summary>Whether somebody is covered is not worked out here: the smallest visit is quoted, and the answer is what a settlement on
    /// that day would be told.</summary>
    private async Task<Answer> InsuredAsync(HttpContext context)
    {
        string id = ((string?)context.Request.RouteValues["id"] ?? "").Trim();
        if (id.Length is 0 or > MostIdCharacters) return Answer.Malformed($"人员编号应为 1 至 {MostIdCharacters} 个字符。");
        if (PageRequests.DayOf(context.Query("date"), time) is not { } day) return PageRequests.NoDay("date");
        string clinic = context.FacilityCode();
        if (unknown.Wait(clinic) is { } seconds)
        {
            return Answer.Of(StatusCodes.Status429TooManyRequests, "TOO_MANY_UNKNOWN_INSURED",
                $"本机构一小时内查询了过多不存在的人员编号，请约 {(seconds + 59) / 60} 分钟后再试，并核对人员编号。") with
            { RetryAfterSeconds = seconds };
        }

        Metadata behalf = context.OnBehalf();
        string date = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        InsuredCard card;
        try
        {
            card = await registry.FindInsuredAsync(new FindInsuredRequest { InsuredId = id, Date = date }, behalf);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
        {
            unknown.Count(clinic);
            return Answer.Of(StatusCodes.Status404NotFound, "INSURED_UNKNOWN", "查无此参保人，请核对人员编号或社保卡号后重新输入。");
        }

        SettleReply quote = await adjudication.PreSettleAsync(new SettleRequest
        {
            RequestId = "INSURED-LOOKUP",
            FacilityCode = clinic,
            InsuredId = id,
            VisitDate = date,
            VisitType = VisitType.Ordinary,
            TotalFen = 1,
            InScopeFen = 1,
        }, behalf);
        Accumulators year = await adjudication.GetAccumulatorsAsync(new GetAccumulatorsRequest { InsuredId = id, Year = day.Year }, behalf);
        bool covered = quote.Decision == Decision.Quoted;
        return Answer.Reply(new InsuredReply(
            id, card.NameMasked, covered, quote.ReasonCode, quote.ReasonText, card.Scheme, card.County, card.CountyName,
            year.HasCapRemainingFen || year.CapFen > 0 ? year.CapFen : null, year.FundPaidFen,
            year.HasCapRemainingFen ? year.CapRemainingFen : null, year.HasCapRemainingFen,
            year.HasCapRemainingFen || year.ReasonCode.Length > 0));
    }

    private async Task<Answer> CatalogueAsync(HttpContext context)
    {
        string query = context.Query("q");
        if (query.Length > MostQueryCharacters) return Answer.Malformed($"查询内容（q）不超过 {MostQueryCharacters} 个字符。");
        if (PageRequests.DayOf(context.Query("date"), time) is not { } day) return PageRequests.NoDay("date");
        string asked = context.Query("limit");
        int limit = UsualItems;
        if (asked.Length > 0
            && (!int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MostItems))
            return Answer.Malformed($"条数（limit）应为 1 至 {MostItems} 的整数。");
        if (query.Length == 0) return Answer.Reply(new CatalogueReply([]));
        CatalogueMatches matches = await registry.SearchCatalogueAsync(
            new SearchCatalogueRequest { Query = query, Date = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), Limit = limit },
            context.OnBehalf());
        return Answer.Reply(new CatalogueReply([.. matches.Items.Select(item => new ItemReply(
            item.ItemCode, item.Name, item.PinyinInitials, ClassOf(item.ItemClass), item.FirstSelfPayBasisPoints,
            item.HasPriceLimitMilliFen ? item.PriceLimitMilliFen : null))]));
    }

    private static string ClassOf(ItemClass itemClass) => itemClass switch
    {
        ItemClass.ClassA => "甲",
        ItemClass.ClassB => "乙",
        ItemClass.ClassC => "丙",
        _ => "",
    };
}
