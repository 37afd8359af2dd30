using System.Net;
using Claims.LoadTests.Measuring;
using Claims.PrivateServers;

namespace Claims.LoadTests.Tests;

public sealed class ServiceMetricsTests
{
    [Fact]
    public async Task Sum_is_over_all_series_of_the_name_and_of_no_longer_one()
    {
        int port = FreePort.Take(1);
        using HttpListener service = new() { Prefixes = { $"http://127.0.0.1:{port}/" } };
        service.Start();
        using ServiceMetrics metrics = new();

        Task<double> asking = metrics.SumAsync(port, "claims_batch_visits_sum", CancellationToken.None);
        HttpListenerContext asked = await service.GetContextAsync().WaitAsync(TimeSpan.FromSeconds(30));
        asked.Response.Close(
            """
            # TYPE claims_batch_visits_sum counter
            claims_batch_visits_sum{shard="1"} 30
            claims_batch_visits_sum{shard="2"} 12.5
            claims_batch_visits_sum_total 700
            claims_batch_visits_count 9000

            """u8.ToArray(),
            willBlock: true);

        Assert.Equal("/metrics", asked.Request.Url!.AbsolutePath);
        Assert.Equal(42.5, await asking);
    }
}
