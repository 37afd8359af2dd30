using Claims.Hosting;
using Claims.Ledger;
using Npgsql;

namespace Ledger.Tests.Funding;

/// <summary>What the running service may do in its database: read and append.</summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class LedgerRoleTests(LedgerDatabase databases)
{
    private const string InsufficientPrivilege = "42501";

    [Fact]
    public async Task Service_may_read_and_append_and_nothing_else_on_every_table()
    {
        await using NpgsqlDataSource service = await AsServiceAsync();
        List<string> tables = await ReadAsync(service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename");
        Assert.Contains("voucher", tables);

        foreach (string table in tables)
        {
            await ExecuteAsync(service, $"SELECT count(*) FROM {table}");
            foreach (string statement in new[]
            {
                $"DELETE FROM {table}",
                $"TRUNCATE {table}",
                $"ALTER TABLE {table} DISABLE TRIGGER ALL",
                $"DROP TABLE {table}",
                $"DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; END $$",
            })
                await AssertForbiddenAsync(service, statement);
        }
    }

    [Fact]
    public async Task Positions_stops_names_of_counties_and_the_confirmation_of_the_store_alone_are_changed_in_place()
    {
        await using NpgsqlDataSource service = await AsServiceAsync();
        List<string> changeable = await ReadAsync(service, """
            SELECT table_name || '.' || column_name FROM information_schema.column_privileges
            WHERE grantee = 'claims_ledger' AND privilege_type = 'UPDATE' AND table_catalog = current_database() ORDER BY 1
            """);

        Assert.Equal(["county.name", "shard_stop.resumed_at", "shard_watermark.sequence", "store.initialised"], changeable);
        foreach (string statement in new[]
        {
            "UPDATE posting SET debit_fen = 1", "UPDATE account_balance SET debit_fen = 1", "UPDATE store SET epoch = epoch",
            "INSERT INTO account_balance VALUES ('x', 1, 1)", "INSERT INTO account_kind VALUES ('1009', 'x')", "CREATE TABLE mine (a int)",
        })
            await AssertForbiddenAsync(service, statement);
    }

    /// <summary>What triggers keep, and what changes with the program.</summary>
    [Fact]
    public async Task Balances_and_what_the_chart_is_made_of_are_not_appended_to()
    {
        await using NpgsqlDataSource service = await AsServiceAsync();

        Assert.Equal(
            ["account_balance", "account_kind", "closed_month_balance", "schema_migration", "scheme", "voucher_kind"],
            await ReadAsync(service, """
                SELECT tablename FROM pg_tables
                WHERE schemaname = 'public' AND NOT has_table_privilege(format('%I.%I', schemaname, tablename), 'INSERT')
                ORDER BY 1
                """));
    }

    /// <summary>It would do as the owner may for whoever calls it, or find another's tables in place of the books'.</summary>
    [Fact]
    public async Task What_works_as_the_owner_is_called_by_the_service_alone_and_looks_in_the_books_alone()
    {
        await using NpgsqlDataSource service = await AsServiceAsync();
        const string OfOwner = "SELECT proname::text FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace AND ";

        // A trigger's function cannot be called.
        const string Called = OfOwner + "prorettype <> 'trigger'::regtype";
        Assert.Equal(["remove_refusals"], await ReadAsync(service, Called));
        Assert.Empty(await ReadAsync(service, Called + " AND has_function_privilege('public', oid, 'EXECUTE')"));
        Assert.Empty(await ReadAsync(service, OfOwner + "coalesce(proconfig::text, '') NOT LIKE '%search_path=public, pg_temp%'"));
        await ExecuteAsync(service, "SELECT remove_refusals(now())");
    }

    [Fact]
    public async Task Table_of_a_later_migration_can_be_read_and_appended_to()
    {
        string postgres = await databases.CreateAsync();
        await using NpgsqlDataSource owner = NpgsqlDataSource.Create(postgres);
        await using NpgsqlDataSource service = NpgsqlDataSource.Create(PostgresStore.WithRole(postgres, LedgerServices.Role));
        await ExecuteAsync(owner, "CREATE TABLE later (a integer)");

        await ExecuteAsync(service, "INSERT INTO later VALUES (1)");

        await AssertForbiddenAsync(service, "UPDATE later SET a = 2");
    }

    [Fact]
    public async Task Connection_that_comes_back_from_the_pool_still_has_the_role()
    {
        string pooled = new NpgsqlConnectionStringBuilder(await databases.CreateAsync()) { Pooling = true, MaxPoolSize = 1 }
            .ConnectionString;
        await using NpgsqlDataSource service = NpgsqlDataSource.Create(PostgresStore.WithRole(pooled, LedgerServices.Role));

        for (int use = 0; use < 3; use++) Assert.Equal([LedgerServices.Role], await ReadAsync(service, "SELECT current_user::text"));
    }

    private async Task<NpgsqlDataSource> AsServiceAsync() =>
        NpgsqlDataSource.Create(PostgresStore.WithRole(await databases.CreateAsync(), LedgerServices.Role));

    private static async Task AssertForbiddenAsync(NpgsqlDataSource service, string statement)
    {
        PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(service, statement));
        Assert.Equal((InsufficientPrivilege, statement), (refused.SqlState, statement));
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<List<string>> ReadAsync(NpgsqlDataSource database, string sql)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        List<string> rows = [];
        while (await row.ReadAsync()) rows.Add(row.GetString(0));
        return rows;
    }
}
