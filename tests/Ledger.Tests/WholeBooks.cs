using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Ledger.Tests;

/// <summary>Everything in the books that does not depend on how records fell into batches.</summary>
/// <param name="Rows">Every column of every sub-ledger row.</param>
/// <param name="Turnover">Debit and credit of every account and business date.</param>
/// <param name="Balances">Debit and credit of every account, as kept.</param>
internal sealed record WholeBooks(string Rows, string Turnover, string Balances, string Watermarks)
{
    public static async Task<WholeBooks> ReadAsync(NpgsqlDataSource database) => new(
        // Too long to show when it differs; the others are not.
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(
            await TextAsync(database, "SELECT string_agg(entry::text, E'\\n' ORDER BY shard, sequence) FROM sub_ledger AS entry")))),
        await TextAsync(database, """
            SELECT string_agg(concat_ws(' ', account_code, business_date, debit_fen, credit_fen), E'\n' ORDER BY account_code,
                business_date)
            FROM (SELECT account_code, business_date, sum(debit_fen) AS debit_fen, sum(credit_fen) AS credit_fen FROM posting
                JOIN journal USING (journal_id) GROUP BY 1, 2) AS turnover
            """),
        await TextAsync(database, "SELECT string_agg(concat_ws(' ', account_code, debit_fen, credit_fen), E'\\n' ORDER BY account_code) "
            + "FROM account_balance"),
        await TextAsync(database, "SELECT string_agg(sequence::text, ' ' ORDER BY shard) FROM shard_watermark"));

    private static async Task<string> TextAsync(NpgsqlDataSource database, string sql)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        return await command.ExecuteScalarAsync() as string ?? "";
    }
}
