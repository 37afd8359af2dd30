using Claims.Kafka;
using Claims.V1;
using Google.Protobuf;

namespace Kafka.Tests;

public sealed class SettledMessageTests
{
    private const string MessageOfFormat1 =
        "080310011a20656565656565656565656565656565656565656565656565656565656565656520012a12323032352d30332d30303030303030303031" +
        "3a0c483431303130353030303031420f3431303130353030303030303030314a025231520a323032352d30362d313858016a087265736964656e7488" +
        "0164ea011f7a68656e677a686f752d6f757470617469656e7440323032342d30312d3031f20140303030303030303030303030303030303030303030" +
        "30303030303030303030303030303030303030303030303030303030303030303030303030303030303030fa01100000000000000000000000000000" +
        "0000a002018a0260100220012a12323032352d30332d303030303030303030323a0c483431303130353030303031420f343130313035303030303030" +
        "3030324a025232520a323032352d30362d313858018801c801fa011000000000000000000000000000000000";

    private const string MessageOfFormat2 =
        "080310011a20656565656565656565656565656565656565656565656565656565656565656520012a12323032352d30332d30303030303030303031" +
        "3a0c483431303130353030303031420f3431303130353030303030303030314a025231520a323032352d30362d313858016a087265736964656e7488" +
        "0164ea011f7a68656e677a686f752d6f757470617469656e7440323032342d30312d3031f20140303030303030303030303030303030303030303030" +
        "30303030303030303030303030303030303030303030303030303030303030303030303030303030303030fa01100000000000000000000000000000" +
        "0000a00202aa02146620392030203120666f2e796561723a32303235b00201ba020256318a027f100220012a12323032352d30332d30303030303030" +
        "3030323a0c483431303130353030303031420f3431303130353030303030303030324a025232520a323032352d30362d313858018801c801fa011000" +
        "000000000000000000000000000000aa02146620392030203120666f2e796561723a32303235b00201ba02025632";

    [Fact]
    public void Read_gives_the_records_that_were_added()
    {
        SettledClaim[] claims = [.. Enumerable.Range(1, 250).Select(sequence => Claim(sequence))];
        SettledMessage message = new();
        foreach (SettledClaim claim in claims)
        {
            SettledClaim said = claim.Clone();
            Assert.True(message.Takes(said));
            message.Add(said);
        }

        Assert.Equal(250, message.Records);
        byte[] bytes = message.Take();

        Assert.Equal(claims, SettledMessage.Read(bytes));
        Assert.True(bytes.Length < 250 * claims[0].CalculateSize() / 2, $"{bytes.Length} bytes say again what the records share.");
        Assert.Equal(0, message.Records);
    }

    [Fact]
    public void Read_of_a_record_alone_gives_it()
    {
        Assert.Equal([Claim(7)], SettledMessage.Read(Claim(7).ToByteArray()));
    }

    public static TheoryData<string, Action<SettledClaim>> Others => new()
    {
        { "shard", claim => claim.Shard = 4 },
        { "epoch", claim => claim.Epoch = "another" },
        { "scheme", claim => claim.Scheme = "employee" },
        { "policy_id", claim => claim.PolicyId = "" },
        { "policy_hash", claim => claim.PolicyHash = "" },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void Takes_no_record_with_another_of_what_is_shared(string what, Action<SettledClaim> change)
    {
        SettledMessage message = new();
        message.Add(Claim(1));
        SettledClaim other = Claim(2);
        change(other);

        Assert.False(message.Takes(other), what);
        message.Clear();
        Assert.True(message.Takes(other));
    }

    [Fact]
    public void Takes_no_more_than_a_message_holds()
    {
        SettledMessage message = new();
        while (message.Takes(Claim(1))) message.Add(Claim(message.Records + 1));

        Assert.Equal(250, message.Records);
        Assert.InRange(message.Take().Length, 1, 1_000_000);
    }

    [Fact]
    public void Read_of_another_format_says_which()
    {
        SettledClaim claim = Claim(1);
        claim.Format = 9;

        Assert.Equal("has format 9, and this ledger reads format 2",
            Assert.Throws<UnknownFormatException>(() => SettledMessage.Read(claim.ToByteArray())).Message);
        Assert.Throws<UnknownFormatException>(() => SettledMessage.Read([]));
    }

    [Fact]
    public void Recorded_message_of_format_1_is_refused_by_name() => Assert.Equal("has format 1, and this ledger reads format 2",
        Assert.Throws<UnknownFormatException>(() => SettledMessage.Read(Convert.FromHexString(MessageOfFormat1))).Message);

    [Fact]
    public void Recorded_message_of_format_2_is_read()
    {
        SettledMessage message = new();
        message.Add(Claim(1));
        message.Add(Claim(2));

        Assert.Equal(MessageOfFormat2, Convert.ToHexStringLower(message.Take()));
        Assert.Equal([Claim(1), Claim(2)], SettledMessage.Read(Convert.FromHexString(MessageOfFormat2)));
    }

    [Fact]
    public void Read_of_other_bytes_fails() => Assert.Throws<InvalidProtocolBufferException>(() => SettledMessage.Read([0xff, 0xff]));

    private static SettledClaim Claim(int sequence) => new()
    {
        Format = SettledMessage.Format,
        Shard = 3,
        Sequence = sequence,
        Epoch = new string('e', 32),
        Kind = SettledClaim.Types.Kind.Settlement,
        SettlementId = $"2025-03-{sequence:0000000000}",
        FacilityCode = "H41010500001",
        InsuredId = $"4101050000{sequence:00000}",
        RequestId = $"R{sequence}",
        VisitDate = "2025-06-18",
        VisitType = VisitType.Ordinary,
        Scheme = "resident",
        TotalFen = 100L * sequence,
        PolicyId = "zhengzhou-outpatient@2024-01-01",
        PolicyHash = new string('0', 64),
        RequestFingerprint = ByteString.CopyFrom(new byte[16]),
        Limits = "f 9 0 1 fo.year:2025",
        RoundingFen = 1,
        VisitId = $"V{sequence}",
    };
}
