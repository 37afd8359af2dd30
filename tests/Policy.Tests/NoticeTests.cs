namespace Claims.Policy.Tests;

/// <summary>What `claims policy show` says of cities of every shape, whole.</summary>
public sealed class NoticeTests
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "policy");
    private static readonly string Invented = Path.Combine(AppContext.BaseDirectory, "cities");

    [Fact]
    public void Zhengzhou_reads_as_its_notice_does() => Assert.Equal(
        """
        机构类别
          省级三级甲等：省级，三级甲等
          基层医疗机构：乡镇、社区、村级
          省市县其他等级：以上各类以外的机构
        普通门诊统筹
          就诊类型：普通门诊 [郑医保〔2023〕6号 三]
          就诊类型：产前检查 [郑医保办〔2024〕60号 三; 豫医保办〔2024〕64号 二]
          起付标准（每日每机构） 省级三级甲等：40元 [郑医保〔2023〕6号 三]
          起付标准（每日每机构） 基层医疗机构：不设 [郑医保〔2023〕6号 三]
          起付标准（每日每机构） 省市县其他等级：40元 [郑医保〔2023〕6号 三]
          支付比例 省级三级甲等：45% [郑医保〔2023〕6号 三]
          支付比例 基层医疗机构：65% [郑医保〔2023〕6号 三]
          支付比例 省市县其他等级：55% [郑医保〔2023〕6号 三]
          年度最高支付限额：300元 [郑医保〔2023〕6号 三]
        生育医疗补助
          就诊类型：剖宫产 [郑医保〔2023〕6号 四]
          就诊类型：自然分娩 [郑医保〔2023〕6号 四]
          定额补助 剖宫产：2000元 [郑医保〔2023〕6号 四]
          定额补助 自然分娩：1000元 [郑医保〔2023〕6号 四]
          再次补助：两次就诊日期相隔不足180天的，后一次不予支付 [郑医保〔2023〕6号 四（裁定 allowance-once）]
        计算
          四舍五入：统筹基金支付的每一部分四舍五入到分 [裁定 round-half-up]
        """,
        Text(Shipped, "zhengzhou"));

    [Theory]
    [InlineData("qingtan", """
        人员类别
          未成年人：就诊时未满18周岁
          老年人：就诊时年满60周岁
          其他居民：以上各类以外的人员
        普通门诊
          就诊类型：普通门诊 [青医保〔2023〕1号 一]
          支付比例 三级：50% [青医保〔2023〕1号 三]
          支付比例 基层：70% [青医保〔2023〕1号 三]
          支付比例 其他：60% [青医保〔2023〕1号 三]
          季度最高支付限额 未成年人：200元 [青医保〔2023〕1号 四]
          季度最高支付限额 老年人：250元 [青医保〔2023〕1号 四]
          季度最高支付限额 其他居民：150元 [青医保〔2023〕1号 四]
        """)]
    [InlineData("baiyan", """
        普通门诊
          就诊类型：普通门诊 [白医保〔2023〕1号 一]
          支付比例 三级：50% [白医保〔2023〕1号 三]
          支付比例 基层：70% [白医保〔2023〕1号 三]
          支付比例 其他：60% [白医保〔2023〕1号 三]
          单日费用限额 三级：100元 [白医保〔2023〕1号 四]
          单日费用限额 基层：50元 [白医保〔2023〕1号 四]
          单日费用限额 其他：80元 [白医保〔2023〕1号 四]
          年度最高支付限额：150元 [白医保〔2023〕1号 四]
        """)]
    [InlineData("hongxi", """
        普通门诊
          就诊类型：普通门诊 [红医保〔2023〕1号 一]
          起付标准（每次） 三级：30元 [红医保〔2023〕1号 二]
          起付标准（每次） 基层：10元 [红医保〔2023〕1号 二]
          起付标准（每次） 其他：20元 [红医保〔2023〕1号 二]
          起付标准年度累计上限：60元 [红医保〔2023〕1号 二]
          支付比例 三级：50% [红医保〔2023〕1号 三]
          支付比例 基层：80% [红医保〔2023〕1号 三]
          支付比例 其他：60% [红医保〔2023〕1号 三]
          年度最高支付限额：100元 [红医保〔2023〕1号 四]
        """)]
    [InlineData("shuangqiao", """
        普通门诊
          就诊类型：普通门诊 [双医保〔2023〕1号 一]
          支付比例 三级：50% [双医保〔2023〕1号 三]
          支付比例 基层：70% [双医保〔2023〕1号 三]
          支付比例 其他：60% [双医保〔2023〕1号 三]
          单次最高支付限额：30元 [双医保〔2023〕1号 四]
          年度支付次数限额：5次 [双医保〔2023〕1号 四]
        """)]
    [InlineData("jinping", """
        人员类别
          未成年人：就诊时未满18周岁
          困难群众：参保类别为destitute、low_income
          其他居民：以上各类以外的人员
        普通门诊
          就诊类型：普通门诊 [锦医保〔2023〕1号 一]
          起付标准（每年）：200元 [锦医保〔2023〕1号 二]
          费用分段（年度累计）：第1段至1000元，第2段1000元以上至3000元，第3段3000元以上 [锦医保〔2023〕1号 三]
          支付比例 未成年人、第1段：70% [锦医保〔2023〕1号 三]
          支付比例 未成年人、第2段：80% [锦医保〔2023〕1号 三]
          支付比例 未成年人、第3段：90% [锦医保〔2023〕1号 三]
          支付比例 困难群众：75% [锦医保〔2023〕1号 三]
          支付比例 其他居民、第1段：50% [锦医保〔2023〕1号 三]
          支付比例 其他居民、第2段：60% [锦医保〔2023〕1号 三]
          支付比例 其他居民、第3段：70% [锦医保〔2023〕1号 三]
          年度最高支付限额：1500元 [锦医保〔2023〕1号 四]
        """)]
    [InlineData("yunmen", """
        普通门诊
          就诊类型：普通门诊 [云医保〔2023〕1号 一]
          起付标准（每月，按比例计算后扣除）：50元 [云医保〔2023〕1号 二]
          支付比例 三级：50% [云医保〔2023〕1号 三]
          支付比例 基层：70% [云医保〔2023〕1号 三]
          支付比例 其他：60% [云医保〔2023〕1号 三]
          年度最高支付限额：300元 [云医保〔2023〕1号 四]
        """)]
    [InlineData("longhe", """
        普通门诊
          就诊类型：普通门诊 [龙医保〔2023〕1号 一]
          支付比例 三级：50% [龙医保〔2023〕1号 三]
          支付比例 基层：70% [龙医保〔2023〕1号 三]
          支付比例 其他：60% [龙医保〔2023〕1号 三]
          年度最高支付限额：300元 [龙医保〔2023〕1号 四]
          年度最高支付限额（其他）：100元 [龙医保〔2023〕1号 五]
          月度最高支付限额：150元 [龙医保〔2023〕1号 六]
        """)]
    [InlineData("haiyan", """
        普通门诊
          就诊类型：普通门诊 [海医保〔2023〕1号 一]
          单次门槛：政策范围内费用不足500元的，不予支付 [海医保〔2023〕1号 二]
          支付比例：60% [海医保〔2023〕1号 三]
          年度最高支付限额：2000元 [海医保〔2023〕1号 四]
        """)]
    [InlineData("meigang", """
        普通门诊
          就诊类型：普通门诊 [梅医保〔2023〕1号 一]
          起付标准（每季度）（与产前检查合并计算）：100元 [梅医保〔2023〕1号 二]
          支付比例：50% [梅医保〔2023〕1号 三]
          年度最高支付限额（与产前检查合并计算）：300元 [梅医保〔2023〕1号 四]
        产前检查
          就诊类型：产前检查 [梅医保〔2023〕1号 一]
          起付标准（每季度）（与普通门诊合并计算）：100元 [梅医保〔2023〕1号 二]
          支付比例：80% [梅医保〔2023〕1号 三]
          年度最高支付限额（与普通门诊合并计算）：300元 [梅医保〔2023〕1号 四]
        生育补助
          就诊类型：自然分娩 [梅医保〔2023〕1号 五]
          定额补助：1000元 [梅医保〔2023〕1号 五]
          再次补助：两次就诊日期相隔不足180天的，后一次不予支付 [梅医保〔2023〕1号 五]
        """)]
    [InlineData("taowan", """
        人员类别
          未成年人：就诊时未满18周岁
          其他居民：以上各类以外的人员
        普通门诊
          就诊类型：普通门诊 [桃医保〔2023〕1号 一]
          起付标准（每日每机构） 省级三级甲等：40元 [桃医保〔2023〕1号 二]
          起付标准（每日每机构） 基层医疗机构：不设 [桃医保〔2023〕1号 二]
          起付标准（每日每机构） 县级：20元 [桃医保〔2023〕1号 二]
          起付标准（每日每机构） 其他等级：40元 [桃医保〔2023〕1号 二]
          支付比例 未成年人：70% [桃医保〔2023〕1号 三]
          支付比例 其他居民、省级三级甲等：45% [桃医保〔2023〕1号 三]
          支付比例 其他居民、基层医疗机构：65% [桃医保〔2023〕1号 三]
          支付比例 其他居民、县级：60% [桃医保〔2023〕1号 三]
          支付比例 其他居民、其他等级：55% [桃医保〔2023〕1号 三]
          年度最高支付限额：300元 [桃医保〔2023〕1号 四]
          月度最高支付限额：100元 [桃医保〔2025〕8号 二]
        """)]
    public void City_of_any_shape_reads_as_a_notice(string city, string notice)
    {
        string text = Text(Invented, city);
        int first = text.IndexOf("\n人员类别", StringComparison.Ordinal);
        if (first < 0) first = text.IndexOf("\n普通门诊", StringComparison.Ordinal);
        Assert.Equal(notice, text[(first + 1)..text.IndexOf("\n计算", StringComparison.Ordinal)]);
    }

    [Fact]
    public void Rounding_is_the_last_word()
    {
        Assert.EndsWith("计算\n  四舍五入：统筹基金支付的每一部分四舍五入到角 [枫医保〔2023〕1号 五]", Text(Invented, "fengling"), StringComparison.Ordinal);
        Assert.EndsWith("计算\n  四舍五入：统筹基金支付的每一部分四舍五入到分", Text(Invented, "lantai"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none", "未定级")]
    [InlineData("1A", "一级甲等")]
    [InlineData("2B", "二级乙等")]
    [InlineData("3C", "三级丙等")]
    public void Grade_of_a_class_reads_as_facilities_write_it(string grade, string text)
    {
        OutpatientPolicy policy = PolicyLoader.Load(Shipped, "zhengzhou").OutpatientOn(new(2025, 8, 1))!;
        FacilityClass graded =
            policy.FacilityClasses[0] with { Label = "某等级", AdminLevels = ["village", "county"], Grades = [grade] };

        NoticeSection classes = Notice.Of(policy with { FacilityClasses = policy.FacilityClasses.SetItem(0, graded) })[0];

        Assert.Equal(new NoticeLine("某等级", $"县级、村级，{text}", ""), classes.Lines[0]);
    }

    [Theory]
    [InlineData(Period.Visit, "")]
    [InlineData(Period.Day, "2025-06-30")]
    [InlineData(Period.Month, "2025-06")]
    [InlineData(Period.Quarter, "2025-Q2")]
    [InlineData(Period.Year, "2025")]
    public void Period_has_the_key_of_its_day(Period period, string key) => Assert.Equal(key, Words.KeyOf(period, new(2025, 6, 30)));

    [Theory]
    [InlineData(1, "2025-Q1")]
    [InlineData(3, "2025-Q1")]
    [InlineData(4, "2025-Q2")]
    [InlineData(9, "2025-Q3")]
    [InlineData(10, "2025-Q4")]
    [InlineData(12, "2025-Q4")]
    public void Quarter_is_of_three_months(int month, string key) => Assert.Equal(key, Words.KeyOf(Period.Quarter, new(2025, month, 1)));

    private static string Text(string directory, string city) => string.Join('\n',
        Notice.Of(PolicyLoader.Load(directory, city).OutpatientOn(new(2025, 8, 1))!).SelectMany(section => section.Lines
            .Select(line => $"  {line.Item}：{line.Value}{(line.Source.Length > 0 ? $" [{line.Source}]" : "")}").Prepend(section.Title)));
}
