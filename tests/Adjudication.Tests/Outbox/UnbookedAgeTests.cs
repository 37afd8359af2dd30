using Claims.Adjudication.Outbox;

namespace Adjudication.Tests.Outbox;

public sealed class UnbookedAgeTests
{
    private readonly Clock _time = new();

    [Fact]
    public void Age_is_of_the_oldest_message_that_the_ledger_has_not_booked_whole()
    {
        UnbookedAge age = new(_time);
        long begun = _time.GetUtcNow().ToUnixTimeMilliseconds();
        age.HandedOver(10, begun);
        age.HandedOver(20, begun + 4_000);
        _time.Pass(TimeSpan.FromSeconds(9));

        Assert.Equal((9, 9, 5, 0), (Seconds(age, 0, 20), Seconds(age, 9, 20), Seconds(age, 10, 20), Seconds(age, 20, 20)));
    }

    [Fact]
    public void Age_of_records_handed_over_again_counts_from_the_first_time()
    {
        UnbookedAge age = new(_time);
        long begun = _time.GetUtcNow().ToUnixTimeMilliseconds();
        age.HandedOver(10, begun);
        _time.Pass(TimeSpan.FromSeconds(9));
        age.HandedOver(10, begun + 9_000);

        Assert.Equal(9, Seconds(age, 0, 10));
    }

    [Fact]
    public void Age_of_records_that_nobody_hands_over_counts_from_when_they_were_first_missed()
    {
        UnbookedAge age = new(_time);
        age.Look(5, 5);
        _time.Pass(TimeSpan.FromSeconds(60));
        Assert.Equal(0, Seconds(age, 5, 6));
        age.Look(5, 6);
        _time.Pass(TimeSpan.FromSeconds(7));
        age.Look(5, 8);
        Assert.Equal(7, Seconds(age, 5, 8));

        age.Look(8, 8);
        age.Look(8, 9);
        Assert.Equal(0, Seconds(age, 8, 9));
    }

    [Fact]
    public void Age_after_a_restart_is_that_of_the_record_in_the_store()
    {
        UnbookedAge age = new(_time);
        age.Look(0, 3);
        age.HandedOver(3, _time.GetUtcNow().ToUnixTimeMilliseconds() - 120_000);

        Assert.Equal(120, Seconds(age, 0, 3));
    }

    private static int Seconds(UnbookedAge age, long committed, long givenOut) => (int)age.Of(committed, givenOut).TotalSeconds;

    private sealed class Clock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now;

        public void Pass(TimeSpan time) => _now += time;
    }
}
