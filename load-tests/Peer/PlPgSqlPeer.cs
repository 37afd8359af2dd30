using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Claims.Cli;
using Claims.PrivateServers;
using Npgsql;

namespace Claims.LoadTests.Peer;

/// <summary>
/// What the engine is measured against: one PL/pgSQL function that adjudicates and journals one visit, in a PostgreSQL of its own
/// with fsync and synchronous_commit on, driven by pgbench.
/// </summary>
public sealed partial class PlPgSqlPeer : IAsyncDisposable
{
    private const int Insured = 100_000;
    private const int Facilities = 100;

    // pgbench's usual four per core; more make it slower on 2 cores.
    private const int Clients = 8;
    private const int Threads = 2;

    private readonly DirectoryInfo _directory;
    private readonly PrivatePostgres _postgres;
    private readonly NpgsqlConnectionStringBuilder _address;

    private PlPgSqlPeer(DirectoryInfo directory, PrivatePostgres postgres)
    {
        _directory = directory;
        _postgres = postgres;
        _address = new NpgsqlConnectionStringBuilder(postgres.ConnectionString("peer"));
    }

    /// <summary>Npgsql connection string of the peer's database.</summary>
    public string Address => _address.ConnectionString;

    public static async Task<PlPgSqlPeer> StartAsync(CancellationToken cancellationToken)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("claims-peer-");
        PrivatePostgres postgres = await PrivatePostgres.StartDetachedAsync(
            Path.Combine(directory.FullName, "postgres"), FreePort.Take(), Path.Combine(directory.FullName, "postgres.log"), _ =>
                { }, cancellationToken: cancellationToken);
        PlPgSqlPeer peer = new(directory, postgres);
        try
        {
            await peer.FillAsync(cancellationToken);
            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    /// <returns>Visits per second over <paramref name="seconds"/>.</returns>
    /// <exception cref="CommandException">pgbench failed; the sentence has its last line.</exception>
    public async Task<double> MeasureAsync(int seconds, CancellationToken cancellationToken)
    {
        string script = Path.Combine(_directory.FullName, "visit.pgbench");
        await File.WriteAllTextAsync(script, Resource("visit.pgbench"), cancellationToken);
        ProcessStartInfo start = new(
            Programs.Find("pgbench", "postgresql", "/usr/lib/postgresql"),
            [
                "--no-vacuum", "--protocol", "prepared", "--client", Text(Clients), "--jobs", Text(Threads), "--time", Text(seconds),
                "--define", $"insured={Insured}", "--file", script,
                "--host", _address.Host!, "--port", Text(_address.Port), "--username", _address.Username!, _address.Database!,
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            Environment = { ["PGPASSWORD"] = _address.Password },
        };
        using Process pgbench = Process.Start(start)!;
        Task<string> errors = pgbench.StandardError.ReadToEndAsync(cancellationToken);
        string output = await pgbench.StandardOutput.ReadToEndAsync(cancellationToken);
        await pgbench.WaitForExitAsync(cancellationToken);
        Match rate = Rate().Match(output);
        if (pgbench.ExitCode != 0 || !rate.Success)
            throw new CommandException($"pgbench failed: {(await errors).Trim().Split('\n')[^1]}", ExitCodes.Failed);
        return double.Parse(rate.Groups["rate"].ValueSpan, CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        await _postgres.Process.WaitForExitAsync(TimeSpan.FromSeconds(20));
        _directory.Delete(recursive: true);
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(_address);
        await using NpgsqlCommand create = database.CreateCommand(Resource("peer.sql"));
        await create.ExecuteNonQueryAsync(cancellationToken);

        // The tables that visits fill are not analyzed while they are empty: the function's plans would scan them as they grow.
        await using NpgsqlCommand fill = database.CreateCommand(string.Create(CultureInfo.InvariantCulture, $"""
            INSERT INTO facility SELECT 'H' || n, '410105', (ARRAY['province_3a', 'other', 'grassroots'])[1 + n % 3] FROM generate_series(1,
                {Facilities}) n;
            INSERT INTO enrolment SELECT 'I' || n, 2025, '2025-01-01', '2025-12-31' FROM generate_series(1, {Insured}) n;
            ANALYZE facility, enrolment
            """));
        await fill.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(PlPgSqlPeer).Assembly.GetManifestResourceStream($"Claims.LoadTests.Peer.{name}")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"tps = (?<rate>[0-9.]+)", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Rate();
}
