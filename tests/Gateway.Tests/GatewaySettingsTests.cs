using System.ComponentModel.DataAnnotations;
using Claims.Gateway;

namespace Gateway.Tests;

public sealed class GatewaySettingsTests
{
    [Fact]
    public void Settings_have_these_defaults()
    {
        GatewaySettings settings = new() { AdjudicationAddress = "http://127.0.0.1:1", LedgerAddress = "http://127.0.0.1:2" };

        Assert.Empty(Faults(settings));
        Assert.Equal((10, 30, 262_144), (settings.AnswerSeconds, settings.BodySeconds, settings.BodyBytes));
        Assert.Equal((4_194_304, 60), (settings.BooksBytes, settings.ReconcileSeconds));
        Assert.Equal((60, 60), (settings.LoginsPerMinute, settings.UnknownInsuredPerHour));
    }

    [Theory]
    [InlineData("", 1_000, 1, "LedgerAddress")]
    [InlineData("127.0.0.1:1", 1_000, 1, "LedgerAddress")]
    [InlineData("http://a", 999, 1, "BooksBytes")]
    [InlineData("http://a", 50_000_001, 1, "BooksBytes")]
    [InlineData("http://a", 1_000, 0, "ReconcileSeconds")]
    [InlineData("http://a", 1_000, 601, "ReconcileSeconds")]
    [InlineData("http://a", 50_000_000, 600, "")]
    public void Setting_of_reconciliation_beyond_its_bounds_is_named(string ledger, int booksBytes, int reconcileSeconds, string fault) =>
        Assert.Equal(fault, string.Join(' ', Faults(new GatewaySettings
        {
            AdjudicationAddress = "http://a",
            LedgerAddress = ledger,
            BooksBytes = booksBytes,
            ReconcileSeconds = reconcileSeconds,
        })));

    [Theory]
    [InlineData("", 10, 30, 262_144, "AdjudicationAddress")]
    [InlineData("127.0.0.1:1", 10, 30, 262_144, "AdjudicationAddress")]
    [InlineData("http://a", 0, 30, 262_144, "AnswerSeconds")]
    [InlineData("http://a", 61, 30, 262_144, "AnswerSeconds")]
    [InlineData("http://a", 10, 0, 262_144, "BodySeconds")]
    [InlineData("http://a", 10, 301, 262_144, "BodySeconds")]
    [InlineData("http://a", 10, 30, 999, "BodyBytes")]
    [InlineData("http://a", 10, 30, 10_000_001, "BodyBytes")]
    [InlineData("http://a", 1, 1, 1_000, "")]
    [InlineData("http://a", 60, 300, 10_000_000, "")]
    public void Setting_beyond_its_bounds_is_named(string address, int answerSeconds, int bodySeconds, int bodyBytes, string fault) =>
        Assert.Equal(fault, string.Join(' ', Faults(new GatewaySettings
        {
            AdjudicationAddress = address,
            LedgerAddress = "http://a",
            AnswerSeconds = answerSeconds,
            BodySeconds = bodySeconds,
            BodyBytes = bodyBytes,
        })));

    private static IEnumerable<string> Faults(GatewaySettings settings)
    {
        List<ValidationResult> faults = [];
        Validator.TryValidateObject(settings, new ValidationContext(settings), faults, validateAllProperties: true);
        return faults.SelectMany(fault => fault.MemberNames);
    }
}
