using System.Buffers;
using Claims.Kafka;
using Claims.Ledger.Audit;
using Claims.Ledger.GeneralLedger;
using Claims.Ledger.SubLedger;
using Claims.V1;
using Fuzz;
using Google.Protobuf;
using Xunit.Abstractions;

namespace Ledger.Tests;

/// <summary>What the ledger books from and verifies with, broken at random.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    [Fact]
    public void Record_becomes_a_row_or_is_refused_with_a_reason()
    {
        PublishedLog log = new PublishedLog(1).AddSettlements(5);
        log.AddMirror(log.Shard(0)[0], SettledClaim.Types.Kind.Cancellation);

        CopyBuffer row = new();

        Mutations.Run(output, [.. log.Records.Append(log.Lost(2, 9)).Select(record => record.ToByteArray())], bytes =>
        {
            foreach (SettledClaim claim in SettledMessage.Read(bytes))
            {
                BookableRecord record = BookableRecord.Check(claim);
                row.Clear();
                SubLedgerTable.Write(row, claim, record.VisitDate);
                JournalDrafts.Of([record]);
                BookedLimit.Read(claim.Limits);
            }
        }, typeof(InvalidProtocolBufferException), typeof(UnknownFormatException), typeof(UnbookableRecordException));
    }

    [Fact]
    public void Index_of_a_link_is_read_or_is_none()
    {
        ArrayBufferWriter<byte> index = new();
        byte[] hash = new byte[32];
        RowIndex.Write(index, 1, "88"u8, hash);
        RowIndex.Write(index, 3, "7/1234"u8, hash);

        Mutations.Run(output, [index.WrittenSpan.ToArray()], bytes =>
        {
            if (RowIndex.Read(bytes) is null) throw new InvalidDataException("no index");
        }, typeof(InvalidDataException));
    }
}
