using Claims.Ledger.Impact;
using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>Lets one call at a time live the books through once more, since each holds a shard's settlements in memory.</summary>
/// <param name="busy">For whoever comes meanwhile.</param>
internal sealed class RelivingTurn(string busy, ILogger logger) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);

    /// <exception cref="RpcException">RESOURCE_EXHAUSTED while another one runs; DATA_LOSS for books that disagree with themselves,
    /// OUT_OF_RANGE for a sum beyond an amount, UNAVAILABLE where they cannot be read.</exception>
    public async Task TakeAsync(Func<Task> relive)
    {
        if (!_one.Wait(0, CancellationToken.None)) throw new RpcException(new Status(StatusCode.ResourceExhausted, busy));
        try
        {
            await relive();
        }
        catch (BooksDisagreeException exception)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, exception.Message));
        }
        catch (OverflowException)
        {
            throw new RpcException(new Status(StatusCode.OutOfRange, "a sum is beyond what an amount can hold"));
        }
        catch (NpgsqlException exception)
        {
            throw logger.Unavailable(exception, "the books cannot be read at the moment");
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}
