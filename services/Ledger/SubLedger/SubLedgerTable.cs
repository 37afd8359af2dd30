using System.Collections.Frozen;
using System.Security.Cryptography;
using Claims.V1;
using Npgsql;
using Kind = Claims.V1.SettledClaim.Types.Kind;

namespace Claims.Ledger.SubLedger;

/// <summary>Appends records to the sub-ledger by binary COPY.</summary>
internal static class SubLedgerTable
{
    /// <summary>What a row has, in the order in which it is sent and hashed.</summary>
    public static readonly string[] Columns =
    [
        "shard", "sequence", "kind", "settlement_id", "original_settlement_id", "facility_code", "insured_id", "request_id",
        "original_request_id", "visit_date", "visit_type", "settled_at", "scheme", "insured_county", "facility_county", "tier",
        "total_fen", "full_self_pay_fen", "over_limit_fen", "pre_self_pay_fen", "in_scope_fen", "deductible_fen",
        "rate_basis_points", "fund_pay_fen", "cap_fen", "cap_used_before_fen", "cap_used_after_fen", "reason_code", "policy_id",
        "policy_hash", "request_fingerprint", "shortfall_fen", "counts_against_cap",
        "limits", "visit_id", "stored_record", "person_id", "note",
    ];

    /// <summary>What links of the chain's format 1 cover of a row.</summary>
    public static readonly string[] ColumnsOfFormat1 = Columns[..31];

    /// <summary>What links of the chain's format 2 cover of a row.</summary>
    public static readonly string[] ColumnsOfFormat2 = Columns[..33];

    /// <summary>What links of the chain's format 3 cover of a row.</summary>
    public static readonly string[] ColumnsOfFormat3 = Columns[..35];

    /// <summary>What links of the chain's format 4 cover of a row.</summary>
    public static readonly string[] ColumnsOfFormat4 = Columns[..36];

    /// <summary>What stands before a row in its hash: the table's name as a field.</summary>
    public static readonly byte[] NameField = CopyBuffer.FieldOf("sub_ledger");

    private static readonly string Copy = $"COPY sub_ledger ({string.Join(", ", Columns)}) FROM STDIN (FORMAT BINARY)";
    private const int SentAtOnce = 256 * 1024;

    private static readonly FrozenDictionary<string, VisitType> VisitTypes = Enum.GetValues<VisitType>()
        .ToFrozenDictionary(Name, StringComparer.Ordinal);

    /// <param name="records">Ascending by shard and sequence, as the chain has them.</param>
    /// <returns>The rows' hashes in that order.</returns>
    public static async Task<SubLedgerHashes> AppendAsync(
        NpgsqlConnection connection, IReadOnlyList<BookableRecord> records, CancellationToken cancellationToken)
    {
        SubLedgerHashes hashes = new(records.Count);
        CopyBuffer rows = new();
        using IncrementalHash rowHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using NpgsqlRawCopyStream stream = await connection.BeginRawBinaryCopyAsync(Copy, cancellationToken);
        rows.Begin();
        foreach ((SettledClaim claim, DateOnly? visitDate) in records)
        {
            int start = rows.Length;
            Write(rows, claim, visitDate);
            hashes.Add(claim.Shard, claim.Sequence, rows.WrittenFrom(start), rowHash);
            if (rows.Length < SentAtOnce) continue;
            await stream.WriteAsync(rows.Written, cancellationToken);
            rows.Clear();
        }

        rows.End();
        await stream.WriteAsync(rows.Written, cancellationToken);
        return hashes;
    }

    /// <summary>The name in the database, as in the protocol.</summary>
    public static string Name(Kind kind) => kind switch
    {
        Kind.Settlement => "SETTLEMENT",
        Kind.Cancellation => "CANCELLATION",
        Kind.Restoration => "RESTORATION",
        Kind.RequestOnly => "REQUEST_ONLY",
        Kind.NumbersLost => "NUMBERS_LOST",
        Kind.MergeOut => "MERGE_OUT",
        Kind.MergeIn => "MERGE_IN",
        Kind.UnmergeIn => "UNMERGE_IN",
        Kind.UnmergeOut => "UNMERGE_OUT",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no name in the books"),
    };

    public static VisitType VisitTypeOf(string name) => VisitTypes[name];

    /// <summary>One row: the count of its fields, and the fields.</summary>
    public static void Write(CopyBuffer row, SettledClaim claim, DateOnly? visitDate)
    {
        row.Row((short)Columns.Length);
        row.Write(claim.Shard);
        row.Write(claim.Sequence);
        row.Write(Name(claim.Kind));
        if (claim.SettlementId.Length == 0) row.Null();
        else row.Write(claim.SettlementId);
        row.Write(claim.OriginalSettlementId);
        row.Write(claim.FacilityCode);
        row.Write(claim.InsuredId);
        row.Write(claim.RequestId);
        row.Write(claim.OriginalRequestId);
        if (visitDate is { } date) row.Write(date);
        else row.Null();
        row.Write(Name(claim.VisitType));
        row.Write(DateTimeOffset.FromUnixTimeMilliseconds(claim.SettledAtUnixMs));
        row.Write(claim.Scheme);
        row.Write(claim.InsuredCounty);
        row.Write(claim.FacilityCounty);
        row.Write(claim.Tier);
        row.Write(claim.TotalFen);
        row.Write(claim.FullSelfPayFen);
        row.Write(claim.OverLimitFen);
        row.Write(claim.PreSelfPayFen);
        row.Write(claim.InScopeFen);
        row.Write(claim.DeductibleFen);
        row.Write(claim.RateBp);
        row.Write(claim.FundPayFen);
        row.Write(claim.CapFen);
        row.Write(claim.CapUsedBeforeFen);
        row.Write(claim.CapUsedAfterFen);
        row.Write(claim.ReasonCode);
        row.Write(claim.PolicyId);
        row.Write(claim.PolicyHash);
        row.Write(claim.RequestFingerprint.Span);
        row.Write(claim.ShortfallFen);
        row.Write(claim.CountsAgainstCap);
        row.Write(claim.Limits);
        row.Write(claim.VisitId);
        row.Write(claim.StoredRecord.Span);
        row.Write(claim.PersonId);
        row.Write(claim.Note);
    }

    public static string Name(VisitType type) => type switch
    {
        VisitType.Unspecified => "",
        VisitType.Ordinary => "ORDINARY",
        VisitType.PrenatalCheck => "PRENATAL_CHECK",
        VisitType.DeliveryNatural => "DELIVERY_NATURAL",
        VisitType.DeliveryCaesarean => "DELIVERY_CAESAREAN",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "has no name in the books"),
    };
}
