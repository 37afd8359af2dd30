using System.Globalization;
using System.Text.Json;
using Adjudication.Tests.Coverage;
using Adjudication.Tests.Store;
using Claims.Adjudication;
using Claims.Adjudication.Coverage;
using Claims.Adjudication.Settling;
using Claims.Policy;
using Claims.V1;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Settling;

/// <summary>The twelve invented cities (tests/cities): rows that a person has worked out by hand, settled by the desk on a real
/// Redis.</summary>
public sealed class CityGoldenTests
{
    private static readonly string Golden = Path.Combine(Repository.Root, "tests", "cities", "golden");

    public static TheoryData<string> Cities =>
        [.. Directory.GetDirectories(Golden).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    [Fact]
    public void Cities_are_twelve() => Assert.Equal(12, Cities.Count);

    [Theory]
    [MemberData(nameof(Cities))]
    public async Task City_settles_its_golden_rows(string city)
    {
        PolicyPack pack = PolicyLoader.Load(Path.Combine(Repository.Root, "tests", "cities"), city);
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 2);
        Registry registry = new(city);
        using EligibilityDirectory eligibility = new(
            new Eligibility.EligibilityClient(new NoCalls()), registry.LookupAsync, new AdjudicationSettings(), TimeProvider.System,
            NullLogger<EligibilityDirectory>.Instance);
        await eligibility.StartAsync(CancellationToken.None);
        SettlementDesk desk = new(fixture.Store, eligibility, pack, TimeProvider.System);

        string[] operations = Lines(city, "ops.jsonl");
        string[] expected = Lines(city, "expected.jsonl");
        Assert.Equal(operations.Length, expected.Length);
        List<string> differences = [];
        for (int line = 0; line < operations.Length; line++)
        {
            using JsonDocument operation = JsonDocument.Parse(operations[line]);
            using JsonDocument wanted = JsonDocument.Parse(expected[line]);
            JsonProperty asked = operation.RootElement.EnumerateObject().Single();
            using JsonDocument told = JsonDocument.Parse(
                new JsonFormatter(new JsonFormatter.Settings(formatDefaultValues: true)).Format(await AnswerAsync(desk, asked)));
            Compare($"{line + 1}", wanted.RootElement.EnumerateObject().Single().Value, told.RootElement, differences);
        }

        await eligibility.StopAsync(CancellationToken.None);
        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    private static async Task<IMessage> AnswerAsync(SettlementDesk desk, JsonProperty asked)
    {
        string json = asked.Value.GetRawText();
        return asked.Name switch
        {
            "settle" => await desk.SettleAsync(JsonParser.Default.Parse<SettleRequest>(json)),
            "preSettle" => await desk.QuoteAsync(JsonParser.Default.Parse<SettleRequest>(json)),
            "cancel" => await desk.CancelAsync(JsonParser.Default.Parse<CancelRequest>(json)),
            "reverse" => await desk.ReverseAsync(JsonParser.Default.Parse<ReverseRequest>(json)),
            "getSettlement" => await desk.FindAsync(JsonParser.Default.Parse<GetSettlementRequest>(json)),
            "getAccumulators" => await desk.AccumulatorsAsync(JsonParser.Default.Parse<GetAccumulatorsRequest>(json)),
            _ => throw new NotSupportedException($"{asked.Name} is no operation."),
        };
    }

    /// <summary>Only the fields that are wanted; one that is absent is 0, false or empty.</summary>
    private static void Compare(string path, JsonElement wanted, JsonElement? told, List<string> differences)
    {
        switch (wanted.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty field in wanted.EnumerateObject())
                {
                    JsonElement? value = told is { ValueKind: JsonValueKind.Object }
                        from && from.TryGetProperty(field.Name, out JsonElement found)
                        ? found
                        : null;
                    Compare($"{path}.{field.Name}", field.Value, value, differences);
                }

                break;
            case JsonValueKind.Array:
                int count = told is { ValueKind: JsonValueKind.Array } list ? list.GetArrayLength() : 0;
                if (count != wanted.GetArrayLength()) differences.Add($"{path}: {wanted.GetArrayLength()} wanted, {count} told");
                for (int index = 0; index < Math.Min(count, wanted.GetArrayLength()); index++)
                    Compare($"{path}[{index}]", wanted[index], told!.Value[index], differences);
                break;
            default:
                if (Text(wanted) != Text(told)) differences.Add($"{path}: {Text(wanted)} wanted, {Text(told)} told");
                break;
        }
    }

    private static string Text(JsonElement? value) => value?.ToString() is { } text and not ("0" or "False") ? text : "";

    private static string[] Lines(string city, string file) =>
        [.. File.ReadAllLines(Path.Combine(Golden, city, file)).Where(line => line.Length > 0)];

    /// <summary>The city's files as Eligibility tells them. All have paid before the year, so that nobody waits.</summary>
    private sealed class Registry(string city)
    {
        private readonly Dictionary<string, Facility> _facilities =
            Rows(city, "facilities.csv").Select(FacilityOf).ToDictionary(facility => facility.FacilityCode);

        private readonly ILookup<string, Enrolment> _enrolments = Rows(city, "insured.csv").ToLookup(row => row[0], EnrolmentOf);

        public Task<LookupReply> LookupAsync(LookupRequest request, CancellationToken cancellation)
        {
            LookupReply reply =
                new() { Facilities = { request.FacilityCodes.Where(_facilities.ContainsKey).Select(code => _facilities[code]) } };
            foreach ((int position, string insured) in request.InsuredIds.Index().Where(one => _enrolments.Contains(one.Item)))
                reply.Enrolled.Add(
                    new Enrolled { Position = position, Enrolments = { _enrolments[insured].OrderBy(one => one.PlanYear) } });
            return Task.FromResult(reply);
        }

        private static Facility FacilityOf(string[] row) => new()
        {
            FacilityCode = row[0],
            County = row[2],
            AdminLevel = Enum.Parse<AdminLevel>(row[3], ignoreCase: true),
            Grade = row[4],
            PooledFrom = row[6],
            PooledTo = row[7],
        };

        private static Enrolment EnrolmentOf(string[] row)
        {
            int year = int.Parse(row[5], CultureInfo.InvariantCulture);
            Assert.True(string.CompareOrdinal(row[6], row[5]) < 0, $"{row[0]} has paid in {row[5]} or not at all.");
            return new Enrolment
            {
                PlanYear = year,
                Scheme = row[2],
                County = row[3],
                Category = row[4],
                Paid = true,
                WaitingFrom = (year * 10_000) + 101,
                CoveredFrom = (year * 10_000) + 101,
                CoveredTo = (year * 10_000) + 1231,
                BirthDate = row[7].Length == 0
                    ? 0
                    : int.Parse(row[7].Replace("-", "", StringComparison.Ordinal), CultureInfo.InvariantCulture),
            };
        }

        private static IEnumerable<string[]> Rows(string city, string file) => Lines(city, file).Skip(1).Select(line => line.Split(','));
    }
}
