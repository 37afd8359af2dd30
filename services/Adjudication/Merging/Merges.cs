using System.Security.Cryptography;
using System.Text;
using Claims.Adjudication.Store;
using Claims.Hosting;
using Google.Protobuf;

namespace Claims.Adjudication.Merging;

/// <summary>
/// Two insured ids that are one person: what was stored under the one is brought to the other, and from then on both are settled from
/// there. Each half of it is one atomic step of the shard that it is in, says itself in the books, and may be done again
/// (docs/decisions/merging-ids.md).
/// </summary>
public sealed class Merges(SettlementStore store, TimeProvider time)
{
    /// <summary>What is brought goes into one record, and that into one message of Kafka.</summary>
    internal const int MostBytes = 400_000;

    // Where the insured goes on settling, another change may come between reading and writing.
    private const int MostTries = 5;

    // Ids that were merged one into the next.
    private const int MostHops = 8;

    /// <summary>Lets a test stop between two steps.</summary>
    internal Func<string, Task> BetweenSteps { get; set; } = _ => Task.CompletedTask;

    /// <summary>Makes the two one, or goes through with what an interruption has left.</summary>
    /// <exception cref="MergeException">Why not.</exception>
    /// <exception cref="StoreUnavailableException">A shard is closed or did not answer; asked again, it is gone through with.</exception>
    /// <exception cref="StoreBusyException">An outbox is full; asked again, it is gone through with.</exception>
    public async Task<MergeOutcome> MergeAsync(string mergedId, string otherId, string actor, string reason)
    {
        if (mergedId == otherId) throw new MergeException("both ids are the same 两个编号相同");
        if (store.Shards.Count > MovedNumbers.MostShards)
            throw new MergeException($"a store of more than {MovedNumbers.MostShards} shards has no room for which one numbered a record");
        bool isNew = false;
        for (int attempt = 0; attempt < MostTries; attempt++)
        {
            IReadOnlyList<(string Field, byte[] Value)> merged = await ShardOf(mergedId).ReadInsuredAsync(mergedId);
            if (MergedInto.Of(merged) is { } into)
            {
                if (into.InsuredId != otherId)
                    throw new MergeException($"{Mask.Insured(mergedId)} was merged into {Mask.Insured(into.InsuredId)} 已合并入另一编号");
                await FinishAsync(mergedId);
                if (MergedInto.Of(await ShardOf(mergedId).ReadInsuredAsync(mergedId)) == into)
                    return await OutcomeAsync(mergedId, otherId, into.Merge, isNew);
                // What was half done was an undoing: the two are apart now, and are merged anew.
                continue;
            }

            if (MergedInto.Of(await ShardOf(otherId).ReadInsuredAsync(otherId)) is { } away)
                throw new MergeException($"{Mask.Insured(otherId)} was itself merged, into {Mask.Insured(away.InsuredId)}: name that one "
                    + "其本身已合并，请改用合并后的编号");
            isNew |= await TakeAwayAsync(mergedId, otherId, actor, reason, merged);
        }

        throw new MergeException("the insured is being settled for all the time 正在结算. Try again 请稍后重试");
    }

    /// <summary>Parts the two again, each with what it had.</summary>
    /// <inheritdoc cref="MergeAsync" path="/exception"/>
    public async Task<MergeOutcome> PartAsync(string mergedId, string otherId, string actor, string reason)
    {
        if (MergedInto.Of(await ShardOf(mergedId).ReadInsuredAsync(mergedId)) is not { } into || into.InsuredId != otherId)
            throw new MergeException($"{Mask.Insured(mergedId)} is not merged into {Mask.Insured(otherId)} 未合并入该编号");
        await FinishAsync(mergedId);
        IReadOnlyList<(string Field, byte[] Value)> other = await ShardOf(otherId).ReadInsuredAsync(otherId);
        if (MergedInto.Of(other) is { } away)
            throw new MergeException($"{Mask.Insured(otherId)} was since merged into {Mask.Insured(away.InsuredId)}: undo that first "
                + "请先撤销之后的合并");
        string brought = RequestField.Of("", $"merge-in-{into.Merge}");
        if (other.FirstOrDefault(field => field.Field == brought).Value is not { } record)
        {
            // An undoing that was interrupted has just been gone through with.
            return new MergeOutcome(into.Merge, true, [], []);
        }

        StoredMerge content = MergeRecord.Read(record).Content.Clone();
        (content.Actor, content.Reason, content.AtUnixMs) = (actor, reason, Now);
        (string Field, byte[] Value)[] pairs = PairsOf(content);
        foreach (StoredField gone in content.Fields)
            if (gone.Field[0] != 'v') gone.Value = ByteString.Empty;
        StoredMerge own = OwnOf(content, otherId);
        bool isOneShard = ShardOf(mergedId) == ShardOf(otherId);
        MergeStep step = new(into.Merge, mergedId, otherId, Undoes: true, AsksMerged: isOneShard, AsksOther: true, "",
            own.ToByteArray(), content.ToByteArray(), pairs);
        (_, string ofOther) = await ShardOf(otherId).MergeAsync(step);
        if (ofOther == "later") throw new MergeException("something was settled or undone since the two were merged: they stay one "
            + "合并后已有结算或撤销，不能拆分");
        if (ofOther is not ("done" or "was")) throw NotNow(otherId);
        await BetweenSteps("parted");
        if (!isOneShard) await GiveBackAsync(step with { AsksMerged = true, AsksOther = false });
        return new MergeOutcome(into.Merge, ofOther == "done", [], []);
    }

    /// <summary>Goes through with a merge of this id, or with its undoing, where an interruption has left it half done.</summary>
    /// <inheritdoc cref="MergeAsync" path="/exception"/>
    public async Task FinishAsync(string mergedId)
    {
        for (int hop = 0; hop < MostHops; hop++)
        {
            IReadOnlyList<(string Field, byte[] Value)> merged = await ShardOf(mergedId).ReadInsuredAsync(mergedId);
            if (MergedInto.Of(merged) is not { } into) return;
            MergeRecord own = MergeRecord.Read(merged.First(field => field.Field == RequestField.Of("", $"merge-out-{into.Merge}")).Value);
            await BringAsync(mergedId, into, merged, own.Content);
            mergedId = into.InsuredId;
        }

        throw new MergeException($"more than {MostHops} ids were merged one into the next");
    }

    /// <summary>Takes a step on to where the insured's records are, from what the script has answered of the id that the request
    /// names.</summary>
    /// <param name="run">Takes the step there.</param>
    /// <exception cref="StoreUnavailableException">A merge is half done and could not be gone through with; nothing happened.</exception>
    public async ValueTask<(StepReply Reply, ShardQueue Shard)> FollowAsync(
        string insuredId, StepReply reply, Func<Holder, ShardQueue, ValueTask<StepReply>> run)
    {
        Holder holder = new(insuredId);
        for (int hop = 0; hop < 2 * MostHops; hop++)
        {
            switch (reply.Outcome)
            {
                case StepOutcome.Merged:
                    MergedInto into = reply.Into();
                    holder = new Holder(into.InsuredId, insuredId, holder.Merge.Length > 0 ? holder.Merge : into.Merge);
                    break;
                case StepOutcome.HalfMerged:
                    await FinishForVisitAsync(insuredId);
                    holder = new Holder(insuredId);
                    break;
                default:
                    return (reply, ShardOf(holder.InsuredId));
            }

            reply = await run(holder, ShardOf(holder.InsuredId));
        }

        throw HalfDone(insuredId);
    }

    /// <summary>Everything that is stored of an insured, whichever of their ids is named.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be known.</exception>
    public async ValueTask<Found> ReadAsync(string insuredId)
    {
        string at = insuredId;
        string merge = "";
        bool finished = false;
        for (int hop = 0; hop < 2 * MostHops; hop++)
        {
            IReadOnlyList<(string Field, byte[] Value)> fields = await ShardOf(at).ReadInsuredAsync(at);
            if (MergedInto.Of(fields) is { } into)
            {
                if (merge.Length == 0) merge = into.Merge;
                at = into.InsuredId;
                continue;
            }

            if (merge.Length == 0 || HasBrought(fields, insuredId, merge)) return new Found(ShardOf(at), at, fields);
            if (finished) break;
            finished = true;
            await FinishForVisitAsync(insuredId);
            (at, merge) = (insuredId, "");
        }

        throw HalfDone(insuredId);
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static bool HasBrought(IReadOnlyList<(string Field, byte[] Value)> fields, string mergedId, string merge) =>
        fields.FirstOrDefault(field => field.Field == MergedInto.MarkOf(mergedId)).Value is { } mark
        && Encoding.ASCII.GetString(mark) == $"+{merge}";

    private static StoreUnavailableException HalfDone(string insuredId) => new(
        $"The merge of {Mask.Insured(insuredId)} is half done; claims insured merge ends it.", null, Unanswered.NothingHappened);

    private static StoreUnavailableException NotNow(string insuredId) => new(
        $"What is stored of {Mask.Insured(insuredId)} cannot be merged at the moment.", null, Unanswered.NothingHappened);

    private ShardQueue ShardOf(string insuredId) => store.ShardOf(insuredId);

    private async Task FinishForVisitAsync(string insuredId)
    {
        try
        {
            await FinishAsync(insuredId);
        }
        catch (MergeException e)
        {
            throw new StoreUnavailableException($"The merge of {Mask.Insured(insuredId)} is half done: {e.Message}.", e,
                Unanswered.NothingHappened);
        }
    }

    /// <summary>The first half, and where both are of one shard the second with it.</summary>
    /// <returns>False where the insured has changed since it was read; then nothing happened.</returns>
    private async Task<bool> TakeAwayAsync(
        string mergedId, string otherId, string actor, string reason, IReadOnlyList<(string Field, byte[] Value)> merged)
    {
        StoredMerge content = ContentOf(mergedId, merged);
        content.Name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        (content.Actor, content.Reason, content.AtUnixMs) = (actor, reason, Now);
        bool isOneShard = ShardOf(mergedId) == ShardOf(otherId);
        (string ofMerged, string ofOther) = await ShardOf(mergedId).MergeAsync(new MergeStep(
            content.Name, mergedId, otherId, Undoes: false, AsksMerged: true, AsksOther: isOneShard, DigestOf(merged),
            OwnOf(content, otherId).ToByteArray(), content.ToByteArray(), isOneShard ? PairsOf(content) : []));
        if (ofMerged == "gone") throw StoreUnavailableException.Gone(ShardOf(mergedId).Shard, mergedId);
        if (ofOther == "gone") throw StoreUnavailableException.Gone(ShardOf(otherId).Shard, otherId);
        await BetweenSteps("taken away");
        return ofMerged == "done" && ofOther is "done" or "was";
    }

    /// <summary>The second half.</summary>
    /// <param name="own">What the first has put down.</param>
    private async Task BringAsync(
        string mergedId, MergedInto into, IReadOnlyList<(string Field, byte[] Value)> merged, StoredMerge own)
    {
        StoredMerge content = ContentOf(mergedId, merged);
        (content.Name, content.Actor, content.Reason, content.AtUnixMs) = (own.Name, own.Actor, own.Reason, own.AtUnixMs);
        string at = into.InsuredId;
        for (int hop = 0; hop < MostHops; hop++)
        {
            IReadOnlyList<(string Field, byte[] Value)> other = await ShardOf(at).ReadInsuredAsync(at);
            if (HasBrought(other, mergedId, into.Merge)) return;
            if (MergedInto.Of(other) is { } further)
            {
                at = further.InsuredId;
                continue;
            }

            if (ShardOf(at) != ShardOf(mergedId))
            {
                await store.Terms.CopyAsync(ShardOf(mergedId), ShardOf(at),
                    content.Fields.Where(field => field.Field[0] == 'q').Select(field => MovedRecords.TermsOf(field.Value.Memory))
                        .OfType<uint>().Distinct());
            }

            (_, string ofOther) = await ShardOf(at).MergeAsync(new MergeStep(
                into.Merge, mergedId, at, Undoes: false, AsksMerged: false, AsksOther: true, "", [], content.ToByteArray(),
                PairsOf(content)));
            switch (ofOther)
            {
                case "done" or "was":
                    return;
                case "merged":
                    continue;
                case "parted":
                    MergeRecord parted = MergeRecord.Read(
                        other.First(field => field.Field == RequestField.Of("", $"unmerge-in-{into.Merge}")).Value);
                    await GiveBackAsync(new MergeStep(into.Merge, mergedId, at, Undoes: true, AsksMerged: true, AsksOther: false, "",
                        OwnOf(parted.Content, at).ToByteArray(), [], []));
                    return;
                case "gone":
                    throw StoreUnavailableException.Gone(ShardOf(at).Shard, at);
                default:
                    throw NotNow(at);
            }
        }

        throw new MergeException($"more than {MostHops} ids were merged one into the next");
    }

    /// <summary>The last step of an undoing: the merged id is settled from its own hash again.</summary>
    private async Task GiveBackAsync(MergeStep step)
    {
        (string ofMerged, _) = await ShardOf(step.MergedId).MergeAsync(step);
        if (ofMerged == "gone") throw StoreUnavailableException.Gone(ShardOf(step.MergedId).Shard, step.MergedId);
        if (ofMerged is not ("done" or "was")) throw NotNow(step.MergedId);
    }

    /// <summary>What the other hash is brought.</summary>
    /// <exception cref="MergeException">It is too much for one message.</exception>
    private StoredMerge ContentOf(string mergedId, IReadOnlyList<(string Field, byte[] Value)> merged)
    {
        int shard = ShardOf(mergedId).Shard;
        StoredMerge content = new() { OtherId = mergedId };
        foreach ((string field, byte[] value) in merged)
        {
            // Also those of 0: what is restored later counts on the field of what it moves.
            if (AccumulatorField.Read(field, value) is not null) content.Accumulators.Add(MovedRecords.Field(field, value));
        }

        foreach ((string field, byte[] value) in merged.Where(IsRecord).OrderBy(record => RecordHeader.Read(record.Value).Order))
        {
            if (MovedRecords.Stands(value)) content.Standing++;
            content.Fields.Add(MovedRecords.Field(RequestField.Stated(field, mergedId), MovedRecords.Of(value, shard, mergedId)));
        }

        foreach ((string field, byte[] value) in merged.Where(field => field.Field[0] == 'v' && field.Value.Length > 0))
        {
            content.Fields.Add(MovedRecords.Field(
                field, Encoding.UTF8.GetBytes(RequestField.Stated(Encoding.UTF8.GetString(value), mergedId))));
        }

        foreach ((string field, byte[] value) in merged.Where(field => field.Field[0] == 'm' && field.Value[0] == (byte)'+'))
            content.Fields.Add(MovedRecords.Field(field, value));
        return content.CalculateSize() <= MostBytes
            ? content
            : throw new MergeException(
                $"{content.Fields.Count} records are stored under {Mask.Insured(mergedId)}, {content.CalculateSize()} bytes; at most "
                + $"{MostBytes} can be merged");

        static bool IsRecord((string Field, byte[] Value) field) =>
            field.Field[0] == 'q' && RecordHeader.Read(field.Value).Kind is not RecordKind.Merge;
    }

    /// <summary>What is kept under the merged id itself.</summary>
    private static StoredMerge OwnOf(StoredMerge content, string otherId)
    {
        StoredMerge own = content.Clone();
        own.OtherId = otherId;
        own.Fields.Clear();
        return own;
    }

    private static (string Field, byte[] Value)[] PairsOf(StoredMerge content) =>
        [.. content.Accumulators.Concat(content.Fields).Select(pair => (pair.Field, pair.Value.ToByteArray()))];

    /// <summary>As merge.lua makes it.</summary>
    private static string DigestOf(IReadOnlyList<(string Field, byte[] Value)> fields)
    {
#pragma warning disable CA5350 // What Redis' scripts offer; it tells a change from none, and protects nothing.
        using IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        foreach ((string field, byte[] value) in fields)
        {
            digest.AppendData(Encoding.UTF8.GetBytes(field));
            digest.AppendData(value);
        }

        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }

    private async Task<MergeOutcome> OutcomeAsync(string mergedId, string otherId, string merge, bool isNew)
    {
        IReadOnlyList<(string Field, byte[] Value)> other = (await ReadAsync(otherId)).Fields;
        byte[]? record = other.FirstOrDefault(field => field.Field == RequestField.Of("", $"merge-in-{merge}")).Value;
        return record is null
            ? new MergeOutcome(merge, isNew, [], [])
            : new MergeOutcome(merge, isNew, Overdrawn.Of(other, MergeRecord.Read(record)),
                [.. SettledTwice(other, mergedId, MergeRecord.Read(record).Content)]);
    }

    /// <summary>Visits that a settlement stands for under either id.</summary>
    private static IEnumerable<string> SettledTwice(
        IReadOnlyList<(string Field, byte[] Value)> other, string mergedId, StoredMerge brought) =>
        from visit in brought.Fields
        where visit.Field[0] == 'v'
        let stands = other.First(field => field.Field == visit.Field).Value
        let request = Encoding.UTF8.GetString(stands)
        where request.Length > 0 && RequestField.Parse(request).StatedId != mergedId
        select visit.Field[1..].Replace('\n', ' ');
}

/// <summary>Everything stored of an insured, and where.</summary>
/// <param name="InsuredId">Under which of their ids.</param>
public readonly record struct Found(ShardQueue Shard, string InsuredId, IReadOnlyList<(string Field, byte[] Value)> Fields);

/// <summary>What came of a merge, or of its undoing.</summary>
/// <param name="Merge">Its name.</param>
/// <param name="IsNew">False where it had been done before.</param>
/// <param name="Overdrawn">What the two together have used beyond a limit.</param>
/// <param name="SettledTwice">Visits that a settlement stands for under either id: facility and visit id.</param>
public sealed record MergeOutcome(
    string Merge, bool IsNew, IReadOnlyList<Overdrawn> Overdrawn, IReadOnlyList<string> SettledTwice);

/// <summary>Two insured cannot be merged or parted; the message says why.</summary>
public sealed class MergeException(string reason) : Exception(reason);
