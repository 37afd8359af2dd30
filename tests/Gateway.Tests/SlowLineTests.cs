using System.Net.Sockets;
using System.Text;

namespace Gateway.Tests;

/// <summary>
/// A clinic's line of 100 bytes a second. In a class of its own, so that others run meanwhile: Kestrel's own limit of 240 bytes a second,
/// which must not be in force, looks for the first time after 5 s, and so this takes 6.
/// </summary>
[Collection(nameof(RunningGateway))]
public sealed class SlowLineTests
{
    private const int PieceBytes = 50;
    private const string Visit = """{"requestId":"R1","facilityCode":"H1","insuredId":"P1","visitDate":"2025-06-18","visitType":"ORDINARY","totalFen":12000,"inScopeFen":12000}""";

    [Fact]
    public async Task Body_of_a_line_of_100_bytes_a_second_is_read_whole()
    {
        await using FakeAdjudication adjudication = await FakeAdjudication.StartAsync(FakeAdjudication.Settling());
        await using RunningGateway gateway = await RunningGateway.StartAsync(adjudication.Address);
        byte[] body = Encoding.UTF8.GetBytes(Visit.PadRight(12 * PieceBytes));

        using TcpClient clinic = await gateway.ConnectAsync($"{RunningGateway.Post}Content-Length: {body.Length}", "");
        using PeriodicTimer pace = new(TimeSpan.FromMilliseconds(500));
        for (int sent = 0; sent < body.Length; sent += PieceBytes)
        {
            await pace.WaitForNextTickAsync();
            await clinic.GetStream().WriteAsync(body.AsMemory(sent, PieceBytes));
        }

        using StreamReader reader = new(clinic.GetStream(), Encoding.UTF8);
        Assert.Equal("HTTP/1.1 200 OK", await reader.ReadLineAsync().WaitAsync(RunningGateway.Bound));
        Assert.Single(adjudication.Requests);
    }
}
