using Claims.V1;

namespace Claims.Ledger.Reconciliation;

/// <summary>What the facility's staff should do about a difference, in their words.</summary>
internal static class Proposals
{
    public static string TextOf(ProposedAction action) => action switch
    {
        ProposedAction.SendAgain => "中心无此笔结算：请用原请求号（request_id）原样重新发送结算请求；若就诊未发生，从本院账中去掉该行。",
        ProposedAction.SendAsNew => "该请求号已被冲正，不能再用：确需结算的，换新请求号重新发送；不需结算的，从本院账中去掉该行。",
        ProposedAction.SendCancel => "本院已撤销而中心仍有效：请向中心发送撤销请求（Cancel）；若并未退费，在本院账中恢复该笔。",
        ProposedAction.RecordOrCancel => "中心有而本院未列：请按结算编号查询（GetSettlement）后补记本院账；若就诊未发生，向中心发送撤销请求（Cancel）。",
        ProposedAction.RecordCancellation => "中心已撤销而本院未记：请在本院账中补记撤销并核对退费；若系误撤，换新请求号重新结算。",
        ProposedAction.RecordRestoration => "该笔的撤销已被冲正，结算重新有效：请在本院账中恢复该笔。",
        ProposedAction.CorrectAmount => "金额以中心结算结果为准：请改正本院账；若费用本身有误，先撤销（Cancel）再换新请求号按正确费用结算。",
        ProposedAction.CorrectDay => "日期以中心记录为准：请在本院账中改记到中心的日期，并按该日期对账；若就诊日期本身有误，先撤销再重新结算。",
        ProposedAction.CorrectId => "编号与中心记录不符：请按中心返回的结算编号、请求号和人员编号改正本院账。",
        ProposedAction.RemoveLine => "该行不应在本期账中：请核对后从本院账中去掉该行。",
        _ => throw new ArgumentOutOfRangeException(nameof(action), action, "is no proposal"),
    };
}
