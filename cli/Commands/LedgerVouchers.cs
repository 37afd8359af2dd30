using System.CommandLine;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Commands;

/// <summary><c>claims ledger vouchers|reverse-voucher</c>: what was entered by hand, and taking it back.</summary>
internal static class LedgerVouchers
{
    public static Command ListCommand()
    {
        Option<string> county = FundingOptions.County(required: false);
        Option<DateOnly?> from = CommonOptions.OptionalDay("--from", "First day of entry, yyyy-MM-dd");
        Option<DateOnly?> to = CommonOptions.OptionalDay("--to", "Last day of entry, yyyy-MM-dd");
        Option<long> number = new("--number") { Description = "Only this voucher, with its postings" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("vouchers",
            "The vouchers of income, transfers and payments, in the order of entry") { county, from, to, number, json };
        command.SetAction((parsed, cancel) => FundingCalls.CallAsync(parsed, async (funding, options) =>
        {
            List<Voucher> vouchers = [];
            using AsyncServerStreamingCall<Voucher> call = funding.ListVouchers(new ListVouchersRequest
            {
                County = parsed.GetValue(county) ?? "",
                From = FundingOptions.Iso(parsed.GetValue(from)),
                To = FundingOptions.Iso(parsed.GetValue(to)),
                VoucherId = parsed.GetValue(number),
            }, options);
            while (await call.ResponseStream.MoveNext(cancel)) vouchers.Add(call.ResponseStream.Current);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new { Vouchers = vouchers.Select(VoucherEntry.Json) });
                return ExitCodes.Done;
            }

            if (parsed.GetValue(number) != 0 && vouchers is [var one]) return VoucherEntry.Show(one, json: false);
            Output.Table([">no. 编号", "posted 记账日", "business 业务日", "kind 种类", "county", "period 期间", ">amount 金额", "reversal 冲销", "by 经办",
                "memo 摘要"], vouchers.Select(voucher => new[]
            {
                FundingOptions.Number(voucher.VoucherId), voucher.PostingDate, voucher.BusinessDate, voucher.KindName, voucher.County,
                voucher.Period, Output.Yuan(voucher.AmountFen),
                voucher.Reverses != 0 ? $"of {voucher.Reverses}" : voucher.ReversedBy != 0 ? $"by {voucher.ReversedBy}" : "", voucher.Actor,
                voucher.Memo,
            }));
            return ExitCodes.Done;
        }, cancel, waits: false));
        return command;
    }

    public static Command ReverseCommand()
    {
        Argument<long> voucher = new("voucher") { Description = "Number of the voucher." };
        Command command = VoucherEntry.Enter(
            "reverse-voucher", "Enter the red-letter mirror of a voucher; once", [], (parsed, funding, header, options) =>
            funding.ReverseVoucherAsync(new ReverseVoucherRequest { Header = header, VoucherId = parsed.GetRequiredValue(voucher) },
                options));
        command.Add(voucher);
        return command;
    }
}
