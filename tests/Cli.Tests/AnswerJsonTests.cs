using System.Text.Json;
using Claims.Cli.Operations;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class AnswerJsonTests
{
    [Fact]
    public void Settlement_is_written_in_the_form_of_the_expected_answers()
    {
        SettleReply reply = new()
        {
            Decision = Decision.Settled,
            DeductibleFen = 4000,
            RateBp = 4500,
            FundPayFen = 2700,
            SelfPayFen = 7300,
            CapUsedAfterFen = 2700,
            CapRemainingFen = 27300,
        };

        JsonElement settle = JsonDocument.Parse(AnswerJson.Line("settle", reply)).RootElement.GetProperty("settle");

        const string Expected = """
            {"decision": "SETTLED", "reasonCode": "", "deductibleFen": 4000, "rateBp": 4500, "fundPayFen": 2700, "selfPayFen": 7300, "capUsedAfterFen": 2700, "capRemainingFen": 27300, "replayed": false}
            """;
        foreach (JsonProperty field in JsonDocument.Parse(Expected).RootElement.EnumerateObject())
            Assert.Equal(field.Value.GetRawText(), settle.GetProperty(field.Name).GetRawText());
    }

    [Fact]
    public void Remaining_cap_that_is_unknown_stays_absent()
    {
        Assert.DoesNotContain("capRemainingFen", AnswerJson.Line("settle", new SettleReply()), StringComparison.Ordinal);
    }

    [Fact]
    public void Remaining_cap_of_zero_is_written()
    {
        Assert.Contains("\"capRemainingFen\":0", AnswerJson.Line("settle", new SettleReply { CapRemainingFen = 0 }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Mirror_that_is_not_there_stays_absent()
    {
        string line = AnswerJson.Line("reverse", new ReverseReply { Outcome = ReverseReply.Types.Outcome.NothingToUndo });

        Assert.Equal("""{"reverse":{"outcome":"NOTHING_TO_UNDO","reasonCode":"","reasonText":""}}""", line);
    }

    [Fact]
    public void Nested_messages_and_lists_are_written_in_full()
    {
        Accumulators accumulators = new()
        {
            InsuredId = "P01",
            Year = 2024,
            FundPaidFen = 3_000_000_000,
            CapFen = 30000,
            FacilityDays = { new Accumulators.Types.FacilityDay { FacilityCode = "H1", Date = "2024-03-05" } },
        };

        Assert.Equal(
            """{"getAccumulators":{"insuredId":"P01","year":2024,"fundPaidFen":3000000000,"capFen":30000,"facilityDays":[{"facilityCode":"H1","date":"2024-03-05","deductibleBorneFen":0}],"settlements":[],"reasonCode":"","reasonText":""}}""",
            AnswerJson.Line("getAccumulators", accumulators));
    }

    [Fact]
    public void Chinese_reason_stays_readable_on_one_line()
    {
        string line = AnswerJson.Line("settle", new SettleReply { ReasonText = "未参保\n请核对" });

        Assert.Contains("未参保\\n请核对", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
    }

    [Fact]
    public void Enum_number_of_a_later_contract_is_written_as_a_number()
    {
        Assert.Contains("\"decision\":77", AnswerJson.Line("settle", new SettleReply { Decision = (Decision)77 }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Error_takes_the_place_of_the_answer_under_the_same_key()
    {
        Assert.Equal(
            """{"cancel":{"error":{"status":"UNIMPLEMENTED","message":"not \"yet\""}}}""",
            AnswerJson.ErrorLine("cancel", "UNIMPLEMENTED", "not \"yet\""));
    }
}
