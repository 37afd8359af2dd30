using System.Globalization;
using System.Security.Cryptography;
using Claims.Eligibility.History;
using Claims.Policy;
using Claims.Rules;
using Claims.V1;
using Google.Protobuf;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.Enrolment;

/// <summary>Why an act is not registered.</summary>
/// <param name="field">The request's field that is wrong; empty where what is registered does not allow the act.</param>
internal sealed class RegistrationRefusedException(string field, string message) : Exception(message)
{
    public string Field { get; } = field;
}

/// <summary>Another content stands under the request id.</summary>
internal sealed class RegistrationConflictException(string requestId) : Exception($"请求编号{requestId}已用于内容不同的登记。");

/// <summary>The acts of a district office's counter: enrol, pay, end, correct; each once, however often it is asked for.</summary>
internal sealed class Registrations(NpgsqlDataSource database, PolicyPack policy, TimeProvider clock)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private static readonly string[] Schemes = ["resident", "employee"];

    /// <exception cref="RegistrationRefusedException">The request is wrong, or what is registered does not allow it; nothing
    /// happened.</exception>
    /// <exception cref="RegistrationConflictException">Another content stands under the request id.</exception>
    /// <returns>The reply, and the registry's version where it was raised.</returns>
    public async Task<(RegisterReply Reply, long? Version)> RegisterAsync(
        RegisterRequest request, ChangeCause cause, CancellationToken cancellationToken)
    {
        if (request.PlanYear is < 2000 or > 2100) throw Wrong("plan_year", "不是2000至2100的年度");
        byte[] fingerprint = SHA256.HashData(request.ToByteArray());
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        RegistryChange change = await RegistryChange.BeginAsync(
            connection, request.ActCase.ToString().ToUpperInvariant(), cause, clock, Bound, cancellationToken);
        if (await FindEarlierAsync(connection, cause.By, request.RequestId, fingerprint, cancellationToken) is { } earlier)
        {
            earlier.Replayed = true;
            return (earlier, null);
        }

        if (request.PlanYear <= await ClosedYears.ThroughAsync(connection, cancellationToken))
            throw new RegistrationRefusedException("", $"{request.PlanYear}年度已年终结账，不能再变更该年度的参保登记。");
        List<RegisteredSpan> known = await EnrolmentSpans.ReadAsync(connection, request.InsuredId, null, cancellationToken);
        List<EnrolmentSpan> spans = [.. known.Where(span => span.Row.PlanYear == request.PlanYear).Select(Wire)];
        spans = Act(request, spans);
        await InsertAsync(connection, request, spans, change.ChangeId, cancellationToken);

        RegisterReply reply = new() { RequestId = request.RequestId, Spans = { spans } };
        reply.Change = (await EnrolmentSpans.ReadAsync(connection, request.InsuredId, null, cancellationToken))
            .Find(span => span.Row.PlanYear == request.PlanYear)!.Change;
        await KeepAsync(connection, cause.By, request.RequestId, fingerprint, change.ChangeId, reply, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (reply, change.Version);
    }

    /// <summary>What the year's spans become.</summary>
    private List<EnrolmentSpan> Act(RegisterRequest request, List<EnrolmentSpan> spans)
    {
        int year = request.PlanYear;
        switch (request.ActCase)
        {
            case RegisterRequest.ActOneofCase.Enrol:
                EnrolmentSpan added = request.Enrol;
                Check("enrol", added, year);
                if (added.EndedOn.Length > 0) throw Wrong("enrol.ended_on", "新登记的参保不能已经终止");
                if (spans.Find(span => span.EndedOn.Length == 0) is { } open)
                    throw new RegistrationRefusedException("", $"该参保人{year}年度已在{CountyName(open.County)}参加{SchemeName(open.Scheme)}，"
                        + "请先办理终止，避免重复参保。");
                if (spans.Find(span => WireDate.Parse(span.EndedOn) >= FirstDay(added, year)) is { } standing)
                    throw new RegistrationRefusedException("", $"该参保人{year}年度的参保至{Days.Text(WireDate.Parse(standing.EndedOn)!.Value)}止，"
                        + "新登记须自其后开始。");
                return [.. spans, added];
            case RegisterRequest.ActOneofCase.Pay:
                DateOnly paid = Day("pay.paid_on", request.Pay.PaidOn);
                EnrolmentSpan unpaid = OpenOf(spans, year);
                if (unpaid.PaidOn.Length > 0)
                    throw new RegistrationRefusedException("", $"该参保人{year}年度已于{Days.Text(WireDate.Parse(unpaid.PaidOn)!.Value)}缴费。");
                unpaid.PaidOn = WireDate.Text(paid);
                return spans;
            case RegisterRequest.ActOneofCase.End:
                EnrolmentSpan ending = OpenOf(spans, year);
                (ending.EndedOn, ending.EndCause) = (request.End.EndedOn, request.End.EndCause);
                Day("end.ended_on", request.End.EndedOn);
                Check("end", ending, year);
                return spans;
            case RegisterRequest.ActOneofCase.Correct:
                if (request.Correct.Spans.Count is 0 or > 20) throw Wrong("correct.spans", "应为1至20段");
                foreach (EnrolmentSpan span in request.Correct.Spans) Check("correct.spans", span, year);
                List<EnrolmentSpan> corrected = [.. request.Correct.Spans.OrderBy(span => FirstDay(span, year))];
                for (int index = 1; index < corrected.Count; index++)
                {
                    if (LastDay(corrected[index - 1], year) >= FirstDay(corrected[index], year))
                        throw Wrong("correct.spans", $"中{Days.Text(FirstDay(corrected[index], year))}起的一段与前一段重叠");
                }

                return corrected;
            default:
                throw Wrong("act", "缺失");
        }
    }

    private static EnrolmentSpan OpenOf(List<EnrolmentSpan> spans, int year) => spans.Find(span => span.EndedOn.Length == 0)
        ?? throw new RegistrationRefusedException("", spans.Count == 0
            ? $"该参保人没有{year}年度的参保登记。"
            : $"该参保人{year}年度的参保登记已经终止。");

    private void Check(string field, EnrolmentSpan span, int year)
    {
        if (span.Name.Length > 200 || !PlainText.Is(span.Name)) throw Wrong($"{field}.name", "不是200字以内的姓名");
        if (!Schemes.Contains(span.Scheme)) throw Wrong($"{field}.scheme", "不是resident或employee");
        if (span.County.Length != 6 || !span.County.All(char.IsAsciiDigit)
            || !(policy.Counties.IsEmpty || policy.Counties.ContainsKey(span.County)))
            throw Wrong($"{field}.county", "不是本市的6位行政区划代码");
        CoverageRules rules = policy.CoverageFor(year) ?? policy.Coverage;
        if (!rules.ExemptCategories.ContainsKey(span.Category) && !rules.OtherCategories.Contains(span.Category))
            throw Wrong($"{field}.category", "不是规定的人员类别");
        OptionalDay($"{field}.paid_on", span.PaidOn);
        OptionalDay($"{field}.birth_date", span.BirthDate);
        OptionalDay($"{field}.transfer_ended_on", span.TransferEndedOn);
        DateOnly? begins = OptionalDay($"{field}.begins_on", span.BeginsOn);
        DateOnly? ended = OptionalDay($"{field}.ended_on", span.EndedOn);
        if (begins?.Year is { } begun && begun != year) throw Wrong($"{field}.begins_on", "不在参保年度内");
        if (ended < new DateOnly(year, 1, 1).AddDays(-1) || ended?.Year > year) throw Wrong($"{field}.ended_on", "不在参保年度内");
        if (ended < begins) throw Wrong($"{field}.ended_on", "早于begins_on");
        bool known = EndCauses.All.Contains(span.EndCause);
        if (known != ended is not null || (!known && span.EndCause.Length > 0))
            throw Wrong($"{field}.end_cause", $"不是{string.Join("、", EndCauses.All)}之一，或与ended_on不相符");
        if (span.College.Length > 0 && !Colleges.All.Contains(span.College))
            throw Wrong($"{field}.college", $"不是{string.Join("、", Colleges.All)}之一");
    }

    private static DateOnly FirstDay(EnrolmentSpan span, int year) => WireDate.Parse(span.BeginsOn) ?? new DateOnly(year, 1, 1);

    private static DateOnly LastDay(EnrolmentSpan span, int year) => WireDate.Parse(span.EndedOn) ?? new DateOnly(year, 12, 31);

    private static DateOnly Day(string field, string text) => OptionalDay(field, text) ?? throw Wrong(field, "缺失");

    private static DateOnly? OptionalDay(string field, string text)
    {
        try
        {
            return WireDate.Parse(text);
        }
        catch (FormatException)
        {
            throw Wrong(field, "不是yyyy-MM-dd形式的日期");
        }
    }

    private string CountyName(string county) => policy.Counties.TryGetValue(county, out County? known) ? known.Name : county;

    private static string SchemeName(string scheme) => scheme == "resident" ? "城乡居民医保" : "职工医保";

    private static RegistrationRefusedException Wrong(string field, string why) => new(field, $"请求字段 {field} {why}。");

    private static EnrolmentSpan Wire(RegisteredSpan span) => new()
    {
        Name = span.Name,
        Scheme = span.Row.Scheme,
        County = span.Row.County,
        Category = span.Row.Category,
        PaidOn = WireDate.Text(span.Row.PaidOn),
        BirthDate = WireDate.Text(span.Row.BirthDate),
        TransferEndedOn = WireDate.Text(span.Row.TransferEndedOn),
        BeginsOn = WireDate.Text(span.Row.BeginsOn),
        EndedOn = WireDate.Text(span.Row.EndedOn),
        EndCause = span.Row.EndCause,
        College = span.Row.College,
    };

    private static async Task InsertAsync(NpgsqlConnection connection, RegisterRequest request, List<EnrolmentSpan> spans, long changeId,
        CancellationToken cancellationToken)
    {
        await using NpgsqlBatch batch = new(connection);
        for (int index = 0; index < spans.Count; index++)
        {
            EnrolmentSpan span = spans[index];
            NpgsqlBatchCommand insert = new("""
                INSERT INTO enrolment_span (insured_id, plan_year, change_id, span, name, scheme, county, category, end_cause, college,
                    paid_on, birth_date, transfer_ended_on, begins_on, ended_on)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                """);
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = request.InsuredId });
            insert.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)request.PlanYear });
            insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = changeId });
            insert.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)(index + 1) });
            foreach (string text in (string[])[span.Name, span.Scheme, span.County, span.Category, span.EndCause, span.College])
                insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = text });
            foreach (string day in (string[])[span.PaidOn, span.BirthDate, span.TransferEndedOn, span.BeginsOn, span.EndedOn])
            {
                insert.Parameters.Add(new NpgsqlParameter
                {
                    NpgsqlDbType = NpgsqlDbType.Date,
                    Value = WireDate.Parse(day) is { } date ? date : DBNull.Value,
                });
            }

            batch.BatchCommands.Add(insert);
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<RegisterReply?> FindEarlierAsync(
        NpgsqlConnection connection, string by, string requestId, byte[] fingerprint, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(
            "SELECT request_sha256, reply FROM registration WHERE made_by = $1 AND request_id = $2", connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = by });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = requestId });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken)) return null;
        return reader.GetFieldValue<byte[]>(0).AsSpan().SequenceEqual(fingerprint)
            ? RegisterReply.Parser.ParseFrom(reader.GetFieldValue<byte[]>(1))
            : throw new RegistrationConflictException(requestId);
    }

    private static async Task KeepAsync(NpgsqlConnection connection, string by, string requestId, byte[] fingerprint, long changeId,
        RegisterReply reply, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand insert = new(
            "INSERT INTO registration (made_by, request_id, change_id, request_sha256, reply) VALUES ($1, $2, $3, $4, $5)", connection);
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = by });
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = requestId });
        insert.Parameters.Add(new NpgsqlParameter<long> { TypedValue = changeId });
        insert.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = fingerprint });
        insert.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = reply.ToByteArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }
}
