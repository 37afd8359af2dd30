using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// One hospital's stream, in the bytes of the wire: requests are encoded before the measurement and answers decoded after it, and what may
/// be sent goes out together, so that the load generator takes as little of the machine as it can. gRPC's own client flushes every request
/// by itself, which takes as much of the processor as Redis does.
/// </summary>
public sealed class RawStream(Uri adjudication)
{
    private const int PrefixBytes = 5;
    private const int MostAtOnceBytes = 32 * 1024;
    private static readonly string Path = $"/{V1.Adjudication.Descriptor.FullName}/{nameof(V1.Adjudication.AdjudicationBase.SettleStream)}";

    /// <summary>Sends everything, at most <paramref name="window"/> requests ahead of the answers.</summary>
    /// <param name="answers">Takes the answers in the order in which they come.</param>
    /// <exception cref="RpcException">The stream broke: a measurement with an error in it counts for nothing.</exception>
    public async Task SendAsync(IReadOnlyList<byte[]> requests, int window, List<byte[]> answers, CancellationToken cancellationToken)
    {
        using SemaphoreSlim room = new(window);
        using HttpMessageInvoker http = new(ClaimsChannel.CreateHandler());
        using HttpRequestMessage call =
            new(HttpMethod.Post, new Uri(adjudication,
            Path))
            { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        call.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using Frames frames = new(requests, room, cancellationToken);
        call.Content = frames;
        using HttpResponseMessage response = await http.SendAsync(call, cancellationToken);
        PipeReader body = PipeReader.Create(
            await response.Content.ReadAsStreamAsync(cancellationToken), new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        ReadResult read;
        do
        {
            read = await body.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> rest = read.Buffer;
            int before = answers.Count;
            while (TryTake(ref rest, out byte[] answer)) answers.Add(answer);
            if (answers.Count > before) room.Release(answers.Count - before);
            body.AdvanceTo(rest.Start, rest.End);
        }
        while (!read.IsCompleted);

        HttpResponseHeaders ending = response.Headers.Contains("grpc-status") ? response.Headers : response.TrailingHeaders;
        if (!ending.TryGetValues("grpc-status", out IEnumerable<string>? status) || status.Single() != "0"
            || answers.Count != requests.Count)
            throw new RpcException(new Status(
                StatusCode.Unavailable, $"{answers.Count} of {requests.Count} requests were "
                + $"answered; {string.Join(", ", ending.Select(header => $"{header.Key}: {string.Join(' ', header.Value)}"))}"));
    }

    private static bool TryTake(ref ReadOnlySequence<byte> frames, out byte[] message)
    {
        message = [];
        if (frames.Length < PrefixBytes) return false;
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        frames.Slice(0, PrefixBytes).CopyTo(prefix);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (frames.Length < PrefixBytes + length) return false;
        message = frames.Slice(PrefixBytes, length).ToArray();
        frames = frames.Slice(PrefixBytes + length);
        return true;
    }

    /// <summary>The settlements among some answers.</summary>
    /// <exception cref="InvalidOperationException">Something was not settled: the workload has nothing to refuse.</exception>
    public static IEnumerable<SettleReply> Decode(IEnumerable<byte[]> answers) => answers.Select(answer =>
    {
        SettleReply reply = SettleReply.Parser.ParseFrom(answer);
        return reply.Decision is Decision.Settled
            ? reply
            : throw new InvalidOperationException($"{reply.RequestId} was answered {reply.Decision} {reply.ReasonCode}.");
    });

    public static byte[] Encode(SettleRequest request) => request.ToByteArray();

    /// <summary>Reads the id alone, of an answer that nothing else decodes.</summary>
    public static string RequestIdOf(byte[] answer)
    {
        CodedInputStream input = new(answer);
        while (input.ReadTag() is > 0 and uint tag)
        {
            if (WireFormat.GetTagFieldNumber(tag) == SettleReply.RequestIdFieldNumber) return input.ReadString();
            input.SkipLastField();
        }

        return "";
    }

    /// <summary>The requests as gRPC's frames, as many together as there is room for.</summary>
    private sealed class Frames : HttpContent
    {
        private readonly IReadOnlyList<byte[]> _requests;
        private readonly SemaphoreSlim _room;
        private readonly CancellationToken _cancellation;

        public Frames(IReadOnlyList<byte[]> requests, SemaphoreSlim room, CancellationToken cancellation)
        {
            _requests = requests;
            _room = room;
            _cancellation = cancellation;
            Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            ArrayBufferWriter<byte> gathered = new(MostAtOnceBytes);
            for (int next = 0; next < _requests.Count;)
            {
                await _room.WaitAsync(_cancellation);
                do
                {
                    byte[] request = _requests[next++];
                    Span<byte> prefix = gathered.GetSpan(PrefixBytes);
                    prefix[0] = 0;
                    BinaryPrimitives.WriteInt32BigEndian(prefix[1..], request.Length);
                    gathered.Advance(PrefixBytes);
                    gathered.Write(request);
                }
                while (gathered.WrittenCount < MostAtOnceBytes && next < _requests.Count && _room.Wait(0, _cancellation));

                await stream.WriteAsync(gathered.WrittenMemory, _cancellation);
                await stream.FlushAsync(_cancellation);
                gathered.ResetWrittenCount();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
