using System.Security.Cryptography;
using Claims.Eligibility.Enrolment;
using Claims.Hosting;
using Claims.V1;
using Npgsql;

namespace Claims.Eligibility.Tests;

/// <summary>A registry of before there was a history.</summary>
[Collection(nameof(PostgresCollection))]
public sealed class RegistryUpgradeTests(PostgresServer postgres)
{
    [Fact]
    public async Task What_was_registered_before_the_history_is_answered_as_before()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(await postgres.Postgres.CreateAsync());
        await ExecuteAsync(
            "CREATE TABLE schema_migration (file text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz DEFAULT now())");
        System.Reflection.Assembly service = typeof(EligibilitySettings).Assembly;
        foreach (string file in (string[])["001_registry.sql", "002_catalogue.sql"])
        {
            await using Stream stream = service.GetManifestResourceStream(
                service.GetManifestResourceNames().Single(name => name.EndsWith(file, StringComparison.Ordinal)))!;
            using MemoryStream content = new();
            await stream.CopyToAsync(content);
            await ExecuteAsync(System.Text.Encoding.UTF8.GetString(content.ToArray()));
            string sha256 = Convert.ToHexStringLower(SHA256.HashData(content.ToArray()));
            await ExecuteAsync($"INSERT INTO schema_migration VALUES ('{file}', '{sha256}')");
        }

        await ExecuteAsync("""
            INSERT INTO facility VALUES ('F1', '甲', '410105', 1, '3A', 'hospital', '2024-01-01', NULL),
                ('F2', '乙', '410105', 6, 'none', 'k', NULL, NULL);
            INSERT INTO enrolment VALUES ('P1', 2024, '张三', 'resident', '410105', 'general', '2023-11-05', '1980-01-01', NULL),
                ('P1', 2025, '张三', 'employee', '410122', 'general', NULL, NULL, NULL);
            """);

        Assert.Contains("004_enrolment_history.sql", await Migrations.ApplyAsync(database, service));

        await using RegistryDatabase registry = new(database);
        LookupReply reply = await registry.Registry.LookupAsync(["F1", "F2"], ["P1"], [], inNumbers: true, CancellationToken.None);
        Assert.Equal(new Facility
        {
            FacilityCode = "F1",
            Name = "甲",
            County = "410105",
            AdminLevel = AdminLevel.Province,
            Grade = "3A",
            Kind = "hospital",
            PooledFrom = "2024-01-01",
        }, Assert.Single(reply.Facilities, facility => facility.FacilityCode == "F1"));
        Assert.Equal(2, reply.Facilities.Count);
        Assert.Equal(["2024 True", "2025 False"], Assert.Single(reply.Enrolled).Enrolments.Select(one => $"{one.PlanYear} {one.Paid}"));
        await using NpgsqlConnection connection = await database.OpenConnectionAsync();
        Assert.All(await EnrolmentSpans.ReadAsync(connection, "P1", null, CancellationToken.None),
            span => Assert.Equal("保存历史之前的登记", span.Change.Reason));

        async Task ExecuteAsync(string sql)
        {
            await using NpgsqlCommand command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }
}
