namespace Claims.Adjudication.Store;

/// <summary>One step of a merge, or of its undoing, in one shard (merge.lua).</summary>
/// <param name="Undoes">Whether the two are parted.</param>
/// <param name="AsksMerged">Whether the step writes under the merged id.</param>
/// <param name="AsksOther">Whether the step writes under the other id.</param>
/// <param name="Digest">SHA-1 of the merged hash as it was read, in hexadecimal digits; empty where that does not matter.</param>
/// <param name="RecordOfMerged"><see cref="StoredMerge"/>.</param>
/// <param name="RecordOfOther"><see cref="StoredMerge"/>.</param>
/// <param name="Fields">What the other hash is brought, or gives back.</param>
public sealed record MergeStep(
    string Name, string MergedId, string OtherId, bool Undoes, bool AsksMerged, bool AsksOther, string Digest, byte[] RecordOfMerged,
    byte[] RecordOfOther, IReadOnlyList<(string Field, byte[] Value)> Fields);
