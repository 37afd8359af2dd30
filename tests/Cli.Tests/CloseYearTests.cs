using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Tests;

/// <summary>Adjudication, then the outbox, then the books; a failure says how far it came.</summary>
public sealed class CloseYearTests
{
    private static readonly SystemLayout Layout = new("/nowhere", 5100);

    private readonly List<string> _calls = [];
    private long _committed;
    private Status? _registryStatus;

    [Fact]
    public async Task Books_close_only_after_the_outbox_is_empty()
    {
        int closedThrough = await CloseAsync(TimeSpan.FromSeconds(30), outbox: () => _committed++);

        Assert.Equal(2025, closedThrough);
        Assert.Equal("close adjudication", _calls[0]);
        Assert.Equal(["close ledger", "close registry 2025"], _calls[^2..]);
        Assert.Equal(4, _calls.Count(call => call == "outbox"));
    }

    [Fact]
    public async Task Outbox_that_is_not_emptied_leaves_the_books_open_and_a_second_run_completes()
    {
        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => CloseAsync(TimeSpan.Zero));

        Assert.Equal(ExitCodes.Unavailable, failure.ExitCode);
        Assert.StartsWith("2025 is not closed. Adjudication has closed it, the books have not: run the command again", failure.Message,
            StringComparison.Ordinal);
        Assert.Contains("3 records behind", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("close ledger", _calls);

        _committed = 3;
        Assert.Equal(2025, await CloseAsync(TimeSpan.Zero));
    }

    [Fact]
    public async Task Refusal_by_adjudication_closes_nothing()
    {
        CommandException failure = await Assert.ThrowsAsync<CommandException>(
            () => CloseAsync(TimeSpan.Zero, adjudicationStatus: new Status(StatusCode.FailedPrecondition, "the year 2025 has not ended")));

        Assert.Equal(ExitCodes.Failed, failure.ExitCode);
        Assert.Equal("2025 is not closed. Nothing has been closed by this run. The adjudication service says: the year 2025 has not ended.",
            failure.Message);
        Assert.Equal(["close adjudication"], _calls);
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition, ExitCodes.Failed, "The ledger service says: the year 2024 is open.")]
    [InlineData(StatusCode.Unavailable, ExitCodes.Unavailable, "ledger at http://127.0.0.1:5103 does not answer (the year 2024 is open)")]
    public async Task Refusal_by_the_ledger_says_that_adjudication_is_closed(StatusCode code, int exitCode, string sentence)
    {
        _committed = 3;

        CommandException failure = await Assert.ThrowsAsync<CommandException>(
            () => CloseAsync(TimeSpan.Zero, ledgerStatus: new Status(code, "the year 2024 is open")));

        Assert.Equal(exitCode, failure.ExitCode);
        Assert.Contains("Adjudication has closed it, the books have not", failure.Message, StringComparison.Ordinal);
        Assert.Contains(sentence, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Registry_that_does_not_answer_is_left_to_a_second_run()
    {
        _committed = 3;
        _registryStatus = new Status(StatusCode.Unavailable, "The registry's database does not answer.");
        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => CloseAsync(TimeSpan.Zero));
        Assert.Contains("Adjudication and the books have closed it, the registry has not: run the command again", failure.Message,
            StringComparison.Ordinal);

        _registryStatus = null;
        Assert.Equal(2025, await CloseAsync(TimeSpan.Zero));
    }

    private Task<int> CloseAsync(TimeSpan wait, Action? outbox = null, Status? adjudicationStatus = null, Status? ledgerStatus = null)
    {
        FakeAdjudication adjudication = new()
        {
            Unary = request =>
            {
                if (request is CloseYearRequest close)
                {
                    _calls.Add("close adjudication");
                    if (adjudicationStatus is { } refused) throw new RpcException(refused);
                    return Task.FromResult<object>(new CloseYearReply { ClosedThrough = close.Year });
                }

                _calls.Add("outbox");
                Outbox answer = new() { Shards = { new OutboxShard { Ready = true, Sequence = 3, Committed = _committed } } };
                outbox?.Invoke();
                return Task.FromResult<object>(answer);
            },
        };
        FakeAdjudication ledger = new()
        {
            Unary = request =>
            {
                _calls.Add("close ledger");
                if (ledgerStatus is { } refused) throw new RpcException(refused);
                return Task.FromResult<object>(new CloseLedgerYearReply { ClosedThrough = ((CloseLedgerYearRequest)request).Year });
            },
        };
        FakeAdjudication registry = new()
        {
            Unary = request =>
            {
                int closing = ((CloseRegistryYearRequest)request).Year;
                _calls.Add($"close registry {closing}");
                if (_registryStatus is { } refused) throw new RpcException(refused);
                return Task.FromResult<object>(new CloseRegistryYearReply { ClosedThrough = closing });
            },
        };
        return LedgerCloseYear.CloseAsync(adjudication, ledger, registry, Layout, 2025, wait, CancellationToken.None);
    }
}
