using System.Net;
using System.Text;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Claims.Cli.Conformance;

/// <summary>The contract on two ports of 127.0.0.1, gRPC and the day's reconciliation over HTTP, passed on to the services.</summary>
public sealed class Proxy : IAsyncDisposable
{
    private const int MostBodyBytes = 4 * 1024 * 1024;
    private const int MostConnections = 100;

    private readonly WebApplication _app;

    private Proxy(WebApplication app, int port, int httpPort) => (_app, Port, HttpPort) = (app, port, httpPort);

    public int Port { get; }

    /// <summary>Of <c>/v1/reconcile-totals</c> and <c>/v1/reconcile-lines</c>.</summary>
    public int HttpPort { get; }

    public static async Task<Proxy> StartAsync(Session session, Upstream upstream, int port, int httpPort)
    {
        // The command's own directory, so that an appsettings.json of wherever it was started from is not taken for its own.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            kestrel.Limits.MaxRequestBodySize = MostBodyBytes;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, httpPort, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = MostBodyBytes);
        builder.Services.AddSingleton(session);
        builder.Services.AddSingleton(upstream);
        builder.Services.AddSingleton<Passage>();
        WebApplication app = builder.Build();
        app.MapGrpcService<ProxiedAdjudication>();
        app.MapGrpcService<ProxiedReconciliation>();
        Passage passage = app.Services.GetRequiredService<Passage>();
        Post<ReconcileTotalsRequest>(app, "reconcile-totals", async (request, context) =>
            await passage.TakeAsync("ReconcileTotals", request, upstream.TotalsAsync, context, context.RequestAborted));
        Post<FacilityBooks>(app, "reconcile-lines", async (request, context) =>
            await passage.TakeAsync("ReconcileLines", request, upstream.LinesAsync, context, context.RequestAborted));
        try
        {
            await app.StartAsync();
        }
        catch (IOException e)
        {
            await app.DisposeAsync();
            throw new CommandException($"The port cannot be listened on: {e.Message.TrimEnd('.')}.", ExitCodes.CannotStart);
        }

        return new Proxy(app, port, httpPort);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static void Post<TRequest>(WebApplication app, string name, Func<TRequest, HttpContext, Task<IMessage>> answer)
        where TRequest : class, IMessage, new() => app.MapPost($"/v1/{name}", async context =>
        {
            using StreamReader reader = new(context.Request.Body, Encoding.UTF8);
            context.Response.ContentType = "application/json; charset=utf-8";
            try
            {
                TRequest request = JsonParser.Default.Parse<TRequest>(await reader.ReadToEndAsync(context.RequestAborted));
                IMessage reply = await answer(request, context);
                await context.Response.WriteAsync(Json(reply), context.RequestAborted);
            }
            catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
            {
                context.Response.StatusCode = StatusCodes.Status400BadRequest;
                await context.Response.WriteAsync("{\"code\":\"INVALID_ARGUMENT\",\"text\":\"请求正文不是约定的 JSON。\"}");
            }
            catch (RpcException e)
            {
                context.Response.StatusCode = e.StatusCode == StatusCode.NotFound ? StatusCodes.Status404NotFound
                    : e.StatusCode == StatusCode.InvalidArgument ? StatusCodes.Status400BadRequest
                    : StatusCodes.Status503ServiceUnavailable;
                await context.Response.WriteAsync($"{{\"code\":\"{e.StatusCode}\",\"text\":\"对账未完成，请稍后重试。\"}}");
            }
        });

    private static string Json(IMessage reply) =>
        new JsonFormatter(JsonFormatter.Settings.Default.WithFormatDefaultValues(true)).Format(reply);
}

/// <summary>Does to each call what its situation wants.</summary>
public sealed class Passage(Session session) : IDisposable
{
    private const int MostUnderWay = 64;

    private readonly SemaphoreSlim _underWay = new(MostUnderWay);

    public void Dispose() => _underWay.Dispose();

    /// <summary>One call, with one answer.</summary>
    public async Task<TReply> TakeAsync<TRequest, TReply>(
        string method, TRequest request, Func<TRequest, Task<TReply>> ask, HttpContext http, CancellationToken gaveUp)
        where TRequest : class, IMessage where TReply : class, IMessage
    {
        ArgumentNullException.ThrowIfNull(http);
        (Session.Call call, Act act) = session.Arrive(method, 0, request);
        TReply? reply = await DoAsync(call, act, request, ask, gaveUp);
        if (reply is not null) return reply;
        Break(http);
        throw new RpcException(new Status(StatusCode.Cancelled, "连接已断开。"));
    }

    public async Task StreamAsync(
        IAsyncStreamReader<SettleRequest> requests, IServerStreamWriter<SettleReply> replies, Func<SettleRequest, Task<SettleReply>> ask,
        HttpContext http, CancellationToken gaveUp)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(replies);
        ArgumentNullException.ThrowIfNull(http);
        int stream = session.NewStream();
        Task? breaking = null;
        try
        {
            while (await requests.MoveNext(gaveUp))
            {
                SettleRequest request = requests.Current;
                (Session.Call call, Act act) = session.Arrive("SettleStream", stream, request);
                if (act.Deed is Deed.BreakSoon) breaking ??= BreakSoonAsync(http);
                if (await DoAsync(call, act, request, ask, gaveUp) is { } reply) await replies.WriteAsync(reply, gaveUp);
                else if (act.Deed is not Deed.BreakSoon) Break(http);
            }

            session.StreamEnded(stream);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The system under test, or the situation, has broken the stream.
        }

        if (breaking is not null) await breaking;
    }

    /// <returns>Null where no answer is to go out and the connection is to break.</returns>
    private async Task<TReply?> DoAsync<TRequest, TReply>(
        Session.Call call, Act act, TRequest request, Func<TRequest, Task<TReply>> ask, CancellationToken givenUp)
        where TRequest : class, IMessage where TReply : class, IMessage
    {
        TReply? centre = null;
        try
        {
            if (!await _underWay.WaitAsync(TimeSpan.Zero, CancellationToken.None))
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "同时进行的调用过多，请稍后原样重发。"));
            try
            {
                bool reaches = act.Deed is not Deed.AnswerItself && (act.Deed is not Deed.AnswerStatus || act.Done);
                if (reaches) centre = await ask(request);
                if (act.Deed is Deed.SendTwice) centre = await ask(request);
            }
            finally
            {
                _underWay.Release();
            }
        }
        catch (RpcException e)
        {
            session.End(call, seen => seen with { Status = e.StatusCode });
            throw new RpcException(e.Status, e.Trailers);
        }

        switch (act.Deed)
        {
            case Deed.DropAnswer:
                session.End(call, seen => seen with { Centre = centre, Fault = "answer dropped" });
                return null;
            case Deed.BreakSoon:
                session.End(call, seen => seen with { Centre = centre, Fault = "stream broken" });
                return null;
            case Deed.AnswerStatus:
                session.End(call, seen => seen with { Centre = centre, Status = act.Status, Fault = "status answered" });
                throw new RpcException(new Status(act.Status, TextOf(act.Status)));
            case Deed.HoldAnswer:
            case Deed.DelayAnswer:
                TimeSpan wait = act.Deed is Deed.HoldAnswer ? session.Waits.Hold : session.Waits.Delay;
                string fault = act.Deed is Deed.HoldAnswer ? "answer held" : "answer delayed";
                bool gaveUp = !await WaitAsync(wait, givenUp);
                session.End(call, seen => seen with { Centre = centre, Answer = gaveUp ? null : centre, GaveUp = gaveUp, Fault = fault });
                return centre;
            case Deed.AnswerItself:
                TReply said = (TReply)act.Answer!(null);
                session.End(call, seen => seen with { Answer = said, Fault = "answered by the proxy" });
                return said;
            case Deed.AlterAnswer:
                TReply altered = (TReply)act.Answer!(centre);
                session.End(call, seen => seen with { Centre = centre, Answer = altered, Fault = "answer altered" });
                return altered;
            default:
                session.End(call, seen => seen with
                {
                    Centre = centre,
                    Answer = centre,
                    Fault = act.Deed is Deed.SendTwice ? "sent twice" : "",
                });
                return centre;
        }
    }

    private async Task<bool> WaitAsync(TimeSpan wait, CancellationToken gaveUp)
    {
        try
        {
            await Task.Delay(wait, session.Time, gaveUp);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task BreakSoonAsync(HttpContext http)
    {
        await Task.Delay(session.Waits.Break, session.Time);
        Break(http);
    }

    // As a line breaks: the connection, and not only the call.
    private static void Break(HttpContext http)
    {
        if (http.Features.Get<IConnectionLifetimeFeature>() is { } connection) connection.Abort();
        else http.Abort();
    }

    private static string TextOf(StatusCode status) => status switch
    {
        StatusCode.ResourceExhausted => "系统繁忙，本次请求未处理，请稍后以同一请求编号重试。",
        StatusCode.Unavailable => "系统暂时无法确认结算结果，请以同一请求编号重试，或发起冲正。",
        _ => "系统未能答复，请以同一请求编号重试，或发起冲正。",
    };
}

/// <summary>The services behind the proxy.</summary>
public sealed class Upstream(CallInvoker adjudication, CallInvoker ledger, TimeProvider time)
{
    private const int LinesAtOnce = 500;
    private const int MostDifferences = 5000;
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(20);

    private readonly V1.Reconciliation.ReconciliationClient _books = new(ledger);

    public Adjudication.AdjudicationClient Adjudication { get; } = new(adjudication);

    // Without the token of the system under test: where it gives up, the call runs to its end, as it would without the proxy.
    public CallOptions Options => new(deadline: (time.GetUtcNow() + CallBound).UtcDateTime);

    public Task<ReconcileTotalsReply> TotalsAsync(ReconcileTotalsRequest request) =>
        _books.ReconcileTotalsAsync(request, Options).ResponseAsync;

    public async Task<FacilityBooksReply> LinesAsync(FacilityBooks books)
    {
        ArgumentNullException.ThrowIfNull(books);
        using AsyncDuplexStreamingCall<ReconcileLinesRequest, ReconcileLinesReply> call = _books.ReconcileLines(Options);
        await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Scope = books.Scope });
        FacilityLine[] lines = [.. books.Lines.Select(Numbered)];
        foreach (FacilityLine[] some in lines.Chunk(LinesAtOnce))
            await call.RequestStream.WriteAsync(new ReconcileLinesRequest { Lines = new FacilityLines { Lines = { some } } });
        await call.RequestStream.CompleteAsync();
        FacilityBooksReply reply = new();
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            ReconcileLinesReply part = call.ResponseStream.Current;
            if (part.PartCase is ReconcileLinesReply.PartOneofCase.Summary) reply.Summary = part.Summary;
            else if (reply.Differences.Count < MostDifferences) reply.Differences.Add(part.Difference);
        }

        return reply;
    }

    // As the gateway does: lines without numbers are numbered from 1 on.
    private static FacilityLine Numbered(FacilityLine line, int index)
    {
        FacilityLine numbered = line.Clone();
        if (numbered.LineNumber == 0) numbered.LineNumber = index + 1;
        return numbered;
    }
}

internal sealed class ProxiedAdjudication(Passage passage, Upstream upstream) : Adjudication.AdjudicationBase
{
    public override Task<SettleReply> Settle(SettleRequest request, ServerCallContext context) =>
        passage.TakeAsync("Settle", request, SettleAsync, context.GetHttpContext(), context.CancellationToken);

    public override Task SettleStream(
        IAsyncStreamReader<SettleRequest> requestStream, IServerStreamWriter<SettleReply> responseStream, ServerCallContext context) =>
        passage.StreamAsync(requestStream, responseStream, SettleAsync, context.GetHttpContext(), context.CancellationToken);

    public override Task<SettleReply> PreSettle(SettleRequest request, ServerCallContext context) => passage.TakeAsync(
        "PreSettle", request, one => upstream.Adjudication.PreSettleAsync(one, upstream.Options).ResponseAsync,
        context.GetHttpContext(), context.CancellationToken);

    public override Task<SettleReply> Cancel(CancelRequest request, ServerCallContext context) => passage.TakeAsync(
        "Cancel", request, one => upstream.Adjudication.CancelAsync(one, upstream.Options).ResponseAsync, context.GetHttpContext(),
        context.CancellationToken);

    public override Task<ReverseReply> Reverse(ReverseRequest request, ServerCallContext context) => passage.TakeAsync(
        "Reverse", request, one => upstream.Adjudication.ReverseAsync(one, upstream.Options).ResponseAsync, context.GetHttpContext(),
        context.CancellationToken);

    public override Task<SettleReply> GetSettlement(GetSettlementRequest request, ServerCallContext context) => passage.TakeAsync(
        "GetSettlement", request, one => upstream.Adjudication.GetSettlementAsync(one, upstream.Options).ResponseAsync,
        context.GetHttpContext(), context.CancellationToken);

    public override Task<Accumulators> GetAccumulators(GetAccumulatorsRequest request, ServerCallContext context) => passage.TakeAsync(
        "GetAccumulators", request, one => upstream.Adjudication.GetAccumulatorsAsync(one, upstream.Options).ResponseAsync,
        context.GetHttpContext(), context.CancellationToken);

    private Task<SettleReply> SettleAsync(SettleRequest request) =>
        upstream.Adjudication.SettleAsync(request, upstream.Options).ResponseAsync;
}

internal sealed class ProxiedReconciliation(Passage passage, Upstream upstream) : V1.Reconciliation.ReconciliationBase
{
    private const int MostLines = 50_000;

    public override Task<ReconcileTotalsReply> ReconcileTotals(ReconcileTotalsRequest request, ServerCallContext context) =>
        passage.TakeAsync("ReconcileTotals", request, upstream.TotalsAsync, context.GetHttpContext(), context.CancellationToken);

    public override async Task ReconcileLines(IAsyncStreamReader<ReconcileLinesRequest> requestStream,
        IServerStreamWriter<ReconcileLinesReply> responseStream, ServerCallContext context)
    {
        FacilityBooks books = new();
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            if (requestStream.Current.Scope is { } scope) books.Scope = scope;
            else books.Lines.AddRange(requestStream.Current.Lines?.Lines ?? []);
            if (books.Lines.Count > MostLines)
                throw new RpcException(new Status(StatusCode.InvalidArgument, $"more than {MostLines} lines"));
        }

        FacilityBooksReply reply = await passage.TakeAsync(
            "ReconcileLines", books, upstream.LinesAsync, context.GetHttpContext(), context.CancellationToken);
        foreach (LineDifference difference in reply.Differences)
            await responseStream.WriteAsync(new ReconcileLinesReply { Difference = difference }, context.CancellationToken);
        await responseStream.WriteAsync(new ReconcileLinesReply { Summary = reply.Summary }, context.CancellationToken);
    }
}
