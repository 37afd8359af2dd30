using System.Text.Json;
using Claims.PrivateServers;

namespace Claims.Cli.LocalSystem;

/// <summary>One process that `up` started. The fingerprint is of its program and configuration.</summary>
public sealed record ProcessRecord(int Pid, long StartTicks, string Fingerprint, DateTimeOffset StartedAt)
{
    public ProcessIdentity Identity => new(Pid, StartTicks);
}

/// <summary>What runs over a data directory, as kept in its state.json.</summary>
/// <param name="Policy">By which the data came about; null before the first start.</param>
public sealed record SystemState(int? PortBase, CityPolicy? Policy, IReadOnlyDictionary<string, ProcessRecord> Processes)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Where its PostgreSQL keeps its WAL; null for nowhere.</summary>
    public string? Archive { get; init; }

    public static SystemState Empty { get; } = new(null, null, new Dictionary<string, ProcessRecord>());

    /// <exception cref="CommandException">The file is not what this command writes.</exception>
    public static SystemState Read(string file)
    {
        try
        {
            return File.Exists(file) ? JsonSerializer.Deserialize<SystemState>(File.ReadAllBytes(file), Options) ?? Empty : Empty;
        }
        catch (JsonException e)
        {
            throw new CommandException($"{file} cannot be read ({e.Message}); stop the processes of this system by hand and remove it.", e);
        }
    }

    public SystemState With(string process, ProcessRecord? record)
    {
        Dictionary<string, ProcessRecord> processes = new(Processes);
        if (record is null)
            processes.Remove(process);
        else
            processes[process] = record;
        return this with { Processes = processes };
    }

    /// <summary>The record of this process if that very process still runs.</summary>
    public ProcessRecord? Running(string process) =>
        Processes.TryGetValue(process, out ProcessRecord? record) && record.Identity.IsRunning ? record : null;

    public void Write(string file)
    {
        string unfinished = file + ".new";
        File.WriteAllBytes(unfinished, JsonSerializer.SerializeToUtf8Bytes(this, Options));
        File.Move(unfinished, file, overwrite: true);
    }
}
