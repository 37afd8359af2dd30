using System.Text.Json;
using Claims.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hosting.Tests;

public sealed class MaskTests
{
    [Theory]
    [InlineData("410105198001011234", "***1234")]
    [InlineData("P0001", "***0001")]
    [InlineData("P001", "***")]
    [InlineData("", "***")]
    [InlineData(null, "***")]
    public void Insured_shows_the_last_four_of_longer_ids_only(string? insuredId, string masked) => Assert.Equal(masked, Mask.Insured(insuredId));

    [Theory]
    [InlineData("paid by 41010519800101123X, at once", "paid by ***123X, at once")]
    [InlineData("id=410105198001011234;410105199912319876", "id=***1234;***9876")]
    [InlineData("settlement 20260101123456789012345", "settlement 20260101123456789012345")]
    [InlineData("not a date 410105198013011234", "not a date 410105198013011234")]
    public void Identity_numbers_are_masked_wherever_they_stand(string text, string masked) => Assert.Equal(masked, Mask.IdentityNumbers(text));

    [Theory]
    [InlineData("Settled {InsuredId}")]
    [InlineData("Settled {insured_id}")]
    [InlineData("Settled {@InsuredId}")]
    public void Log_masks_an_insured_id_in_message_value_and_exception(string template)
    {
        JsonElement entry = Log(new InvalidOperationException("no row for P000123"), template, "P000123");

        Assert.Equal("Settled ***0123", entry.GetProperty("message").GetString());
        Assert.DoesNotContain("P000123", entry.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("no row for ***0123", entry.GetProperty("exception").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Log_leaves_an_already_masked_insured_id_as_it_is() =>
        Assert.Equal("Settled ***0123", Log(null, "Settled {InsuredId}", Mask.Insured("P000123")).GetProperty("message").GetString());

    [Fact]
    public void Log_never_writes_a_name()
    {
        JsonElement entry = Log(new InvalidOperationException("张三 is unknown"), "Enrolled {Name} in {County}", "张三", "410105");

        Assert.Equal("Enrolled *** in 410105", entry.GetProperty("message").GetString());
        Assert.DoesNotContain("张三", entry.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("410105", entry.GetProperty("County").GetString());
    }

    [Fact]
    public void Log_value_named_like_a_field_of_the_line_does_not_replace_it()
    {
        JsonElement entry = Log(null, "At {level} for {service}", "high", "other");

        Assert.Equal("info", entry.GetProperty("level").GetString());
        Assert.Equal("sample", entry.GetProperty("service").GetString());
    }

    [Fact]
    public void Log_line_stays_one_line_and_readable()
    {
        string line = Line(null, "First\nsecond: 郑州 {Count}", 3);

        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        Assert.Contains("郑州", line, StringComparison.Ordinal);
        Assert.Equal(3, JsonDocument.Parse(line).RootElement.GetProperty("Count").GetInt32());
    }

    private static JsonElement Log(Exception? exception, string template, params object?[] values) =>
        JsonDocument.Parse(Line(exception, template, values)).RootElement;

    private static string Line(Exception? exception, string template, params object?[] values)
    {
        Capture capture = new();
#pragma warning disable CA2254 // The templates are the test's cases.
        capture.LogInformation(exception, template, values);
#pragma warning restore CA2254
        return capture.Line;
    }

    /// <summary>Turns a log call into its line, as the console would.</summary>
    private sealed class Capture : ILogger
    {
        private readonly JsonLineFormatter _formatter = new("sample", TimeProvider.System);

        public string Line { get; private set; } = "";

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            using StringWriter writer = new() { NewLine = "\n" };
            _formatter.Write(new LogEntry<TState>(logLevel, "Claims.Sample", eventId, state, exception, formatter), scopeProvider: null, writer);
            Line = writer.ToString();
        }
    }
}
