using Claims.V1;
using Google.Protobuf;

namespace Gateway.Tests;

/// <summary>A refusal names a field as the request has it.</summary>
[Collection(nameof(RunningGateway))]
public sealed class FieldNamesTests
{
    [Theory]
    [InlineData("""{"totalFen":0}""", "请求字段 total_fen 必须大于 0。", "请求字段 totalFen 必须大于 0。")]
    [InlineData("""{"total_fen":0}""", "请求字段 total_fen 必须大于 0。", "请求字段 total_fen 必须大于 0。")]
    [InlineData("""{}""", "请求字段 facility_code 缺失。", "请求字段 facilityCode 缺失。")]
    [InlineData("""{"request_id":"R1"}""", "请求字段 facility_code 缺失。", "请求字段 facility_code 缺失。")]
    [InlineData("""{"request_id":"R1","facilityCode":""}""", "请求字段 facility_code 缺失。", "请求字段 facilityCode 缺失。")]
    [InlineData("""{"lines":[{"itemCode":"X"}]}""", "请求字段 lines[3].item_code 缺失。", "请求字段 lines[3].itemCode 缺失。")]
    [InlineData("""{"lines":[{"item_code":"X"}]}""", "请求字段 lines[3].item_code 缺失。", "请求字段 lines[3].item_code 缺失。")]
    [InlineData("""{"requestId":"R1"}""", "请求字段 lines[0].unit_price_micro_yuan 与 unit_price_milli_fen 只能填一个。",
        "请求字段 lines[0].unitPriceMicroYuan 与 unitPriceMilliFen 只能填一个。")]
    [InlineData("""{"requestId":"R1"}""", "请求字段 lines[0].quantity_e4 必须大于 0。", "请求字段 lines[0].quantityE4 必须大于 0。")]
    [InlineData("""{"requestId":"R1"}""", "请求字段 lines[0].line_id 重复：第 1 条费用明细（line_id no_such-total_fen，项目 a_b）的明细编号。",
        "请求字段 lines[0].lineId 重复：第 1 条费用明细（lineId no_such-total_fen，项目 a_b）的明细编号。")]
    [InlineData("""{"requestId":"R1"}""", "同一请求 total_fen 的说明。", "同一请求 total_fen 的说明。")]
    public async Task Field_is_told_as_it_was_written(string body, string refusal, string told)
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((_, _) => Task.FromResult<IMessage>(
            new SettleReply { Decision = Decision.Refused, ReasonCode = "INVALID_REQUEST", ReasonText = refusal }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        Assert.Equal(told, (await gateway.PostAsync("settle", body)).Json.GetProperty("reasonText").GetString());
    }

    [Fact]
    public async Task Reversal_and_look_up_are_told_so_as_well()
    {
        await using FakeAdjudication adjudication =
            await FakeAdjudication.StartAsync((request, _) => Task.FromResult<IMessage>(request is ReverseRequest
            ? new ReverseReply { ReasonText = "请求字段 original_request_id 缺失。" }
            : new SettleReply { ReasonText = "请求字段 key 缺失：请给出 settlement_id 或 request_id。" }));
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        Assert.Equal("请求字段 originalRequestId 缺失。", (await gateway.PostAsync("reverse", "{}")).Json.GetProperty("reasonText").GetString());
        Assert.Equal("请求字段 key 缺失：请给出 settlementId 或 requestId。",
            (await gateway.PostAsync("get-settlement", "{}")).Json.GetProperty("reasonText").GetString());
    }
}
