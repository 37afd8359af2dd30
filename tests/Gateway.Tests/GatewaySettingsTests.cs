using System.ComponentModel.DataAnnotations;
using Claims.Gateway;

namespace Gateway.Tests;

public sealed class GatewaySettingsTests
{
    [Fact]
    public void Settings_have_these_defaults()
    {
        GatewaySettings settings = new() { AdjudicationAddress = "http://127.0.0.1:1" };

        Assert.Empty(Faults(settings));
        Assert.Equal((10, 30, 262_144), (settings.AnswerSeconds, settings.BodySeconds, settings.BodyBytes));
    }

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
