using System.Threading.Channels;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>Adjudication as a function in this process, reached through the generated client.</summary>
internal sealed class FakeAdjudication : InProcessCalls
{
    /// <summary>Answers a unary call; may throw RpcException.</summary>
    public Func<object, Task<object>> Unary { get; init; } = _ => throw new NotSupportedException("no unary call is expected");

    /// <summary>Answers one message of a stream; null ends the stream well, RpcException with its status.</summary>
    public Func<SettleRequest, SettleReply?> Streamed { get; init; } = _ => throw new NotSupportedException("no stream is expected");

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        return Answered(AnswerAsync());

        async Task<TResponse> AnswerAsync() => (TResponse)await Unary(request);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        Opened<TRequest, TResponse>(new Exchange(Streamed));

    private sealed class Exchange(Func<SettleRequest, SettleReply?> answer) : IClientStreamWriter<SettleRequest>,
    IAsyncStreamReader<SettleReply>
    {
        private readonly Channel<SettleReply> _replies = Channel.CreateUnbounded<SettleReply>();

        public WriteOptions? WriteOptions { get; set; }

        public SettleReply Current { get; private set; } = new();

        public Task WriteAsync(SettleRequest message)
        {
            try
            {
                if (answer(message) is { } reply) _replies.Writer.TryWrite(reply);
                else _replies.Writer.TryComplete();
                return Task.CompletedTask;
            }
            catch (RpcException e)
            {
                _replies.Writer.TryComplete(e);
                throw;
            }
        }

        public Task WriteAsync(SettleRequest message, CancellationToken cancellationToken) => WriteAsync(message);

        public Task CompleteAsync()
        {
            _replies.Writer.TryComplete();
            return Task.CompletedTask;
        }

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (!await _replies.Reader.WaitToReadAsync(cancellationToken) || !_replies.Reader.TryRead(out SettleReply? reply))
                return false;
            Current = reply;
            return true;
        }
    }
}
