using System.Text.Json.Nodes;
using Claims.Gateway.Clinic;
using Claims.V1;

namespace Claims.Gateway.Description;

/// <summary>Every call of the gateway. A test holds the list against the routes, and what is described against what is answered.</summary>
internal static class ApiOperations
{
    private const string Settling = "结算";
    private const string Reconciling = "对账";
    private const string Session = "登录";
    private const string Counter = "柜台查询";

    private static readonly ApiParameter Date = new("date", "query", Required: false, "日期，北京时间；不填为当天。", Day());

    public static IReadOnlyList<ApiOperation> All { get; } =
    [
        new("POST", "/v1/pre-settle", Settling, "预结算：与结算相同的答复，不产生任何影响。")
        {
            RequestMessage = SettleRequest.Descriptor, ReplyMessage = SettleReply.Descriptor,
        },
        new("POST", "/v1/settle", Settling, "结算。结果未知时用同一 requestId 原样重发：只结算一次，已办理的返回原答复（replayed）。")
        {
            RequestMessage = SettleRequest.Descriptor, ReplyMessage = SettleReply.Descriptor,
        },
        new("POST", "/v1/cancel", Settling, "撤销一笔结算，用结算编号或原请求编号指明。")
        {
            RequestMessage = CancelRequest.Descriptor, ReplyMessage = SettleReply.Descriptor,
        },
        new("POST", "/v1/reverse", Settling, "冲正：结果未知时，撤回该请求编号所做的一切。")
        {
            RequestMessage = ReverseRequest.Descriptor, ReplyMessage = ReverseReply.Descriptor,
        },
        new("POST", "/v1/get-settlement", Settling, "按结算编号或请求编号查询一笔结算。")
        {
            RequestMessage = GetSettlementRequest.Descriptor, ReplyMessage = SettleReply.Descriptor,
        },
        new("POST", "/v1/get-accumulators", Settling, "参保人本年度已用与剩余额度。")
        {
            RequestMessage = GetAccumulatorsRequest.Descriptor, ReplyMessage = Accumulators.Descriptor,
        },
        new("POST", "/v1/reconcile-totals", Reconciling, "对总账［3201］：本机构的合计与账簿的合计。")
        {
            RequestMessage = ReconcileTotalsRequest.Descriptor, ReplyMessage = ReconcileTotalsReply.Descriptor,
        },
        new("POST", "/v1/reconcile-lines", Reconciling, "对明细账［3202］：逐笔比对，指出差异及处理办法。")
        {
            RequestMessage = FacilityBooks.Descriptor, ReplyMessage = FacilityBooksReply.Descriptor,
        },
        new("POST", "/clinic/login", Session, "登录。答复中的 csrfToken 随后续每个 POST 放在请求头 X-CSRF-Token。")
        {
            RequestType = typeof(LoginRequest), ReplyType = typeof(SessionReply), IsOpen = true,
            Refusals = [(401, "WRONG_CREDENTIALS"), (429, "LOCKED_OUT")],
        },
        new("GET", "/clinic/session", Session, "当前登录。") { ReplyType = typeof(SessionReply), OfSessions = true },
        new("POST", "/clinic/password", Session, "修改密码；该操作员的其他登录随即失效。")
        {
            RequestType = typeof(PasswordRequest), ReplyType = typeof(SessionReply), OfSessions = true,
            Refusals = [(400, "OLD_PASSWORD_WRONG"), (400, "PASSWORD_WEAK"), (429, "LOCKED_OUT")],
        },
        new("POST", "/clinic/logout", Session, "退出登录。") { RequestType = typeof(Nothing), ReplyType = typeof(Nothing), OfSessions = true },
        new("GET", "/clinic/insured/{id}", Counter, "参保人当日能否在本机构结算，及本年度额度。姓名只显示首尾字。")
        {
            Parameters = [new("id", "path", Required: true, "人员编号。", Text(30)), Date],
            ReplyType = typeof(InsuredReply), Refusals = [(404, "INSURED_UNKNOWN"), (429, "TOO_MANY_UNKNOWN_INSURED")],
        },
        new("GET", "/clinic/catalogue", Counter, "按编码开头、名称或拼音首字母查目录项目。")
        {
            Parameters =
            [
                new("q", "query", Required: true, "查询内容。", Text(40)), Date,
                new("limit", "query", Required: false, "最多条数，1 至 50，不填为 20。", new JsonObject { ["type"] = "integer" }),
            ],
            ReplyType = typeof(CatalogueReply),
        },
        new("GET", "/clinic/day", Reconciling, "本机构一日的结算与撤销，出自账簿；刚办理的约数秒后入账。")
        {
            Parameters = [Date], ReplyType = typeof(DayReply),
        },
        new("GET", "/clinic/find", Reconciling, "按请求编号或参保人查找本机构的结算，默认近 92 天。")
        {
            Parameters =
            [
                new("request", "query", Required: false, "请求编号。", Text(30)),
                new("insured", "query", Required: false, "人员编号。", Text(30)),
                new("from", "query", Required: false, "起始日期。", Day()),
                new("to", "query", Required: false, "截止日期；不填为当天。", Day()),
            ],
            ReplyType = typeof(FindReply),
        },
        new("POST", "/clinic/day/compare", Reconciling, "三方核对：所报清单、中心当前答复与账簿，逐笔指出差异和处理办法。")
        {
            RequestType = typeof(CompareRequest), ReplyType = typeof(CompareReply),
        },
    ];

    private static JsonObject Day() => new() { ["type"] = "string", ["format"] = "date" };

    private static JsonObject Text(int most) => new() { ["type"] = "string", ["maxLength"] = most };
}
