using System.Text;
using Claims.Gateway;
using Claims.V1;

namespace Gateway.Tests;

public sealed class RequestJsonTests
{
    [Theory]
    [InlineData("""{"requestId":"R1","totalFen":12000,"visitType":"ORDINARY","lines":[{"lineId":"1","amountFen":"700"}]}""")]
    [InlineData(
        """{"request_id":"R1","total_fen":"12000","visit_type":1,"lines":[{"line_id":"1","amount_fen":700}],"overLimitFen":null}""")]
    public void Request_is_read_by_either_name_of_a_field_and_integers_in_either_form(string json)
    {
        SettleRequest expected = new()
        {
            RequestId = "R1",
            TotalFen = 12000,
            VisitType = VisitType.Ordinary,
            Lines = { new FeeLine { LineId = "1", AmountFen = 700 } },
        };

        Assert.Equal((expected, null), Read<SettleRequest>(json));
    }

    [Fact]
    public void Amount_beyond_a_double_is_exact_as_a_string_and_refused_as_a_number()
    {
        Assert.Equal(9_007_199_254_740_993, Read<SettleRequest>("""{"totalFen":"9007199254740993"}""").Request!.TotalFen);
        Assert.Equal("请求字段 totalFen 的数字超过 15 位，请加引号写成字符串。", Read<SettleRequest>("""{"totalFen":9007199254740993}""").Fault);
    }

    [Theory]
    [InlineData("""{"colour":"red"}""", "请求字段 colour 不是本接口的字段，请核对字段名。")]
    [InlineData("""{"lines":[{},{"colour":"red"}]}""", "请求字段 lines[1].colour 不是本接口的字段，请核对字段名。")]
    [InlineData("""{"requestId":"R1","totalFen":1,"requestId":"R2"}""", "请求字段 requestId 重复出现，请只保留一个。")]
    [InlineData("""{"requestId":"R1","request_id":"R1"}""", "请求字段 request_id 重复出现，请只保留一个。")]
    [InlineData("""{"lines":[{"lineId":"1","lineId":"2"}]}""", "请求字段 lines[0].lineId 重复出现，请只保留一个。")]
    [InlineData("""{"totalFen":"twelve"}""", "请求字段 totalFen 的值有误，应为整数，单位为分，不带小数。")]
    [InlineData("""{"totalFen":1.5}""", "请求字段 totalFen 的值有误，应为整数，单位为分，不带小数。")]
    [InlineData("""{"totalFen":"9223372036854775808"}""", "请求字段 totalFen 的值有误，应为整数，单位为分，不带小数。")]
    [InlineData("""{"totalFen":1e99}""", "请求字段 totalFen 的值有误，应为整数，单位为分，不带小数。")]
    [InlineData("""{"requestId":7}""", "请求字段 requestId 的值有误，应为字符串。")]
    [InlineData("""{"requestId":"\ud800"}""", "请求字段 requestId 的值有误，应为字符串。")]
    [InlineData("""{"visitType":"HOLIDAY"}""", "请求字段 visitType 的值有误，应为以下之一：ORDINARY、PRENATAL_CHECK、DELIVERY_NATURAL、DELIVERY_CAESAREAN。")]
    [InlineData("""{"lines":[{"quantityE4":1},{"quantityE4":true}]}""", "请求字段 lines[1].quantityE4 的值有误，应为整数。")]
    [InlineData("""{"lines":{"lineId":"1"}}""", "请求字段 lines 应为数组。")]
    [InlineData("""{"lines":["1"]}""", "请求字段 lines[0] 应为对象。")]
    [InlineData("""["R1"]""", "请求正文应为一个 JSON 对象。")]
    [InlineData("""{"\ud800":1}""", "请求正文中有字段名不是有效的文字。")]
    public void Field_that_is_wrong_is_named_with_its_place(string json, string fault) =>
        Assert.Equal((null, fault), Read<SettleRequest>(json));

    [Theory]
    [InlineData("\"50.00\"")]
    [InlineData("50.00")]
    [InlineData("50.0")]
    [InlineData("\"5e3\"")]
    [InlineData("5e3")]
    [InlineData("5E+3")]
    [InlineData("50.000000000000000")]
    [InlineData("\"+50\"")]
    [InlineData("\" 50\"")]
    [InlineData("\"5,000\"")]
    [InlineData("\"-\"")]
    [InlineData("\"\"")]
    public void Amount_that_is_not_digits_alone_is_refused_by_the_name_that_was_written(string value)
    {
        Assert.Equal((null, "请求字段 totalFen 的值有误，应为整数，单位为分，不带小数。"), Read<SettleRequest>($$"""{"totalFen":{{value}}}"""));
        Assert.Equal((null, "请求字段 lines[1].amount_fen 的值有误，应为整数，单位为分，不带小数。"),
            Read<SettleRequest>($$"""{"lines":[{},{"amount_fen":{{value}}}]}"""));
        Assert.Equal((null, "请求字段 lines[0].quantityE4 的值有误，应为整数。"), Read<SettleRequest>($$"""{"lines":[{"quantityE4":{{value}}}]}"""));
        Assert.Equal((null, "请求字段 year 的值有误，应为整数。"), Read<GetAccumulatorsRequest>($$"""{"year":{{value}}}"""));
    }

    [Fact]
    public void Visit_type_by_a_number_with_a_fraction_is_refused() => Assert.StartsWith(
        "请求字段 visitType 的值有误，应为以下之一：", Read<SettleRequest>("""{"visitType":1.0}""").Fault, StringComparison.Ordinal);

    [Theory]
    [InlineData("\"50\"", 50)]
    [InlineData("50", 50)]
    [InlineData("\"-1\"", -1)]
    [InlineData("-1", -1)]
    [InlineData("0", 0)]
    public void Amount_of_digits_and_a_sign_is_read_in_either_form(string value, long totalFen) =>
        Assert.Equal((new SettleRequest { TotalFen = totalFen }, null), Read<SettleRequest>($$"""{"totalFen":{{value}}}"""));

    [Fact]
    public void Second_target_of_a_cancellation_is_named_with_the_first() => Assert.Equal(
        "请求字段 original_request_id 与 settlementId 只能填写一个。",
        Read<CancelRequest>("""{"settlementId":"S1","original_request_id":"R1"}""").Fault);

    [Theory]
    [InlineData("", 1, 1)]
    [InlineData("{\"requestId\":\"R1\",\n \"totalFen\":}", 2, 13)]
    [InlineData("{\"requestId\":\"R1\"} {}", 1, 20)]
    [InlineData("{\"requestId\":\"R1\",}", 1, 19)]
    [InlineData("{\"requestId\":NaN}", 1, 14)]
    [InlineData("{\"lines\":[[[[[[[[1]]]]]]]]}", 1, 17)]
    public void Json_that_is_broken_is_told_by_line_and_byte(string json, int line, int position) =>
        Assert.Equal($"请求正文不是有效的 JSON：第 {line} 行第 {position} 字节处有误。", Read<SettleRequest>(json).Fault);

    [Theory]
    [InlineData("""{"totalFen":100000000000000}""", 100_000_000_000_000, null)]
    [InlineData("""{"totalFen":999999999999999}""", 999_999_999_999_999, null)]
    [InlineData("""{"totalFen":1000000000000000}""", 0, "请求字段 totalFen 的数字超过 15 位，请加引号写成字符串。")]
    [InlineData("""{"lines":[{"amountFen":1000000000000000}]}""", 0, "请求字段 lines[0].amountFen 的数字超过 15 位，请加引号写成字符串。")]
    public void Number_has_15_digits_at_most(string json, long totalFen, string? fault)
    {
        (SettleRequest? request, string? told) = Read<SettleRequest>(json);

        Assert.Equal((totalFen, fault), (request?.TotalFen ?? 0, told));
    }

    [Fact]
    public void Names_of_40_characters_are_told_whole() =>
        Assert.Equal($"请求字段 {new string('x', 40)} 不是本接口的字段，请核对字段名。", Read<SettleRequest>($$"""{"{{new string('x', 40)}}":1}""").Fault);

    [Theory]
    [InlineData("""{"year":"two"}""", "请求字段 year 的值有误，应为整数。")]
    [InlineData("""{"year":2147483648}""", "请求字段 year 的值有误，应为整数。")]
    [InlineData("null", "请求正文应为一个 JSON 对象。")]
    [InlineData("7", "请求正文应为一个 JSON 对象。")]
    public void Request_for_accumulators_that_is_wrong_is_told(string json, string fault) =>
        Assert.Equal((null, fault), Read<GetAccumulatorsRequest>(json));

    [Fact]
    public void Text_that_is_not_utf8_is_told_by_byte()
    {
        byte[] body = [.. "{\"requestId\":\""u8, 0xB2, 0xE2, .. "\"}"u8];

        Assert.Equal("请求正文不是 UTF-8 编码：第 15 字节处有误。", RequestJson.Read<SettleRequest>(body).Fault);
    }

    [Fact]
    public void Name_that_is_very_long_is_told_in_part() =>
        Assert.Equal($"请求字段 {new string('x', 40)}… 不是本接口的字段，请核对字段名。", Read<SettleRequest>($$"""{"{{new string('x', 5_000)}}":1}""").Fault);

    private static (T? Request, string? Fault) Read<T>(string json) where T : class, Google.Protobuf.IMessage, new() =>
        RequestJson.Read<T>(Encoding.UTF8.GetBytes(json));
}
