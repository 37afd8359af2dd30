using Claims.Rules;

namespace Adjudication.Tests.Rules;

public sealed class TraceTests
{
    [Theory]
    [InlineData(6_500, "65%", "65.00")]
    [InlineData(4_550, "45.5%", "45.50")]
    [InlineData(4_505, "45.05%", "45.05")]
    [InlineData(5, "0.05%", "0.05")]
    public void Trace_of_a_rate_tells_as_many_decimals_as_it_has(int rateBasisPoints, string told, string paidYuan)
    {
        Terms terms = SampleTerms.Of(rateBasisPoints, deductibleFen: 0, capFen: 30_000);

        string trace = Trace.Of(SampleTerms.Calculate(terms, new FeeParts(0, 0, 0, 10_000), capUsedFen: 0, borneFen: 0));

        Assert.Contains($"支付比例{told}：（100.00－0.00）×{told}＝{paidYuan}元", trace, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, long, long, long, long, string> Shapes => new()
    {
        {
            "deductible borne in full by this visit", "Other", 12_345, 10_000, 1_234, 0,
            "一、费用总额123.45元，其中全自费23.45元、政策范围内100.00元，以此为计算基数（类型）。二、起付标准（每日每机构）40.00元，本次负担起付标准40.00元（起付）。" +
            "三、省市县其他等级支付比例55%：（100.00－40.00）×55%＝33.00元（比例）。" +
            "四、年度最高支付限额300.00元，此前已用12.34元，本次未超过限额（限额）。五、统筹基金支付33.00元，个人负担90.45元。"
        },
        {
            "deductible borne in part before", "Province3A", 10_001, 10_000, 0, 2_505,
            "一、费用总额100.01元，其中全自费0.01元、政策范围内100.00元，以此为计算基数（类型）。二、起付标准（每日每机构）30.00元，此前已负担25.05元，本次负担起付标准4.95元（起付）。" +
            "三、省级三级甲等支付比例45%：（100.00－4.95）×45%＝42.77元（比例）。" +
            "四、年度最高支付限额300.00元，此前已用0.00元，本次未超过限额（限额）。五、统筹基金支付42.77元，个人负担57.24元。"
        },
        {
            "deductible borne in full before", "Other", 6_000, 5_000, 100, 4_000,
            "一、费用总额60.00元，其中全自费10.00元、政策范围内50.00元，以此为计算基数（类型）。二、起付标准（每日每机构）40.00元，此前已负担40.00元，本次负担起付标准0.00元（起付）。" +
            "三、省市县其他等级支付比例55%：（50.00－0.00）×55%＝27.50元（比例）。" +
            "四、年度最高支付限额300.00元，此前已用1.00元，本次未超过限额（限额）。五、统筹基金支付27.50元，个人负担32.50元。"
        },
        {
            "visit below the deductible", "Other", 2_600, 2_500, 30_000, 0,
            "一、费用总额26.00元，其中全自费1.00元、政策范围内25.00元，以此为计算基数（类型）。二、起付标准（每日每机构）40.00元，本次负担起付标准25.00元（起付）。" +
            "三、省市县其他等级支付比例55%：（25.00－25.00）×55%＝0.00元（比例）。" +
            "四、年度最高支付限额300.00元，此前已用300.00元，本次未超过限额（限额）。五、统筹基金支付0.00元，个人负担26.00元。"
        },
        {
            "no deductible, cut by the cap", "Grassroots", 20_000, 10_000, 29_000, 0,
            "一、费用总额200.00元，其中全自费100.00元、政策范围内100.00元，以此为计算基数（类型）。二、基层医疗机构不设起付标准（起付）。" +
            "三、基层医疗机构支付比例65%：（100.00－0.00）×65%＝65.00元（比例）。" +
            "四、年度最高支付限额300.00元，此前已用290.00元，本次只能支付剩余的10.00元（限额）。五、统筹基金支付10.00元，个人负担190.00元。"
        },
        {
            "cap used up", "Grassroots", 20_000, 10_000, 30_000, 0,
            "一、费用总额200.00元，其中全自费100.00元、政策范围内100.00元，以此为计算基数（类型）。二、基层医疗机构不设起付标准（起付）。" +
            "三、基层医疗机构支付比例65%：（100.00－0.00）×65%＝65.00元（比例）。" +
            "四、年度最高支付限额300.00元，此前已用300.00元，限额已用完，本次不再支付（限额）。五、统筹基金支付0.00元，个人负担200.00元。"
        },
        {
            "allowance", "Delivery", 523_456, 77, 30_000, 5,
            "一、生育医疗补助定额1000.00元，费用总额5234.56元，按两者中较低者支付，不设起付标准，不占门诊统筹年度限额（类型）。二、统筹基金支付1000.00元，个人负担4234.56元。"
        },
        {
            "allowance where nobody limits a year", "DeliveryAlone", 523_456, 77, 0, 0,
            "一、生育医疗补助定额1000.00元，费用总额5234.56元，按两者中较低者支付，不设起付标准（类型）。二、统筹基金支付1000.00元，个人负担4234.56元。"
        },
        {
            "allowance above the total", "Delivery", 99_907, 0, 0, 0,
            "一、生育医疗补助定额1000.00元，费用总额999.07元，按两者中较低者支付，不设起付标准，不占门诊统筹年度限额（类型）。二、统筹基金支付999.07元，个人负担0.00元。"
        },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Trace_of_each_shape_is_word_for_word(
        string shape, string terms, long totalFen, long inScopeFen, long capUsedFen, long borneFen, string told)
    {
        string trace = Trace.Of(SampleTerms.Calculate(
            Named(terms), new FeeParts(totalFen - inScopeFen, 0, 0, inScopeFen), capUsedFen, borneFen));

        Assert.True(told == trace, $"{shape}: {trace}");
    }

    private static Terms Named(string terms) => terms switch
    {
        "Other" => SampleTerms.Of(5_500, 4_000, 30_000),
        "Province3A" => SampleTerms.Of(4_500, 3_000, 30_000, facilityClass: "province_3a", facilityLabel: "省级三级甲等"),
        "Grassroots" => SampleTerms.Of(6_500, 0, 30_000, facilityClass: "grassroots", facilityLabel: "基层医疗机构"),
        "Delivery" => SampleTerms.Of(0, 0, 30_000, 100_000),
        "DeliveryAlone" => SampleTerms.Rebuilt(SampleTerms.Of(0, 0, 30_000, 100_000) with { Limits = [] }),
        _ => throw new ArgumentOutOfRangeException(nameof(terms), terms, null),
    };
}
