using System.Text.Json;

namespace Claims.Hosting;

/// <summary>
/// How a whole number is written: digits, with a minus before them where it is below zero. The protobuf parser takes "50.00" and "5e3" for
/// an integer as well, and somebody who writes yuan so would be settled in fen.
/// </summary>
public static class WholeNumber
{
    public static bool IsWritten(ReadOnlySpan<char> text)
    {
        ReadOnlySpan<char> digits = text is ['-', ..] ? text[1..] : text;
        return digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
    }

    /// <param name="value">A number, or a string that stands for one.</param>
    public static bool IsWritten(JsonElement value)
    {
        string raw = value.GetRawText();
        return value.ValueKind switch
        {
            JsonValueKind.Number => IsWritten(raw.AsSpan()),
            JsonValueKind.String => IsWritten(raw.AsSpan(1, raw.Length - 2)),
            _ => false,
        };
    }
}
