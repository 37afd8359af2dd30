using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Audit;

/// <summary>One check of the audit.</summary>
/// <param name="Code">As in <c>VerifyCheck.Code</c>, and ACCUMULATORS.</param>
/// <param name="Holds">Null: it cannot be known now.</param>
/// <param name="Examined">How many things were looked at; the name says which.</param>
/// <param name="Detail">What is wrong, in one sentence, or empty.</param>
public sealed record Finding(string Code, string Name, bool? Holds, long Examined, string Detail, string Table = "", string Key = "",
    string Tampering = "");

/// <summary>What the audit found, check by check.</summary>
/// <param name="Head">The end of the chain as it was replayed.</param>
public sealed record AuditReport(List<Finding> Findings, ChainHead Head)
{
    public bool Holds => Findings.TrueForAll(finding => finding.Holds == true);

    /// <summary>Something is known to be wrong; otherwise it may be that it cannot be known.</summary>
    public bool Refuted => Findings.Exists(finding => finding.Holds == false);
}

/// <summary>A head of the chain as it is printed and kept: link, colon, 64 hexadecimal digits.</summary>
public static class NotedHead
{
    private const int HashDigits = 64;

    /// <returns>Null where the text is no head.</returns>
    public static VerifyRequest? Parse(string text)
    {
        string[] parts = text.Split(':');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long link) && link > 0
            && parts[1].Length == HashDigits && parts[1].All(char.IsAsciiHexDigit)
            ? new VerifyRequest { ExpectLink = link, ExpectHash = parts[1].ToLowerInvariant() }
            : null;
    }
}
