using System.Diagnostics;
using Claims.Cli.LocalSystem;
using Claims.PrivateServers;

namespace Claims.Cli.Tests;

public sealed class SystemStateTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-state-");

    private string StateFile => Path.Combine(_directory.FullName, "state.json");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void State_is_read_as_it_was_written()
    {
        ProcessRecord record = new(42, 4711, "f1", new DateTimeOffset(2025, 6, 18, 8, 0, 0, TimeSpan.Zero));
        CityPolicy policy = new("/policy", "shizhou");
        (SystemState.Empty with { Policy = policy }).With("redis", record).Write(StateFile);

        Assert.Equal(record, SystemState.Read(StateFile).Processes["redis"]);
        Assert.Equal(policy, SystemState.Read(StateFile).Policy);
    }

    [Fact]
    public void Missing_file_is_an_empty_state() => Assert.Empty(SystemState.Read(StateFile).Processes);

    [Fact]
    public void File_that_cannot_be_read_is_an_error_and_not_an_empty_state()
    {
        File.WriteAllText(StateFile, "{ \"processes\": ");

        Assert.Contains(StateFile, Assert.Throws<CommandException>(() => SystemState.Read(StateFile)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Process_counts_as_running_only_under_its_own_start_time()
    {
        ProcessIdentity me = ProcessIdentity.Of(Environment.ProcessId)!.Value;
        SystemState state = SystemState.Empty
            .With("mine", new ProcessRecord(me.Pid, me.StartTicks, "", default))
            .With("earlier under my number", new ProcessRecord(me.Pid, me.StartTicks - 1, "", default));

        Assert.NotNull(state.Running("mine"));
        Assert.Null(state.Running("earlier under my number"));
        Assert.Null(state.Running("never started"));
    }

    [Fact]
    public async Task Killed_process_no_longer_runs()
    {
        using Process sleeper = Process.Start("sleep", "60");
        ProcessIdentity identity = ProcessIdentity.Of(sleeper.Id)!.Value;
        Assert.True(identity.IsRunning);

        identity.Signal(ProcessSignal.Kill);

        Assert.True(await identity.WaitForExitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Directory_with_other_files_is_neither_used_nor_removed()
    {
        string precious = Path.Combine(_directory.FullName, "precious.txt");
        File.WriteAllText(precious, "mine");
        SystemLayout layout = new(_directory.FullName, 5100);

        Assert.Throws<CommandException>(layout.Create);
        Assert.Throws<CommandException>(layout.RemoveData);
        Assert.True(File.Exists(precious));
    }

    [Fact]
    public void Directory_of_a_system_is_emptied()
    {
        SystemLayout layout = new(_directory.FullName, 5100);
        layout.Create();
        Directory.CreateDirectory(layout.RedisDirectory);
        File.WriteAllText(Path.Combine(layout.RedisDirectory, "data"), "x");

        layout.RemoveData();

        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullName));
    }

    [Fact]
    public async Task Data_of_one_city_is_not_taken_for_another()
    {
        SystemLayout layout = new(_directory.FullName, FreePort.Take(SystemLayout.PortCount));
        layout.Create();
        (SystemState.Empty with { Policy = CityPolicy.Shipped }).Write(layout.StateFile);
        BlockStart(layout);
        using Supervisor supervisor = await Supervisor.OpenAsync(layout, _ => { }, CancellationToken.None);

        CommandException refused = await Assert.ThrowsAsync<CommandException>(
            () =>
                supervisor.UpAsync(fresh: false, new CityPolicy(Repository.PolicyDirectory, "xinzhou"), kafka: "127.0.0.1:1",
                observe: false, traces: false, archive: null, CancellationToken.None));

        Assert.StartsWith($"The data in {_directory.FullName} is of zhengzhou, not of xinzhou", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(layout.RedisDirectory));
        Assert.Equal(CityPolicy.Shipped, SystemState.Read(layout.StateFile).Policy);
    }

    [Fact]
    public async Task Archive_of_the_wal_that_is_away_is_told_before_anything_starts()
    {
        SystemLayout layout = new(_directory.FullName, FreePort.Take(SystemLayout.PortCount));
        layout.Create();
        string archive = Path.Combine(_directory.FullName, "unmounted");
        Directory.CreateDirectory(archive);
        (SystemState.Empty with { Policy = CityPolicy.Shipped, Archive = archive }).Write(layout.StateFile);
        BlockStart(layout);
        using Supervisor supervisor = await Supervisor.OpenAsync(layout, _ => { }, CancellationToken.None);

        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => supervisor.UpAsync(
            fresh: false, CityPolicy.Shipped, kafka: "127.0.0.1:1", observe: false, traces: false, archive: null, CancellationToken.None));

        Assert.Equal((ExitCodes.CannotStart,
            $"{archive}, which keeps PostgreSQL's WAL, is not there: mount it, name another with --archive, or say --no-archive."),
            (refused.ExitCode, refused.Message));
        Assert.Empty(Directory.EnumerateFileSystemEntries(archive));
        Assert.False(Directory.Exists(layout.PostgresDirectory));
    }

    [Fact]
    public void Policy_that_is_not_named_is_that_of_the_data_and_at_first_the_shipped_one()
    {
        CityPolicy earlier = new("/elsewhere", "shizhou");

        Assert.Equal(CityPolicy.Shipped, CityPolicy.Choose(null, null, earlier: null));
        Assert.Equal(earlier, CityPolicy.Choose(null, null, earlier));
        Assert.Equal(new CityPolicy(Path.GetFullPath("here"), "xinzhou"), CityPolicy.Choose("here", "xinzhou", earlier));
    }

    /// <summary>No system of which nobody knows is left behind where a check is missing.</summary>
    private static void BlockStart(SystemLayout layout) => File.WriteAllText(layout.PostgresDirectory, "in the way");
}
