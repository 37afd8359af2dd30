using System.CommandLine;
using Claims.V1;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger pay</c>: the fund's money on its way to the counties and the facilities.</summary>
internal static class LedgerPay
{
    private static readonly Dictionary<string, TransferRoute> Routes = new(StringComparer.Ordinal)
    {
        ["special-to-city"] = TransferRoute.SpecialToCity,
        ["city-to-county"] = TransferRoute.CityToCounty,
        ["county-to-city"] = TransferRoute.CountyToCity,
        ["city-to-special"] = TransferRoute.CityToSpecial,
    };

    public static Command Create() =>
        new("pay", "Move the fund's money out: to the counties, to the facilities.") { Run(), Replenishments(), Transfer() };

    private static Command Run()
    {
        Option<string> county = FundingOptions.County(required: true);
        Option<string> month = FundingOptions.Month();
        Option<bool> dryRun = new("--dry-run") { Description = "Show what would be paid, and enter nothing." };
        (Option<string> key, Option<string> actor, Option<string> memo, Option<DateOnly?> on) = FundingOptions.Header();
        Option<bool> json = CommonOptions.Json();
        Command command = new("run", "Pay a county's facilities what is owed for visits up to a month's end and has not been "
            + "paid") { county, month, dryRun, key, actor, memo, on, json };
        command.Validators.Add(parsed =>
        {
            if (!parsed.GetValue(dryRun) && string.IsNullOrEmpty(parsed.GetValue(key)))
                parsed.AddError("Option '--key' is required without --dry-run.");
        });
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            if (!parsed.GetValue(dryRun))
            {
                Voucher voucher = await funding.PayAsync(
                    new PayRequest
                    {
                        Header = FundingOptions.HeaderOf(parsed, key, actor, memo, on),
                        County = parsed.GetRequiredValue(county),
                        Month = parsed.GetRequiredValue(month),
                    }, options);
                return VoucherEntry.Show(voucher, parsed.GetValue(json));
            }

            PaymentProposal proposal = await funding.ProposePaymentsAsync(
                new ProposePaymentsRequest { County = parsed.GetRequiredValue(county), Month = parsed.GetRequiredValue(month) }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    proposal.County,
                    proposal.Month,
                    proposal.Account,
                    proposal.BalanceFen,
                    proposal.TotalFen,
                    proposal.WithheldFen,
                    proposal.Covered,
                    Facilities = proposal.Facilities.Select(facility => new
                    {
                        facility.FacilityCode,
                        facility.OwedFen,
                        facility.PaidFen,
                        facility.WithheldFen,
                        facility.PayFen,
                        Withheld = facility.Withheld.Select(debt => new { debt.County, debt.Fen }),
                    }),
                });
            }
            else
            {
                Output.Table(
                    ["facility 机构", ">owed 应付", ">paid 已付", ">withheld 抵扣", ">to pay 本次支付"],
                    proposal.Facilities.Select(facility => new[]
                    {
                        facility.FacilityCode, Output.Yuan(facility.OwedFen), Output.Yuan(facility.PaidFen),
                        Output.Yuan(facility.WithheldFen), Output.Yuan(facility.PayFen),
                    }));
                foreach (FacilityPayment facility in proposal.Facilities)
                {
                    foreach (WithheldDebt debt in facility.Withheld)
                        Output.Line($"{facility.FacilityCode} owes {Output.Yuan(debt.Fen)} under {debt.County}, which is withheld "
                            + $"抵扣其在{debt.County}多付的款项");
                }

                Output.Line($"{proposal.County} {proposal.Month}: to pay 支付合计 {Output.Yuan(proposal.TotalFen)}; {proposal.Account} holds "
                    + $"账户余额 {Output.Yuan(proposal.BalanceFen)}{(proposal.Covered ? "" : ": NOT ENOUGH 余额不足")}");
            }

            return proposal.Covered ? ExitCodes.Done : ExitCodes.Failed;
        }, cancel));
        return command;
    }

    private static Command Replenishments()
    {
        Option<string> month = FundingOptions.Month();
        Option<bool> json = CommonOptions.Json();
        Command command = new("replenishments",
            "What each county's expenditure account lacks, to pay up to a month's end and keep its reserve") { month, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            ReplenishmentProposals proposals =
                await funding.ProposeReplenishmentsAsync(
                new ProposeReplenishmentsRequest { Month = parsed.GetRequiredValue(month) }, options);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    proposals.CityBalanceFen,
                    Counties = proposals.Counties.Select(
                        county =>
                        new { county.County, county.Name, county.BalanceFen, county.PayableFen, county.ReserveFen, county.ProposedFen }),
                });
                return ExitCodes.Done;
            }

            Output.Table(["county 县（市、区）", "", ">balance 账户余额", ">payable 待支付", ">reserve 备付金", ">proposed 建议拨付"],
                proposals.Counties.Select(county =>
                new[]
                {
                    county.County, county.Name, Output.Yuan(county.BalanceFen), Output.Yuan(county.PayableFen),
                    Output.Yuan(county.ReserveFen), Output.Yuan(county.ProposedFen),
                }));
            Output.Line($"city expenditure account 市级支出户余额 {Output.Yuan(proposals.CityBalanceFen)}");
            return ExitCodes.Done;
        }, cancel));
        return command;
    }

    private static Command Transfer()
    {
        Option<string> route = FundingOptions.OneOf("--route", "From which account to which", Routes.Keys);
        Option<string> county = FundingOptions.County(required: false);
        Option<long> amount = FundingOptions.AmountFen();
        return VoucherEntry.Enter("transfer", "Move money between accounts of the fund", [route, county, amount],
            (parsed, funding, header, options) =>
            funding.TransferAsync(new TransferRequest
            {
                Header = header,
                Route = Routes[parsed.GetRequiredValue(route)],
                County = parsed.GetValue(county) ?? "",
                AmountFen = parsed.GetRequiredValue(amount),
            }, options));
    }
}
