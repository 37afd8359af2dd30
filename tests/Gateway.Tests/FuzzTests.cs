using System.Text;
using Claims.Gateway;
using Claims.V1;
using Fuzz;
using Xunit.Abstractions;

namespace Gateway.Tests;

/// <summary>A clinic's JSON, broken at random.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const string Settle = """
        {"requestId":"r1","facility_code":"HW3","insuredId":"410105198001011234","visitDate":"2024-03-05","visitType":"ORDINARY",
        "totalFen":12345,"lines":[{"itemCode":"a","amountFen":"5"},{"item_code":"\\u4e00"}],"visitId":null}
        """;

    private const string Books = """
        {"lines":{"lines":[{"lineNumber":"1","kind":"SETTLE","requestId":"r","totalFen":-1}]}}
        """;

    [Fact]
    public void Request_is_read_or_refused_in_chinese() => Mutations.Run(
        output, [Encoding.UTF8.GetBytes(Settle), Encoding.UTF8.GetBytes(Books)], bytes =>
        {
            (SettleRequest? settle, string? fault) = RequestJson.Read<SettleRequest>(bytes);
            (ReconcileLinesRequest? books, string? other) = RequestJson.Read<ReconcileLinesRequest>(bytes);
            Assert.True((settle is null) == (fault is { Length: > 0 }) && (books is null) == (other is { Length: > 0 }));
            if (settle is null && books is null) throw new InvalidDataException(fault);
            FieldNames.AsWritten("请求字段 total_fen 有误", bytes, SettleRequest.Descriptor);
        }, typeof(InvalidDataException));
}
