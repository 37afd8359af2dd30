using System.Globalization;
using Claims.Adjudication.Store;
using Claims.Rules;
using Claims.PrivateServers;
using Claims.V1;
using StackExchange.Redis;

namespace Adjudication.Tests.Store;

/// <summary>A Redis of this test's own with an opened store on it.</summary>
internal sealed class StoreFixture : IAsyncDisposable
{
    public const string Epoch = "0123456789abcdef0123456789abcdef";
    private readonly ConnectionMultiplexer _connection;

    private StoreFixture(PrivateRedis server, ConnectionMultiplexer connection, SettlementStore store)
    {
        Server = server;
        _connection = connection;
        Store = store;
    }

    public PrivateRedis Server { get; }

    public SettlementStore Store { get; }

    /// <summary>Key of the terms that settlements refer to.</summary>
    public uint Terms { get; set; }

    public IDatabase Redis => _connection.GetDatabase();

    public static async Task<StoreFixture> StartAsync(int shards = 4, long longestOutbox = 1_000_000, Script? settle = null)
    {
        PrivateRedis server = await PrivateRedis.StartAsync();
        ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(StoreConnection.OptionsOf(server.Configuration));
        SettlementStore store = new(connection.GetDatabase(), shards, longestOutbox, settle);
        StoreFixture fixture = new(server, connection, store);
        await fixture.CreateShardsAsync();
        return fixture;
    }

    public async Task CreateShardsAsync()
    {
        foreach (ShardQueue shard in Store.Shards)
        {
            await Redis.HashSetAsync(shard.Keys.Shard, [new("epoch", Epoch), new("seq", 0), new("committed", 0)]);
            shard.Open(Epoch, 0);
        }
    }

    public async Task<StepReply> RunAsync(StepMode mode, ModelVisit visit) =>
        await Store.ShardOf(visit.Insured).RunAsync(StepOf(mode, visit));

    public Step StepOf(StepMode mode, ModelVisit visit) => StepOf(mode, visit, Terms);

    public static Step StepOf(StepMode mode, ModelVisit visit, uint terms)
    {
        SettleRequest request = new()
        {
            RequestId = visit.Request,
            FacilityCode = visit.Facility,
            InsuredId = visit.Insured,
            VisitDate = visit.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            VisitType = visit.AllowanceFen is null ? VisitType.Ordinary : VisitType.DeliveryNatural,
            TotalFen = visit.TotalFen,
            FullSelfPayFen = visit.TotalFen - visit.InScopeFen,
            InScopeFen = visit.InScopeFen,
            VisitId = visit.VisitId,
        };
        StoredRequest stored = new()
        {
            TotalFen = visit.TotalFen,
            InScopeFen = visit.InScopeFen,
            InsuredCounty = 410105,
            FacilityCounty = 410122,
            Terms = terms,
            Trace = StoredTrace.OfCall(),
        };
        return Step.Visit(mode, request, visit.Day, TermsOf(visit), visit.TotalFen, visit.InScopeFen, stored);
    }

    public static Terms TermsOf(ModelVisit visit) => SampleTerms.Of(
        visit.RateBasisPoints, visit.TariffFen, visit.CapFen, visit.AllowanceFen, visit.NotAgainWithinDays);

    /// <summary>What was used of the annual cap, the last of the limits of <see cref="SampleTerms"/>.</summary>
    public static long CapUsedBefore(in StepReply reply)
    {
        StoredLimits limits = reply.Outcome is StepOutcome.New && reply.Header.Kind is RecordKind.Settlement
            ? reply.Limits
            : StoredLimits.Read(reply.Header, reply.Bytes);
        return limits.Count == 0 ? 0 : limits[limits.Count - 1].UsedBefore;
    }

    public async Task<StepReply> UndoAsync(StepMode mode, string insured, string facility, string request, string target) =>
        await Store.ShardOf(insured).RunAsync(Step.Undoing(
            mode, insured, facility, request, target,
            new StoredUndoing { UndoneAtUnixMs = 1_700_000_000_000, Trace = StoredTrace.OfCall() }));

    public static ModelAnswer AnswerOf(StepMode mode, StepReply reply)
    {
        string outcome = mode is StepMode.Quote ? "quoted" : reply.Outcome.ToString().ToLowerInvariant();
        if (reply.Outcome is not (StepOutcome.New or StepOutcome.Replay))
        {
            return ModelAnswer.Of(reply.Outcome is StepOutcome.Refused ? reply.ReasonCode : reply.Outcome.ToString().ToLowerInvariant(),
                reply.Named() is { } named ? $"{named.FacilityCode} {named.RequestId}" : "");
        }

        string did = reply.Header.State switch
        {
            RecordState.UndidSettlement => "settlement undone",
            RecordState.UndidCancellation => "cancellation undone",
            RecordState.UndidNothing => "nothing",
            RecordState.FoundUndone => "nothing any more",
            _ => "",
        };
        return new ModelAnswer(outcome, reply.Header.DeductibleFen, reply.Header.FundPayFen, CapUsedBefore(reply), did);
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await _connection.CloseAsync();
        _connection.Dispose();
        await Server.DisposeAsync();
    }
}
