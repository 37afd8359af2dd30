using Claims.V1;

namespace Claims.Ledger.Audit;

internal static class BadRows
{
    /// <param name="key">The parts of the primary key, with / between them.</param>
    /// <param name="detail">One sentence, without its full stop; it names no one.</param>
    public static BadRow Of(string table, string key, BadRow.Types.Tampering tampering, string detail) =>
        new() { Table = table, Key = key, Tampering = tampering, Detail = detail };
}
