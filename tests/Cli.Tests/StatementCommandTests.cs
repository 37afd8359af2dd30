using System.Net;
using Claims.Cli.Statements;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>A facility's month in every form, each figure another one, so that two of them cannot change places unseen.</summary>
[Collection(nameof(FakeSystem))]
public sealed class StatementCommandTests(FakeSystem system)
{
    [Fact]
    public async Task Json_has_every_field_of_the_statement()
    {
        Serve(Sample());

        Ran ran = await system.RunAsync("ledger", "statement", "H1", "2025-03", "--json");

        ran.IsJson(0, """
            {"facilityCode":"H1","facilityName":"示例医院","month":"2025-03","from":"2025-03-01","to":"2025-03-31","preparedAt":"2025-04-01 09:00:00","complete":true,"agrees":true,
             "groups":[{"tier":"province_3a","visitType":"ORDINARY","figures":{"settlements":1,"cancellations":2,"totalFen":1003,"fullSelfPayFen":1011,"overLimitFen":1012,"preSelfPayFen":1013,"inScopeFen":1004,"deductibleFen":1005,"capCutSettlements":7,"capCutFen":1006,"fundPayFen":1008,"cancelledFundPayFen":-1010,"selfPayFen":1009}},
                       {"tier":"grassroots","visitType":"DELIVERY_CAESAREAN","figures":{"settlements":11,"cancellations":12,"totalFen":2003,"fullSelfPayFen":2011,"overLimitFen":2012,"preSelfPayFen":2013,"inScopeFen":2004,"deductibleFen":2005,"capCutSettlements":17,"capCutFen":2006,"fundPayFen":2008,"cancelledFundPayFen":-2010,"selfPayFen":2009}}],
             "sum":{"settlements":21,"cancellations":22,"totalFen":3003,"fullSelfPayFen":3011,"overLimitFen":3012,"preSelfPayFen":3013,"inScopeFen":3004,"deductibleFen":3005,"capCutSettlements":27,"capCutFen":3006,"fundPayFen":3008,"cancelledFundPayFen":-3010,"selfPayFen":3009},
             "payables":[{"accountCode":"2101.H1","name":"应付","movement":{"openingFen":4001,"payableFen":4002,"otherFen":4003,"paidFen":4004,"closingFen":4005}}],
             "payableSum":{"openingFen":5001,"payableFen":5002,"otherFen":5003,"paidFen":5004,"closingFen":5005},
             "lines":[{"postedOn":"2025-03-05","settledAt":"2025-03-04 10:00:00","kind":"CANCELLATION","settlementId":"S1","originalSettlementId":"S0","requestId":"R1","insuredId":"P0000001","visitDate":"2025-03-03","tier":"other","visitType":"PRENATAL_CHECK","totalFen":-6001,"fullSelfPayFen":-6011,"overLimitFen":-6012,"preSelfPayFen":-6013,"inScopeFen":-6002,"deductibleFen":-6003,"capCutFen":-6004,"fundPayFen":-6005,"selfPayFen":4,"reasonCode":"CAP_REACHED"}]}
            """);
        Assert.Equal(
            [new LookupRequest { FacilityCodes = { "H1" } },
                (Google.Protobuf.IMessage)new GetStatementRequest { FacilityCode = "H1", Month = "2025-03" }],
            system.Received.Select(call => call.Request));
    }

    [Theory]
    [InlineData(true, 0, "Lines and general ledger agree 明细与总账一致.")]
    [InlineData(false, 1, "LINES AND GENERAL LEDGER DO NOT AGREE 明细与总账不一致.")]
    public async Task Table_has_every_figure_and_the_command_ends_with_0_only_where_lines_and_ledger_agree(
        bool agrees, int exitCode, string sentence)
    {
        Statement month = Sample();
        month.Agrees = month.Complete = agrees;
        Serve(month);

        Ran ran = await system.RunAsync("ledger", "statement", "H1", "2025-03", "--summary");

        Assert.True(((GetStatementRequest)system.Received[1].Request).WithoutLines);
        Assert.Equal(exitCode, ran.ExitCode);
        Assert.Equal(agrees, ran.Errors.Length == 0);
        Assert.Equal(
            [
                $"示例医院 H1, 2025-03-01 – 2025-03-31{(agrees ? "" : ", not ended yet 本月未结束")}",
                "tier 机构层级 type 就诊类型 settled 结算笔数 cancelled 撤销笔数 total 总费用 full self 全自费 over limit 超限价 pre self 先行自付 "
                    + "in scope 政策范围内费用 deductible 起付标准 beyond cap 超限额未付 fund 基金支付 self 个人支付",
                "省级三级甲等 普通门诊 1 2 10.03 10.11 10.12 10.13 10.04 10.05 10.06 10.08 10.09",
                "基层医疗机构 剖宫产 11 12 20.03 20.11 20.12 20.13 20.04 20.05 20.06 20.08 20.09",
                "合计 21 22 30.03 30.11 30.12 30.13 30.04 30.05 30.06 30.08 30.09",
                "account 账户 opening 期初应付余额 payable 本期应付 other 其他贷方 paid 本期已付 closing 期末应付余额",
                "2101.H1 40.01 40.02 40.03 40.04 40.05",
                "合计 50.01 50.02 50.03 50.04 50.05",
                sentence,
            ],
            ran.Lines);
    }

    [Fact]
    public async Task Csv_and_page_go_where_they_are_asked_to_with_every_figure_under_its_heading()
    {
        Serve(Sample());
        string file = Path.Combine(system.Directory.FullName, "month");
        Assert.Equal((0, ""), await WrittenAsync("csv"));
        Assert.Equal(
            "\uFEFF入账日期,结算时间,业务,结算编号,原结算编号,请求号,人员编号,就诊日期,机构层级,就诊类型,总费用,全自费,超限价,先行自付,政策范围内费用,起付标准,超限额未付,基金支付,个人支付,提示代码\r\n"
            + "2025-03-05,2025-03-04 10:00:00,撤销,S1,S0,R1,P0000001,2025-03-03,其他定点机构,产前检查,-60.01,-60.11,-60.12,-60.13,-60.02,-60.03,-60.04,-60.05,0.04,CAP_REACHED\r\n",
            System.Text.Encoding.UTF8.GetString(await File.ReadAllBytesAsync(file)));

        Assert.Equal((0, ""), await WrittenAsync("html"));
        string[] cells = [.. (await File.ReadAllTextAsync(file)).Split("<td").Skip(1)
            .Select(cell => WebUtility.HtmlDecode(
            cell[(cell.IndexOf('>', StringComparison.Ordinal) + 1)..cell.IndexOf("</td>", StringComparison.Ordinal)]))];
        Assert.Equal(
            [
                "省级三级甲等", "普通门诊", "1", "2", "10.03", "10.11", "10.12", "10.13", "10.04", "10.05", "7", "10.06", "10.08", "-10.10", "10.09",
                "基层医疗机构", "剖宫产", "11", "12", "20.03", "20.11", "20.12", "20.13", "20.04", "20.05", "17", "20.06", "20.08", "-20.10",
                "20.09",
                "合计", "", "21", "22", "30.03", "30.11", "30.12", "30.13", "30.04", "30.05", "27", "30.06", "30.08", "-30.10", "30.09",
                "2101.H1", "应付", "40.01", "40.02", "40.03", "40.04", "40.05",
                "合计", "", "50.01", "50.02", "50.03", "50.04", "50.05",
                "本期应付（大写）", "人民币伍拾元零贰分", "期末应付余额（大写）", "人民币伍拾元零伍分",
                "1", "2025-03-05", "2025-03-04 10:00:00", "撤销", "S1", "***0001", "2025-03-03", "产前检查", "-60.01", "-60.11", "-60.12",
                "-60.13", "-60.02", "-60.03", "-60.04", "-60.05", "0.04",
            ],
            cells);

        async Task<(int, string)> WrittenAsync(string format)
        {
            Ran ran = await system.RunAsync("ledger", "statement", "H1", "2025-03", "--format", format, "--out", file);
            return (ran.ExitCode, ran.Output);
        }
    }

    [Fact]
    public async Task Facility_that_is_registered_no_more_has_no_name_and_a_month_that_is_none_is_refused()
    {
        Serve(Sample());
        system.Answer<LookupRequest>("Eligibility/Lookup", _ => new LookupReply());
        Assert.Equal("H1, 2025-03-01 – 2025-03-31", (await system.RunAsync("ledger", "statement", "H1", "2025-03")).Lines[0]);
        system.List<GetStatementRequest>(
            "Reconciliation/GetStatement", _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "'2025-03' is not a month")));
        Ran refused = await system.RunAsync("ledger", "statement", "H1", "2025-03");
        Assert.Equal((1, "'2025-03' is not a month."), (refused.ExitCode, refused.Errors));
    }

    [Theory]
    [InlineData("=1+2")]
    [InlineData("+1")]
    [InlineData("-1")]
    [InlineData("@SUM(A1)")]
    [InlineData("\tx")]
    [InlineData("\rx")]
    public void Csv_runs_no_formula_in_any_column_that_others_write(string formula)
    {
        foreach (Action<StatementLine> put in new Action<StatementLine>[]
        {
            line => line.SettlementId = formula, line => line.OriginalSettlementId = formula, line => line.RequestId = formula, line =>
                line.InsuredId = formula, line => line.ReasonCode = formula,
        })
        {
            StatementLine line = new() { Kind = "SETTLEMENT", Tier = "other", VisitType = VisitType.Ordinary };
            put(line);
            string row = StatementCsv.Render(new FacilityStatement("", new Statement(), [line]))[1..].Split("\r\n", 2)[1];
            string expected = formula.Contains('\r', StringComparison.Ordinal) ? $"\"'{formula}\"" : $"'{formula}";
            Assert.Contains(expected, row.TrimEnd('\n').TrimEnd('\r').Split(','));
        }
    }

    [Theory]
    [InlineData("123456789012345", "123456789012345")]
    [InlineData("1234567890123456", "'1234567890123456")]
    [InlineData("12345678901234567X", "12345678901234567X")]
    [InlineData("a=1", "a=1")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("a\"b", "\"a\"\"b\"")]
    [InlineData("a\nb", "\"a\nb\"")]
    public void Csv_keeps_every_digit_and_quotes_what_would_end_a_field(string requestId, string field)
    {
        string csv = StatementCsv.Render(new FacilityStatement("", new Statement(), [new StatementLine
        {
            Kind = "SETTLEMENT",
            Tier = "other",
            VisitType = VisitType.Ordinary,
            SettlementId = "S",
            OriginalSettlementId = "O",
            RequestId = requestId,
            InsuredId = "P",
        }]));
        Assert.Contains($",S,O,{field},P,", csv, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(VisitType.Ordinary, "普通门诊")]
    [InlineData(VisitType.PrenatalCheck, "产前检查")]
    [InlineData(VisitType.DeliveryNatural, "自然分娩")]
    [InlineData(VisitType.DeliveryCaesarean, "剖宫产")]
    public void Visit_type_has_its_word(VisitType type, string word) => Assert.Equal(word, StatementWords.VisitTypeOf(type));

    [Fact]
    public void Code_without_a_word_is_an_error_and_no_wrong_word()
    {
        Assert.Throws<CommandException>(() => StatementWords.VisitTypeOf(VisitType.Unspecified));
        Assert.Throws<CommandException>(() => StatementWords.Kind("OTHER"));
    }

    [Theory]
    [InlineData("SETTLEMENT", "结算")]
    [InlineData("CANCELLATION", "撤销")]
    [InlineData("RESTORATION", "恢复")]
    public void Kind_has_its_word(string kind, string word) => Assert.Equal(word, StatementWords.Kind(kind));

    private void Serve(Statement month) => system.Begin()
        .Answer<LookupRequest>("Eligibility/Lookup",
            _ => new LookupReply { Facilities = { new Facility { FacilityCode = "H1", Name = "示例医院" } } })
        .List<GetStatementRequest>("Reconciliation/GetStatement", requests => requests[0].WithoutLines
            ? [new StatementPart { Statement = month }]
            : [new StatementPart { Statement = month }, new StatementPart { Lines = new StatementLines { Lines = { Line() } } }]);

    private static Statement Sample() => new()
    {
        FacilityCode = "H1",
        Month = "2025-03",
        From = "2025-03-01",
        To = "2025-03-31",
        PreparedAt = "2025-04-01 09:00:00",
        Complete = true,
        Agrees = true,
        Groups =
        {
            Group("province_3a", "省级三级甲等", VisitType.Ordinary, 0),
            Group("grassroots", "基层医疗机构", VisitType.DeliveryCaesarean, 1),
        },
        Sum = Group("", "", VisitType.Unspecified, 2),
        Payables = { Account("2101.H1", "应付", 4_000) },
        PayableSum = Account("", "", 5_000),
    };

    private static StatementGroup Group(string tier, string label, VisitType type, int number) => new()
    {
        Tier = tier,
        TierLabel = label,
        VisitType = type,
        Settlements = (10 * number) + 1,
        Cancellations = (10 * number) + 2,
        TotalFen = (1_000 * number) + 1_003,
        FullSelfPayFen = (1_000 * number) + 1_011,
        OverLimitFen = (1_000 * number) + 1_012,
        PreSelfPayFen = (1_000 * number) + 1_013,
        InScopeFen = (1_000 * number) + 1_004,
        DeductibleFen = (1_000 * number) + 1_005,
        CapCutFen = (1_000 * number) + 1_006,
        CapCutSettlements = (10 * number) + 7,
        FundPayFen = (1_000 * number) + 1_008,
        SelfPayFen = (1_000 * number) + 1_009,
        CancelledFundPayFen = -(1_000 * number) - 1_010,
    };

    private static PayableAccount Account(string code, string name, long fen) =>
        new()
        {
            AccountCode = code,
            Name = name,
            OpeningFen = fen + 1,
            PayableFen = fen + 2,
            OtherFen = fen + 3,
            PaidFen = fen + 4,
            ClosingFen = fen + 5,
        };

    private static StatementLine Line() => new()
    {
        PostedOn = "2025-03-05",
        SettledAt = "2025-03-04 10:00:00",
        Kind = "CANCELLATION",
        SettlementId = "S1",
        OriginalSettlementId = "S0",
        RequestId = "R1",
        InsuredId = "P0000001",
        VisitDate = "2025-03-03",
        Tier = "other",
        TierLabel = "其他定点机构",
        VisitType = VisitType.PrenatalCheck,
        TotalFen = -6_001,
        FullSelfPayFen = -6_011,
        OverLimitFen = -6_012,
        PreSelfPayFen = -6_013,
        InScopeFen = -6_002,
        DeductibleFen = -6_003,
        CapCutFen = -6_004,
        FundPayFen = -6_005,
        ReasonCode = "CAP_REACHED",
    };
}
