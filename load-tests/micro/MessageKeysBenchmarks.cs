using BenchmarkDotNet.Attributes;
using Claims.Kafka;

namespace Claims.Micro;

/// <summary>What signing a message and knowing a signed one cost: a record alone has some 250 bytes, 100 together some 15 000.</summary>
public class MessageKeysBenchmarks
{
    private MessageKeys _keys = MessageKeys.None;
    private byte[] _message = [];
    private byte[] _signed = [];

    [Params(250, 15_000)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, MessageKeys.NewKey());
        _keys = MessageKeys.Load(file);
        File.Delete(file);
        _message = new byte[Bytes];
        _signed = _keys.Sign(0, _message);
    }

    [Benchmark]
    public byte[] Sign() => _keys.Sign(0, _message);

    [Benchmark]
    public byte[]? Open() => _keys.Open(0, _signed);
}
