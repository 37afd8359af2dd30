using Claims.Cli.Commands;
using Claims.V1;
using Grpc.Core.Interceptors;

namespace Claims.Cli.Tests;

/// <summary>What a command waits for before it moves money, and what it tells the ledger of it.</summary>
public sealed class BooksReachedTests
{
    private long _committed;

    [Fact]
    public async Task Wait_is_for_what_was_acknowledged_when_it_began_however_much_comes_in()
    {
        long given = 5;
        FakeAdjudication adjudication = Answering(() => Outbox(given += 10, _committed += 4));

        BooksReached reached = await PostedBooks.WaitAsync(adjudication, "", TimeSpan.FromSeconds(30), CancellationToken.None);

        Assert.Equal(new BooksReached { Epoch = "e", Shards = { new ReachedShard { Shard = 3, Sequence = 15 } } }, reached);
        Assert.Equal(16, _committed);
    }

    [Fact]
    public async Task Books_that_stay_behind_end_the_wait_with_what_is_missing()
    {
        CommandException failure = await Assert.ThrowsAsync<CommandException>(
            () => PostedBooks.WaitAsync(Answering(() => Outbox(3, 1)), "", TimeSpan.Zero, CancellationToken.None));

        Assert.Equal((ExitCodes.Unavailable, "After 0 s the ledger is still 2 records behind adjudication."),
            (failure.ExitCode, failure.Message));
    }

    [Fact]
    public async Task Shard_that_is_not_ready_is_waited_for_and_named()
    {
        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => PostedBooks.WaitAsync(
            Answering(() => new Outbox { Shards = { new OutboxShard { Shard = 7, Reason = "it has lost data" } } }), "", TimeSpan.Zero,
            CancellationToken.None));

        Assert.Equal((ExitCodes.Unavailable, "Shard 7 of adjudication is not ready: it has lost data"),
            (failure.ExitCode, failure.Message));
    }

    [Fact]
    public async Task Every_request_that_can_say_so_says_what_the_books_must_have()
    {
        object? asked = null;
        FakeAdjudication ledger = new()
        {
            Unary = request =>
            {
                asked = request;
                return Task.FromResult<object>(new Voucher());
            },
        };
        BooksReached reached = new() { Epoch = "e", Shards = { new ReachedShard { Sequence = 4 } } };
        Funding.FundingClient funding = new(ledger.Intercept(new BooksReachedInterceptor(reached)));

        await funding.PayAsync(new PayRequest { County = "410105" });
        Assert.Equal(new PayRequest { County = "410105", Reached = reached }, asked);
        await funding.ReverseVoucherAsync(new ReverseVoucherRequest { VoucherId = 1 });
        Assert.Equal(new ReverseVoucherRequest { VoucherId = 1, Reached = reached }, asked);
    }

    private static FakeAdjudication Answering(Func<Outbox> outbox) => new() { Unary = _ => Task.FromResult<object>(outbox()) };

    private static Outbox Outbox(long sequence, long committed) =>
        new() { Epoch = "e", Shards = { new OutboxShard { Shard = 3, Ready = true, Sequence = sequence, Committed = committed } } };
}
