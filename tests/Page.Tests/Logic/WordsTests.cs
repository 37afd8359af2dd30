namespace Claims.PageTests.Logic;

/// <summary>Words, the clock, ids and the order of hits in the catalogue.</summary>
public sealed class WordsTests
{
    [Fact]
    public Task Id_shows_its_last_four_and_a_short_one_nothing() => PageLogic.ReturnsAsync(
        """["***","***","***2345","***123X"]""",
        """
        const { maskedId } = await import('./words.js');
        return [undefined, '1234', '12345', '41010519800101123X'].map(maskedId);
        """);

    [Fact]
    public Task Calculation_is_parted_at_its_numbers() => PageLogic.ReturnsAsync(
        """[["一、费用100元，见第一、二款。","二、起付线40元，见第（三）条、第四条。","十、x。","（11）、y。"],[]]""",
        """
        const { steps } = await import('./words.js');
        return [steps('一、费用100元，见第一、二款。二、起付线40元，见第（三）条、第四条。十、x。（11）、y。'), steps(undefined)];
        """);

    [Fact]
    public Task Class_of_an_item_is_told_in_either_form() => PageLogic.ReturnsAsync(
        """["甲","乙","丙","甲","乙","丙","D",""]""",
        """
        const { itemClass } = await import('./words.js');
        return ['CLASS_A', 'CLASS_B', 'CLASS_C', 'A', 'B', 'C', 'D', undefined].map((name) => itemClass({ class: name }));
        """);

    [Fact]
    public Task Day_is_that_of_China_whatever_the_zone() => PageLogic.ReturnsAsync(
        """["2025-12-31","2026-01-01","2025-12-31 23:59"]""",
        """
        const { dayOf, timeText } = await import('./clock.js');
        const [before, after] = ['2025-12-31T15:59:59Z', '2025-12-31T16:00:00Z'].map(Date.parse);
        return [dayOf(before), dayOf(after), timeText(before)];
        """);

    [Fact]
    public Task Clock_is_the_centres_once_it_has_answered_and_the_stored_one_until_then() => PageLogic.ReturnsAsync(
        """[0,7200000,120,7200000,-600000,-10,-600000,0]""",
        """
        const clock = await import('./clock.js');
        const real = Date.now;
        Date.now = () => Date.parse('2025-06-18T02:00:00Z');
        const says = (text) => clock.learn({ headers: { get: (name) => (name === 'Date' ? text : null) } });
        const seen = [clock.offset()];
        clock.restore(7_200_000);
        seen.push(clock.offset(), clock.minutesOff());
        says(null);
        seen.push(clock.offset());
        says('Wed, 18 Jun 2025 01:50:00 GMT');
        seen.push(clock.offset(), clock.minutesOff());
        clock.restore(7_200_000);
        seen.push(clock.offset());
        says('Wed, 18 Jun 2025 01:55:00 GMT');
        seen.push(clock.minutesOff());
        Date.now = real;
        return seen;
        """);

    [Fact]
    public Task Request_id_has_its_letter_the_centres_day_and_twenty_characters_that_differ() => PageLogic.ReturnsAsync(
        """[true,true,1000]""",
        """
        const clock = await import('./clock.js');
        const { newRequestId } = await import('./ids.js');
        clock.learn({ headers: { get: () => 'Wed, 31 Dec 2031 16:30:00 GMT' } });
        const ids = Array.from({ length: 1000 }, () => newRequestId('W'));
        return [ids.every((id) => /^W320101-[2-9A-HJ-NP-Z]{20}$/.test(id)), new Set(ids.join('').slice(8)).size > 30, new Set(ids).size];
        """);

    [Fact]
    public Task Hits_are_in_the_order_of_how_well_they_fit_and_the_same_where_the_line_is_away() => PageLogic.ReturnsAsync(
        """[["AMX","B1","B22","AMX9","C5","D6"],false,"9",["AMX","B1","B22","AMX9","C5","D6"],true,20,[],"7"]""",
        """
        const api = await import('./api.js');
        const { search } = await import('./catalogue.js');
        const items = [
          { itemCode: 'D6', name: '一', pinyinInitials: 'XAMX' },
          { itemCode: 'C5', name: '片amx片', pinyinInitials: 'P' },
          { itemCode: 'AMX9', name: '二', pinyinInitials: 'E' },
          { itemCode: 'B22', name: '阿莫西林胶囊', pinyinInitials: 'AMXLJN' },
          { itemCode: 'B1', name: '阿莫西', pinyinInitials: 'AMX' },
          { itemCode: 'AMX', name: '三', pinyinInitials: 'S' },
          { itemCode: 'Z', name: '无', pinyinInitials: 'W' },
        ];
        api.answer('/clinic/catalogue', { body: { items } });
        const store = await import('./store.js');
        await store.keepItems([{ itemCode: 'AMX', price: '9' }]);
        const there = await search(' amx ', '2025-06-18');
        api.answer('/clinic/catalogue', null);
        const away = await search('amx', '2025-06-18');
        const codes = (found) => found.items.map((item) => item.itemCode);
        await store.keepItems([...Array.from({ length: 30 }, (_, n) => ({ itemCode: `M${n}`, name: `M${n}` })),
          { itemCode: 'M7', price: '7' }]);
        const many = await search('M', '2025-06-18');
        return [codes(there), there.away, there.items[0].price, codes(away), away.away, many.items.length,
          (await search('  ', '2025-06-18')).items, many.items.find((item) => item.itemCode === 'M7').price];
        """, "api", "store");
}
