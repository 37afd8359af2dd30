using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Operations;

/// <summary>What came of one operation: a reply, or the gRPC status that took its place.</summary>
/// <param name="Repeats">How often it was sent again because no answer came. An answer to a repeat may be marked as replayed although the
/// operation was new.</param>
public readonly record struct Answer(IMessage? Reply, Status Error, int Repeats)
{
    public bool IsError => Reply is null;
}

/// <summary>Sends operations: those of one insured one after the other, others side by side, a bounded number at a time.</summary>
/// <param name="callInvokers">Connections to adjudication, used in turn.</param>
/// <param name="answered">Takes the operation's index and its answer, from any thread.</param>
public sealed class OperationSender(IReadOnlyList<CallInvoker> callInvokers, Action<int, Answer> answered)
{
    /// <summary>How many operations may be on their way at once.</summary>
    public const int Lanes = 512;

    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan OutageBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly V1.Adjudication.AdjudicationClient[] _clients =
        [.. callInvokers.Select(invoker => new V1.Adjudication.AdjudicationClient(invoker))];

    private readonly OutageClock _outage = new(TimeProvider.System, OutageBound);

    public async Task SendAsync(IReadOnlyList<Operation> operations, CancellationToken cancellationToken)
    {
        List<int>[] lanes = new List<int>[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
            lanes[lane] = [];
        for (int index = 0; index < operations.Count; index++)
            lanes[LaneOf(operations[index].InsuredId)].Add(index);

        await Task.WhenAll(lanes.Select(async (indexes, lane) =>
        {
            V1.Adjudication.AdjudicationClient client = _clients[lane % _clients.Length];
            foreach (int index in indexes)
                answered(index, await SendWithRetriesAsync(client, operations[index], cancellationToken));
        }));
    }

    /// <remarks>The same request may be repeated at will: whatever was done under its request id is answered again, not done
    /// again.</remarks>
    private async Task<Answer> SendWithRetriesAsync(
        V1.Adjudication.AdjudicationClient client, Operation operation, CancellationToken cancellationToken)
    {
        OutageClock mine = new(TimeProvider.System, OutageBound);
        TimeSpan pause = FirstPause;
        for (int repeats = 0; ; repeats++)
        {
            if (_outage.IsGone)
            {
                Status notSent = new(StatusCode.Unavailable, "not sent: adjudication has not answered for some time");
                return new Answer(null, notSent, repeats);
            }

            try
            {
                IMessage reply = await CallAsync(client, operation, DateTime.UtcNow + CallBound, cancellationToken);
                _outage.Answered();
                return new Answer(reply, Status.DefaultSuccess, repeats);
            }
            catch (RpcException e) when (OutageClock.IsPassing(e))
            {
                _outage.Failed();
                mine.Failed();
                if (mine.IsGone || _outage.IsGone)
                    return new Answer(null, e.Status, repeats);
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), cancellationToken);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
            catch (RpcException e) when (e.StatusCode != StatusCode.Cancelled || !cancellationToken.IsCancellationRequested)
            {
                _outage.Answered();
                return new Answer(null, e.Status, repeats);
            }
        }
    }

    private static int LaneOf(string insuredId) =>
        (int)(unchecked((uint)string.GetHashCode(insuredId, StringComparison.Ordinal)) % Lanes);

    private static async Task<IMessage> CallAsync(
        V1.Adjudication.AdjudicationClient client, Operation operation, DateTime deadline, CancellationToken cancellationToken) =>
        operation.Request switch
        {
            SettleRequest request when operation.Key == "preSettle" =>
                await client.PreSettleAsync(request, null, deadline, cancellationToken),
            SettleRequest request => await client.SettleAsync(request, null, deadline, cancellationToken),
            CancelRequest request => await client.CancelAsync(request, null, deadline, cancellationToken),
            ReverseRequest request => await client.ReverseAsync(request, null, deadline, cancellationToken),
            GetSettlementRequest request => await client.GetSettlementAsync(request, null, deadline, cancellationToken),
            GetAccumulatorsRequest request => await client.GetAccumulatorsAsync(request, null, deadline, cancellationToken),
            _ => throw new ArgumentException($"No call for {operation.Key}.", nameof(operation)),
        };
}
