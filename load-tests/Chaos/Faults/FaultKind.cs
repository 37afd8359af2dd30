using Claims.LoadTests.Chaos.Calls;
using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>Something that is done to the system for a while.</summary>
public interface IFault
{
    Task BeginAsync(CancellationToken cancellationToken);

    /// <summary>Takes it back, as whoever runs the system would.</summary>
    Task EndAsync(CancellationToken cancellationToken);
}

/// <summary>What faults work with.</summary>
public sealed record Scene(ChaosSystem System, HospitalGroup Hospitals, Operator Operator);

/// <summary>A kind of fault and to what it may be done.</summary>
/// <param name="Alone">Nothing else is done meanwhile: it loses data of a store, or would with another fault, and what is not booked would
/// be lost with it.</param>
/// <param name="Make">Of a target.</param>
public sealed record FaultKind(
    string Name, IReadOnlyList<string> Targets, TimeSpan Shortest, TimeSpan Longest, bool Alone, Func<Scene, string, IFault> Make)
{
    public static FaultKind Of(
        string name, IReadOnlyList<string> targets, double shortestSeconds, double longestSeconds, Func<Scene, string, IFault> make,
        bool alone = false) =>
        new(name, targets, TimeSpan.FromSeconds(shortestSeconds), TimeSpan.FromSeconds(longestSeconds), alone, make);
}

/// <summary>All kinds of faults.</summary>
public static class FaultKinds
{
    /// <summary>Needs a user who may mount.</summary>
    public const string DiskFull = "disk full";

    public const string Restarted = "restarted";

    private static readonly string[] OneRedis = [ChaosSystem.Redis];

    private static readonly string[] OnePostgres = [ChaosSystem.Postgres];

    public static IReadOnlyList<FaultKind> All { get; } =
    [
        FaultKind.Of("killed", ProcessFaults.Targets, 0, 4, (scene, target) => new Killed(scene, target)),
        FaultKind.Of("frozen", ProcessFaults.Targets, 1, 9, (scene, target) => new Frozen(scene, target)),
        FaultKind.Of(Restarted, ProcessFaults.Targets, 0, 2, (scene, target) => new Restarted(scene, target)),
        FaultKind.Of("line cut", LineFault.Targets, 1, 8, (scene, target) => new LineFault(scene, target, line => line.Cut())),
        FaultKind.Of("line silent", LineFault.Targets, 1, 12, (scene, target) => new LineFault(scene, target, line => line.Silence())),
        FaultKind.Of("line slow", LineFault.Targets, 2, 8,
            (scene, target) => new LineFault(scene, target, line => line.Slow(TimeSpan.FromMilliseconds(150)))),
        FaultKind.Of("scripts flushed", OneRedis, 0, 0, (scene, _) => new ScriptsFlushed(scene)),
        FaultKind.Of("out of memory", OneRedis, 1, 6, (scene, _) => new RedisSetting(scene, "maxmemory", "1mb", "0")),
        FaultKind.Of("fsync every second", OneRedis, 1, 6, (scene, _) => new RedisSetting(scene, "appendfsync", "everysec", "always")),
        FaultKind.Of("fsync never", OneRedis, 1, 6, (scene, _) => new RedisSetting(scene, "appendfsync", "no", "always")),
        FaultKind.Of("no append-only file", OneRedis, 1, 6, (scene, _) => new RedisSetting(scene, "appendonly", "no", "yes"),
            alone: true),
        FaultKind.Of("evicting", OneRedis, 3, 6, (scene, _) => new Evicting(scene), alone: true),
        FaultKind.Of("insured deleted", OneRedis, 0, 0, (scene, _) => new InsuredDeleted(scene), alone: true),
        FaultKind.Of("emptied", OneRedis, 1, 3, (scene, _) => new Emptied(scene), alone: true),
        FaultKind.Of("wiped", OneRedis, 1, 3, (scene, _) => new Wiped(scene), alone: true),
        FaultKind.Of("rolled back", OneRedis, 3, 6, (scene, _) => new RolledBack(scene), alone: true),
        FaultKind.Of("put back", OnePostgres, 3, 8, (scene, _) => new PutBack(scene), alone: true),
        FaultKind.Of("clock", ClockMoved.Targets, 3, 8, (scene, target) => new ClockMoved(scene, target)),
        FaultKind.Of(DiskFull, [ChaosSystem.Redis, ChaosSystem.Postgres], 2, 5, (scene, target) => new DiskFilled(scene, target)),
    ];
}
