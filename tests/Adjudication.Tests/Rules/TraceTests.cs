using Claims.Adjudication.Store;
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
        Terms terms = new(rateBasisPoints, TariffFen: 0, CapFen: 30_000, AllowanceFen: null);
        Standing before = new(CapUsedFen: 0, BorneFen: 0);

        string trace = Trace.Of(new Calculation(terms, Tier.Grassroots, 10_000, 10_000, before, Adjudicator.Adjudicate(terms, 10_000, 10_000, before), new Citations("p", "h", "v", "d", "r", "c")));

        Assert.Contains($"支付比例{told}：（100.00－0.00）×{told}＝{paidYuan}元", trace, StringComparison.Ordinal);
    }
}
