namespace Claims.Kafka;

/// <summary>The one topic between adjudication and the ledger: partition = shard, a <see cref="SettledMessage"/> per message.</summary>
public static class ClaimsTopic
{
    public const string Name = "claims.settled.v1";

    /// <summary>Header of every message: the protobuf message that it is, in ASCII.</summary>
    public const string SchemaHeader = "schema";

    /// <summary>Header of the messages of settlements whose trace was recorded: W3C traceparent, in ASCII.</summary>
    public const string TraceHeader = "traceparent";
}
