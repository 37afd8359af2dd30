using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Claims.PageTests;

/// <summary>The receipt on paper.</summary>
[Collection(PageCollection.Name)]
public sealed partial class PrintTests(PageSystem system)
{
    private const double PointsPerMm = 72 / 25.4;

    [Fact]
    public async Task Receipt_is_one_A5_page_or_one_piece_of_a_58_mm_roll()
    {
        Clinic clinic = await system.NextClinicAsync();
        await using Counter counter = await Counter.LoggedInAsync(system, clinic);
        await counter.VisitAsync(1);
        await counter.ExpectStateAsync("已结算");
        (double width, double height) = Assert.Single(await PrintAsync(counter, "receipt-a5.pdf"));
        Assert.Equal((148, 210), (width, height));

        await counter.Page.GetByLabel("58 毫米小票").CheckAsync();
        await Assertions.Expect(counter.Page.Locator("html")).ToHaveAttributeAsync("data-paper", "roll");
        (width, height) = Assert.Single(await PrintAsync(counter, "receipt-58mm.pdf"));
        Assert.Equal(58, width);
        // As long as what is on it, and no longer than an arm.
        Assert.InRange(height, 80, 260);

        // What is not the receipt is not printed.
        await counter.Page.EmulateMediaAsync(new PageEmulateMediaOptions { Media = Media.Print });
        Assert.False(await counter.Page.GetByRole(AriaRole.Navigation).IsVisibleAsync());
        Assert.False(await counter.Button("打印").IsVisibleAsync());
        Assert.True(await counter.Page.Locator(".receipt").IsVisibleAsync());
        counter.AssertNoFaults();
    }

    /// <returns>Each page's size in whole mm.</returns>
    private static async Task<(double Width, double Height)[]> PrintAsync(Counter counter, string name)
    {
        byte[] pdf = await counter.Page.PdfAsync(new PagePdfOptions { PreferCSSPageSize = true, Path = Kept.File(name) });
        return
        [
            .. MediaBox().Matches(Encoding.Latin1.GetString(pdf)).Select(box =>
                (Mm(box.Groups["width"].Value), Mm(box.Groups["height"].Value))),
        ];
    }

    private static double Mm(string points) => Math.Round(double.Parse(points, CultureInfo.InvariantCulture) / PointsPerMm);

    [GeneratedRegex(@"/MediaBox \[0 0 (?<width>[\d.]+) (?<height>[\d.]+)\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MediaBox();
}
