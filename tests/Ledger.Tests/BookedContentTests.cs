using System.Collections.Frozen;
using Claims.Ledger.Posting;
using Claims.V1;
using Google.Protobuf;
using Kind = Claims.V1.SettledClaim.Types.Kind;
using Watermarks = Claims.Ledger.Posting.Watermarks;

namespace Ledger.Tests;

/// <summary>
/// Two batches of records in which no two fields have the same value, against what must stand in the books column by column:
/// two schemes, two years, a facility of two counties, insured of counties that are no facility's.
/// </summary>
[Collection(LedgerDatabaseCollection.Name)]
public sealed class BookedContentTests(LedgerDatabase databases) : IAsyncLifetime
{
    // Half past midnight of the next day in China.
    private static readonly DateTimeOffset FirstPosting = new(2025, 1, 1, 16, 30, 0, TimeSpan.Zero);

    private readonly StoppedClock _clock = new(FirstPosting);
    private readonly PublishedLog _log = new(2);
    private RunningLedger _ledger = null!;

    public async Task InitializeAsync()
    {
        _ledger = RunningLedger.Create(await databases.CreateAsync(), clock: _clock);
        await _ledger.OpenAsync(_log);
        _log.AddSettlement(0, record =>
        {
            (record.SettlementId, record.FacilityCode, record.InsuredId, record.RequestId) = ("S-a", "H-A", "P-1", "R-a");
            (record.VisitDate, record.VisitType, record.Scheme, record.Tier) = ("2024-12-31", VisitType.Ordinary, "resident", "other");
            record.SettledAtUnixMs = new DateTimeOffset(2025, 1, 1, 9, 2, 3, 456, TimeSpan.FromHours(8)).ToUnixTimeMilliseconds();
            (record.InsuredCounty, record.FacilityCounty) = ("410102", "410122");
            (record.TotalFen, record.FullSelfPayFen, record.OverLimitFen, record.PreSelfPayFen, record.InScopeFen) =
                (10_000, 1_000, 200, 300, 8_500);
            (record.DeductibleFen, record.RateBp, record.FundPayFen, record.ShortfallFen) = (4_000, 5_500, 2_475, 17);
            (record.CapFen, record.CapUsedBeforeFen, record.CapUsedAfterFen) = (30_001, 27_525, 30_000);
            (record.ReasonCode, record.PolicyId, record.PolicyHash, record.VisitId) = ("CAP_REACHED", "policy-a", "hash-a", "V-a");
            record.RequestFingerprint = ByteString.CopyFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        });
        _log.AddSettlement(0, record =>
        {
            (record.SettlementId, record.FacilityCode, record.InsuredId, record.RequestId) = ("S-b", "H-A", "P-2", "R-b");
            (record.VisitDate, record.VisitType, record.Scheme, record.Tier) =
                ("2025-01-01", VisitType.PrenatalCheck, "employee", "grassroots");
            record.SettledAtUnixMs = new DateTimeOffset(2025, 1, 1, 10, 0, 0, TimeSpan.FromHours(8)).ToUnixTimeMilliseconds();
            (record.InsuredCounty, record.FacilityCounty) = ("410103", "410105");
            (record.TotalFen, record.FullSelfPayFen, record.InScopeFen) = (2_010, 10, 2_000);
            (record.FundPayFen, record.CapUsedBeforeFen, record.CapUsedAfterFen) = (1_300, 0, 1_300);
            (record.CapFen, record.PolicyId, record.PolicyHash) = (30_002, "policy-b", "hash-b");
        });
        _log.AddSettlement(0, record => Delivery(
            record, ("S-f", "H-A", "P-3", "R-f"), VisitType.DeliveryCaesarean, ("410104", "410122"), "2024-12-31", 50_000));
        SettledClaim natural = _log.AddSettlement(
            1, record =>
                Delivery(record, ("S-c", "H-B", "P-4", "R-c"), VisitType.DeliveryNatural, ("410104", "410105"), "2024-12-30", 100_000));
        await _ledger.BookNewAsync(_log);

        _clock.Now = FirstPosting.AddDays(1);
        Mirror(natural, Kind.Cancellation, "S-d", "R-d");
        _log.AddSettlement(1, record =>
        {
            (record.Kind, record.SettlementId, record.VisitDate, record.VisitType) = (Kind.RequestOnly, "", "", VisitType.Unspecified);
            (record.FacilityCode, record.InsuredId, record.RequestId, record.OriginalRequestId) = ("H-C", "P-5", "R-e", "R-never-came");
            (record.Scheme, record.InsuredCounty, record.FacilityCounty, record.Tier, record.PolicyId, record.PolicyHash) =
                ("", "", "", "", "", "");
            (record.TotalFen, record.FullSelfPayFen, record.InScopeFen, record.FundPayFen) = (0, 0, 0, 0);
            (record.RateBp, record.CapFen, record.CapUsedAfterFen, record.RequestFingerprint) = (0, 0, 0, ByteString.Empty);
            record.SettledAtUnixMs = new DateTimeOffset(2025, 1, 2, 8, 0, 0, TimeSpan.FromHours(8)).ToUnixTimeMilliseconds();
        });

        // Undone and made again within the batch: what is left of it is one settlement.
        SettledClaim twice = _log.AddSettlement(
            0, record =>
                Delivery(record, ("S-g", "H-B", "P-6", "R-g"), VisitType.DeliveryNatural, ("410108", "410105"), "2025-01-02", 7_000));
        Mirror(twice, Kind.Cancellation, "S-h", "R-h");
        Mirror(twice, Kind.Restoration, "S-i", "R-i");
        SettledClaim never = _log.AddSettlement(
            0, record =>
                Delivery(record, ("S-j", "H-D", "P-6", "R-j"), VisitType.DeliveryNatural, ("410108", "410106"), "2025-01-02", 9_000));
        Mirror(never, Kind.Cancellation, "S-k", "R-k");
        await _ledger.BookNewAsync(_log);
    }

    public async Task DisposeAsync() => await _ledger.DisposeAsync();

    [Fact]
    public async Task Sub_ledger_has_every_field_of_every_record_in_its_own_column() => Assert.Equal(
        [
            "0|1|SETTLEMENT|S-a||H-A|P-1|R-a||2024-12-31|ORDINARY|2025-01-01 "
                + "01:02:03.456|resident|410102|410122|other|10000|1000|200|300|8500|4000|5500|2475"
                + "|17|true|30001|27525|30000|CAP_REACHED|policy-a|hash-a|000102030405060708090a0b0c0d0e0f"
                + "|D 4000 0 4000 bordinary:20241231:H-A, f 30001 27525 2475 fordinary.year:2024|V-a",
            "0|2|SETTLEMENT|S-b||H-A|P-2|R-b||2025-01-01|PRENATAL_CHECK|2025-01-01 "
                + "02:00:00|employee|410103|410105|grassroots|2010|10|0|0|2000|0|6500|1300"
                + "|0|true|30002|0|1300||policy-b|hash-b|00000000000000000000000000000000|f 30002 0 1300 fordinary.year:2025|",
            "0|3|SETTLEMENT|S-f||H-A|P-3|R-f||2024-12-31|DELIVERY_CAESAREAN|2025-01-01 "
                + "02:30:00|resident|410104|410122|province_3a|50001|1|0|0|50000|0|0|50000"
                + "|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2024|V-f",
            "0|4|SETTLEMENT|S-g||H-B|P-6|R-g||2025-01-02|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410108|410105|province_3a|7001|1|0|0|7000|0|0|7000"
                + "|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2025|V-g",
            "0|5|CANCELLATION|S-h|S-g|H-B|P-6|R-h|R-g|2025-01-02|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410108|410105|province_3a|-7001|-1|0|0|-7000|0|0"
                + "|-7000|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2025|V-g",
            "0|6|RESTORATION|S-i|S-g|H-B|P-6|R-i|R-g|2025-01-02|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410108|410105|province_3a|7001|1|0|0|7000|0|0"
                + "|7000|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2025|V-g",
            "0|7|SETTLEMENT|S-j||H-D|P-6|R-j||2025-01-02|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410108|410106|province_3a|9001|1|0|0|9000|0|0|9000"
                + "|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2025|V-j",
            "0|8|CANCELLATION|S-k|S-j|H-D|P-6|R-k|R-j|2025-01-02|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410108|410106|province_3a|-9001|-1|0|0|-9000|0|0"
                + "|-9000|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2025|V-j",
            "1|1|SETTLEMENT|S-c||H-B|P-4|R-c||2024-12-30|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410104|410105|province_3a|100001|1|0|0|100000|0|0|100000"
                + "|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2024|V-c",
            "1|2|CANCELLATION|S-d|S-c|H-B|P-4|R-d|R-c|2024-12-30|DELIVERY_NATURAL|2025-01-01 "
                + "02:30:00|resident|410104|410105|province_3a|-100001|-1|0|0|-100000"
                + "|0|0|-100000|0|false|0|0|0||policy-c|hash-c|00000000000000000000000000000000|s 30003 77 0 fordinary.year:2024|V-c",
            "1|3|REQUEST_ONLY|NULL||H-C|P-5|R-e|R-never-came|NULL||2025-01-02 00:00:00|||||0|0|0|0|0|0|0|0|0|false|0|0|0||||||",
        ],
        await _ledger.RowsAsync("""
            SELECT concat_ws('|', shard, sequence, kind, coalesce(settlement_id, 'NULL'), original_settlement_id, facility_code, insured_id,
                request_id,
                original_request_id, coalesce(visit_date::text, 'NULL'), visit_type, settled_at AT TIME ZONE 'UTC', scheme, insured_county, facility_county, tier,
                total_fen, full_self_pay_fen, over_limit_fen, pre_self_pay_fen, in_scope_fen, deductible_fen, rate_basis_points, fund_pay_fen,
                shortfall_fen, counts_against_cap::text, cap_fen, cap_used_before_fen, cap_used_after_fen, reason_code, policy_id, policy_hash, encode(request_fingerprint, 'hex'),
                replace(limits, chr(10), ', '), visit_id)
            FROM sub_ledger ORDER BY shard, sequence
            """));

    [Fact]
    public async Task General_ledger_has_the_facilitys_county_the_day_of_the_visit_and_the_scheme()
    {
        Assert.Equal(
            ["1 2025-01-01 16:30:00", "2 2025-01-02 16:30:00"],
            await _ledger.RowsAsync("SELECT concat_ws(' ', batch_id, posted_at AT TIME ZONE 'UTC') FROM batch ORDER BY 1"));
        Assert.Equal(
            ["1 0 1-3", "1 1 1-1", "2 0 4-8", "2 1 2-3"],
            await _ledger.RowsAsync("SELECT concat(batch_id, ' ', shard, ' ', first_sequence, '-', last_sequence) FROM "
                + "batch_range ORDER BY 1"));
        Assert.Equal(
            [
                "1 resident 2025-01-02 2024-12-30: 2101.resident.410105.H-B 0 100000, 5102.resident.410105 100000 0",
                "1 resident 2025-01-02 2024-12-31: 2101.resident.410122.H-A 0 52475, 5101.resident.410122 2475 0, "
                    + "5102.resident.410122 50000 0",
                "1 employee 2025-01-02 2025-01-01: 2101.employee.410105.H-A 0 1300, 5101.employee.410105 1300 0",
                "2 resident 2025-01-03 2024-12-30: 2101.resident.410105.H-B 0 -100000, 5102.resident.410105 -100000 0",
                "2 resident 2025-01-03 2025-01-02: 2101.resident.410105.H-B 0 7000, 5102.resident.410105 7000 0",
            ],
            await _ledger.RowsAsync("""
                SELECT concat_ws(' ', batch_id, scheme, posting_date, business_date) || ': '
                    || string_agg(concat_ws(' ', account_code, debit_fen, credit_fen), ', ' ORDER BY account_code COLLATE "C")
                FROM journal JOIN posting USING (journal_id) GROUP BY journal_id ORDER BY batch_id, business_date
                """));
        Assert.Equal(5, await _ledger.CountAsync("SELECT count(*) FROM journal"));
        Assert.Equal(["0 8", "1 3"], await _ledger.RowsAsync("SELECT concat_ws(' ', shard, sequence) FROM shard_watermark ORDER BY shard"));
        Assert.Equal(
            [
                "2101.employee.410105.H-A 2101 employee 410105 H-A 0 1300", "2101.resident.410105.H-B 2101 resident 410105 H-B 0 7000",
                "2101.resident.410122.H-A 2101 resident 410122 H-A 0 52475", "5101.employee.410105 5101 employee 410105 1300 0",
                "5101.resident.410122 5101 resident 410122 2475 0", "5102.resident.410105 5102 resident 410105 7000 0",
                "5102.resident.410122 5102 resident 410122 50000 0",
            ],
            await _ledger.RowsAsync("""
                SELECT concat_ws(' ', account_code, kind, scheme, county, facility_code, debit_fen, credit_fen)
                FROM account FULL JOIN account_balance USING (account_code) ORDER BY account_code COLLATE "C"
                """));
    }

    [Fact]
    public async Task Trial_balance_names_every_account_and_its_balance() => Assert.Equal(
        new TrialBalance
        {
            Balanced = true,
            DebitFen = 60_775,
            CreditFen = 60_775,
            StandingSettlements = 4,
            FundPaidFen = 60_775,
            Accounts =
            {
                new TrialBalance.Types.Account { Code = "2101.employee.410105.H-A", Name = "应付定点机构款—城镇职工—金水区—H-A", BalanceFen = -1_300 },
                new TrialBalance.Types.Account { Code = "2101.resident.410105.H-B", Name = "应付定点机构款—城乡居民—金水区—H-B", BalanceFen = -7_000 },
                new TrialBalance.Types.Account { Code = "2101.resident.410122.H-A", Name = "应付定点机构款—城乡居民—中牟县—H-A", BalanceFen = -52_475 },
                new TrialBalance.Types.Account { Code = "5101.employee.410105", Name = "待遇支出—门诊统筹—城镇职工—金水区", BalanceFen = 1_300 },
                new TrialBalance.Types.Account { Code = "5101.resident.410122", Name = "待遇支出—门诊统筹—城乡居民—中牟县", BalanceFen = 2_475 },
                new TrialBalance.Types.Account { Code = "5102.resident.410105", Name = "待遇支出—生育补助—城乡居民—金水区", BalanceFen = 7_000 },
                new TrialBalance.Types.Account { Code = "5102.resident.410122", Name = "待遇支出—生育补助—城乡居民—中牟县", BalanceFen = 50_000 },
            },
        },
        await _ledger.TrialBalanceAsync());

    [Fact]
    public async Task Entries_are_read_back_field_by_field_from_a_year_on()
    {
        List<SubLedgerEntry> all = await _ledger.Entries.EntriesAsync(0, CancellationToken.None).ToListAsync();

        Assert.Equal(11, all.Count);
        Assert.Equal(
            new SubLedgerEntry
            {
                Shard = 0,
                Sequence = 1,
                SettlementId = "S-a",
                FacilityCode = "H-A",
                InsuredId = "P-1",
                RequestId = "R-a",
                VisitDate = "2024-12-31",
                FundPayFen = 2_475,
                Kind = "SETTLEMENT",
                VisitType = VisitType.Ordinary,
                Tier = "other",
                TotalFen = 10_000,
                InScopeFen = 8_500,
                DeductibleFen = 4_000,
                CapUsedBeforeFen = 27_525,
                CapUsedAfterFen = 30_000,
                InsuredCounty = "410102",
                PolicyId = "policy-a",
                Limits = "D 4000 0 4000 bordinary:20241231:H-A\nf 30001 27525 2475 fordinary.year:2024",
            },
            all[0]);
        Assert.Equal(("CANCELLATION", "S-d", "S-c", "R-d"),
            (all[9].Kind, all[9].SettlementId, all[9].OriginalSettlementId, all[9].RequestId));
        Assert.Equal(
            new SubLedgerEntry
            {
                Shard = 1,
                Sequence = 3,
                Kind = "REQUEST_ONLY",
                FacilityCode = "H-C",
                InsuredId = "P-5",
                RequestId = "R-e",
            }, all[10]);
        Assert.Equal(
            ["S-b", "S-g", "S-h", "S-i", "S-j", "S-k"],
            await _ledger.Entries.EntriesAsync(2025, CancellationToken.None).Select(entry => entry.SettlementId).ToListAsync());
    }

    [Fact]
    public async Task Insured_years_count_what_stands_and_only_capped_visits_against_the_cap() => Assert.Equal(
        [
            new InsuredYear { InsuredId = "P-1", Year = 2024, CappedFundPayFen = 2_475, FundPayFen = 2_475, StandingSettlements = 1 },
            new InsuredYear { InsuredId = "P-2", Year = 2025, CappedFundPayFen = 1_300, FundPayFen = 1_300, StandingSettlements = 1 },
            new InsuredYear { InsuredId = "P-3", Year = 2024, FundPayFen = 50_000, StandingSettlements = 1 },
            new InsuredYear { InsuredId = "P-4", Year = 2024 },
            new InsuredYear { InsuredId = "P-6", Year = 2025, FundPayFen = 7_000, StandingSettlements = 1 },
        ],
        await _ledger.Entries.InsuredYearsAsync(CancellationToken.None).ToListAsync());

    [Fact]
    public async Task Record_that_is_set_aside_is_kept_whole_beside_what_is_booked_with_it()
    {
        SettledClaim sound = _log.AddSettlement(1, record => record.VisitDate = "2025-01-03");
        SettledClaim unsound = new PublishedLog(2).AddSettlement(0, record => (record.Sequence, record.Scheme) = (9, ""));
        FeedRecord[] records = [new(0, 77, [1, 2], unsound, null), new(1, 78, [3], sound, null)];
        Selection selection = Selection.Of(records, _log.Epoch, _ledger.Watermarks, FrozenSet.Create(0, 1));
        await _ledger.Books.PostAsync(selection, CancellationToken.None);
        await _ledger.Books.PostAsync(
            Selection.OfPoison(new FeedRecord(1, 79, [0xfe, 0xff], null, "is unread"), "is unread"), CancellationToken.None);

        Assert.Equal(
            [
                $"1 2025-01-02 16:30:00 0 77 (sequence 9) lacks scheme or "
                    + $"facility_county {Convert.ToHexStringLower(unsound.ToByteArray())}",
                "2 2025-01-02 16:30:00 1 79 is unread feff",
            ],
            await _ledger.RowsAsync("""
                SELECT concat_ws(' ', poison_id, found_at AT TIME ZONE 'UTC', shard, kafka_offset, reason, encode(record, 'hex'))
                    FROM poison_record ORDER BY poison_id
                """));
        Assert.Equal(
            [
                "0 1 2025-01-02 16:30:00 the record at offset 77 (sequence 9) lacks scheme or facility_county standing",
                "1 2 2025-01-02 16:30:00 the record at offset 79 is unread standing",
            ],
            await _ledger.RowsAsync("""
                SELECT concat_ws(' ', shard, poison_id, stopped_at AT TIME ZONE 'UTC', reason, coalesce(resumed_at::text, 'standing'))
                    FROM shard_stop ORDER BY shard
                """));
        Assert.Equal(["0 8", "1 4"], await _ledger.RowsAsync("SELECT concat_ws(' ', shard, sequence) FROM shard_watermark ORDER BY shard"));
        Assert.Equal(
            ["the record at offset 77 (sequence 9) lacks scheme or facility_county", "the record at offset 79 is unread"],
            (await _ledger.Store.ReadAsync(CancellationToken.None))!.Stopped);

        _clock.Now = FirstPosting.AddDays(3);
        Assert.Equal((8L, "the record at offset 77 (sequence 9) lacks scheme or facility_county"),
            await _ledger.States.ResumeAsync(0, RunningLedger.Caller, CancellationToken.None));
        Assert.Equal(
            ["0 2025-01-04 16:30:00", "1"],
            await _ledger.RowsAsync("SELECT concat_ws(' ', shard, resumed_at AT TIME ZONE 'UTC') FROM shard_stop ORDER BY shard"));
        Assert.Equal(["", "the record at offset 79 is unread"], (await _ledger.Store.ReadAsync(CancellationToken.None))!.Stopped);
    }

    /// <summary>Of the fee of one fen that nobody covers.</summary>
    private static void Delivery(
        SettledClaim record, (string Settlement, string Facility, string Insured, string Request) ids, VisitType type,
        (string Insured, string Facility) counties, string visitDate, long fundPayFen)
    {
        (record.SettlementId, record.FacilityCode, record.InsuredId, record.RequestId) = ids;
        (record.InsuredCounty, record.FacilityCounty) = counties;
        (record.VisitType, record.VisitDate, record.Tier) = (type, visitDate, "province_3a");
        record.SettledAtUnixMs = new DateTimeOffset(2025, 1, 1, 10, 30, 0, TimeSpan.FromHours(8)).ToUnixTimeMilliseconds();
        (record.TotalFen, record.FullSelfPayFen, record.InScopeFen, record.FundPayFen) = (fundPayFen + 1, 1, fundPayFen, fundPayFen);
        (record.RateBp, record.CapFen, record.CapUsedBeforeFen, record.CapUsedAfterFen) = (0, 0, 0, 0);
        (record.PolicyId, record.PolicyHash) = ("policy-c", "hash-c");
        (record.Limits, record.VisitId) = ($"s 30003 77 0 fordinary.year:{visitDate[..4]}", $"V{ids.Settlement[1..]}");
    }

    private void Mirror(SettledClaim original, Kind kind, string settlementId, string requestId)
    {
        SettledClaim mirror = _log.AddMirror(original, kind);
        (mirror.SettlementId, mirror.RequestId) = (settlementId, requestId);
        (mirror.CapUsedBeforeFen, mirror.CapUsedAfterFen) = (0, 0);
    }
}
