using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Tests;

public sealed class FrameTests
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);

    private static readonly byte[][] Messages = [[1, 2, 3], [], [4], [.. Enumerable.Range(0, 40).Select(i => (byte)i)]];

    [Fact]
    public async Task Frames_split_at_every_byte_offset_parse()
    {
        byte[] wire = [.. Messages.SelectMany(message => Frame(message))];
        for (int first = 0; first <= wire.Length; first++)
        {
            for (int second = first; second <= wire.Length; second++)
            {
                List<byte[]> read = await ReadAllAsync([wire[..first], wire[first..second], wire[second..]]);
                Assert.Equal(Messages, read);
            }
        }
    }

    [Fact]
    public async Task Frames_that_arrive_byte_by_byte_parse()
    {
        byte[] wire = [.. Messages.SelectMany(message => Frame(message))];
        Assert.Equal(Messages, await ReadAllAsync([.. wire.Select(b => new[] { b })]));
    }

    [Fact]
    public async Task Frames_in_segments_of_one_sequence_parse()
    {
        byte[] wire = [.. Messages.SelectMany(message => Frame(message))];
        Pipe pipe = new(new PipeOptions(minimumSegmentSize: 1, pool: new TinyPool()));
        pipe.Writer.Write(wire);
        await pipe.Writer.CompleteAsync();
        Assert.Equal(Messages, await ReadAllAsync(pipe.Reader, MessageEncoding.Identity, null));
    }

    [Fact]
    public async Task Stream_that_ends_at_every_offset_within_a_frame_is_incomplete()
    {
        byte[] wire = Frame([1, 2, 3]);
        for (int length = 1; length < wire.Length; length++)
        {
            RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync([wire[..length]]));
            Assert.Equal(StatusCode.Internal, failure.StatusCode);
        }
    }

    [Fact]
    public async Task Length_above_the_limit_is_refused_before_the_payload_arrives()
    {
        Pipe pipe = new();
        pipe.Writer.Write(Header(0, 101));
        await pipe.Writer.FlushAsync();
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync(pipe.Reader, MessageEncoding.Identity, 100));
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
    }

    [Fact]
    public async Task Length_of_4_gigabytes_without_a_limit_is_refused()
    {
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync([Header(0, uint.MaxValue)]));
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(255)]
    public async Task Unknown_compressed_flag_is_internal(byte flag)
    {
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync([Header(flag, 0)]));
        Assert.Equal(StatusCode.Internal, failure.StatusCode);
    }

    [Fact]
    public async Task Compressed_flag_without_an_encoding_is_internal()
    {
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync([Header(1, 0)]));
        Assert.Equal(StatusCode.Internal, failure.StatusCode);
    }

    [Fact]
    public async Task Gzip_frames_and_plain_frames_mix()
    {
        byte[] payload = new byte[10_000];
        byte[] wire = [.. GzipFrame(payload), .. Frame([7]), .. GzipFrame([])];
        Assert.Equal([payload, [7], []], await ReadAllAsync(PipeOf(wire), MessageEncoding.Gzip, null));
    }

    [Fact]
    public async Task Gzip_that_unpacks_above_the_limit_is_resource_exhausted()
    {
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync(PipeOf(GzipFrame(new byte[1_000_000])), MessageEncoding.Gzip, 100_000));
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
    }

    [Fact]
    public async Task Gzip_that_is_none_is_internal()
    {
        byte[] wire = [.. Header(1, 4), 1, 2, 3, 4];
        RpcException failure = await Assert.ThrowsAsync<RpcException>(() => ReadAllAsync(PipeOf(wire), MessageEncoding.Gzip, null));
        Assert.Equal(StatusCode.Internal, failure.StatusCode);
    }

    [Fact]
    public void Serializer_that_declares_another_length_than_it_writes_fails()
    {
        FrameSerializer serializer = new(maxMessageBytes: null);
        PooledBuffer buffer = new();
        Assert.Throws<InvalidOperationException>(() => serializer.Write<byte[]>(buffer, [1, 2], (message, context) =>
        {
            context.SetPayloadLength(3);
            context.GetBufferWriter().Write(message);
            context.Complete();
        }));
    }

    [Fact]
    public void Serializer_that_declares_no_length_gets_its_frame()
    {
        FrameSerializer serializer = new(maxMessageBytes: null);
        PooledBuffer buffer = new();
        serializer.Write<byte[]>(buffer, [1, 2], (message, context) =>
        {
            context.GetBufferWriter().Write(message);
            context.Complete();
        });
        Assert.Equal(Frame([1, 2]), buffer.Written.ToArray());
    }

    [Fact]
    public void Message_above_the_send_limit_is_resource_exhausted_and_writes_nothing()
    {
        FrameSerializer serializer = new(maxMessageBytes: 1);
        PooledBuffer buffer = new();
        RpcException failure = Assert.Throws<RpcException>(() => serializer.Write<byte[]>(buffer, [1, 2], Bytes.ContextualSerializer));
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.Equal(0, buffer.Length);
    }

    internal static byte[] Frame(byte[] payload) => [.. Header(0, (uint)payload.Length), .. payload];

    internal static byte[] Header(byte flag, uint length)
    {
        byte[] header = new byte[5];
        header[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(1), length);
        return header;
    }

    internal static byte[] GzipFrame(byte[] payload)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(payload);
        return [.. Header(1, (uint)packed.Length), .. packed.ToArray()];
    }

    private static PipeReader PipeOf(byte[] wire) => PipeReader.Create(new ReadOnlySequence<byte>(wire));

    private static async Task<List<byte[]>> ReadAllAsync(byte[][] chunks)
    {
        Pipe pipe = new();
        Task<List<byte[]>> reading = ReadAllAsync(pipe.Reader, MessageEncoding.Identity, null);
        foreach (byte[] chunk in chunks)
            await pipe.Writer.WriteAsync(chunk);
        await pipe.Writer.CompleteAsync();
        return await reading;
    }

    private static async Task<List<byte[]>> ReadAllAsync(PipeReader pipe, MessageEncoding encoding, int? maxMessageBytes)
    {
        FrameReader reader = new(pipe, maxMessageBytes, encoding);
        List<byte[]> messages = [];
        do
        {
            while (reader.TryRead(Bytes, out byte[]? message))
                messages.Add(message!);
        }
        while (await reader.FillAsync(CancellationToken.None));
        return messages;
    }

    /// <summary>Gives three bytes at a time, so that one sequence has many segments.</summary>
    private sealed class TinyPool : MemoryPool<byte>
    {
        public override int MaxBufferSize => 3;
        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => new Owner();
        protected override void Dispose(bool disposing) { }

        private sealed class Owner : IMemoryOwner<byte>
        {
            public Memory<byte> Memory { get; } = new byte[3];
            public void Dispose() { }
        }
    }
}
