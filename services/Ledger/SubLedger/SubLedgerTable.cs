using System.Collections.Frozen;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Claims.Ledger.SubLedger;

/// <summary>Appends records to the sub-ledger by binary COPY.</summary>
internal static class SubLedgerTable
{
    private const string Copy = """
        COPY sub_ledger (
            shard, sequence, kind, settlement_id, original_settlement_id, facility_code, insured_id, request_id,
            original_request_id, visit_date, visit_type, settled_at, scheme, insured_county, facility_county, tier,
            total_fen, full_self_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen,
            rate_basis_points, fund_pay_fen, cap_fen, cap_used_before_fen, cap_used_after_fen, reason_code, policy_id,
            policy_hash, request_fingerprint)
        FROM STDIN (FORMAT BINARY)
        """;

    private static readonly FrozenDictionary<string, VisitType> VisitTypes = Enum.GetValues<VisitType>().ToFrozenDictionary(Name, StringComparer.Ordinal);

    public static async Task AppendAsync(NpgsqlConnection connection, IReadOnlyList<BookableRecord> records, CancellationToken cancellationToken)
    {
        await using NpgsqlBinaryImporter rows = await connection.BeginBinaryImportAsync(Copy, cancellationToken);
        foreach ((SettledClaim claim, DateOnly? visitDate) in records)
        {
            await rows.StartRowAsync(cancellationToken);
            await rows.WriteAsync(claim.Shard, NpgsqlDbType.Integer, cancellationToken);
            await rows.WriteAsync(claim.Sequence, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(Name(claim.Kind), NpgsqlDbType.Text, cancellationToken);
            if (claim.SettlementId.Length == 0) await rows.WriteNullAsync(cancellationToken);
            else await rows.WriteAsync(claim.SettlementId, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.OriginalSettlementId, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.FacilityCode, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.InsuredId, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.RequestId, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.OriginalRequestId, NpgsqlDbType.Text, cancellationToken);
            if (visitDate is null) await rows.WriteNullAsync(cancellationToken);
            else await rows.WriteAsync(visitDate.Value, NpgsqlDbType.Date, cancellationToken);
            await rows.WriteAsync(Name(claim.VisitType), NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(DateTimeOffset.FromUnixTimeMilliseconds(claim.SettledAtUnixMs), NpgsqlDbType.TimestampTz, cancellationToken);
            await rows.WriteAsync(claim.Scheme, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.InsuredCounty, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.FacilityCounty, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.Tier, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.TotalFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.FullSelfPayFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.OverLimitFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.PreSelfPayFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.InScopeFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.DeductibleFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.RateBp, NpgsqlDbType.Integer, cancellationToken);
            await rows.WriteAsync(claim.FundPayFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.CapFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.CapUsedBeforeFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.CapUsedAfterFen, NpgsqlDbType.Bigint, cancellationToken);
            await rows.WriteAsync(claim.ReasonCode, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.PolicyId, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.PolicyHash, NpgsqlDbType.Text, cancellationToken);
            await rows.WriteAsync(claim.RequestFingerprint.Memory, NpgsqlDbType.Bytea, cancellationToken);
        }

        await rows.CompleteAsync(cancellationToken);
    }

    /// <summary>The name in the database, as in the protocol.</summary>
    public static string Name(Kind kind) => kind switch
    {
        Kind.Settlement => "SETTLEMENT",
        Kind.Cancellation => "CANCELLATION",
        Kind.Restoration => "RESTORATION",
        Kind.RequestOnly => "REQUEST_ONLY",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no name in the books"),
    };

    public static VisitType VisitTypeOf(string name) => VisitTypes[name];

    private static string Name(VisitType type) => type switch
    {
        VisitType.Unspecified => "",
        VisitType.Ordinary => "ORDINARY",
        VisitType.PrenatalCheck => "PRENATAL_CHECK",
        VisitType.DeliveryNatural => "DELIVERY_NATURAL",
        VisitType.DeliveryCaesarean => "DELIVERY_CAESAREAN",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "has no name in the books"),
    };
}
