using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Claims.V1;
using Google.Protobuf;

namespace Claims.Cli.Demo;

/// <summary>One clinic of the sample city at the gateway's page: what a browser does there, call by call.</summary>
public sealed class ClinicCounter : IDisposable
{
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);
    private static readonly JsonParser Answers = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    private readonly HttpClient _http;
    private readonly IReadOnlyList<SettleRequest> _visits;
    private readonly List<JsonNode> _list = [];
    private readonly HashSet<string> _listed = [];
    private string _csrfToken = "";

    /// <param name="address">Of the gateway.</param>
    /// <param name="visits">Of one facility.</param>
    public ClinicCounter(string address, string facilityCode, IReadOnlyList<SettleRequest> visits)
    {
        _http = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), UseProxy = false, UseCookies = true })
        {
            BaseAddress = new Uri(address),
            Timeout = CallBound,
        };
        FacilityCode = facilityCode;
        _visits = visits;
    }

    public string FacilityCode { get; }

    /// <summary>What the clerk has chosen in place of the first one.</summary>
    public string Password { get; } = $"demo-{RandomNumberGenerator.GetHexString(12, lowercase: true)}";

    /// <summary>Logs in, with a new password, and settles every visit.</summary>
    public async Task RunAsync(
        string clerk, string firstPassword, Func<SettleRequest, SettleReply, Task> answered, CancellationToken cancellationToken)
    {
        JsonNode session = await PostAsync(
            "/clinic/login", new JsonObject { ["facilityCode"] = FacilityCode, ["clerk"] = clerk, ["password"] = firstPassword },
            cancellationToken);
        _csrfToken = (string)session["csrfToken"]!;
        await PostAsync(
            "/clinic/password", new JsonObject { ["oldPassword"] = firstPassword, ["newPassword"] = Password }, cancellationToken);
        foreach ((int index, SettleRequest visit) in _visits.Index())
        {
            string body = JsonFormatter.Default.Format(visit);
            if (index == 0)
            {
                // What a clerk sees before the visit is settled.
                using HttpResponseMessage insured = await _http.GetAsync(
                    $"/clinic/insured/{Uri.EscapeDataString(visit.InsuredId)}?date={visit.VisitDate}", cancellationToken);
                await PostAsync("/v1/pre-settle", JsonNode.Parse(body)!, cancellationToken);
            }

            JsonNode answer = await PostAsync("/v1/settle", JsonNode.Parse(body)!, cancellationToken);
            SettleReply reply = Answers.Parse<SettleReply>(answer.ToJsonString());
            if (reply.Decision == Decision.Settled && _listed.Add(reply.SettlementId))
            {
                _list.Add(new JsonObject
                {
                    ["requestId"] = reply.RequestId,
                    ["state"] = "SETTLED",
                    ["insuredId"] = reply.InsuredId,
                    ["settlementId"] = reply.SettlementId,
                    ["visitDate"] = visit.VisitDate,
                    ["totalFen"] = reply.TotalFen,
                    ["fundPayFen"] = reply.FundPayFen,
                });
            }

            await answered(visit, reply);
        }
    }

    /// <summary>The clinic's list against what the gateway answers and the books have, day by day as they were settled.</summary>
    /// <param name="days">Of settlement, in China Standard Time.</param>
    public async Task<Check> CompareAsync(IReadOnlyList<DateOnly> days, CancellationToken cancellationToken)
    {
        long booked = 0;
        long differences = 0;
        foreach (DateOnly day in days)
        {
            string date = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            JsonNode books = (await _http.GetFromJsonAsync<JsonNode>($"/clinic/day?date={date}", cancellationToken))!;
            booked += (long)books["totals"]!["settlements"]!;
            HashSet<string> here = [.. books["lines"]!.AsArray().Select(line => (string)line!["settlementId"]!)];
            JsonArray lines = new([.. _list.Where(line => days.Count == 1 || here.Contains((string)line["settlementId"]!))
                .Select(line => line.DeepClone())]);
            JsonNode compared = await PostAsync(
                "/clinic/day/compare", new JsonObject { ["date"] = date, ["lines"] = lines }, cancellationToken);
            differences += compared["differences"]!.AsArray().Count;
        }

        return new Check(
            "a clinic's page = gateway = books 诊所页面 = 网关 = 账簿",
            differences == 0 && booked == _list.Count,
            string.Create(CultureInfo.InvariantCulture,
                $"{FacilityCode}: {_list.Count:#,##0} settled at the page, {booked:#,##0} booked; {differences:#,##0} differences"));
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Sent again, as it is, until there is an answer: whatever it does is done once.</summary>
    private async Task<JsonNode> PostAsync(string path, JsonNode body, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        while (true)
        {
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Post, path);
                request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
                if (_csrfToken.Length > 0) request.Headers.Add("X-CSRF-Token", _csrfToken);
                using HttpResponseMessage response = await _http.SendAsync(request, patience.Token);
                string answer = await response.Content.ReadAsStringAsync(patience.Token);
                if (response.StatusCode == HttpStatusCode.OK) return JsonNode.Parse(answer)!;
                if ((int)response.StatusCode is not (429 or >= 500))
                    throw new CommandException($"The gateway answered {path} with {(int)response.StatusCode}: {answer}", ExitCodes.Failed);
            }
            catch (Exception e) when (
                e is HttpRequestException or JsonException || (e is OperationCanceledException && !patience.IsCancellationRequested))
            {
                // The line is away, or the gateway; the same again.
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new CommandException($"The gateway did not answer {path} within {Patience.TotalMinutes:0} minutes.", e);
            }

            await Task.Delay(Pause, patience.Token);
        }
    }
}
