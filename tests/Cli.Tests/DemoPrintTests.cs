using Claims.Cli.Commands;
using Claims.Cli.Demo;
using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary>What the demo shows at its end.</summary>
[Collection(nameof(FakeSystem))]
public sealed class DemoPrintTests
{
    [Theory]
    [InlineData(true, "✓ debit = credit", "All accounts agree 各账一致.")]
    [InlineData(false, "✗ debit = credit", "THE ACCOUNTS DO NOT AGREE 各账不一致.")]
    public void Demo_shows_its_answers_the_sums_of_the_accounts_and_its_verdict(bool agreed, string check, string verdict)
    {
        ReplyBook replies = new();
        foreach (int number in (int[])[1, 2])
        {
            replies.Add(new SettleRequest { VisitDate = "2025-06-18" }, new SettleReply
            {
                Decision = Decision.Settled,
                SettlementId = $"S{number}",
                FundPayFen = 1_234,
            });
        }

        replies.Add(new SettleRequest(), new SettleReply { Decision = Decision.Refused, ReasonCode = "IN_WAITING_PERIOD" });
        TrialBalance balance = new()
        {
            Accounts =
            {
                new TrialBalance.Types.Account { Code = "5401.resident.410105", Name = "待遇支出—城乡居民—金水区", BalanceFen = 2_000 },
                new TrialBalance.Types.Account { Code = "5401.resident.410122", Name = "待遇支出—城乡居民—中牟县", BalanceFen = 468 },
                new TrialBalance.Types.Account { Code = "2101.resident.410105.H1", Name = "应付—城乡居民", BalanceFen = -2_468 },
            },
        };

        string[] lines = Lines(() =>
            DemoCommand.Print(replies, balance, [new Check("debit = credit", agreed, "¥1, ¥1")], TimeSpan.FromSeconds(2), agreed));

        Assert.Equal(["SETTLED 2", "REFUSED IN_WAITING_PERIOD 1"], lines[1..3]);
        Assert.Equal("3 visits answered in 2.0 s (2/s); 2 settlements 结算, the fund pays 基金支付 ¥24.68", lines[3]);
        Assert.Equal(["5401 待遇支出—城乡居民 2 ¥24.68 ¥0.00", "2101 应付—城乡居民 1 ¥0.00 ¥24.68"], lines[5..7]);
        Assert.Equal([$"{check} ¥1, ¥1", verdict], lines[^2..]);
    }

    private static string[] Lines(Action print)
    {
        TextWriter output = Console.Out;
        using StringWriter said = new() { NewLine = "\n" };
        try
        {
            Console.SetOut(said);
            print();
        }
        finally
        {
            Console.SetOut(output);
        }

        return new Ran(0, said.ToString(), "").Lines;
    }
}
