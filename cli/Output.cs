using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Claims.Policy;
using Spectre.Console;

namespace Claims.Cli;

/// <summary>How this command writes: people read tables and lines, programs read JSON; errors are one sentence on standard error.</summary>
public static class Output
{
    private const int DefaultWidth = 80;

    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        // For a terminal and for jq, not for HTML: Chinese stays Chinese.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static bool IsInteractive => AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;

    /// <summary>Columns that tables may take: $COLUMNS, else those of the terminal, else 80.</summary>
    public static int Width
    {
        get
        {
            if (int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), out int columns) && columns > 0) return columns;
            if (Console.IsOutputRedirected) return DefaultWidth;
            try
            {
                return Console.WindowWidth > 0 ? Console.WindowWidth : DefaultWidth;
            }
            catch (IOException)
            {
                return DefaultWidth;
            }
        }
    }

    public static void Line(string text) => Console.Out.WriteLine(PlainText.Shown(text));

    /// <summary>What a person watching wants to know while a command that answers in JSON runs.</summary>
    public static void Progress(string text) => Console.Error.WriteLine(PlainText.Shown(text));

    public static void Error(string sentence) => Console.Error.WriteLine(PlainText.Shown($"claims: {sentence}"));

    public static void WriteJson<T>(T value) => Console.Out.WriteLine(Json(value));

    /// <summary>What is not seen stands in JSON's texts alone, where <c>\u202e</c> means the same.</summary>
    public static string Json<T>(T value) => PlainText.Shown(JsonSerializer.Serialize(value, JsonOptions), static character =>
        string.Concat(character.ToString().Select(unit => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}"))));

    public static string Yuan(long fen) =>
        string.Create(CultureInfo.InvariantCulture, $"¥{fen / 100m:#,##0.00}");

    /// <param name="columns">Headings; one that starts with '>' is of a column of figures, aligned to the right.</param>
    public static void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows) =>
        Console.Out.Write(TextTable.Render(columns, rows));
}
