using Claims.V1;
using Grpc.Core;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// One hospital's stream as a scenario drives it: errors are counted and not thrown, and a stream that broke is opened again. What was
/// on its way then stays without an answer.
/// </summary>
/// <param name="window">How far the hospital runs ahead of the answers.</param>
public sealed class LoadStream(HospitalSide hospitals, V1.Adjudication.AdjudicationClient client, int window) : IAsyncDisposable
{
    private static readonly TimeSpan StallBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PauseAfterBreak = TimeSpan.FromMilliseconds(200);

    private readonly int[] _newestOfInsured = new int[hospitals.Book.Traffic.Insured];
    private Connection? _open;

    /// <summary>Until there is room in the window. A stream that has not answered for a minute is given up.</summary>
    public async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_open is { Broken: true } broken)
            {
                await CloseAsync(broken);
                await Task.Delay(PauseAfterBreak, cancellationToken);
            }

            _open ??= Open(cancellationToken);
            if (await _open.Room.WaitAsync(StallBound, cancellationToken)) return;
            _open.Broken = true;
        }
    }

    /// <summary>Sends one request, once there was room.</summary>
    public async Task SendAsync(SettleRequest request, CancellationToken cancellationToken)
    {
        Connection open = _open!;
        hospitals.Recorder.Sent();
        Interlocked.Increment(ref open.Waiting);
        try
        {
            await open.Call.RequestStream.WriteAsync(request, cancellationToken).WaitAsync(StallBound, cancellationToken);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or TimeoutException
            && !cancellationToken.IsCancellationRequested)
        {
            // A call that has ended says why on its reading side, which counts what it left unanswered.
            open.Broken = true;
        }
    }

    /// <summary>Waits for the last answers; those that do not come within a minute count as errors.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_open is not { } open) return;
        try
        {
            if (!open.Broken) await open.Call.RequestStream.CompleteAsync();
            await open.Reading.WaitAsync(StallBound);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or TimeoutException)
        {
            open.Broken = true;
        }

        await CloseAsync(open);
    }

    private Connection Open(CancellationToken cancellationToken)
    {
        Connection connection = new(client.SettleStream(cancellationToken: cancellationToken), window);
        connection.Reading = ReadAsync(connection, cancellationToken);
        return connection;
    }

    private async Task CloseAsync(Connection connection)
    {
        connection.Call.Dispose();
        await connection.Reading;
        if (connection.Waiting > 0) hospitals.Recorder.Errors(connection.Waiting);
        connection.Room.Dispose();
        _open = null;
    }

    private async Task ReadAsync(Connection connection, CancellationToken cancellationToken)
    {
        try
        {
            while (await connection.Call.ResponseStream.MoveNext(cancellationToken))
            {
                SettleReply reply = connection.Call.ResponseStream.Current;
                int number = hospitals.Answered(reply);
                if (number >= 0 && !reply.Replayed) CheckOrder(number);
                Interlocked.Decrement(ref connection.Waiting);
                connection.Room.Release();
            }
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or ObjectDisposedException)
        {
            if (e is RpcException failure && !cancellationToken.IsCancellationRequested) hospitals.NoteFailure(failure);
        }
        finally
        {
            connection.Broken = true;
            connection.Room.Release(window);
        }
    }

    /// <remarks>Numbers ascend on a stream, so those of one insured must come back ascending.</remarks>
    private void CheckOrder(int number)
    {
        ref int newest = ref _newestOfInsured[hospitals.Book.VisitOf(number).Insured];
        if (number + 1 < newest) hospitals.Book.NoteOutOfOrder();
        newest = number + 1;
    }

    private sealed class Connection(AsyncDuplexStreamingCall<SettleRequest, SettleReply> call, int window)
    {
        public AsyncDuplexStreamingCall<SettleRequest, SettleReply> Call { get; } = call;

        public SemaphoreSlim Room { get; } = new(window);

        public Task Reading { get; set; } = Task.CompletedTask;

        public volatile bool Broken;

        public int Waiting;
    }
}
