using Claims.Gateway;
using Claims.Hosting;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Gateway.Tests;

[Collection(nameof(RunningGateway))]
public sealed class GatewayAccessTests
{
    private const string Visit = """{"requestId":"R1","facilityCode":"HW1"}""";

    [Fact]
    public void Every_route_has_a_row_and_every_row_a_route()
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            ["--Claims:Port=0", "--Claims:MetricsPort=0", "--Claims:AdjudicationAddress=http://127.0.0.1:1",
                "--Claims:LedgerAddress=http://127.0.0.1:1", "--Claims:EligibilityAddress=http://127.0.0.1:1"], "gateway");
        builder.AddGateway(builder.AddSettings<GatewaySettings>(MainPort.Http));
        WebApplication app = builder.Build();
        app.MapClinicApi();

        IEnumerable<string?> routes = ((IEndpointRouteBuilder)app).DataSources
            .SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Select(endpoint => endpoint.RoutePattern.RawText);

        Assert.Equal(Permissions.Rows.Select(row => row.Method)
            .Where(method => method.StartsWith("/v1/", StringComparison.Ordinal) || method.StartsWith("/clinic/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal), routes.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("claims://clinic/HW1", 200, "claims://service/gateway", "claims://clinic/HW1")]
    [InlineData(null, 200, "claims://service/gateway", "claims://role/local")]
    [InlineData("claims://facility/HW1", 403, null, null)]
    [InlineData("claims://role/bureau", 403, null, null)]
    [InlineData("claims://service/gateway", 403, null, null)]
    [InlineData("HW1", 401, null, null)]
    public async Task Clinics_request_is_passed_on_with_who_sent_it_and_no_others(
        string? identity, int status, string? caller, string? behalf)
    {
        (string?, string?) told = default;
        Func<Google.Protobuf.IMessage, ServerCallContext, Task<Google.Protobuf.IMessage>> settle = FakeAdjudication.Settling();
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync((request, context) =>
        {
            told = (context.RequestHeaders.GetValue(Identity.Header), context.RequestHeaders.GetValue(Identity.OnBehalfHeader));
            return settle(request, context);
        });
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);

        ClinicAnswer answer = await gateway.PostAsync("settle", Visit, identity is null ? [] : [(Identity.Header, identity)]);

        Assert.Equal((status, (caller, behalf)), (answer.Status, told));
        if (status == 200) return;
        Assert.Equal(
            status == 401
                ? ("UNAUTHENTICATED", "身份未通过验证，请联系医保经办机构核对接入证书。")
                : ("PERMISSION_DENIED", "无权办理此项业务，请联系医保经办机构。"),
            (answer.Code, answer.Text));
    }
}
