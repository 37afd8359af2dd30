using System.Globalization;
using Claims.Hosting;
using Claims.Ledger.Acts;
using Claims.Ledger.Closing;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>What cannot be undone, and who did it. UNAVAILABLE whenever PostgreSQL cannot be asked.</summary>
internal sealed class ActsService(ActBook acts, YearProposals proposals, ILogger<ActsService> logger) : V1.Acts.ActsBase
{
    private const int MostSubjectCharacters = 100;
    private const int MostDetailCharacters = 500;
    private const int LastYear = 9998;

    public override Task<Act> Record(RecordActRequest request, ServerCallContext context) => Answer(async () =>
    {
        Require(ActKinds.IsOfOthers(request.Kind), "kind is not one of those that other services do");
        Require(request.Subject.Length is > 0 and <= MostSubjectCharacters, $"subject has not 1 to {MostSubjectCharacters} characters");
        Require(request.Detail.Length <= MostDetailCharacters, $"detail has more than {MostDetailCharacters} characters");
        Require(Identity.TryParse(request.Caller, out _), "caller is no identity");
        if (request.Kind != ActKind.YearClosedToHospitals)
            return await acts.RecordAsync(request.Kind, request.Subject, request.Detail, request.Caller, context.CancellationToken);
        Require(int.TryParse(request.Subject, NumberStyles.None, CultureInfo.InvariantCulture, out int year), "subject is not a year");
        RequireYear(year);
        return await proposals.CloseToHospitalsAsync(year, request.Caller, context.CancellationToken);
    });

    public override Task List(ListActsRequest request, IServerStreamWriter<Act> responseStream, ServerCallContext context) =>
        Answer(async () =>
        {
            Require(Enum.IsDefined(request.Kind), "kind is not one of the kinds of acts");
            await foreach (Act act in acts.ListAsync(request.After, request.Kind, context.CancellationToken))
                await responseStream.WriteAsync(act);
            return true;
        });

    public override Task<YearProposal> ProposeYear(ProposeYearRequest request, ServerCallContext context) => Answer(async () =>
    {
        RequireYear(request.Year);
        string caller = context.Caller().ToString();
        YearProposal proposal = await proposals.ProposeAsync(request.Year, caller, context.CancellationToken);
        if (proposal.MayClose) return proposal;
        logger.LogWarning(new EventId(1, "year_proposed"),
            "The closing of {Year} is proposed by {Proposer}; it may be closed from {Due} on.", request.Year,
            proposal.ProposedBy, ChinaTime.Text(DateTimeOffset.FromUnixTimeMilliseconds(proposal.MayCloseAtUnixMs)));
        return proposal;
    });

    public override Task<Act> TakeBackYear(TakeBackYearRequest request, ServerCallContext context) => Answer(async () =>
    {
        RequireYear(request.Year);
        Act act = await proposals.TakeBackAsync(request.Year, context.Caller().ToString(), context.CancellationToken);
        logger.LogWarning(new EventId(2, "year_taken_back"), "The closing of {Year} is taken back by {Caller}.", request.Year, act.Caller);
        return act;
    });

    private async Task<T> Answer<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (YearStaysOpenException refused)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, refused.Message));
        }
        catch (PostgresNotTrustedException fault)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, fault.Message));
        }
        catch (NpgsqlException exception)
        {
            throw logger.Unavailable(exception, "the books cannot be asked at the moment");
        }
    }

    private static void RequireYear(int year) => Require(year is >= 1 and <= LastYear, $"year is not between 1 and {LastYear}");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new RpcException(new Status(StatusCode.InvalidArgument, otherwise));
    }
}
