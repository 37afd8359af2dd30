using Claims.Eligibility.Enrolment;
using Claims.Eligibility.Facilities;
using Claims.Eligibility.History;
using Claims.Eligibility.Import;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Eligibility.Api;

/// <summary>The registry's administration over gRPC. UNAVAILABLE whenever PostgreSQL cannot be asked, or may lose what it
/// answers.</summary>
internal sealed class RegistryOfficeApi(
    NpgsqlDataSource database, PostgresTrust trust, FacilityOffice facilities, Registrations registrations, Duplicates duplicates,
    PolicyPack policy, ChangeFeed feed, TimeProvider clock, ILogger<RegistryOfficeApi> logger)
    : RegistryOffice.RegistryOfficeBase
{
    private const int LastYear = 2100;

    public override Task<FacilityRecord> ShowFacility(ShowFacilityRequest request, ServerCallContext context) => AnswerAsync(async () =>
        await facilities.ShowAsync(request.FacilityCode, DayOf("as_of", request.AsOf), context.CancellationToken)
        ?? throw Unknown(request.FacilityCode));

    public override Task<FacilityRecord> SuspendFacility(SuspendFacilityRequest request, ServerCallContext context) =>
        AnswerAsync(async () => Told("suspended", await facilities.SuspendAsync(
            request.FacilityCode, DayOf("from", request.From), await CauseAsync(request.Reason, context), context.CancellationToken)
            ?? throw Unknown(request.FacilityCode)));

    public override Task<FacilityRecord> ResumeFacility(ResumeFacilityRequest request, ServerCallContext context) => AnswerAsync(async () =>
        Told("resumed", await facilities.ResumeAsync(
            request.FacilityCode, DayOf("from", request.From), await CauseAsync(request.Reason, context), context.CancellationToken)
            ?? throw Unknown(request.FacilityCode)));

    public override Task<Explanation> ExplainFacility(ExplainFacilityRequest request, ServerCallContext context) => AnswerAsync(async () =>
    {
        DateOnly day = DayOf("on", request.On) ?? ChinaTime.Today(clock);
        FacilityRecord record = await facilities.ShowAsync(request.FacilityCode, DayOf("as_of", request.AsOf), context.CancellationToken)
            ?? throw Unknown(request.FacilityCode);
        return FacilityExplanation.Of(record, day, policy);
    });

    public override Task<Explanation> ExplainInsured(ExplainInsuredRequest request, ServerCallContext context) => AnswerAsync(async () =>
    {
        DateOnly day = DayOf("on", request.On) ?? ChinaTime.Today(clock);
        DateOnly? asOf = DayOf("as_of", request.AsOf);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(context.CancellationToken);
        return InsuredExplanation.Of(request.InsuredId,
            await EnrolmentSpans.ReadAsync(connection, request.InsuredId, asOf, context.CancellationToken), day, policy);
    });

    public override Task ListDuplicates(
        ListDuplicatesRequest request, IServerStreamWriter<Duplicate> responseStream, ServerCallContext context) => AnswerAsync(async () =>
    {
        await foreach (Duplicate duplicate in duplicates.ListAsync(request.PlanYear, context.CancellationToken))
            await responseStream.WriteAsync(duplicate, context.CancellationToken);
        return true;
    });

    public override Task<RegisterReply> Register(RegisterRequest request, ServerCallContext context) => AnswerAsync(async () =>
    {
        RequireCode("request_id", request.RequestId);
        RequireCode("insured_id", request.InsuredId);
        (RegisterReply reply, long? version) = await registrations.RegisterAsync(
            request, await CauseAsync(request.Reason, context), context.CancellationToken);
        if (version is not { } raised) return reply;
        feed.Raise(raised);
        logger.LogInformation(new EventId(3, "registered"), "{Act} of {Insured}; the registry is at version {Version}.", request.ActCase,
            Mask.Insured(request.InsuredId), raised);
        return reply;
    });

    public override Task<CloseRegistryYearReply> CloseYear(CloseRegistryYearRequest request, ServerCallContext context) =>
        AnswerAsync(async () =>
        {
            if (request.Year is < 2000 or > LastYear) throw Invalid($"year is not between 2000 and {LastYear}");
            await trust.RequireAsync(context.CancellationToken);
            (int through, long? version) = await ClosedYears.CloseAsync(
                database, request.Year, new ChangeCause(context.Caller().ToString(), ""), clock, context.CancellationToken);
            if (version is { } raised) feed.Raise(raised);
            return new CloseRegistryYearReply { ClosedThrough = through };
        });

    private FacilityRecord Told(string what, FacilityRecord record)
    {
        // Told here already, so that a watcher of this instance does not wait for the notice to come back.
        feed.Raise(record.Version);
        logger.LogInformation(new EventId(1, "facility_changed"), "{Facility} is {What}; the registry is at version {Version}.",
            record.FacilityCode, what, record.Version);
        return record;
    }

    /// <summary>Asked before every change: what it needs to be one.</summary>
    private async Task<ChangeCause> CauseAsync(string reason, ServerCallContext context)
    {
        if (reason.Length is 0 or > RegistryChange.MostReasonCharacters || !PlainText.Is(reason))
            throw Invalid($"reason is not a text of 1 to {RegistryChange.MostReasonCharacters} characters, each of them seen");
        await trust.RequireAsync(context.CancellationToken);
        return new ChangeCause(context.Caller().ToString(), reason);
    }

    private static void RequireCode(string field, string code)
    {
        if (code.Length is 0 or > CsvRow.MaxCodeLength || !code.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw Invalid($"请求字段 {field} 不是1至{CsvRow.MaxCodeLength}位的字母、数字、-、_或.。");
    }

    private static DateOnly? DayOf(string field, string text)
    {
        try
        {
            return WireDate.Parse(text);
        }
        catch (FormatException)
        {
            throw Invalid($"{field} is not a date of the form yyyy-MM-dd");
        }
    }

    private static RpcException Unknown(string code) => new(new Status(StatusCode.NotFound, $"The registry has no facility {code}."));

    private static RpcException Invalid(string sentence) => new(new Status(StatusCode.InvalidArgument, sentence));

    private async Task<T> AnswerAsync<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (FacilityRefusedException refused)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, refused.Message));
        }
        catch (RegistrationRefusedException refused)
        {
            StatusCode code = refused.Field.Length > 0 ? StatusCode.InvalidArgument : StatusCode.FailedPrecondition;
            throw new RpcException(new Status(code, refused.Message));
        }
        catch (RegistrationConflictException conflict)
        {
            throw new RpcException(new Status(StatusCode.AlreadyExists, conflict.Message));
        }
        catch (PostgresNotTrustedException fault)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, fault.Message));
        }
        catch (NpgsqlException failed)
        {
            logger.LogError(new EventId(2, "registry_unavailable"), failed, "The registry's database did not answer.");
            throw new RpcException(new Status(StatusCode.Unavailable, "The registry's database does not answer."));
        }
    }
}
