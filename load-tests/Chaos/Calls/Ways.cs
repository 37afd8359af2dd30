using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Claims.LoadTests.Chaos.Calls;

/// <summary>No answer came, and it is not known whether anything happened, or it is known that nothing did: to be asked again.</summary>
public sealed class NoAnswerException(string why, Exception? cause = null) : Exception(why, cause);

/// <summary>One way by which a hospital's request reaches the system.</summary>
public interface IWay : IAsyncDisposable
{
    /// <exception cref="NoAnswerException">As it says.</exception>
    /// <exception cref="RpcException">A status that the contract does not know here.</exception>
    Task<Reply> AskAsync(Op op, TimeSpan bound, CancellationToken cancellationToken);
}

/// <summary>A call of its own for each request.</summary>
public sealed class UnaryWay(string address) : IWay
{
    private readonly GrpcChannel _channel = ClaimsChannel.To(address);

    public async Task<Reply> AskAsync(Op op, TimeSpan bound, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(op);
        V1.Adjudication.AdjudicationClient client = new(_channel);
        DateTime deadline = DateTime.UtcNow + bound;
        try
        {
            return op.Kind switch
            {
                OpKind.Settle => Reply.Of(await client.SettleAsync(op.Settle(), null, deadline, cancellationToken)),
                OpKind.Cancel => Reply.Of(await client.CancelAsync(op.Cancel(), null, deadline, cancellationToken)),
                _ => Reply.Of(await client.ReverseAsync(op.Reverse(), null, deadline, cancellationToken)),
            };
        }
        catch (RpcException e) when (Passing.Is(e))
        {
            throw new NoAnswerException(e.StatusCode.ToString(), e);
        }
    }

    public ValueTask DisposeAsync()
    {
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>One stream for all visits of a hospital; what is no visit is a call of its own. A stream that broke is opened again.</summary>
public sealed class StreamWay(string address) : IWay
{
    private readonly UnaryWay _unary = new(address);
    private readonly GrpcChannel _channel = ClaimsChannel.To(address);
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Reply>> _waiting = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _writing = new(1);
    private Open? _open;

    public async Task<Reply> AskAsync(Op op, TimeSpan bound, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(op);
        if (op.Kind != OpKind.Settle) return await _unary.AskAsync(op, bound, cancellationToken);
        TaskCompletionSource<Reply> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[op.Key.RequestId] = answer;
        try
        {
            await _writing.WaitAsync(cancellationToken);
            try
            {
                if (_open is not { Reading.IsCompleted: false }) _open = Begin();
                await _open.Call.RequestStream.WriteAsync(op.Settle(), cancellationToken).WaitAsync(bound, cancellationToken);
            }
            finally
            {
                _writing.Release();
            }

            return await answer.Task.WaitAsync(bound, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException || Passing.IsBroken(e))
        {
            // Nothing comes over it any more: the next request has another.
            Close();
            throw new NoAnswerException("the stream does not answer", e);
        }
        catch (RpcException e) when (Passing.Is(e))
        {
            Close();
            throw new NoAnswerException($"stream {e.StatusCode}", e);
        }
        finally
        {
            _waiting.TryRemove(op.Key.RequestId, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Close();
        _channel.Dispose();
        _writing.Dispose();
        await _unary.DisposeAsync();
    }

    private Open Begin()
    {
        AsyncDuplexStreamingCall<SettleRequest, SettleReply> call = new V1.Adjudication.AdjudicationClient(_channel).SettleStream();
        return new Open(call, ReadAsync(call));
    }

    private void Close() => Interlocked.Exchange(ref _open, null)?.Call.Dispose();

    private async Task ReadAsync(AsyncDuplexStreamingCall<SettleRequest, SettleReply> call)
    {
        Exception ended = new NoAnswerException("the stream ended");
        try
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                SettleReply reply = call.ResponseStream.Current;
                if (_waiting.TryGetValue(reply.RequestId, out TaskCompletionSource<Reply>? answer)) answer.TrySetResult(Reply.Of(reply));
            }
        }
        catch (RpcException e)
        {
            ended = Passing.Is(e) ? new NoAnswerException($"stream {e.StatusCode}", e) : e;
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException || Passing.IsBroken(e))
        {
            ended = new NoAnswerException("the stream was closed", e);
        }

        foreach (TaskCompletionSource<Reply> waiting in _waiting.Values) waiting.TrySetException(ended);
    }

    private sealed record Open(AsyncDuplexStreamingCall<SettleRequest, SettleReply> Call, Task Reading);
}

/// <summary>A clinic's: JSON over HTTP to the gateway.</summary>
public sealed class GatewayWay(string address) : IWay
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false })
    {
        BaseAddress = new Uri(address),
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public async Task<Reply> AskAsync(Op op, TimeSpan bound, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(op);
        using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(bound);
        (string path, IMessage request) = op.Kind switch
        {
            OpKind.Settle => ("/v1/settle", (IMessage)op.Settle()),
            OpKind.Cancel => ("/v1/cancel", op.Cancel()),
            _ => ("/v1/reverse", op.Reverse()),
        };
        try
        {
            using StringContent body = new(JsonFormatter.Default.Format(request), Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await _http.PostAsync(new Uri(path, UriKind.Relative), body, late.Token);
            string text = await response.Content.ReadAsStringAsync(late.Token);
            if (!response.IsSuccessStatusCode)
            {
                throw (int)response.StatusCode is 429 or 503 or 504
                    ? new NoAnswerException($"HTTP {(int)response.StatusCode}")
                    : new RpcException(new Status(StatusCode.Unknown, $"HTTP {(int)response.StatusCode}: {text}"));
            }

            return op.Kind == OpKind.Reverse
                ? Reply.Of(JsonParser.Default.Parse<ReverseReply>(text))
                : Reply.Of(JsonParser.Default.Parse<SettleReply>(text));
        }
        catch (Exception e) when ((e is OperationCanceledException || Passing.IsBroken(e)) && !cancellationToken.IsCancellationRequested)
        {
            throw new NoAnswerException(e is OperationCanceledException ? "HTTP late" : "HTTP broken", e);
        }
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }
}

internal static class Passing
{
    /// <summary>The connection broke; .NET tells it in its own words, or in the socket's.</summary>
    public static bool IsBroken(Exception e) => e is HttpRequestException or IOException or SocketException;

    /// <remarks>A call whose connection is torn away may end as CANCELLED on this side.</remarks>
    public static bool Is(RpcException e) => Claims.Cli.Operations.OutageClock.IsPassing(e) || e.StatusCode == StatusCode.Cancelled;
}
