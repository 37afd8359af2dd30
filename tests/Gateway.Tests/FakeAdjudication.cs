using System.Collections.Concurrent;
using System.Net;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests;

/// <summary>Adjudication, and the ledger's reconciliation, as a function of this process, served over gRPC on loopback.</summary>
internal sealed class FakeAdjudication : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<IMessage> _requests;

    private FakeAdjudication(WebApplication app, ConcurrentQueue<IMessage> requests)
    {
        _app = app;
        _requests = requests;
    }

    public string Address => _app.Urls.Single();

    /// <summary>What has come in so far, in that order.</summary>
    public IReadOnlyCollection<IMessage> Requests => _requests;

    /// <param name="answer">Takes a request and its call; may throw RpcException.</param>
    public static async Task<FakeAdjudication> StartAsync(Func<IMessage, ServerCallContext, Task<IMessage>> answer, int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
        ConcurrentQueue<IMessage> requests = new();
        builder.Services.AddSingleton(new Service(Answer));
        builder.Services.AddSingleton(new Books(Answer));
        builder.Services.AddGrpc();
        builder.Services.AddGrpcHealthChecks().AddCheck("up", () => HealthCheckResult.Healthy());
        WebApplication app = builder.Build();
        app.MapGrpcService<Service>();
        app.MapGrpcService<Books>();
        app.MapGrpcHealthChecksService();
        await app.StartAsync();
        return new FakeAdjudication(app, requests);

        Task<IMessage> Answer(IMessage request, ServerCallContext context)
        {
            requests.Enqueue(request);
            return answer(request, context);
        }
    }

    /// <summary>Settles each request id once; the same again gets the stored answer.</summary>
    public static Func<IMessage, ServerCallContext, Task<IMessage>> Settling()
    {
        ConcurrentDictionary<string, SettleReply> stored = new(StringComparer.Ordinal);
        return (message, _) =>
        {
            SettleRequest request = (SettleRequest)message;
            SettleReply reply = new()
            {
                RequestId = request.RequestId,
                Decision = Decision.Settled,
                SettlementId = $"S-{request.RequestId}",
                TotalFen = request.TotalFen,
            };
            if (stored.TryAdd(request.RequestId, reply)) return Task.FromResult<IMessage>(reply);
            SettleReply again = stored[request.RequestId].Clone();
            again.Replayed = true;
            return Task.FromResult<IMessage>(again);
        };
    }

    public static Func<IMessage, ServerCallContext, Task<IMessage>> Failing(StatusCode status, string detail = "") =>
        (_, _) => throw new RpcException(new Status(status, detail));

    public async ValueTask DisposeAsync()
    {
        // What still waits is given up at once.
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private sealed class Service(Func<IMessage, ServerCallContext, Task<IMessage>> answer) : Adjudication.AdjudicationBase
    {
        public override Task<SettleReply> Settle(SettleRequest request, ServerCallContext context) =>
            AnswerAsync<SettleReply>(request, context);

        public override Task<SettleReply> PreSettle(SettleRequest request, ServerCallContext context) =>
            AnswerAsync<SettleReply>(request, context);

        public override Task<SettleReply> Cancel(CancelRequest request, ServerCallContext context) =>
            AnswerAsync<SettleReply>(request, context);

        public override Task<ReverseReply> Reverse(ReverseRequest request, ServerCallContext context) =>
            AnswerAsync<ReverseReply>(request, context);

        public override Task<SettleReply> GetSettlement(GetSettlementRequest request, ServerCallContext context) =>
            AnswerAsync<SettleReply>(request, context);

        public override Task<Accumulators> GetAccumulators(GetAccumulatorsRequest request, ServerCallContext context) =>
            AnswerAsync<Accumulators>(request, context);

        private async Task<T> AnswerAsync<T>(IMessage request, ServerCallContext context) => (T)await answer(request, context);
    }

    /// <summary>The lines of a call are one request, FacilityBooks, and its answer one reply.</summary>
    private sealed class Books(Func<IMessage, ServerCallContext, Task<IMessage>> answer) : Reconciliation.ReconciliationBase
    {
        public override async Task<ReconcileTotalsReply> ReconcileTotals(ReconcileTotalsRequest request, ServerCallContext context) =>
            (ReconcileTotalsReply)await answer(request, context);

        public override async Task<FacilityEntries> ListFacilityEntries(ListFacilityEntriesRequest request, ServerCallContext context) =>
            (FacilityEntries)await answer(request, context);

        public override async Task ReconcileLines(IAsyncStreamReader<ReconcileLinesRequest> requestStream,
            IServerStreamWriter<ReconcileLinesReply> responseStream, ServerCallContext context)
        {
            FacilityBooks books = new();
            await foreach (ReconcileLinesRequest request in requestStream.ReadAllAsync())
            {
                books.Scope ??= request.Scope;
                books.Lines.AddRange(request.Lines?.Lines ?? []);
            }

            FacilityBooksReply reply = (FacilityBooksReply)await answer(books, context);
            foreach (LineDifference difference in reply.Differences)
                await responseStream.WriteAsync(new ReconcileLinesReply { Difference = difference });
            await responseStream.WriteAsync(new ReconcileLinesReply { Summary = reply.Summary });
        }
    }
}
