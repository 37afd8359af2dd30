namespace Claims.PageTests.Logic;

/// <summary>What an entry of the queue may be, and what an answer makes of it.</summary>
public sealed class EntryTests
{
    private const string Sent = """
        const e = await import('./entry.js');
        const message = { requestId: 'W1', facilityCode: 'H1', insuredId: 'P1' };
        """;

    [Fact]
    public Task Status_that_says_that_nothing_was_done_is_told_from_one_that_does_not() => PageLogic.ReturnsAsync(
        """
        {"again":[403,404,408,415,421,429],"refused":[400,413],"login":[401],"unknown":[200,201,204,301,402,409,410,499,500,502,503,504]}
        """,
        Sent + """
        const found = { again: [], refused: [], login: [], unknown: [] };
        for (const status of [200, 201, 204, 301, 400, 401, 402, 403, 404, 408, 409, 410, 413, 415, 421, 429, 499, 500, 502, 503, 504]) {
          const said = e.read(e.SETTLE, message, { status, body: { text: 'why' } });
          const words = Object.keys(said).filter((word) => word !== 'text' && said[word] === true);
          if (words.length !== 1 || said.text !== 'why') throw new Error(`${status}: ${JSON.stringify(said)}`);
          found[words[0]].push(status);
        }
        return found;
        """);

    [Fact]
    public Task Answer_settles_or_cancels_where_it_is_of_the_request_and_names_the_settlement() => PageLogic.ReturnsAsync(
        """
        [{"done":"SETTLED","text":"ok"},{"done":"SETTLED","text":""},{"unknown":true,"text":""},{"unknown":true,"text":""},
        {"unknown":true,"text":""},{"unknown":true,"text":""},{"unknown":true,"text":""},{"unknown":true,"text":""},
        {"done":"CANCELLED","text":""},{"unknown":true,"text":""},
        {"refused":true,"code":"NOT_ENROLLED","text":"why"},{"refused":true,"code":"ALREADY_CANCELLED","text":"why"}]
        """,
        Sent + """
        const settled = { ...message, decision: 'SETTLED', settlementId: 'S1' };
        const refused = { ...message, decision: 'REFUSED', reasonText: 'why' };
        return [
          [e.SETTLE, { ...settled, reasonText: 'ok' }],
          [e.SETTLE, settled],
          [e.SETTLE, { ...settled, settlementId: '' }],
          [e.SETTLE, { ...settled, decision: 'CANCELLED' }],
          [e.SETTLE, { ...settled, decision: undefined, text: 1 }],
          [e.SETTLE, { ...settled, requestId: 'W2' }],
          [e.SETTLE, { ...settled, facilityCode: 'H2' }],
          [e.SETTLE, { ...settled, insuredId: 'P2' }],
          [e.CANCEL, { ...settled, decision: 'CANCELLED' }],
          [e.CANCEL, settled],
          [e.SETTLE, { ...refused, reasonCode: 'NOT_ENROLLED' }],
          [e.CANCEL, { ...refused, reasonCode: 'ALREADY_CANCELLED' }],
        ].map(([kind, body]) => e.read(kind, message, { status: 200, body }));
        """);

    [Fact]
    public Task Only_what_was_never_sent_or_is_certainly_refused_may_be_taken_back() => PageLogic.ReturnsAsync(
        """[["WAITING false","FAILED false"],["WAITING","SENDING"]]""",
        Sent + """
        const states = [e.WAITING, e.SENDING, e.SETTLED, e.FAILED, e.CANCELLED, e.WITHDRAWN];
        return [
          states.flatMap((state) => [true, false].map((unknown) => ({ state, unknown }))).filter(e.isCertainlyNotDone)
            .map(({ state, unknown }) => `${state} ${unknown}`),
          states.filter((state) => e.isOpen({ state })),
        ];
        """);

    [Fact]
    public Task Settlement_that_is_asked_for_stands_where_it_is_of_the_request() => PageLogic.ReturnsAsync(
        """["S1",null,null,null,null]""",
        Sent + """
        const settled = { ...message, decision: 'SETTLED', settlementId: 'S1' };
        return [
          { status: 200, body: settled },
          { status: 503, body: settled },
          { status: 200, body: { ...settled, decision: 'CANCELLED' } },
          { status: 200, body: { ...settled, requestId: 'W2' } },
          { status: 200, body: { ...settled, settlementId: '' } },
        ].map((answer) => e.standing(message, answer)?.settlementId ?? null);
        """);

    [Fact]
    public Task Reversal_says_whether_the_settlement_was_undone_was_never_there_or_stands() => PageLogic.ReturnsAsync(
        """
        [{"text":"中心曾结算这一笔，现已冲正，基金未支付；需要结算请重新办理。"},{"text":"中心没有结算这一笔，该编号已冲正作废；需要结算请重新办理。"},
        {"stands":true,"text":"year closed"},{"stands":true,"text":""},null,null,null]
        """,
        Sent + """
        return [
          { status: 200, body: { outcome: 'SETTLEMENT_UNDONE' } },
          { status: 200, body: { outcome: 'NOTHING_TO_UNDO' } },
          { status: 200, body: { outcome: 'REVERSE_REFUSED', reasonText: 'year closed' } },
          { status: 200, body: { outcome: 'REVERSE_REFUSED' } },
          { status: 200, body: { outcome: 'OUTCOME_UNSPECIFIED' } },
          { status: 200, body: {} },
          { status: 503, body: { outcome: 'NOTHING_TO_UNDO' } },
        ].map(e.reversed);
        """);

    [Fact]
    public Task States_have_their_words() => PageLogic.ReturnsAsync(
        """[["待上传","结算中","已结算","失败","已撤销","已撤回"],["待上传","撤销中","已结算","撤销失败","已撤销","已撤回"]]""",
        Sent + """
        return [e.SETTLE, e.CANCEL].map((kind) => [e.WAITING, e.SENDING, e.SETTLED, e.FAILED, e.CANCELLED, e.WITHDRAWN]
          .map((state) => e.stateWord({ state, kind })));
        """);
}
