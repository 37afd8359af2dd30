namespace Claims.PageTests.Logic;

/// <summary>Who is at the counter, by what the gateway answers.</summary>
public sealed class SessionTests
{
    private const string Counter = """
        const api = await import('./api.js');
        const store = await import('./store.js');
        const queue = await import('./queue.js');
        const clock = await import('./clock.js');
        const page = await import('./session.js');
        clock.learn({ headers: { get: () => 'Wed, 18 Jun 2025 02:00:00 GMT' } });
        const body = (more = {}) => ({ facilityCode: 'H1', facilityName: '一', clerk: '王', expiresAt: '2025-06-18T10:30:00+08:00',
          csrfToken: 't', storageKey: 'AA', ...more });
        const seen = async () => [page.session()?.facilityCode ?? null, page.isEnded(), queue.sending,
          (await store.getMeta('session'))?.clerk ?? null, api.gateway.csrf];

        """;

    private static readonly string[] StandIns = ["api", "store", "vault", "queue"];

    [Fact]
    public Task Session_that_the_gateway_has_begins_with_its_key_and_is_kept() => PageLogic.ReturnsAsync(
        """["H1",false,"H1 key of AA","王",true]""",
        Counter + """
        api.answer('/clinic/session', { body: body() });
        await page.open();
        return seen();
        """, StandIns);

    [Fact]
    public Task Session_whose_password_must_be_changed_sends_nothing() => PageLogic.ReturnsAsync(
        """["H1",false,null,"王",true]""",
        Counter + """
        api.answer('/clinic/session', { body: body({ mustChangePassword: true }) });
        await page.open();
        return seen();
        """, StandIns);

    [Fact]
    public Task Stored_session_goes_on_where_the_line_is_away_until_it_expires() => PageLogic.ReturnsAsync(
        """
        [["H1",false,"H1 stored","王",false],["H1",false,"H1 stored","王",false],[null,false,null,null,false],[null,false,null,null,false]]
        """,
        Counter + """
        api.gateway.csrf = false;
        const kept = { facilityCode: 'H1', clerk: '王', key: 'stored', expiresAt: '2025-06-18T10:00:01+08:00' };
        await store.putMeta('session', kept);
        api.answer('/clinic/session', null);
        await page.open();
        const away = await seen();
        api.answer('/clinic/session', { status: 503 });
        await page.open();
        const busy = await seen();
        await store.putMeta('session', { ...kept, expiresAt: '2025-06-18T09:59:59+08:00' });
        await page.open();
        const expired = await seen();
        await store.putMeta('session', kept);
        api.answer('/clinic/session', { status: 401 });
        await page.open();
        return [away, busy, expired, await seen()];
        """, StandIns);

    [Fact]
    public Task Session_that_ends_while_it_is_used_takes_the_key_and_leaves_the_clerk_to_log_in() => PageLogic.ReturnsAsync(
        """["GOOD","AWAY","ENDED",["H1",true,null,null,false],["H1",false,"H1 key of AA","王",true]]""",
        Counter + """
        api.answer('/clinic/session', { body: body() }, { body: body() }, { status: 503 }, { status: 401 });
        await page.open();
        const renewed = [await queue.renew(), await queue.renew(), await queue.renew()];
        const ended = await seen();
        api.answer('/clinic/login', { body: body() });
        await page.login('H1', '王', 'p');
        return [...renewed, ended, await seen()];
        """, StandIns);

    [Fact]
    public Task Login_that_is_refused_or_unanswered_says_so_and_begins_nothing() => PageLogic.ReturnsAsync(
        """["wrong","登录未成功，请稍后再试。","联系不上医保中心，请检查网络后再登录；已保存的费用不会丢失。",[null,false,null,null,true]]""",
        Counter + """
        api.answer('/clinic/login', { status: 401, body: { text: 'wrong' } }, { status: 503 }, null);
        return [await page.login('H1', '王', 'p'), await page.login('H1', '王', 'p'), await page.login('H1', '王', 'p'), await seen()];
        """, StandIns);

    [Fact]
    public Task Clinic_that_logs_in_after_another_is_alone_on_the_screen() => PageLogic.ReturnsAsync(
        """[["H1"],["H1",null,"H2"]]""",
        Counter + """
        const shown = [];
        page.listen(() => shown.push(page.session()?.facilityCode ?? null));
        api.answer('/clinic/login', { body: body() }, { body: body({ facilityCode: 'H2' }) });
        await page.login('H1', '王', 'p');
        const first = [...shown];
        await page.login('H2', '李', 'p');
        return [first, [...new Set(shown)]];
        """, StandIns);

    [Fact]
    public Task Logout_that_the_gateway_did_not_take_is_none_and_a_dead_line_locks_the_browser() => PageLogic.ReturnsAsync(
        """
        ["未能退出，请稍后再试。",["H1",false,"H1 key of AA","王",true],"联系不上医保中心：本机已退出并锁住数据，请在线路恢复后关闭浏览器。",
        [null,false,null,null,false],null,[null,false,null,null,false],null]
        """,
        Counter + """
        api.answer('/clinic/login', { body: body() });
        await page.login('H1', '王', 'p');
        api.answer('/clinic/logout', { status: 503 }, null, { status: 401 }, { status: 204 });
        const refused = [await page.logout(), await seen()];
        const away = [await page.logout(), await seen()];
        await page.login('H1', '王', 'p');
        const over = [await page.logout(), await seen()];
        return [...refused, ...away, ...over, await page.logout()];
        """, StandIns);

    [Fact]
    public Task Password_is_changed_where_the_gateway_says_so() => PageLogic.ReturnsAsync(
        """["old one is wrong","密码未修改，请稍后再试。","联系不上医保中心，密码未必已修改，请检查网络后再试。",null,"H1 key of AA"]""",
        Counter + """
        api.answer('/clinic/session', { body: body({ mustChangePassword: true }) }, { body: body() });
        await page.open();
        api.answer('/clinic/password', { status: 400, body: { text: 'old one is wrong' } }, { status: 503 }, null, { status: 204 });
        const said = [];
        for (let turn = 0; turn < 4; turn += 1) said.push(await page.changePassword('a', 'b'));
        return [...said, queue.sending];
        """, StandIns);
}
