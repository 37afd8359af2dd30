using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>Whose hash a step goes to, where that is not simply the insured whom the request names.</summary>
/// <param name="InsuredId">The insured whose hash it is.</param>
/// <param name="StatedId">The id that the request names, where that was merged into this one; otherwise empty.</param>
/// <param name="Merge">The name of that merge, which the hash must have: it has the records of the merged id only then.</param>
public readonly record struct Holder(string InsuredId, string StatedId = "", string Merge = "")
{
    /// <summary>What stands behind the step, in UTF-8: nothing for most.</summary>
    internal int SuffixBytes => StatedId.Length == 0 ? 0 : 3 + Encoding.UTF8.GetByteCount(StatedId) + Merge.Length;

    /// <summary>As settle.lua reads it: merged id, merge, the length of each, M.</summary>
    internal void WriteSuffix(Span<byte> suffix)
    {
        if (StatedId.Length == 0) return;
        int bytes = Encoding.UTF8.GetBytes(StatedId, suffix);
        Encoding.ASCII.GetBytes(Merge, suffix[bytes..]);
        suffix[^3] = checked((byte)bytes);
        suffix[^2] = checked((byte)Merge.Length);
        suffix[^1] = (byte)'M';
    }
}
