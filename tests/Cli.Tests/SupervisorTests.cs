using System.Diagnostics;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Tests;

/// <summary>What a supervisor does to the processes of a system, with others under their names.</summary>
public sealed class SupervisorTests : IDisposable
{
    // Says which signal ended it.
    private const string Script = """
        trap 'printf "%s INT\n" "$1" >> "$2"; exit' INT
        trap 'printf "%s TERM\n" "$1" >> "$2"; exit' TERM
        echo up
        while :; do sleep 0.05; done
        """;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-supervisor-");
    private readonly List<Process> _processes = [];

    private SystemLayout Layout { get; }

    public SupervisorTests()
    {
        Layout = new SystemLayout(_directory.FullName, FreePort.Take(SystemLayout.PortCount));
        Layout.Create();
    }

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }

        _directory.Delete(recursive: true);
    }

    /// <summary>To PostgreSQL, SIGTERM means to wait for its clients.</summary>
    [Fact]
    public async Task Down_stops_callers_before_what_they_call_and_postgres_without_waiting_for_its_clients()
    {
        string said = Path.Combine(_directory.FullName, "said");
        SystemState state = SystemState.Empty;
        foreach (string name in (string[])["redis", "postgres", "ledger", "adjudication", "prometheus"])
            state = state.With(name, Start(name, said));
        state.Write(Layout.StateFile);
        using Supervisor supervisor = await Supervisor.OpenAsync(Layout, _ => { }, CancellationToken.None);

        await supervisor.DownAsync(CancellationToken.None);

        Assert.Equal(["prometheus TERM", "adjudication TERM", "ledger TERM", "postgres INT", "redis TERM"], File.ReadAllLines(said));
        Assert.Empty(SystemState.Read(Layout.StateFile).Processes);
    }

    [Fact]
    public async Task Down_of_ones_own_leaves_what_has_taken_a_name_since()
    {
        string said = Path.Combine(_directory.FullName, "said");
        ProcessRecord mine = Start("ledger", said);
        ProcessRecord another = Start("gateway", said);
        SystemState.Empty.With("ledger", mine).With("gateway", another).Write(Layout.StateFile);
        using Supervisor supervisor = await Supervisor.OpenAsync(Layout, _ => { }, CancellationToken.None);

        IReadOnlyList<string> goesOn = await supervisor.DownAsync(new Dictionary<string, ProcessIdentity>
        {
            ["ledger"] = mine.Identity,
            ["gateway"] = another.Identity with { StartTicks = another.StartTicks - 1 },
        });

        Assert.Equal(["gateway"], goesOn);
        Assert.Equal(["ledger TERM"], File.ReadAllLines(said));
        Assert.True(another.Identity.IsRunning);
    }

    /// <summary>A directory of its WAL that is forgotten is noticed when the backup is needed.</summary>
    [Theory]
    [InlineData(null, true)]
    [InlineData("", false)]
    public async Task Up_keeps_the_wal_where_it_was_kept_until_it_is_told_otherwise(string? archive, bool kept)
    {
        string wal = Directory.CreateDirectory(Path.Combine(_directory.FullName, "wal")).FullName;
        File.WriteAllText(Path.Combine(wal, "claims-wal"), "7\n");
        (SystemState.Empty with { Policy = CityPolicy.Shipped, Archive = wal }).Write(Layout.StateFile);
        // So that it goes no further than to what it remembers.
        File.WriteAllText(Layout.PostgresDirectory, "in the way");
        using Supervisor supervisor = await Supervisor.OpenAsync(Layout, _ => { }, CancellationToken.None);

        await Assert.ThrowsAnyAsync<Exception>(() => supervisor.UpAsync(
            fresh: false, CityPolicy.Shipped, kafka: "127.0.0.1:1", observe: false, traces: false, archive, CancellationToken.None));

        Assert.Equal(kept ? wal : null, SystemState.Read(Layout.StateFile).Archive);
        Assert.Empty(supervisor.Running);
    }

    private ProcessRecord Start(string name, string said)
    {
        // What a shell starts in its background ignores Ctrl-C, and so would whatever the tests start there.
        Process process = Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "bash", "-c", Script, "bash", name, said])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        })!;
        _processes.Add(process);
        Assert.Equal("up", process.StandardOutput.ReadLine());
        ProcessIdentity identity = ProcessIdentity.Of(process.Id)!.Value;
        return new ProcessRecord(identity.Pid, identity.StartTicks, "", DateTimeOffset.UnixEpoch);
    }
}
