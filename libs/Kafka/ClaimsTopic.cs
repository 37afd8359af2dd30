namespace Claims.Kafka;

/// <summary>The one topic between adjudication and the ledger: partition = shard, one SettledClaim per message.</summary>
public static class ClaimsTopic
{
    public const string Name = "claims.settled.v1";
}
