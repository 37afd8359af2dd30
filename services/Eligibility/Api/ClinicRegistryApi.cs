using System.Globalization;
using Claims.Eligibility.Clinics;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Eligibility.Api;

/// <summary>What the registry tells a clinic. UNAVAILABLE whenever PostgreSQL cannot be asked.</summary>
internal sealed class ClinicRegistryApi(ClinicLookups registry, ILogger<ClinicRegistryApi> logger) : V1.ClinicRegistry.ClinicRegistryBase
{
    private const int MostIdCharacters = 30;
    private const int MostQueryCharacters = 40;
    private const int MostItems = 100;

    public override Task<InsuredCard> FindInsured(FindInsuredRequest request, ServerCallContext context) => AnswerAsync(async () =>
    {
        Require(request.InsuredId.Length is > 0 and <= MostIdCharacters && Policy.PlainText.Is(request.InsuredId), "insured_id is no id");
        return await registry.FindInsuredAsync(request.InsuredId, Day(request.Date), context.CancellationToken)
            ?? throw new RpcException(new Status(StatusCode.NotFound, "the registry has no such insured"));
    });

    public override Task<CatalogueMatches> SearchCatalogue(SearchCatalogueRequest request, ServerCallContext context) =>
        AnswerAsync(async () =>
    {
        Require(request.Query.Length is > 0 and <= MostQueryCharacters && Policy.PlainText.Is(request.Query),
            $"query must have 1 to {MostQueryCharacters} characters");
        Require(request.Limit is > 0 and <= MostItems, $"limit must be 1 to {MostItems}");
        return await registry.SearchAsync(request.Query, Day(request.Date), request.Limit, context.CancellationToken);
    });

    public override Task<SuggestedClinic> SuggestClinic(SuggestClinicRequest request, ServerCallContext context) =>
        AnswerAsync(async () => await registry.SuggestAsync(context.CancellationToken) ?? new SuggestedClinic());

    private static DateOnly Day(string text)
    {
        Require(DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day),
            "date is not a day of the form yyyy-MM-dd");
        return day;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new RpcException(new Status(StatusCode.InvalidArgument, otherwise));
    }

    private async Task<T> AnswerAsync<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (NpgsqlException failed)
        {
            logger.LogError(new EventId(1, "registry_unavailable"), failed, "The registry's database did not answer.");
            throw new RpcException(new Status(StatusCode.Unavailable, "The registry's database does not answer."));
        }
    }
}
