using System.Reflection;
using Claims.Policy;
using Claims.Rules;

namespace Adjudication.Tests.Rules;

public sealed class ReasonsTests
{
    /// <summary>Codes whose sentence is written where they arise, since it names a field or a line.</summary>
    private static readonly string[] WithoutSentence =
        ["INVALID_REQUEST", "DUPLICATE_LINE_ID", "LINE_AMOUNT_MISMATCH", "ITEM_UNKNOWN", "ITEM_NOT_IN_FORCE"];

    private static readonly Dictionary<string, string> Sentences = new(StringComparer.Ordinal)
    {
        ["VISIT_IN_FUTURE"] = "就诊日期晚于今天，请核对就诊日期。",
        ["AMOUNTS_DO_NOT_ADD_UP"] = "全自费、超限价、先行自付与政策范围内金额之和不等于费用总额，请核对费用后重新上传。",
        ["RECORDS_LOST"] = "该参保人以往的结算记录在系统中缺失，为防止重复支付暂停为其办理，请联系医保经办机构；恢复后以原请求编号重新提交。",
        ["FACILITY_UNKNOWN"] = "医疗机构编码不存在，请核对定点医疗机构编码。",
        ["FACILITY_NOT_POOLED"] = "该机构在就诊日期未开通居民医保门诊统筹，本次费用不能由门诊统筹支付。",
        ["INSURED_UNKNOWN"] = "查无此参保人，请核对人员编号或医保电子凭证。",
        ["NOT_COVERED_ON_DATE"] = "参保人在就诊日期不在居民医保待遇享受期内，请核对参保缴费情况。",
        ["WRONG_SCHEME"] = "参保人不属于城乡居民医保，请按其所参加的险种结算。",
        ["OUTSIDE_POOLING_AREA"] = "参保地不在本市市级统筹范围内，请按参保地规定办理。",
        ["IN_WAITING_PERIOD"] = "参保人尚在待遇等待期内，等待期内的费用统筹基金不予支付。",
        ["NO_POLICY_IN_FORCE"] = "系统中没有就诊日期适用的门诊统筹政策，不能结算，请联系医保经办机构。",
        ["VISIT_TYPE_NOT_COVERED"] = "该就诊类型在就诊日期不属于门诊统筹支付范围。",
        ["DUPLICATE_CONFLICT"] = "该请求编号已用于内容不同的请求，原请求仍然有效。请先按请求编号查询原结算；确需更正的，先撤销原结算，再以新编号提交。",
        ["REQUEST_CANCELLED"] = "该请求的结算已撤销，如需再次结算请使用新的请求编号。",
        ["REQUEST_REVERSED"] = "该请求已被冲正，如需结算请使用新的请求编号。",
        ["SETTLEMENT_UNKNOWN"] = "未找到该笔结算，请核对结算编号或请求编号。",
        ["ALREADY_CANCELLED"] = "该笔结算已撤销或冲正，无需重复办理。",
        ["CANCEL_BLOCKED_BY_LATER_SETTLEMENT"] = "该参保人之后还有共用同一起付标准的有效结算，请先撤销之后的结算，再撤销本笔。",
        ["RESTORE_IMPOSSIBLE"] = "撤销之后限额、起付标准、本次就诊或定额补助已被其他结算占用，原结算不能恢复；确需结算的，请重新提交。",
        ["YEAR_CLOSED"] = "就诊年度已年终结账，不能再办理该年度的结算、撤销或冲正，请联系医保经办机构。",
        ["CAP_REACHED"] = "统筹基金支付已达最高支付限额，超出部分由个人负担。",
        ["CAP_EXHAUSTED"] = "最高支付限额已用完，本次费用由个人负担。",
        ["VISIT_ALREADY_SETTLED"] = "本次就诊已有有效结算，不能重复结算；确需更正的，请先撤销原结算。",
        ["ALLOWANCE_ALREADY_PAID"] = "该参保人在规定期限内已享受该项定额补助，本次不予支付。",
    };

    public static TheoryData<string> Codes => [.. Sentences.Keys];

    [Theory]
    [MemberData(nameof(Codes))]
    public void TextOf_code_is_its_own_sentence(string code)
    {
        Assert.Equal(Sentences[code], Reasons.TextOf(code));
        Assert.Equal(new Refusal(code, Sentences[code]), Refusal.Of(code));
    }

    // What is left of the cap of the month, of the year and of visits; each is 100, the last 5.
    [Theory]
    [InlineData("CAP_REACHED", 30, 20, 5, "统筹基金支付已达2024年度最高支付限额，超出部分由个人负担。")]
    [InlineData("CAP_REACHED", 20, 30, 5, "统筹基金支付已达月度最高支付限额（甲类），超出部分由个人负担。")]
    [InlineData("CAP_REACHED", 20, 20, 1, "统筹基金支付已达2024年度最高支付限额，超出部分由个人负担。")]
    [InlineData("CAP_EXHAUSTED", 0, 20, 5, "月度最高支付限额（甲类）已用完，本次费用由个人负担。")]
    [InlineData("CAP_EXHAUSTED", 20, 0, 5, "2024年度门诊统筹最高支付限额已用完，本次费用由个人负担。")]
    [InlineData("CAP_EXHAUSTED", 0, -10, 0, "2024年度门诊统筹最高支付限额已用完，本次费用由个人负担。")]
    [InlineData("CAP_EXHAUSTED", 20, 30, 0, "2024年度支付次数限额已用完，本次费用由个人负担。")]
    [InlineData("YEAR_CLOSED", 0, 0, 0, "就诊年度已年终结账，不能再办理该年度的结算、撤销或冲正，请联系医保经办机构。")]
    [InlineData("", 0, 0, 0, "")]
    public void TextOf_a_cap_names_the_one_that_cut_and_its_year(string code, long month, long year, long visits, string text)
    {
        Terms terms = SampleTerms.Of(5_500, 0, 100) with
        {
            Limits =
            [
                Limit("day", "单日费用限额", LimitKind.Cost, Period.Day),
                Limit("month", "月度最高支付限额（甲类）", LimitKind.FundPay, Period.Month),
                Limit("year", "年度最高支付限额", LimitKind.FundPay, Period.Year) with { IsAnnualCap = true },
                Limit("times", "年度支付次数限额", LimitKind.Count, Period.Year),
            ],
        };
        LimitUse[] uses = [new(100, 100, 0), new(100, 100 - month, 0), new(100, 100 - year, 0), new(5, 5 - visits, 0)];

        Assert.Equal(text, Reasons.TextOf(code, terms, uses, 2024));

        static LimitTerms Limit(string name, string label, LimitKind kind, Period per) =>
            new(name, label, kind, per, AtFacility: false, name, 100, "源", IsAnnualCap: false);
    }

    [Fact]
    public void TextOf_no_code_is_no_sentence() => Assert.Equal("", Reasons.TextOf(""));

    [Fact]
    public void Every_code_of_the_contract_has_a_sentence_here() => Assert.Equal(
        Sentences.Keys.Concat(WithoutSentence).Order(StringComparer.Ordinal),
        typeof(Reasons).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral)
            .Select(field => (string)field.GetRawConstantValue()!).Order(StringComparer.Ordinal));

    [Fact]
    public void Invalid_names_the_field_and_why() =>
        Assert.Equal(new Refusal("INVALID_REQUEST", "请求字段 visit_date 缺失。"), Refusal.Invalid("visit_date", "缺失。"));
}
