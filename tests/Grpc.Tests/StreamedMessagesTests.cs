using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Tests;

/// <summary>The writer of streams against a transport that the test holds back.</summary>
public sealed class StreamedMessagesTests
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);

    private readonly List<byte[]> _sent = [];
    private readonly TaskCompletionSource _transport = new();

    [Fact]
    public async Task Write_to_an_idle_transport_is_sent_at_once()
    {
        StreamedMessages messages = new(null, SendAsync);
        _transport.SetResult();
        await messages.WriteAsync<byte[]>([1], Bytes, null);
        Assert.Equal([FrameTests.Frame([1])], _sent);
    }

    [Fact]
    public async Task Writes_during_a_send_leave_together_in_order()
    {
        StreamedMessages messages = new(null, SendAsync);
        for (byte i = 0; i < 100; i++)
            await messages.WriteAsync<byte[]>([i], Bytes, null);
        Assert.Single(_sent);
        _transport.SetResult();
        await messages.CompleteAsync();
        Assert.Equal(2, _sent.Count);
        Assert.Equal(Enumerable.Range(0, 100).SelectMany(i => FrameTests.Frame([(byte)i])), _sent.SelectMany(bytes => bytes));
    }

    [Fact]
    public async Task Write_above_the_bound_waits_until_the_transport_takes_more()
    {
        StreamedMessages messages = new(null, SendAsync);
        byte[] kilobyte = new byte[1024];
        int accepted = 0;
        Task write;
        do
        {
            write = messages.WriteAsync(kilobyte, Bytes, null);
            accepted++;
        }
        while (write.IsCompleted);
        Assert.InRange(accepted * 1029, StreamedMessages.MaxBufferedBytes, StreamedMessages.MaxBufferedBytes + 1029);
        await Assert.ThrowsAsync<InvalidOperationException>(() => messages.WriteAsync(kilobyte, Bytes, null));

        _transport.SetResult();
        await write.WaitAsync(TimeSpan.FromSeconds(10));
        await messages.CompleteAsync();
        Assert.Equal(accepted * 1029, _sent.Sum(bytes => bytes.Length));
    }

    [Fact]
    public async Task Hinted_writes_wait_for_one_that_is_not()
    {
        StreamedMessages messages = new(null, SendAsync);
        _transport.SetResult();
        await messages.WriteAsync<byte[]>([1], Bytes, new WriteOptions(WriteFlags.BufferHint));
        await messages.WriteAsync<byte[]>([2], Bytes, new WriteOptions(WriteFlags.BufferHint));
        Assert.Empty(_sent);
        await messages.WriteAsync<byte[]>([3], Bytes, null);
        Assert.Equal([[.. FrameTests.Frame([1]), .. FrameTests.Frame([2]), .. FrameTests.Frame([3])]], _sent);
    }

    [Fact]
    public async Task Hinted_writes_leave_when_the_stream_completes()
    {
        StreamedMessages messages = new(null, SendAsync);
        _transport.SetResult();
        await messages.WriteAsync<byte[]>([1], Bytes, new WriteOptions(WriteFlags.BufferHint));
        await messages.CompleteAsync();
        Assert.Equal([FrameTests.Frame([1])], _sent);
    }

    [Fact]
    public async Task Failure_of_the_transport_fails_the_waiting_write_and_every_later_one()
    {
        StreamedMessages messages = new(null, SendAsync);
        Task first = messages.WriteAsync(new byte[StreamedMessages.MaxBufferedBytes], Bytes, null);
        Assert.False(first.IsCompleted);
        _transport.SetException(new IOException("gone"));
        await Assert.ThrowsAsync<IOException>(() => first);
        await Assert.ThrowsAsync<IOException>(() => messages.WriteAsync<byte[]>([1], Bytes, null));
        await Assert.ThrowsAsync<IOException>(messages.CompleteAsync);
    }

    [Fact]
    public async Task Message_that_does_not_serialize_leaves_no_trace_in_the_stream()
    {
        Marshaller<byte[]> broken = Marshallers.Create<byte[]>((message, context) =>
        {
            context.SetPayloadLength(10);
            context.GetBufferWriter().GetSpan(5);
            throw new FormatException("broken");
        }, context => context.PayloadAsNewBuffer());
        StreamedMessages messages = new(null, SendAsync);
        _transport.SetResult();
        await Assert.ThrowsAsync<FormatException>(() => messages.WriteAsync<byte[]>([1], broken, null));
        await messages.WriteAsync<byte[]>([2], Bytes, null);
        Assert.Equal([FrameTests.Frame([2])], _sent);
    }

    [Fact]
    public async Task Write_after_completion_is_refused()
    {
        StreamedMessages messages = new(null, SendAsync);
        await messages.CompleteAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => messages.WriteAsync<byte[]>([1], Bytes, null));
    }

    [Fact]
    public async Task Writers_and_a_transport_at_random_paces_keep_every_message_in_order()
    {
        Random random = new(7);
        using SemaphoreSlim permits = new(0);
        List<byte> received = [];
        StreamedMessages messages = new(null, async frames =>
        {
            await permits.WaitAsync();
            received.AddRange(frames.Span);
        });
        Task transport = Task.Run(async () =>
        {
            for (int i = 0; i < 4000; i++)
            {
                permits.Release();
                if (i % 7 == 0)
                    await Task.Yield();
            }
        });
        List<byte> expected = [];
        for (int i = 0; i < 2000; i++)
        {
            byte[] message = new byte[random.Next(0, 400)];
            random.NextBytes(message);
            expected.AddRange(FrameTests.Frame(message));
            await messages.WriteAsync(message, Bytes, random.Next(3) == 0 ? new WriteOptions(WriteFlags.BufferHint) : null).WaitAsync(TimeSpan.FromSeconds(10));
        }
        await messages.CompleteAsync().WaitAsync(TimeSpan.FromSeconds(10));
        await transport;
        Assert.True(expected.SequenceEqual(received));
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> frames)
    {
        _sent.Add(frames.ToArray());
        await _transport.Task;
    }
}
