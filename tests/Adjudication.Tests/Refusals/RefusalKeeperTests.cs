using Claims.Adjudication.Refusals;
using Claims.V1;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Adjudication.Tests.Refusals;

/// <summary>What becomes of a refusal after it was answered.</summary>
public sealed class RefusalKeeperTests : IDisposable
{
    private const string Insured = "410105198001011234";
    private static readonly DateTimeOffset Now = new(2025, 6, 18, 1, 2, 3, TimeSpan.Zero);

    private readonly FakeRefusalLog _ledger = new();
    private readonly FakeTimeProvider _time = new(Now);
    private readonly LogLines<RefusalKeeper> _log = new();
    private readonly RefusalKeeper _keeper;

    public RefusalKeeperTests() => _keeper = new(_ledger, _time, _log);

    public void Dispose() => _keeper.Dispose();

    [Fact]
    public async Task Refusal_leaves_a_line_at_once_and_a_row_with_the_ledger_and_the_insured_in_neither()
    {
        await _keeper.StartAsync(CancellationToken.None);

        _keeper.Refused("settle", "H1", "R1", Insured, "YEAR_CLOSED", "就诊年度已年终结账。");

        Assert.Equal([(LogLevel.Information, "Refused settle R1 of H1: YEAR_CLOSED, insured ***1234")], _log.Lines);
        await PassUntilAsync(() => _ledger.Kept.Any());
        RefusedRequest row = Assert.Single(_ledger.Kept);
        Assert.Equal($"{Environment.MachineName}:{Environment.ProcessId}", row.Instance);
        row.Instance = "";
        Assert.Equal(new RefusedRequest
        {
            RefusedAtUnixMs = Now.ToUnixTimeMilliseconds(),
            Operation = "settle",
            FacilityCode = "H1",
            RequestId = "R1",
            InsuredMasked = "***1234",
            ReasonCode = "YEAR_CLOSED",
            ReasonText = "就诊年度已年终结账。",
        }, row);
    }

    [Theory]
    [InlineData("", "H1", Insured)]
    [InlineData("R1", "", Insured)]
    [InlineData("R1", "H1", "")]
    [InlineData("R1\u202e", "H1", Insured)]
    public async Task Refusal_without_a_key_is_not_kept_since_nobody_can_ask_for_it(string request, string facility, string insured)
    {
        await _keeper.StartAsync(CancellationToken.None);

        _keeper.Refused("settle", facility, request, insured, "INVALID_REQUEST", "请求字段 request_id 缺失。");
        _keeper.Refused("settle", "H1", "R2", Insured, "INVALID_REQUEST", "请求字段 visit_date 缺失。");

        await PassUntilAsync(() => _ledger.Kept.Any());
        Assert.Equal(["R2"], _ledger.Kept.Select(row => row.RequestId));
        Assert.Single(_log.Lines);
    }

    [Fact]
    public async Task Refusals_wait_for_a_ledger_that_is_away_each_is_kept_once_and_only_the_log_has_what_is_beyond_the_bound()
    {
        _ledger.Away = true;
        await _keeper.StartAsync(CancellationToken.None);
        _keeper.Refused("settle", "H1", "first", Insured, "YEAR_CLOSED", "");
        await PassUntilAsync(() => _ledger.Calls >= 2);
        const int Beyond = 10;

        for (int number = 0; number < RefusalKeeper.MostWaiting + Beyond; number++)
            _keeper.Refused("settle", "H1", $"R{number}", Insured, "YEAR_CLOSED", "");
        _ledger.Away = false;
        await PassUntilAsync(() => _ledger.Kept.Count() >= RefusalKeeper.MostWaiting);

        string[] kept = [.. _ledger.Kept.Select(row => row.RequestId)];
        Assert.Equal(kept.Length, kept.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal("first", kept[0]);
        Assert.InRange(kept.Length, RefusalKeeper.MostWaiting, RefusalKeeper.MostWaiting + Beyond);
        Assert.All(_ledger.Batches, batch => Assert.InRange(batch.Length, 1, 500));
        Assert.Equal(RefusalKeeper.MostWaiting + Beyond + 1, _log.Lines.Count(line => line.Level == LogLevel.Information));
        Assert.Single(_log.Lines, line => line.Sentence == "The ledger does not take refusals: Unavailable away");
    }

    [Fact]
    public async Task Service_that_stops_hands_over_what_still_waits()
    {
        await _keeper.StartAsync(CancellationToken.None);
        for (int number = 0; number < 700; number++) _keeper.Refused("cancel", "H1", $"R{number}", Insured, "YEAR_CLOSED", "");

        await _keeper.StopAsync(CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 700).Select(number => $"R{number}"), _ledger.Kept.Select(row => row.RequestId));
    }

    private Task PassUntilAsync(Func<bool> condition) => Eventually.HoldsAsync(TimeSpan.FromSeconds(30), () =>
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return Task.FromResult(condition());
    });
}
