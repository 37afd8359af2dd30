using Claims.Adjudication.Settling;
using Claims.V1;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace Claims.Adjudication.Api;

/// <summary>
/// The contract's stream with answers that are used again (<see cref="Answer"/>), which the generated method cannot send: mapped beside
/// that one, under the same path and before it.
/// </summary>
public sealed class AnswerStream : IServiceMethodProvider<AdjudicationApi>
{
    private static readonly Marshaller<SettleRequest> Requests = Marshallers.Create(
        (request, context) => context.Complete(request.ToByteArray()), context =>
            SettleRequest.Parser.ParseFrom(context.PayloadAsReadOnlySequence()));

    private static readonly Marshaller<Answer> Answers =
        Marshallers.Create<Answer>(Answer.Serialize, _ => throw new NotSupportedException("Answers are sent and never received."));

    private static readonly Method<SettleRequest, Answer> SettleStream =
        new(MethodType.DuplexStreaming, V1.Adjudication.Descriptor.FullName, nameof(AdjudicationApi.SettleStream), Requests, Answers);

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<AdjudicationApi> context) =>
        context.AddDuplexStreamingMethod(
            SettleStream, [new Preferred()], static (api, requests, answers, call) => api.SettleStream(requests, answers, call));

    /// <summary>Maps the service; where two methods have one path, this one's is taken.</summary>
    public static void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGrpcService<AdjudicationApi>().Add(static endpoint =>
    {
        if (endpoint.Metadata.OfType<Preferred>().Any()) ((RouteEndpointBuilder)endpoint).Order = -1;
    });

    private sealed class Preferred;
}
