// A hospital's day on Grpc.Net.Client: dotnet run -- [ADJUDICATION [GATEWAY [FACILITY [INSURED [VISIT_DATE]]]]]
using System.Globalization;
using System.Text;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

string[] defaults = ["127.0.0.1:5101", "http://127.0.0.1:5104", "H41010500001", "P0000001", "2025-06-18"];
string[] given = [.. args, .. defaults[Math.Min(args.Length, defaults.Length)..]];
if (given is not [var adjudication, var gateway, var facility, var insured, var visitDate])
    throw new ArgumentException("there are more than five arguments");

// A request id is used once, for ever: this run's begin with the time.
string run = string.Create(CultureInfo.InvariantCulture, $"C{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds():x}");

// What was answered is what stands in the hospital's own books.
List<FacilityLine> books = [];

// With mutual TLS the address is https, and the channel's handler has the certificate.
using GrpcChannel channel = GrpcChannel.ForAddress($"http://{adjudication}");
Adjudication.AdjudicationClient client = new(channel);

// 1. One visit. A refusal is an answer too: ReasonText is for the cashier.
SettleReply first = await client.SettleAsync(Visit(1, 12_000), deadline: Soon());
Enter(first);
Say("settle", Name(first.Decision), first.TotalFen, first.FundPayFen);

// 2. Many over one stream: answers come as they are ready, those of one insured in order.
using (AsyncDuplexStreamingCall<SettleRequest, SettleReply> stream = client.SettleStream(deadline: Soon()))
{
    foreach (int number in new[] { 2, 3, 4 }) await stream.RequestStream.WriteAsync(Visit(number, 3_000));
    await stream.RequestStream.CompleteAsync();
    List<object> decisions = ["stream"];
    await foreach (SettleReply reply in stream.ResponseStream.ReadAllAsync())
    {
        Enter(reply);
        decisions.Add(Name(reply.Decision));
    }

    Say([.. decisions]);
}

// 3. The line breaks before the answer: nothing is known, so the same request again, under the same request_id.
using (AsyncDuplexStreamingCall<SettleRequest, SettleReply> broken = client.SettleStream(deadline: Soon()))
    await broken.RequestStream.WriteAsync(Visit(5, 4_000));
SettleReply found = await client.SettleAsync(Visit(5, 4_000), deadline: Soon());
SettleReply again = await client.SettleAsync(Visit(5, 4_000), deadline: Soon());
Enter(found);
Say("repeat", Name(again.Decision), again.Replayed ? "replayed" : "anew", again.SettlementId == found.SettlementId ? "same" : "other");

// 4. The patient gives the visit back: a cancellation mirrors the settlement.
CancelRequest cancel = new()
{
    RequestId = $"{run}-6",
    FacilityCode = facility,
    InsuredId = insured,
    SettlementId = found.SettlementId,
};
SettleReply cancelled = await client.CancelAsync(cancel, deadline: Soon());
Enter(cancelled);
Say("cancel", Name(cancelled.Decision), cancelled.TotalFen);

// 5. No answer, and the patient is gone: undo whatever the request has done. The books have neither of the two.
await client.SettleAsync(Visit(7, 5_000), deadline: Soon());
ReverseRequest reverse = new()
{
    RequestId = $"{run}-8",
    FacilityCode = facility,
    InsuredId = insured,
    OriginalRequestId = $"{run}-7",
};
ReverseReply undone = await client.ReverseAsync(reverse, deadline: Soon());
Say("reverse", ReverseReply.Descriptor.FindFieldByName("outcome").EnumType.FindValueByNumber((int)undone.Outcome).Name);

// 6. The day against the centre's books, at the gateway. In earnest once, after midnight, for the day before; here the books may be a
// moment behind the last answer.
using HttpClient http = new() { Timeout = TimeSpan.FromSeconds(10) };
string today = DateTimeOffset.UtcNow.ToOffset(TimeSpan.FromHours(8)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
ReconciliationScope scope = new() { FacilityCode = facility, Period = new() { From = today, To = today } };
ReconcileTotalsRequest figures = new()
{
    FacilityCode = facility,
    Period = scope.Period,
    Figures =
    {
        new ReconcileTotalsRequest.Types.FacilityFigures
        {
            Totals = new()
            {
                Count = books.Sum(line => line.Kind == FacilityLine.Types.Kind.Cancel ? -1 : 1),
                TotalFen = books.Sum(line => line.TotalFen),
                FundPayFen = books.Sum(line => line.FundPayFen),
            },
        },
    },
};
ReconcileTotalsReply totals = await TotalsAsync();
DateTime until = DateTime.UtcNow.AddSeconds(30);
while (totals.Outcome != TotalsOutcome.Balanced && DateTime.UtcNow < until)
{
    await Task.Delay(200); // The centre books what it has answered within a second or two.
    totals = await TotalsAsync();
}

Say("totals", ReconcileTotalsReply.Descriptor.FindFieldByName("outcome").EnumType.FindValueByNumber((int)totals.Outcome).Name);

// Totals balance too while a visit and its cancellation are both still on their way: only the lines tell that all is booked.
FacilityBooks lines = new() { Scope = scope, Lines = { books } };
FacilityBooksReply compared = await PostAsync<FacilityBooksReply>("reconcile-lines", lines);
while (!compared.Summary.Reconciled && DateTime.UtcNow < until)
{
    await Task.Delay(200); // As above: the books are a moment behind the last answer.
    compared = await PostAsync<FacilityBooksReply>("reconcile-lines", lines);
}

foreach (LineDifference difference in compared.Differences) Say(difference.CauseText, difference.ActionText);
Say("lines", compared.Summary.Reconciled ? "reconciled" : "differ");

// Kept word for word until its answer is in: after a broken line the same request goes out again.
SettleRequest Visit(int number, long totalFen) => new()
{
    RequestId = string.Create(CultureInfo.InvariantCulture, $"{run}-{number}"),
    FacilityCode = facility,
    InsuredId = insured,
    VisitDate = visitDate,
    VisitType = VisitType.Ordinary,
    TotalFen = totalFen,
    InScopeFen = totalFen,
};

void Enter(SettleReply reply) => books.Add(new FacilityLine
{
    Kind = reply.Decision == Decision.Cancelled ? FacilityLine.Types.Kind.Cancel : FacilityLine.Types.Kind.Settle,
    SettlementId = reply.SettlementId,
    RequestId = reply.RequestId,
    InsuredId = reply.InsuredId,
    VisitType = reply.VisitType,
    TotalFen = reply.TotalFen,
    FundPayFen = reply.FundPayFen,
});

// Until its first settlement is booked, the books do not know the facility: 404.
async Task<ReconcileTotalsReply> TotalsAsync()
{
    try
    {
        return await PostAsync<ReconcileTotalsReply>("reconcile-totals", figures);
    }
    catch (InvalidOperationException notYet) when (notYet.Message.StartsWith("404", StringComparison.Ordinal))
    {
        return new ReconcileTotalsReply();
    }
}

async Task<TReply> PostAsync<TReply>(string name, IMessage request) where TReply : IMessage, new()
{
    using StringContent body = new(JsonFormatter.Default.Format(request), Encoding.UTF8, "application/json");
    using HttpResponseMessage answer = await http.PostAsync(new Uri($"{gateway}/v1/{name}"), body);
    string json = await answer.Content.ReadAsStringAsync();
    return answer.IsSuccessStatusCode
        ? JsonParser.Default.Parse<TReply>(json)
        : throw new InvalidOperationException($"{(int)answer.StatusCode} {json}");
}

static DateTime Soon() => DateTime.UtcNow.AddSeconds(10);

static string Name(Decision decision) =>
    SettleReply.Descriptor.FindFieldByName("decision").EnumType.FindValueByNumber((int)decision).Name;

static void Say(params object[] words) => Console.WriteLine(string.Join(' ', words.Select(
    word => Convert.ToString(word, CultureInfo.InvariantCulture))));
