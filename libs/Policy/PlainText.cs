using System.Globalization;
using System.Text;

namespace Claims.Policy;

/// <summary>Text that is what it shows. An id or a name with characters that are not seen, or that turn the direction of writing around,
/// shows another one; on a terminal it can do more than that.</summary>
public static class PlainText
{
    /// <summary>Whether a character is not seen as itself: a control, format or direction character, a separator of lines.</summary>
    public static bool IsHidden(Rune character) => character.Value < 0x7F
        ? character.Value < 0x20
        : Rune.GetUnicodeCategory(character) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator;

    /// <summary>Whether every character is seen as itself.</summary>
    public static bool Is(string text)
    {
        foreach (Rune character in text.EnumerateRunes())
            if (IsHidden(character)) return false;
        return true;
    }

    /// <summary>The text for a terminal: each character that is not seen, but for the ends of lines, as <c>\u{202e}</c>.</summary>
    public static string Shown(string text) =>
        Shown(text, static character => string.Create(CultureInfo.InvariantCulture, $"\\u{{{character.Value:x}}}"));

    /// <param name="instead">How a character that is not seen is written.</param>
    public static string Shown(string text, Func<Rune, string> instead)
    {
        StringBuilder? shown = null;
        int at = 0;
        foreach (Rune character in text.EnumerateRunes())
        {
            if (IsHidden(character) && character.Value != '\n')
            {
                shown ??= new StringBuilder(text, 0, at, text.Length + 16);
                shown.Append(instead(character));
            }
            else
            {
                shown?.Append(character.ToString());
            }

            at += character.Utf16SequenceLength;
        }

        return shown?.ToString() ?? text;
    }
}
