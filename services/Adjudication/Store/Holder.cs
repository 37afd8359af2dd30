using System.Text;

namespace Claims.Adjudication.Store;

/// <summary>Whose hash a step goes to, where that is not simply the insured whom the request names.</summary>
/// <param name="InsuredId">The insured whose hash it is.</param>
/// <param name="StatedId">The id that the request names, where that was merged into this one; otherwise empty.</param>
/// <param name="Merge">The name of that merge, which the hash must have: it has the records of the merged id only then.</param>
public readonly record struct Holder(string InsuredId, string StatedId = "", string Merge = "")
{
    /// <summary>What stands before the step, in UTF-8: nothing for most.</summary>
    internal int PrefixBytes => StatedId.Length == 0 ? 0 : 3 + Encoding.UTF8.GetByteCount(StatedId) + Merge.Length;

    /// <summary>As settle.lua reads it: M, then merged id and merge, each with its length before it.</summary>
    internal void WritePrefix(Span<byte> item)
    {
        if (StatedId.Length == 0) return;
        item[0] = (byte)'M';
        int bytes = Encoding.UTF8.GetBytes(StatedId, item[2..]);
        item[1] = checked((byte)bytes);
        item[2 + bytes] = checked((byte)Merge.Length);
        Encoding.ASCII.GetBytes(Merge, item[(3 + bytes)..]);
    }
}
