using BenchmarkDotNet.Attributes;
using Claims.Adjudication.Store;
using Google.Protobuf;

namespace Claims.Micro;

/// <summary>A stored settlement read back, as a repeat of its request is answered from it: into a new message, and into one that is used
/// again.</summary>
public class StoredRecordBenchmarks
{
    private readonly StoredRequest _used = new();
    private byte[] _record = [];

    [Params(0, 20)]
    public int Lines { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        StoredRequest request = new()
        {
            VisitType = 1,
            TotalFen = 50_000,
            PreSelfPayFen = 2_000,
            InScopeFen = 48_000,
            InsuredCounty = 410105,
            FacilityCounty = 410105,
            Terms = 7,
            SettledAtUnixMs = 1_750_000_000_000,
        };
        for (int line = 1; line <= Lines; line++)
            request.Lines.Add(new StoredLine { LineId = $"{line}", PreSelfPayFen = 100, InScopeFen = 2_400 });
        _record = [.. new byte[RecordHeader.Bytes + Fingerprints.Bytes], .. request.ToByteArray()];
        _record[0] = RecordHeader.Format;
        _record[1] = (byte)RecordKind.Settlement;
        _record[2] = (byte)RecordState.Active;
    }

    [Benchmark(Baseline = true)]
    public StoredRecord New() => StoredRecord.Read(_record);

    [Benchmark]
    public StoredRecord Used() => StoredRecord.Read(RecordHeader.Read(_record), default, _record.AsMemory(RecordHeader.Bytes), _used);
}
