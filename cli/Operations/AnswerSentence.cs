using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Operations;

/// <summary>What a cashier tells the patient, in one line.</summary>
public static class AnswerSentence
{
    public static string Of(Operation operation, Answer answer)
    {
        (string outcome, string sentence) = answer.Reply switch
        {
            SettleReply reply => (SendSummary.NameOf(reply), Sentence(reply)),
            ReverseReply reply => (SendSummary.NameOf(reply.Outcome), Joined(reply.Mirror is { } mirror ? Figures(mirror) : "",
                reply.ReasonText)),
            Accumulators reply => ("ANSWERED", Joined(string.Create(CultureInfo.InvariantCulture,
                $"{reply.Year}年基金已支付 {Output.Yuan(reply.FundPaidFen)}")
                + (reply.HasCapRemainingFen ? $"，年度限额尚余 {Output.Yuan(reply.CapRemainingFen)}" : ""), reply.ReasonText)),
            _ => ("ERROR", $"{SendSummary.StatusName(answer.Error.StatusCode)}: {answer.Error.Detail}"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"line {operation.Line} {operation.Key}: {outcome} {sentence}").TrimEnd();
    }

    private static string Sentence(SettleReply reply) =>
        Joined(reply.Decision is Decision.Refused ? "" : Figures(reply), reply.ReasonText);

    private static string Figures(SettleReply reply) =>
        $"总费用 {Output.Yuan(reply.TotalFen)}，基金支付 {Output.Yuan(reply.FundPayFen)}，个人支付 {Output.Yuan(reply.SelfPayFen)}";

    private static string Joined(params string[] parts) => string.Join("；", parts.Where(part => part.Length > 0));
}
