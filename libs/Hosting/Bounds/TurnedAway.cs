using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Claims.Hosting;

/// <summary>Counts what is beyond a bound, and tells the log of it once a second.</summary>
internal sealed class TurnedAway(TimeProvider time, ILogger<TurnedAway> logger)
{
    private static readonly Meter Meter = new("Claims.Hosting");
    private static readonly Counter<long> Calls = Meter.CreateCounter<long>(
        "claims_calls_turned_away_total", description: "Calls turned away because too many were in progress (all), or their caller had "
            + "too many in progress (calls), too many streams open (streams), or called too often (rate).");
    private static readonly Counter<long> Connections = Meter.CreateCounter<long>(
        "claims_connections_turned_away_total", description: "Connections closed because their caller had too many (share), reset or "
            + "repeated too many calls (resets), or made no call (silent).");
    private static readonly Counter<long> Streams = Meter.CreateCounter<long>(
        "claims_streams_cut_total", description: "Streams ended because no message came (silent), or their certificate is trusted no "
            + "longer (certificate).");

    private static readonly Counter<long> Messages = Meter.CreateCounter<long>(
        "claims_stream_messages_delayed_total", description: "Messages of streams that waited because their caller sends too many a "
            + "second.");

    private readonly QuietLog _quiet = new(time);

    /// <summary>A call beyond the bound of all of them.</summary>
    public static void Call() => Calls.Add(1, Reason("all"));

    /// <summary>A stream's message waits for its turn.</summary>
    public static void Delayed() => Messages.Add(1);

    public void Call(Excess excess, object caller)
    {
        string reason = excess switch
        {
            Excess.Streams => "streams",
            Excess.Rate => "rate",
            _ => "calls",
        };
        Calls.Add(1, Reason(reason));
        if (_quiet.MayTell())
            logger.LogWarning(new EventId(1, "call_turned_away"), "A call of {Caller} is turned away: {Reason}.", caller, reason);
    }

    public void Connection(string reason, object caller)
    {
        Connections.Add(1, Reason(reason));
        if (_quiet.MayTell())
            logger.LogWarning(new EventId(2, "connection_turned_away"), "A connection of {Caller} is closed: {Reason}.", caller, reason);
    }

    public void Stream(string reason, object caller)
    {
        Streams.Add(1, Reason(reason));
        if (_quiet.MayTell())
            logger.LogInformation(new EventId(3, "stream_cut"), "A stream of {Caller} is ended: {Reason}.", caller, reason);
    }

    /// <summary>Shows what is rare as 0: an alert does not see the increase of a series that was not there.</summary>
    public static void ShowRare()
    {
        foreach (string reason in new[] { "all", "calls", "streams", "rate" }) Calls.Add(0, Reason(reason));
        foreach (string reason in new[] { "share", "resets", "silent" }) Connections.Add(0, Reason(reason));
        foreach (string reason in new[] { "silent", "certificate" }) Streams.Add(0, Reason(reason));
        Messages.Add(0);
    }

    private static KeyValuePair<string, object?> Reason(string reason) => new("reason", reason);
}
