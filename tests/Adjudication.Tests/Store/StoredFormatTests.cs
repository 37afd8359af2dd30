using System.Diagnostics;
using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;

namespace Adjudication.Tests.Store;

/// <summary>The bytes between the service and its scripts, and those that lie in Redis, written out by hand: each number is another
/// one.</summary>
public sealed class StoredFormatTests
{
    private static readonly SettleRequest Request = new()
    {
        RequestId = "r1",
        FacilityCode = "H院",
        InsuredId = "P1",
        VisitDate = "2024-03-05",
        VisitType = VisitType.Ordinary,
        VisitId = "就",
        TotalFen = 10_007,
        InScopeFen = 9_003,
    };

    private static readonly StoredRequest Stored = new()
    {
        VisitType = 2,
        TotalFen = 10_007,
        FullSelfPayFen = 1,
        OverLimitFen = 2,
        PreSelfPayFen = 3,
        InScopeFen = 9_003,
        InsuredCounty = 410_105,
        FacilityCounty = 410_122,
        Terms = 0xCAFE,
        SettledAtUnixMs = 1_700_000_000_001,
        Lines = { new StoredLine { LineId = "L1", FullSelfPayFen = 4, OverLimitFen = 5, PreSelfPayFen = 6, InScopeFen = 7 } },
        Trace = ByteString.CopyFromUtf8("trace"),
    };

    private static readonly byte[] Fingerprint = [.. Enumerable.Range(1, 16).Select(number => (byte)number)];

    [Theory]
    [InlineData(StepMode.Settle, "S")]
    [InlineData(StepMode.Quote, "Q")]
    [InlineData(StepMode.Look, "L")]
    public void Visit_is_packed_as_the_script_reads_it(StepMode mode, string letter)
    {
        Step step = Step.Visit(mode, Request, new DateOnly(2024, 3, 5), SampleTerms.Of(5_500, 4_000, 30_000), totalFen: 10_007,
            inScopeFen: 9_003, Stored);

        byte[] fingerprint = new byte[16];
        Fingerprints.Write(Request, fingerprint);
        byte[] content = [.. fingerprint, .. Stored.ToByteArray(), .. Text("就")];
        byte[] block =
        [
            .. Text("P"), 1, .. Big(2, 0), 1, 2, .. Big(6, 0), .. Big(2, 5_500),
            .. Text("D"), .. Big(6, 4_000), 1, .. Text("f"), .. Big(6, 30_000), 1,
            23, .. Text("bordinary:20240305:H院"), 19, .. Text("fordinary.year:2024"),
        ];
        Assert.Equal(
            [
                .. block, .. content, .. Text("qH院\nr1"),
                4, 8, .. Big(6, 9_003), .. Big(6, 0), .. Big(4, 20240305), 3, .. Big(2, block.Length), .. Text(letter),
            ],
            step.Item);
        Assert.Equal(content, step.Content.ToArray());
        Assert.Equal(block, step.Limits.ToArray());
        Assert.Equal([.. block, .. content], step.Kept.ToArray());
        Assert.Equal((mode, "P1", "H院", "r1"), (step.Mode, step.InsuredId, step.FacilityCode, step.RequestId));
    }

    [Fact]
    public void Visit_for_a_fixed_sum_is_packed_with_it_and_with_amounts_that_the_script_can_compute_with()
    {
        const long Largest = 100_000_000_000_000;
        Terms terms = SampleTerms.Of(0, 0, 30_000, 100_000, 40_001);
        Step step = Step.Visit(
            StepMode.Settle, Request, new DateOnly(2025, 12, 31), terms, totalFen: Largest + 2, inScopeFen: Largest + 1, stored: null);

        Assert.Equal(
            [.. Text("F"), 1, .. Big(2, 40_001), 0, 1, .. Text("s"), .. Big(6, 30_000), 1, 19, .. Text("fordinary.year:2025")],
            step.Limits.ToArray());
        Assert.Equal(16 + 3, step.Content.Length);
        Assert.Equal(
            [.. Text("qH院\nr1"), 4, 8, .. Big(6, Largest), .. Big(6, 100_000), .. Big(4, 20251231), 3, .. Big(2, 34), .. Text("S")],
            step.Item[step.Kept.Length..]);

        step = Step.Visit(StepMode.Settle, Request, new DateOnly(2025, 12, 31), terms, totalFen: 99_999, inScopeFen: 2, stored: null);
        Assert.Equal([.. Big(6, 2), .. Big(6, 99_999)], step.Item[^20..^8]);
    }

    [Fact]
    public void Visit_below_the_entry_is_packed_with_limits_that_are_but_shown_and_no_rate()
    {
        Terms terms = SampleTerms.Of(5_500, 4_000, 30_000) with { EntryAtLeastFen = 9_004, RoundingFen = 10 };

        byte[] below = Step.Visit(
            StepMode.Settle, Request, new DateOnly(2024, 3, 5), terms, totalFen: 10_007, inScopeFen: 9_003, stored: null).Item;
        byte[] entered = Step.Visit(
            StepMode.Settle, Request, new DateOnly(2024, 3, 5), terms, totalFen: 10_007, inScopeFen: 9_004, stored: null).Item;

        Assert.Equal([(byte)'P', 10, .. Big(2, 0), 1, 2, .. Big(6, 0), .. Big(2, 0), (byte)'s'], below[..15]);
        Assert.Equal((byte)'s', below[22]);
        Assert.Equal([(byte)'P', 10, .. Big(2, 0), 1, 2, .. Big(6, 0), .. Big(2, 5_500), (byte)'D'], entered[..15]);
        Assert.Equal((byte)'f', entered[22]);
    }

    [Theory]
    [InlineData(StepMode.Cancel, 'C')]
    [InlineData(StepMode.Reverse, 'V')]
    public void Undoing_is_packed_as_the_script_reads_it(StepMode mode, char letter)
    {
        StoredUndoing own = new() { UndoneAtUnixMs = 1_700_000_000_002, Trace = ByteString.CopyFromUtf8("t") };

        Step step = Step.Undoing(mode, "P1", "H院", "v1", "qH院\nr17", own);

        byte[] fingerprint = new byte[16];
        Fingerprints.Write(letter, "qH院\nr17", fingerprint);
        byte[] content = [.. fingerprint, .. own.ToByteArray()];
        Assert.Equal([9, 8, .. Text("qH院\nr17"), .. Text("qH院\nv1"), .. content, (byte)letter], step.Item);
        Assert.Equal(content, step.Content.ToArray());
        Assert.Equal((mode, "P1", "H院", "v1"), (step.Mode, step.InsuredId, step.FacilityCode, step.RequestId));
        Assert.Equal("#2024-1234567890123", Step.TargetOf(2024, 1_234_567_890_123));
    }

    [Fact]
    public void Visit_whose_names_do_not_fit_is_not_packed() =>
        Assert.Throws<OverflowException>(() => Step.Visit(
            StepMode.Settle, new SettleRequest(Request) { FacilityCode = new string('H', 256) }, new DateOnly(2024, 3, 5),
            SampleTerms.Of(1, 2, 3), 1, 1, null));

    [Fact]
    public void Replies_of_a_batch_are_told_in_the_order_of_its_items()
    {
        const string Letters = "NRM-F";
        StepOutcome[] outcomes =
            [StepOutcome.New, StepOutcome.Replay, StepOutcome.Missing, StepOutcome.Refused, StepOutcome.FormatUnknown];
        byte[] batch = [.. Letters.SelectMany(
            (letter, index) => (byte[])[.. Big(4, 1 + index), (byte)letter, .. Enumerable.Repeat((byte)index, index)])];
        StepReply[] replies = new StepReply[outcomes.Length];

        StepReply.ReadAll(batch, replies);

        Assert.Equal(outcomes, replies.Select(reply => reply.Outcome));
        Assert.Equal(Enumerable.Range(0, outcomes.Length).Select(index => Enumerable.Repeat((byte)index, index)),
            replies.Select(reply => reply.Bytes.ToArray()));
        Assert.Throws<InvalidDataException>(() => StepReply.ReadAll(batch, new StepReply[outcomes.Length - 1]));
        Assert.Throws<InvalidDataException>(() => StepReply.ReadAll((byte[])[.. Big(4, 1), (byte)'Z'], new StepReply[1]));
    }

    [Fact]
    public void Refusal_has_its_reason_and_names_the_record_that_it_speaks_of_where_there_is_one()
    {
        byte[] record = [.. Packed(Header), .. Met, .. Fingerprint, .. Stored.ToByteArray()];
        StepReply alone = new(StepOutcome.Refused, (byte[])[11, .. Text("YEAR_CLOSED")]);
        StepReply naming = new(
            StepOutcome.Refused, (byte[])[17, .. Text("ALREADY_CANCELLED"), .. Big(2, 8), .. Text("qH院\nr1"), .. record]);

        StoredAnswer named = Assert.IsType<StoredAnswer>(naming.Named());

        Assert.Equal(("YEAR_CLOSED", "ALREADY_CANCELLED"), (alone.ReasonCode, naming.ReasonCode));
        Assert.Equal(("H院", "r1", Header), (named.FacilityCode, named.RequestId, named.Header));
        Assert.Equal(record, named.Bytes.ToArray());
        Assert.Null(alone.Named());
        Assert.Null(new StepReply(StepOutcome.New, record).Named());
    }

    [Fact]
    public void Header_is_read_as_it_is_packed()
    {
        RecordHeader expected = new(
            RecordKind.Reversal, RecordState.UndidCancellation, true, 70_000_000_001, 80_000_000_002, 20240305,
            90_000_000_003, 90_000_000_005, 90_000_000_009, VisitIdBytes: 201, NumbersBytes: 4_001,
            LimitsBytes: 40_002);

        Assert.Equal(expected, RecordHeader.Read(Packed(expected)));
        Assert.Equal(expected with { ByRate = false }, RecordHeader.Read(Packed(expected with { ByRate = false })));
        Assert.Equal(70_000_000_001, RecordHeader.ReadSequence(Packed(expected)));
        Assert.Equal((new DateOnly(2024, 3, 5), 44_046), (expected.VisitDate, expected.ContentStart));
        Assert.Equal(new Settlement(90_000_000_003, 180_000_000_014, 90_000_000_005), expected.Outcome);
        Assert.Equal("SCVTNM", string.Concat(
            Enum.GetValues<RecordKind>().OrderBy(kind => "SCVTNM".IndexOf((char)kind, StringComparison.Ordinal))
                .Select(kind => (char)kind)));
        Assert.Equal(
            [('A', RecordState.Active), ('X', RecordState.Cancelled), ('R', RecordState.Reversed), ('U', RecordState.Undone),
             ('1', RecordState.UndidSettlement), ('2', RecordState.UndidCancellation), ('3', RecordState.UndidNothing),
             ('4', RecordState.FoundUndone), ('O', RecordState.MergedAway), ('I', RecordState.MergedIn), ('i', RecordState.PartedFrom),
             ('o', RecordState.Parted)],
            new[]
            {
                RecordState.Active, RecordState.Cancelled, RecordState.Reversed, RecordState.Undone, RecordState.UndidSettlement,
                RecordState.UndidCancellation, RecordState.UndidNothing, RecordState.FoundUndone,
                RecordState.MergedAway, RecordState.MergedIn, RecordState.PartedFrom, RecordState.Parted,
            }
                .Select(state => ((char)state, state)));
    }

    [Fact]
    public void Settlement_is_read_whole_also_into_a_request_that_said_something_else()
    {
        byte[] bytes = [.. Packed(Header), .. Met, .. Fingerprint, .. Stored.ToByteArray()];

        StoredRecord read = StoredRecord.Read(bytes);
        StoredRecord used = StoredRecord.Read(Header, Limits, bytes.AsMemory(Header.ContentStart), Used.Message<StoredRequest>());
        StoredRecord empty = StoredRecord.Read(Header, default, Fingerprint, Used.Message<StoredRequest>());

        Assert.Equal((Header, Stored), (read.Header, read.Request));
        Assert.Equal((Header, Stored), (used.Header, used.Request));
        Assert.Equal(new StoredRequest(), empty.Request);
        Assert.Equal(Fingerprint, read.Fingerprint.ToArray());
        Assert.Equal(Fingerprint, used.Fingerprint.ToArray());
        Assert.Equal(("", "", ""), (read.VisitId, used.VisitId, empty.VisitId));
        Assert.Equal((2, "D 4000 12 4001 bordinary:20240305:H院\nf 30000 13 2752 fordinary.year:2024"),
            (read.Limits.Count, read.Limits.Text(1)));
        Assert.Equal("D 4000 12 -4001 bordinary:20240305:H院\nf 30000 13 -2752 fordinary.year:2024", used.Limits.Text(-1));
        Assert.Equal(new LimitUse(30_000, 13, 2_752), read.Limits[1]);

        RecordHeader numbered = Header with { VisitIdBytes = 3 };
        bytes = [.. Packed(numbered), .. Met, .. Fingerprint, .. Stored.ToByteArray(), .. Text("就")];
        read = StoredRecord.Read(bytes);
        used = StoredRecord.Read(numbered, Limits, bytes.AsMemory(numbered.ContentStart), Used.Message<StoredRequest>());
        Assert.Equal(("就", Stored, "就", Stored), (read.VisitId, read.Request, used.VisitId, used.Request));
    }

    [Theory]
    [InlineData(16, true)]
    [InlineData(17, false)]
    public void Record_of_as_many_limits_as_a_visit_can_meet_is_read_and_one_of_more_is_called_unreadable(int count, bool isRead)
    {
        StoredLimits met = SampleTerms.Limits(
            [.. Enumerable.Range(1, count).Select(number => ('f', 30_000L, 0L, (long)number, $"fordinary.{number}:2024"))]);
        RecordHeader header = Header with { NumbersBytes = met.Numbers.Length, LimitsBytes = met.Block.Length };
        byte[] bytes = [.. Packed(header), .. met.Numbers.Span, .. met.Block.Span, .. Fingerprint, .. Stored.ToByteArray()];

        if (isRead) Assert.Equal(new LimitUse(30_000, 0, count), StoredRecord.Read(bytes).Limits[count - 1]);
        else Assert.Throws<StoreUnavailableException>(() => StoredRecord.Read(bytes));
    }

    [Fact]
    public void Undoing_is_read_whole()
    {
        StoredUndoing own = new() { UndoneAtUnixMs = 1_700_000_000_002, Trace = ByteString.CopyFromUtf8("t") };
        RecordHeader header = Header with { Kind = RecordKind.Cancellation, Sequence = 9, Order = 9 };
        byte[] mark = [.. Enumerable.Repeat((byte)7, 16)];
        byte[] before =
        [
            .. Packed(header), .. Met, .. mark, .. Big(2, 8), .. Text("qH院\nr1"), .. Big(2, own.CalculateSize()), .. own.ToByteArray(),
            .. Big(6, 70_000_000_005), .. Big(2, 2), .. Big(6, 11), .. Big(6, 1_100), .. Big(4, 20240306), 4, .. Text("H院"), .. Big(6, 12),
            .. Big(6, 1_200), .. Big(4, 20240307), 2, .. Text("H2"),
        ];

        UndoingRecord read = UndoingRecord.Read((byte[])[.. before, .. Fingerprint, .. Stored.ToByteArray()]);

        Assert.Equal((header, "qH院\nr1", 70_000_000_005, own), (read.Header, read.TargetField, read.TargetSequence, read.Own));
        Assert.Equal(mark, read.Fingerprint.ToArray());
        Assert.Equal([new CutSettlement(11, 1_100, 20240306, "H院"), new CutSettlement(12, 1_200, 20240307, "H2")],
            read.Headroom.AsEnumerable());
        StoredRecord target = Assert.NotNull(read.Target);
        Assert.Equal((header, Stored), (target.Header, target.Request));
        Assert.Equal(Fingerprint, target.Fingerprint.ToArray());
        Assert.Null(UndoingRecord.Read(before).Target);
    }

    [Fact]
    public void Outbox_entries_are_taken_one_after_the_other_with_their_names()
    {
        byte[] settlement = [.. Packed(Header), .. Met, .. Fingerprint, .. Stored.ToByteArray()];
        ReadOnlyMemory<byte> entries = (byte[])
        [
            .. Big(2, 9), .. Text("{s00}:i:1"), .. Big(2, 8), .. Text("qH院\nr1"), .. Big(4, settlement.Length), .. settlement,
            .. Big(2, 9), .. Text("{s00}:i:2"), .. Big(2, 6), .. Text("qH2\nr2"), .. Big(4, settlement.Length), .. settlement,
        ];

        OutboxEntry first = OutboxEntry.Take(ref entries, new ShardKeys(0), new StoredRequest());
        OutboxEntry second = OutboxEntry.Take(ref entries, new ShardKeys(0), new StoredRequest());

        Assert.Equal(("1", "H院", "r1", Header, Stored),
            (first.InsuredId, first.FacilityCode, first.RequestId, first.Record.Header, first.Record.Settlement?.Request));
        Assert.Equal(("2", "H2", "r2", Header, Stored),
            (second.InsuredId, second.FacilityCode, second.RequestId, second.Record.Header, second.Record.Settlement?.Request));
        Assert.Equal((0xCAFEu, null), (first.Record.Terms, first.Record.TraceParent));
        Assert.True(entries.IsEmpty);
    }

    [Fact]
    public void Fields_of_an_insured_are_told_apart()
    {
        byte[] later = Packed(Header with { Sequence = 12 });
        byte[] earlier = Packed(Header with { Sequence = 11, Kind = RecordKind.Cancellation });

        IReadOnlyList<StoredAnswer> answers =
            StoredAnswer.AllOf([("qH2\nr2", later), ("fordinary.year:2024", Text("5")), ("qH院\nr1", earlier),
                ("bordinary:20240305:H1", Text("6"))]);

        Assert.Equal([("H院", "r1", 11L, RecordKind.Cancellation), ("H2", "r2", 12L, RecordKind.Settlement)],
            answers.Select(answer => (answer.FacilityCode, answer.RequestId, answer.Header.Sequence, answer.Header.Kind)));
        Assert.Equal([earlier, later], answers.Select(answer => answer.Bytes.ToArray()));
        Assert.Equal(new AccumulatorField("fordinary.year:2024", 2024, null, "", 123_456),
            AccumulatorField.Read("fordinary.year:2024", "123456"u8));
        Assert.Equal(new AccumulatorField("bordinary:20250305:H:1", 2025, new DateOnly(2025, 3, 5), "H:1", 4_000),
            AccumulatorField.Read("bordinary:20250305:H:1", "4000"u8));
        Assert.Equal(new AccumulatorField("nordinary.times:2025Q3", 2025, null, "", 4),
            AccumulatorField.Read("nordinary.times:2025Q3", "4"u8));
        Assert.Equal(new AccumulatorField("cordinary.month:202503:H1", 2025, null, "H1", 5),
            AccumulatorField.Read("cordinary.month:202503:H1", "5"u8));
        Assert.Null(AccumulatorField.Read("vH1\nvisit", "1"u8));
        Assert.Null(AccumulatorField.Read("qH1\nr1", "1"u8));
        Assert.Equal(new RequestField.Key("H院", "r\n1", ""), RequestField.Parse(RequestField.Of("H院", "r\n1")));
        Assert.Equal(new RequestField.Key("H院", "r1", "P旧"), RequestField.Parse(RequestField.Of("H院", "r1", "P旧")));
    }

    [Fact]
    public void Keys_of_a_shard_are_the_same_for_ever()
    {
        ShardKeys keys = new(7);

        Assert.Equal(
            ["{s07}:shard", "{s07}:outbox", "{s07}:lease", "{s07}:terms", "{s07}:known", "{s07}:nothing", "{s07}:i:P院", "{s07}:i:*",
                "P院", "{s31}:shard"],
            new[] { keys.Shard, keys.Outbox, keys.Lease, keys.Terms, keys.Known, keys.Nothing, keys.Insured("P院") }
                .Select(key => (string)key!)
                .Concat([(string)keys.EveryInsured!, keys.InsuredIdOf("{s07}:i:P院"), (string)new ShardKeys(31).Shard!]));
    }

    [Theory]
    [InlineData("2024-07-0000000123", 7, 123L)]
    [InlineData("2024-07-99999999999", 7, 99_999_999_999L)]
    [InlineData("2024-7-0000000123", 7, null)]
    [InlineData("2024-07-123", 7, null)]
    [InlineData("24-07-0000000123", 7, null)]
    [InlineData("2024-07-0000000123-1", 7, null)]
    [InlineData("2024-07--000000123", 7, null)]
    [InlineData("", 7, null)]
    public void Settlement_id_names_year_shard_and_sequence_and_no_other_text_does(string id, int shard, long? sequence)
    {
        Assert.Equal(sequence is { } named ? (2024, shard, named) : ((int, int, long)?)null, SettlementIds.Read(id));
        if (sequence is { } number) Assert.Equal(id, SettlementIds.Format(2024, shard, number));
    }

    [Fact]
    public void Trace_is_stored_where_it_is_recorded_and_nowhere_else()
    {
        Assert.Equal(ByteString.Empty, StoredTrace.OfCall());
        using Activity call = new("call");
        call.SetIdFormat(ActivityIdFormat.W3C);
        call.SetParentId("00-0123456789abcdef0123456789abcdef-fedcba9876543210-01");
        call.Start();
        call.ActivityTraceFlags = ActivityTraceFlags.None;
        Assert.Equal(ByteString.Empty, StoredTrace.OfCall());
        call.ActivityTraceFlags = ActivityTraceFlags.Recorded;

        Assert.Equal(call.Id, StoredTrace.Read(StoredTrace.OfCall()));
        Assert.StartsWith("00-0123456789abcdef0123456789abcdef-", call.Id, StringComparison.Ordinal);
        Assert.Null(StoredTrace.Read(ByteString.Empty));
        Assert.Null(StoredTrace.Read(ByteString.CopyFrom(new byte[23])));
    }

    private static readonly RecordHeader Header = new(
        RecordKind.Settlement, RecordState.Active, true, 5, 6, 20240305, 4_001, 2_752, 14, NumbersBytes: 15, LimitsBytes: 74);

    private static readonly StoredLimits Limits = SampleTerms.Limits(
        ('D', 4_000, 12, 4_001, "bordinary:20240305:H院"), ('f', 30_000, 13, 2_752, "fordinary.year:2024"));

    private static readonly byte[] Met =
    [
        .. Text("12 4013 13 2765"), .. Text("P"), 1, .. Big(2, 0), 1, 2, .. Big(6, 0), .. Big(2, 5_500),
        .. Text("D"), .. Big(6, 4_000), 1, .. Text("f"), .. Big(6, 30_000), 1,
        23, .. Text("bordinary:20240305:H院"), 19, .. Text("fordinary.year:2024"),
    ];

    private static byte[] Packed(RecordHeader header) =>
    [
        2, (byte)header.Kind, (byte)header.State, (byte)(header.ByRate ? 'P' : 'F'), .. Big(6, header.Sequence), .. Big(6, header.Order),
        .. Big(4, header.VisitDay), .. Big(6, header.DeductibleFen), .. Big(6, header.FundPayFen), .. Big(6, header.ShortfallFen),
        (byte)header.VisitIdBytes, .. Big(2, header.NumbersBytes), .. Big(2, header.LimitsBytes),
    ];

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Big(int bytes, long value) =>
        Convert.FromHexString(value.ToString($"X{2 * bytes}", CultureInfo.InvariantCulture));
}
