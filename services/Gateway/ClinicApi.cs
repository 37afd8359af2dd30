using Claims.Gateway.Clinic;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using AdjudicationClient = Claims.V1.Adjudication.AdjudicationClient;

namespace Claims.Gateway;

/// <summary>The calls of the contract as <c>POST /v1/…</c>: one message in, one message out, in proto3 JSON. A refusal is an answer,
/// 200.</summary>
internal sealed class ClinicApi(
    AdjudicationClient adjudication, HospitalBooks books, RequestBodies bodies, CallsInProgress calls, GatewaySettings settings,
    TimeProvider time, ILogger<ClinicApi> logger)
{
    /// <param name="withTls">Whether clinics come with certificates.</param>
    /// <param name="page">Null where none is served.</param>
    public void Map(WebApplication app, bool withTls, ClinicPage? page)
    {
        app.UseStatusCodePages(unserved => Answer.NotServed(unserved.HttpContext.Response.StatusCode).WriteAsync(unserved.HttpContext));
        OtherSites sites = new(settings, withTls);
        app.UseWhen(
            context => context.Request.Path.StartsWithSegments("/v1", StringComparison.Ordinal),
            clinic => clinic.Use((context, next) => sites.Refused(context.Request) is { } refused ? refused.WriteAsync(context)
                : sites.Tell(context) ? Task.CompletedTask
                : next(context)));
        page?.Use(app, sites);
        app.UseAccessControl((context, refused) => (
            refused.StatusCode == StatusCode.ResourceExhausted ? Answer.BeyondShare(refused.Detail)
            : ClinicPage.IsOfPage(context.Request) ? SessionGate.LoggedOut
            : Answer.Of(new RpcException(refused), takesEffect: false)).WriteAsync(context));
        page?.Map();
        Post<SettleRequest>("settle", takesEffect: true, async (request, clinic) => await adjudication.SettleAsync(request, clinic));
        Post<SettleRequest>(
            "pre-settle", takesEffect: false, async (request, clinic) => await adjudication.PreSettleAsync(request, clinic));
        Post<CancelRequest>("cancel", takesEffect: true, async (request, clinic) => await adjudication.CancelAsync(request, clinic));
        Post<ReverseRequest>("reverse", takesEffect: true, async (request, clinic) => await adjudication.ReverseAsync(request, clinic));
        Post<GetSettlementRequest>("get-settlement", takesEffect: false,
            async (request, clinic) => await adjudication.GetSettlementAsync(request, clinic));
        Post<GetAccumulatorsRequest>("get-accumulators", takesEffect: false,
            async (request, clinic) => await adjudication.GetAccumulatorsAsync(request, clinic));
        Post<ReconcileTotalsRequest>("reconcile-totals", takesEffect: false, books.TotalsAsync);
        Serve(new Operation<FacilityBooks>("reconcile-lines", TakesEffect: false, books.LinesAsync) { Files = books.Files });

        void Post<TRequest>(string name, bool takesEffect, Func<TRequest, Metadata, Task<IMessage>> ask)
            where TRequest : class, IMessage, new()
        {
            Serve(new Operation<TRequest>(name, takesEffect, ask));
        }

        void Serve<TRequest>(Operation<TRequest> operation) where TRequest : class, IMessage, new() =>
            app.MapPost($"/v1/{operation.Name}", context => ServeAsync(context, operation));
    }

    private async Task ServeAsync<TRequest>(HttpContext context, Operation<TRequest> operation) where TRequest : class, IMessage, new()
    {
        long started = time.GetTimestamp();
        bool begun = calls.TryBegin();
        try
        {
            Answer answer = begun ? await WithinFilesAsync(context, operation) : Answer.TooManyInProgress;
            if (context.RequestAborted.IsCancellationRequested) GatewayMetrics.CountHungUp(operation.Name);
            await answer.WriteAsync(context);
            GatewayMetrics.Answered(operation.Name, answer.Status, time.GetElapsedTime(started));
        }
        finally
        {
            if (begun) calls.End();
        }
    }

    private async Task<Answer> WithinFilesAsync<TRequest>(HttpContext context, Operation<TRequest> operation)
        where TRequest : class, IMessage, new()
    {
        if (operation.Files is not { } files) return await AnswerAsync(context, operation);
        if (!files.Wait(TimeSpan.Zero)) return Answer.TooManyFiles;
        try
        {
            return await AnswerAsync(context, operation);
        }
        finally
        {
            files.Release();
        }
    }

    private async Task<Answer> AnswerAsync<TRequest>(HttpContext context, Operation<TRequest> operation) where TRequest : class,
    IMessage, new()
    {
        if (!OtherSites.SaysJson(context.Request)) return Answer.NotJson;
        (byte[]? body, Answer? unread) = await bodies.ReadAsync(context, ofBooks: operation.Files is not null);
        if (body is null) return unread!;
        (TRequest? request, string? fault) = RequestJson.Read<TRequest>(body);
        if (request is null) return Answer.Malformed(fault!);
        try
        {
            // Without the clinic's token: where its line drops, the call runs to its end, and the same request finds its answer later.
            IMessage reply = await operation.Ask(request, OnBehalfOf(context.CallerOf()));
            FieldNames.TellAsWritten(reply, body, request.Descriptor);
            return Answer.Of(reply);
        }
        catch (RpcException e)
        {
            Answer answer = operation.Files is not null && e.StatusCode == StatusCode.ResourceExhausted
                ? Answer.TooManyFiles
                : Answer.Of(e, operation.TakesEffect, reason => FieldNames.AsWritten(reason, body, request.Descriptor));
            if (answer.Status >= StatusCodes.Status500InternalServerError)
            {
                logger.LogWarning(new EventId(1, "not_answered"),
                    "{Operation} was answered {Status} for insured {InsuredId}, facility {FacilityCode}, request {RequestId}: {Reason}",
                    operation.Name, answer.Status, Mask.Insured(Field(request, "insured_id")), Field(request, "facility_code"),
                    Field(request, "request_id"), e.Status.Detail);
            }

            return answer;
        }
        catch (Exception e)
        {
            CallsInProgress.CountFailure();
            logger.LogError(new EventId(2, "call_failed"), e,
                "{Operation} failed for insured {InsuredId}, facility {FacilityCode}, request {RequestId}.",
                operation.Name, Mask.Insured(Field(request, "insured_id")), Field(request, "facility_code"), Field(request, "request_id"));
            return Answer.Failed(operation.TakesEffect);
        }
    }

    public static Metadata OnBehalfOf(Identity clinic) => new() { { Identity.OnBehalfHeader, clinic.ToString() } };

    private static string? Field(IMessage request, string name) =>
        request.Descriptor.FindFieldByName(name)?.Accessor.GetValue(request) as string;

    /// <param name="TakesEffect">Whether a call whose outcome is unknown may have changed something.</param>
    private sealed record Operation<TRequest>(string Name, bool TakesEffect, Func<TRequest, Metadata, Task<IMessage>> Ask)
    {
        /// <summary>Of a call that brings a file: how many may be read and compared at once; null for every other.</summary>
        public SemaphoreSlim? Files { get; init; }
    }
}
