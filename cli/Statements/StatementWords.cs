using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Statements;

/// <summary>What a statement says in Chinese.</summary>
public static class StatementWords
{
    private const string Digits = "零壹贰叁肆伍陆柒捌玖";
    private static readonly string[] Places = ["", "拾", "佰", "仟"];

    public static string VisitTypeOf(VisitType type) => type switch
    {
        VisitType.Ordinary => "普通门诊",
        VisitType.PrenatalCheck => "产前检查",
        VisitType.DeliveryNatural => "自然分娩",
        VisitType.DeliveryCaesarean => "剖宫产",
        _ => throw CommandException.UnknownWord("visit type", type),
    };

    public static string Kind(string kind) => kind switch
    {
        "SETTLEMENT" => "结算",
        "CANCELLATION" => "撤销",
        "RESTORATION" => "恢复",
        _ => throw CommandException.UnknownWord("kind of entry", kind),
    };

    /// <summary>Yuan with two decimals and without separators: <c>-1234.50</c>.</summary>
    public static string Yuan(long fen) => (fen / 100m).ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>As on a voucher: 壹佰贰拾元零伍分.</summary>
    public static string Capital(long fen)
    {
        if (fen == 0) return "零元整";
        Int128 amount = Int128.Abs(fen);
        long yuan = (long)(amount / 100);
        int jiao = (int)(amount / 10 % 10);
        int cents = (int)(amount % 10);
        string text = (fen < 0 ? "负" : "") + (yuan > 0 ? Whole(yuan) + "元" : "");
        if (jiao == 0 && cents == 0) return text + "整";
        if (jiao > 0) text += $"{Digits[jiao]}角";
        else if (yuan > 0) text += "零";
        return cents > 0 ? $"{text}{Digits[cents]}分" : text + "整";
    }

    private static string Whole(long number)
    {
        foreach ((long unit, string name) in new[] { (100_000_000L, "亿"), (10_000L, "万") })
        {
            if (number < unit) continue;
            long rest = number % unit;
            string lower = rest == 0 ? "" : (rest < unit / 10 ? "零" : "") + Whole(rest);
            return Whole(number / unit) + name + lower;
        }

        string text = "";
        bool zero = false;
        for (int place = 3; place >= 0; place--)
        {
            int digit = (int)(number / (long)Math.Pow(10, place) % 10);
            if (digit == 0)
            {
                zero = text.Length > 0;
                continue;
            }

            text += (zero ? "零" : "") + Digits[digit] + Places[place];
            zero = false;
        }

        return text;
    }
}
