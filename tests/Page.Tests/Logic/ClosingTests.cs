namespace Claims.PageTests.Logic;

/// <summary>What a day's end sends, and what it forgets.</summary>
public sealed class ClosingTests
{
    private const string Day = """
        const api = await import('./api.js');
        const clock = await import('./clock.js');
        const queue = await import('./queue.js');
        const { compare, closePastDays } = await import('./closing.js');
        clock.learn({ headers: { get: () => 'Wed, 18 Jun 2025 02:00:00 GMT' } });
        const entry = (requestId, state, day, more = {}) => {
          const made = { requestId, state, day, kind: 'SETTLE', settlementId: `S-${requestId}`, fundPayFen: '7',
            content: { message: { insuredId: `P-${requestId}`, visitDate: day } }, answer: { totalFen: '100' }, ...more };
          queue.held.push(made);
          return made;
        };
        const days = () => api.calls.map((call) => call.message.date);

        """;

    [Fact]
    public Task Day_is_compared_with_what_was_done_on_it_and_what_is_open_only_today() => PageLogic.ReturnsAsync(
        """
        [[["A","SETTLED"],["F","FAILED"]],[["B","SETTLED"],["O","SENDING"]],
        {"requestId":"A","settlementId":"S-A","fundPayFen":7,"state":"SETTLED","insuredId":"P-A","visitDate":"2025-06-17","totalFen":100}]
        """,
        Day + """
        entry('A', 'SETTLED', '2025-06-17');
        entry('F', 'FAILED', '2025-06-17');
        entry('B', 'SETTLED', '2025-06-18');
        entry('O', 'SENDING', '2025-06-17');
        api.answer('/clinic/day/compare', { body: { complete: false, differences: [], text: '' } });
        await compare('2025-06-17');
        await compare('2025-06-18');
        return [...api.calls.map((call) => call.message.lines.map((line) => [line.requestId, line.state])), api.calls[0].message.lines[0]];
        """, "api", "queue");

    [Fact]
    public Task Cancelled_on_another_day_it_stands_in_the_first_days_books() => PageLogic.ReturnsAsync(
        """
        [[["A","SETTLED",null],["B","CANCELLED",null],["C","CANCELLED",null],["X-B","CANCELLATION","B"]],[["X-A","CANCELLATION","A"]]]
        """,
        Day + """
        entry('A', 'CANCELLED', '2025-06-16', { cancelledBy: 'X-A' });
        entry('B', 'CANCELLED', '2025-06-16', { cancelledBy: 'X-B' });
        entry('C', 'CANCELLED', '2025-06-16', { cancelledBy: '' });
        entry('X-B', 'CANCELLED', '2025-06-16', { kind: 'CANCEL', cancelOf: 'B' });
        entry('X-A', 'CANCELLED', '2025-06-17', { kind: 'CANCEL', cancelOf: 'A' });
        api.answer('/clinic/day/compare', { body: { complete: false, differences: [], text: '' } });
        await compare('2025-06-16');
        await compare('2025-06-17');
        return api.calls.map((call) => call.message.lines.map((line) => [line.requestId, line.state, line.originalRequestId ?? null]));
        """, "api", "queue");

    [Fact]
    public Task Complete_day_is_forgotten_and_what_names_nobody_goes_after_a_week() => PageLogic.ReturnsAsync(
        """[true,["A"],["old"],false,"这一天已经对平，本机不再保存明细。",1]""",
        Day + """
        entry('A', 'SETTLED', '2025-06-17');
        entry('old', 'SETTLED', '2025-06-10', { reconciled: true });
        entry('week', 'SETTLED', '2025-06-11', { reconciled: true });
        entry('open', 'SETTLED', '2025-06-10');
        api.answer('/clinic/day/compare', { body: { complete: true, differences: [], text: 'all' } });
        const done = await compare('2025-06-17');
        const again = await compare('2025-06-17');
        return [done.complete, queue.forgotten, queue.removed, again.complete, again.text, api.calls.length];
        """, "api", "queue");

    [Fact]
    public Task Day_that_differs_or_cannot_be_compared_forgets_nothing() => PageLogic.ReturnsAsync(
        """
        [{"complete":false,"differences":[{"requestId":"A"}],"text":"1"},{"complete":false,"differences":[],"text":"later"},
        {"complete":false,"differences":[],"text":"暂时不能对账，请稍后再试。"},
        {"complete":false,"differences":[],"text":"联系不上医保中心，未对账，请在线路恢复后再试。"},[],[]]
        """,
        Day + """
        entry('A', 'SETTLED', '2025-06-17');
        api.answer('/clinic/day/compare', { body: { complete: false, differences: [{ requestId: 'A' }], text: '1' } },
          { status: 503, body: { complete: true, text: 'later' } }, { status: 502 }, null);
        const said = [];
        for (let turn = 0; turn < 4; turn += 1) said.push(await compare('2025-06-17'));
        return [...said, queue.forgotten, queue.removed];
        """, "api", "queue");

    [Fact]
    public Task Past_days_that_still_name_persons_are_compared_oldest_first() => PageLogic.ReturnsAsync(
        """["2025-06-15","2025-06-17"]""",
        Day + """
        entry('B', 'SETTLED', '2025-06-17');
        entry('B2', 'FAILED', '2025-06-17');
        entry('A', 'SETTLED', '2025-06-15');
        entry('today', 'SETTLED', '2025-06-18');
        entry('open', 'WAITING', '2025-06-14');
        entry('done', 'SETTLED', '2025-06-13', { reconciled: true });
        api.answer('/clinic/day/compare', { body: { complete: false, differences: [], text: '' } });
        await closePastDays();
        return days();
        """, "api", "queue");
}
