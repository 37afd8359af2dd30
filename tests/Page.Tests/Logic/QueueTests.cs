namespace Claims.PageTests.Logic;

/// <summary>What becomes of an entry, by what the gateway answers.</summary>
public sealed class QueueTests
{
    private const string Queue = """
        const api = await import('./api.js');
        const store = await import('./store.js');
        const queue = await import('./queue.js');
        (await import('./clock.js')).learn({ headers: { get: () => 'Wed, 18 Jun 2025 02:00:00 GMT' } });
        const seen = { logins: 0, renewals: 0, session: 'GOOD' };
        const begin = (facilityCode = 'H1', key = 'k') => queue.start({ facilityCode, key }, {
          login: () => { seen.logins += 1; },
          renew: async () => { seen.renewals += 1; return seen.session; },
        });
        begin();
        await idle();
        const message = (requestId) => ({ requestId, facilityCode: 'H1', insuredId: 'P1' });
        const submit = async (requestId, kind = 'SETTLE', more = {}) => {
          const added = await queue.submit(kind, { message: message(requestId), names: {} }, more);
          await idle();
          return added;
        };
        const turn = async () => { await queue.pump(); await idle(); };
        const look = async (requestId) => {
          const { state, unknown, unanswered, intent, text, ...rest } = await queue.find(requestId);
          return { state, unknown, unanswered, intent, text, ...rest };
        };
        const states = async (...ids) => Promise.all(ids.map(async (id) => {
          const { state, unknown, unanswered } = await look(id);
          return `${state} ${unknown} ${unanswered}`;
        }));
        const settled = (more = {}) => (sent) => ({ body: { ...sent, decision: 'SETTLED', settlementId: `S-${sent.requestId}`,
          fundPayFen: '700', settledAt: '2025-06-17T23:59:00+08:00', reasonText: '', ...more } });
        const refused = (reasonCode) => (sent) => ({ body: { ...sent, decision: 'REFUSED', reasonCode, reasonText: reasonCode } });
        const paths = () => api.calls.map((call) => call.path);

        """;

    private static readonly string[] StandIns = ["api", "store", "vault"];

    [Fact]
    public Task Entry_that_is_settled_has_what_the_answer_says_and_its_day() => PageLogic.ReturnsAsync(
        """["SETTLED",false,0,"S-W1","700","2025-06-17","S-W1",["/v1/settle"],false]""",
        Queue + """
        api.answer('/v1/settle', settled());
        await submit('W1');
        const { state, unknown, unanswered, settlementId, fundPayFen, day, answer } = await look('W1');
        return [state, unknown, unanswered, settlementId, fundPayFen, day, answer.settlementId, paths(), await submit('W1')];
        """, StandIns);

    [Fact]
    public Task Dead_line_leaves_the_outcome_unknown_and_the_rest_unsent_and_counts_nothing() => PageLogic.ReturnsAsync(
        """[["SENDING true 0","WAITING false 0"],["W1","W1"],"线路中断，结果未知，线路恢复后自动查询。",["SETTLED false 0","SETTLED false 0"]]""",
        Queue + """
        api.answer('/v1/settle', null, null, settled());
        await submit('W1');
        store.putEntry({ ...await store.getEntry('W1'), requestId: 'W2', createdAt: Date.now() * 2, state: 'WAITING', unknown: false,
          content: { key: 'k', name: 'W2/content', value: { message: message('W2') } } });
        await turn();
        const away = [await states('W1', 'W2'), api.calls.map((call) => call.message.requestId), (await look('W1')).text];
        await turn();
        return [...away, await states('W1', 'W2')];
        """, StandIns);

    [Fact]
    public Task Eight_answers_that_say_nothing_undo_the_request_under_one_id() => PageLogic.ReturnsAsync(
        """
        ["SENDING true 7","SENDING true 8",["/v1/get-settlement","/v1/reverse"],1,"FAILED",false,true,false,
        "结果长时间未知，已发起冲正：中心没有结算这一笔，该编号已冲正作废；需要结算请重新办理。"]
        """,
        Queue + """
        api.answer('/v1/settle', { status: 503, body: { text: 'later' } });
        api.answer('/v1/get-settlement', { status: 404 });
        api.answer('/v1/reverse', { status: 503 }, { status: 503 }, { body: { outcome: 'NOTHING_TO_UNDO' } });
        await submit('W1');
        for (let more = 0; more < 6; more += 1) await turn();
        const [before] = await states('W1');
        await turn();
        // The eighth is followed by the first reversal at once, which has no answer either.
        const { state, unknown } = await look('W1');
        const asked = paths().slice(-2);
        await turn();
        await turn();
        const after = await look('W1');
        const ids = new Set(api.calls.filter((call) => call.path === '/v1/reverse').map((call) => call.message.requestId));
        if (!/^F250618-/.test([...ids][0])) throw new Error([...ids][0]);
        return [before, `${state} ${unknown} 8`, asked, ids.size, after.state, after.unknown, after.reversed, after.retryable, after.text];
        """, StandIns);

    [Fact]
    public Task Refusal_is_final_unless_it_may_be_of_another_call() => PageLogic.ReturnsAsync(
        """
        ["FAILED false true NOT_ENROLLED","SENDING true  bad","FAILED false true NOT_ENROLLED","FAILED true true RECORDS_LOST",
        "FAILED false true RECORDS_LOST","FAILED false true bad"]
        """,
        Queue + """
        const end = async (requestId, ...answers) => {
          api.answer('/v1/settle', ...answers);
          await submit(requestId);
          for (let more = 1; more < answers.length; more += 1) await turn();
          const { state, unknown, retryable, text } = await look(requestId);
          await store.deleteEntry(requestId);
          return `${state} ${unknown} ${retryable ?? ''} ${text}`;
        };
        const bad = { status: 400, body: { text: 'bad' } };
        return [
          await end('W1', refused('NOT_ENROLLED')),
          await end('W2', null, bad),
          await end('W3', null, refused('NOT_ENROLLED')),
          await end('W4', null, refused('RECORDS_LOST')),
          await end('W5', refused('RECORDS_LOST')),
          await end('W6', bad),
        ];
        """, StandIns);

    [Fact]
    public Task Call_that_was_turned_away_is_as_if_it_had_not_been_made() => PageLogic.ReturnsAsync(
        """
        [["WAITING false 0","WAITING false 0"],1,[true,true],["SENDING true 0",0],["WAITING false 0",1,1],["SETTLED false 0",1,3]]
        """,
        Queue + """
        store.putEntry({ requestId: 'W2', facilityCode: 'H1', kind: 'SETTLE', state: 'WAITING', unknown: false, unanswered: 0, intent: 'DO',
          createdAt: Date.now() * 2, content: { key: 'k', name: 'W2/content', value: { message: message('W2') } } });
        api.answer('/v1/settle', { status: 429, retryAfterSeconds: 120 });
        await submit('W1');
        const busy = [await states('W1', 'W2'), api.calls.length, [timers.at(-1) === 120_000, timers.length > 0]];
        await store.deleteEntry('W2');
        api.answer('/v1/settle', null, { status: 429 });
        await turn();
        await turn();
        const unknown = [(await states('W1'))[0], seen.logins];
        await store.deleteEntry('W1');
        api.answer('/v1/settle', { status: 401 });
        await submit('W3');
        const out = [(await states('W3'))[0], seen.logins, api.calls.filter((call) => call.message.requestId === 'W3').length];
        api.answer('/v1/settle', { status: 403 }, settled());
        await turn();
        const calls = api.calls.filter((call) => call.message.requestId === 'W3');
        return [...busy, unknown, out, [(await states('W3'))[0], seen.renewals, calls.length]];
        """, StandIns);

    [Fact]
    public Task Pauses_grow_to_a_minute_and_begin_anew_with_what_the_clerk_does() => PageLogic.ReturnsAsync(
        """[true,true,true,60000]""",
        Queue + """
        api.answer('/v1/settle', { status: 408 });
        await submit('W1');
        const first = timers.at(-1);
        const pauses = [];
        for (let more = 0; more < 12; more += 1) {
          await turn();
          pauses.push(timers.at(-1));
        }
        await submit('W2');
        const anew = timers.at(-1);
        api.answer('/v1/settle', settled());
        await turn();
        const grow = pauses.every((pause, n) => pause >= Math.min(30_000, 500 * 2 ** (n + 1)) && pause <= 60_000);
        return [first >= 500 && first <= 1_000, grow, anew <= 1_000, timers.at(-1)];
        """, StandIns);

    [Fact]
    public Task Cancellation_marks_the_settlement_and_so_does_one_that_was_made_elsewhere() => PageLogic.ReturnsAsync(
        """["CANCELLED","X1","CANCELLED","FAILED","CANCELLED","",["X1",null,null]]""",
        Queue + """
        api.answer('/v1/settle', settled());
        await submit('W1');
        await submit('W2');
        await submit('W3');
        api.answer('/v1/cancel', settled({ decision: 'CANCELLED' }), refused('ALREADY_CANCELLED'), refused('YEAR_CLOSED'));
        await submit('X1', 'CANCEL', { cancelOf: 'W1' });
        await submit('X2', 'CANCEL', { cancelOf: 'W2' });
        await submit('X3', 'CANCEL', { cancelOf: 'W3' });
        if ((await look('W3')).state !== 'SETTLED') throw new Error('a refused cancellation cancels nothing');
        const [one, done, other, two] = await Promise.all(['W1', 'X1', 'X2', 'W2'].map(look));
        return [one.state, one.cancelledBy, done.state, other.state, two.state, two.cancelledBy,
          await Promise.all(['W1', 'W2', 'W3'].map((id) => queue.cancellationOf(id)))];
        """, StandIns);

    [Fact]
    public Task Cancellation_that_is_under_way_is_found_and_is_never_reversed() => PageLogic.ReturnsAsync(
        """["X1","SENDING","DO",["/v1/cancel"]]""",
        Queue + """
        api.answer('/v1/cancel', { status: 503 });
        await submit('X1', 'CANCEL', { cancelOf: 'W1' });
        for (let more = 0; more < 12; more += 1) await turn();
        await queue.giveUp('X1');
        await idle();
        const { state, intent } = await look('X1');
        return [await queue.cancellationOf('W1'), state, intent, [...new Set(paths())]];
        """, StandIns);

    [Fact]
    public Task Clerk_who_gives_up_has_the_request_undone_even_where_it_stands() => PageLogic.ReturnsAsync(
        """["WAITING","FAILED",true,"结果长时间未知，已发起冲正：中心曾结算这一笔，现已冲正，基金未支付；需要结算请重新办理。"]""",
        Queue + """
        api.answer('/v1/settle', { status: 429 }, null);
        await submit('W1');
        await queue.giveUp('W1');
        const early = await look('W1');
        await idle();
        api.answer('/v1/get-settlement', settled());
        api.answer('/v1/reverse', { body: { outcome: 'SETTLEMENT_UNDONE' } });
        await turn();
        await queue.giveUp('W1');
        await idle();
        const { state, reversed, text } = await look('W1');
        return [early.state, state, reversed, text];
        """, StandIns);

    [Fact]
    public Task Reversal_that_is_refused_leaves_the_settlement_that_stands() => PageLogic.ReturnsAsync(
        """["SENDING true 1 closed","SETTLED false 0 未能冲正（closed），这笔结算有效。","S-W1",1]""",
        Queue + """
        api.answer('/v1/settle', null);
        await submit('W1');
        api.answer('/v1/get-settlement', { status: 503 }, { status: 503 }, { status: 503 }, settled());
        api.answer('/v1/reverse', { body: { outcome: 'REVERSE_REFUSED', reasonText: 'closed' } });
        await queue.giveUp('W1');
        await idle();
        const open = await look('W1');
        await queue.giveUp('W1');
        await idle();
        const end = await look('W1');
        const ids = new Set(api.calls.filter((call) => call.path === '/v1/reverse').map((call) => call.message.requestId));
        const told = [open, end].map(({ state, unknown, unanswered, text }) => `${state} ${unknown} ${unanswered} ${text}`);
        return [...told, end.settlementId, ids.size];
        """, StandIns);

    [Fact]
    public Task Settlement_that_is_found_is_taken_before_anything_is_undone() => PageLogic.ReturnsAsync(
        """["SETTLED","S-W1",0]""",
        Queue + """
        api.answer('/v1/settle', { status: 503 });
        api.answer('/v1/get-settlement', settled());
        await submit('W1');
        for (let more = 0; more < 7; more += 1) await turn();
        const { state, settlementId } = await look('W1');
        return [state, settlementId, paths().filter((path) => path === '/v1/reverse').length];
        """, StandIns);

    [Fact]
    public Task Session_that_ended_or_a_line_that_is_away_begins_nothing() => PageLogic.ReturnsAsync(
        """[["WAITING false 0",0,1],["WAITING false 0",0,2],["SETTLED false 0",1,3],["WAITING false 0",1]]""",
        Queue + """
        api.answer('/v1/settle', settled());
        api.gateway.inTouch = false;
        seen.session = 'AWAY';
        await submit('W1');
        const away = [(await states('W1'))[0], api.calls.length, seen.renewals];
        seen.session = 'ENDED';
        await turn();
        const ended = [(await states('W1'))[0], api.calls.length, seen.renewals];
        seen.session = 'GOOD';
        await turn();
        const good = [(await states('W1'))[0], api.calls.length, seen.renewals];
        api.gateway.inTouch = true;
        api.gateway.csrf = false;
        seen.session = 'ENDED';
        await submit('W2');
        return [away, ended, good, [(await states('W2'))[0], api.calls.length]];
        """, StandIns);

    [Fact]
    public Task Entry_of_another_key_or_clinic_is_neither_read_nor_sent() => PageLogic.ReturnsAsync(
        """["WAITING",false,null,"本机无法读取这一笔：它是用另一把密钥加密的，请联系医保经办机构。",0,null,0,1]""",
        Queue + """
        api.answer('/v1/settle', { status: 429 });
        await submit('W1');
        const sent = api.calls.length;
        begin('H1', 'another');
        await idle();
        const { state, unknown, content, text } = await look('W1');
        const more = api.calls.length - sent;
        begin('H2', 'k');
        await idle();
        const other = [await queue.find('W1'), (await queue.list()).length];
        begin('H1', 'k');
        await idle();
        return [state, unknown, content, text, more, ...other, (await queue.list()).length];
        """, StandIns);

    [Fact]
    public Task Refused_entry_is_sent_again_under_its_own_id_where_nothing_was_stored_of_it() => PageLogic.ReturnsAsync(
        """["SETTLED",["W1","W1"],"SETTLED","FAILED"]""",
        Queue + """
        api.answer('/v1/settle', refused('NOT_ENROLLED'), settled());
        await submit('W1');
        await queue.sendAgain('W1');
        await idle();
        const first = [(await look('W1')).state, api.calls.map((call) => call.message.requestId)];
        await queue.sendAgain('W1');
        await idle();
        store.putEntry({ ...await store.getEntry('W1'), requestId: 'W2', state: 'FAILED', retryable: false });
        await queue.sendAgain('W2');
        await idle();
        return [...first, (await look('W1')).state, (await store.getEntry('W2')).state];
        """, StandIns);

    [Fact]
    public Task Entry_is_taken_back_only_where_nothing_can_have_happened() => PageLogic.ReturnsAsync(
        """[true,"WITHDRAWN","未上传，已在本机撤回。",false,"SENDING"]""",
        Queue + """
        api.answer('/v1/settle', { status: 429 }, null);
        await submit('W1');
        const taken = [await queue.withdraw('W1'), (await look('W1')).state, (await look('W1')).text];
        await submit('W2');
        return [...taken, await queue.withdraw('W2'), (await look('W2')).state];
        """, StandIns);

    [Fact]
    public Task Forgotten_entry_names_nobody_and_an_open_one_is_not_forgotten() => PageLogic.ReturnsAsync(
        """[[null,null,true,"S-W1"],["P1",false],["W2"]]""",
        Queue + """
        api.answer('/v1/settle', settled(), null);
        await submit('W1');
        await submit('W2');
        await queue.forget(['W1', 'W2']);
        const [done, open] = [await look('W1'), await look('W2')];
        if ((await store.getEntry('W1')).content !== undefined) throw new Error('what was sealed is still there');
        await queue.remove(['W1']);
        return [[done.content, done.answer, done.reconciled, done.settlementId], [open.content.message.insuredId, open.reconciled ?? false],
          (await queue.list()).map((entry) => entry.requestId)];
        """, StandIns);
}
