using System.Diagnostics;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Claims.Hosting;

/// <summary>Clients of this system's other services.</summary>
public static class ClaimsClient
{
    private const int MaxRetries = 2;

    /// <summary>Registers a generated client over one shared channel, with the service's certificate where mutual TLS is
    /// configured.</summary>
    /// <remarks>
    /// A unary call ends within <paramref name="timeout"/>: with its reply, or with an RpcException, DEADLINE_EXCEEDED when the time was
    /// over and UNAVAILABLE when the breaker is open. Streams have no time limit; their connection is pinged.
    /// </remarks>
    /// <param name="name">Label of the metrics: <c>eligibility</c>.</param>
    /// <param name="address"><c>http://127.0.0.1:5102</c>, or <c>https://…</c>.</param>
    /// <param name="idempotent">Names of the methods that may be sent twice: retried when the callee is UNAVAILABLE.</param>
    public static WebApplicationBuilder AddClaimsClient<TClient>(
        this WebApplicationBuilder builder, string name, string address, TimeSpan timeout, params string[] idempotent)
        where TClient : ClientBase<TClient>
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(services =>
        {
            OutgoingCalls calls = new(name, timeout, MaxRetries, idempotent);
            return (TClient)Activator.CreateInstance(
                typeof(TClient), services.GetRequiredService<Channels>().CallsTo(address).Intercept(calls))!;
        });
        return builder;
    }
}

/// <summary>One channel per address, for as long as the service lives.</summary>
internal sealed class Channels(ServiceName service, Tls? tls) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, GrpcChannel> _channels = new(StringComparer.Ordinal);

    /// <summary>Calls that say which service makes them: its certificate does, or without TLS a header.</summary>
    public CallInvoker CallsTo(string address)
    {
        CallInvoker calls = To(address).CreateCallInvoker();
        if (tls is not null) return calls;
        if (!Identity.TryParse($"{Identity.Scheme}service/{service.Value}", out Identity? identity)) return calls;
        string uri = identity.ToString();
        // A copy: a call that is made again brings the same headers, and two identities are none.
        return calls.Intercept(headers => [.. headers, new Metadata.Entry(Identity.Header, uri)]);
    }

    private GrpcChannel To(string address)
    {
        lock (_gate)
        {
            if (_channels.TryGetValue(address, out GrpcChannel? channel)) return channel;
            return _channels[address] = ClaimsChannel.To(
                address, tls is null ? ClaimsChannel.CreateHandler() : ClaimsChannel.CreateHandler(tls));
        }
    }

    public void Dispose()
    {
        foreach (GrpcChannel channel in _channels.Values) channel.Dispose();
    }
}

/// <summary>Puts every unary call of a client through the pipelines of <see cref="OutgoingPipelines"/>.</summary>
internal sealed class OutgoingCalls(string name, TimeSpan timeout, int maxRetries, string[] idempotent) : Interceptor
{
    private static readonly ActivitySource Calls = new("Claims.Hosting");

    private readonly ResiliencePipeline _once = OutgoingPipelines.Create(name, timeout, maxRetries: 0, IsUnavailable);
    private readonly ResiliencePipeline _repeatable = OutgoingPipelines.Create(name + "-repeatable", timeout, maxRetries, IsUnavailable);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        Attempts<TResponse> attempts =
            new(token =>
            continuation(request, new ClientInterceptorContext<TRequest, TResponse>(
            context.Method, context.Host, context.Options.WithCancellationToken(token))));
        ResiliencePipeline pipeline = idempotent.Contains(context.Method.Name, StringComparer.Ordinal) ? _repeatable : _once;
        Task<TResponse> response = SendAsync(pipeline, attempts, context.Method.FullName[1..], context.Options.CancellationToken);
        return new AsyncUnaryCall<TResponse>(
            response,
            HeadersAsync(response, attempts),
            () => attempts.Last?.GetStatus() ?? Status.DefaultCancelled,
            () => attempts.Last?.GetTrailers() ?? Metadata.Empty,
            attempts.Dispose);
    }

    private async Task<TResponse> SendAsync<TResponse>(
        ResiliencePipeline pipeline, Attempts<TResponse> attempts, string method, CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, attempts.Disposed);
        using Activity? span = Activity.Current is null ? null : Calls.StartActivity(method, ActivityKind.Client);
        try
        {
            return await pipeline.ExecuteAsync(async token => await attempts.SendAsync(token), either.Token);
        }
        catch (TimeoutRejectedException)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, $"{name} did not answer within {timeout.TotalSeconds} s."));
        }
        catch (BrokenCircuitException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"{name} has failed repeatedly and is not called for a moment."));
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            throw new RpcException(Status.DefaultCancelled);
        }
    }

    private static async Task<Metadata> HeadersAsync<TResponse>(Task<TResponse> response, Attempts<TResponse> attempts)
    {
        // Which attempt's headers count is known once one has succeeded or all have failed.
        await ((Task)response).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return attempts.Last is { } last ? await last.ResponseHeadersAsync : Metadata.Empty;
    }

    private static bool IsUnavailable(Exception exception) => exception is RpcException { StatusCode: StatusCode.Unavailable };

    /// <summary>The calls made for one call, of which the last is the one that counts.</summary>
    private sealed class Attempts<TResponse>(Func<CancellationToken, AsyncUnaryCall<TResponse>> send) : IDisposable
    {
        private readonly CancellationTokenSource _disposed = new();

        public CancellationToken Disposed => _disposed.Token;

        public AsyncUnaryCall<TResponse>? Last { get; private set; }

        public async Task<TResponse> SendAsync(CancellationToken cancellationToken)
        {
            Last?.Dispose();
            Last = send(cancellationToken);
            try
            {
                return await Last.ResponseAsync;
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.Cancelled && cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException("The attempt was given up.", exception, cancellationToken);
            }
            catch (RpcException exception) when (exception.StatusCode != StatusCode.Unavailable && ClaimsChannel.IsBroken(exception))
            {
                throw new RpcException(new Status(StatusCode.Unavailable, exception.Status.Detail, exception.Status.DebugException));
            }
        }

        public void Dispose()
        {
            _disposed.Cancel();
            Last?.Dispose();
        }
    }
}
