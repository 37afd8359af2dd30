using Claims.Ledger.Api;
using Claims.Ledger.Impact;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Ledger.Tests.Impact;

/// <summary>One at a time lives the books through again, and whoever fails at it does not keep the others out.</summary>
public sealed class RelivingTurnTests : IDisposable
{
    private readonly RelivingTurn _turn = new("another one runs", NullLogger.Instance);

    public void Dispose() => _turn.Dispose();

    [Fact]
    public async Task Call_while_another_one_runs_is_turned_away_and_the_next_is_not()
    {
        TaskCompletionSource running = new();
        Task first = _turn.TakeAsync(() => running.Task);

        RpcException busy = await Assert.ThrowsAsync<RpcException>(() => _turn.TakeAsync(() => Task.CompletedTask));
        running.SetResult();
        await first;
        await _turn.TakeAsync(() => Task.CompletedTask);

        Assert.Equal(new Status(StatusCode.ResourceExhausted, "another one runs"), busy.Status);
    }

    [Fact]
    public async Task Failure_has_a_status_of_its_own_and_gives_the_turn_back()
    {
        foreach ((Exception failure, StatusCode status, string detail) in new (Exception, StatusCode, string)[]
        {
            (new BooksDisagreeException("they disagree"), StatusCode.DataLoss, "they disagree"),
            (new OverflowException(), StatusCode.OutOfRange, "a sum is beyond what an amount can hold"),
            (new NpgsqlException("away"), StatusCode.Unavailable, "the books cannot be read at the moment"),
        })
        {
            RpcException told = await Assert.ThrowsAsync<RpcException>(() => _turn.TakeAsync(() => Task.FromException(failure)));
            Assert.Equal(new Status(status, detail), told.Status);
        }

        await _turn.TakeAsync(() => Task.CompletedTask);
    }
}
