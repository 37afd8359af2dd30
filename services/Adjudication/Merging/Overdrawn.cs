using System.Globalization;
using System.Text;
using Claims.Adjudication.Store;
using Claims.Rules;

namespace Claims.Adjudication.Merging;

/// <summary>What two ids that are one person have used together beyond a limit. It is told, and nothing is taken back by itself.</summary>
/// <param name="Accumulator">Its name (<see cref="AccumulatorNames"/>).</param>
/// <param name="Limit">As the newest record has it that met the limit; fen, or visits.</param>
/// <param name="Used">Under both ids.</param>
public sealed record Overdrawn(string Accumulator, long Limit, long Used)
{
    /// <param name="fields">The hash of the id that the other was merged into.</param>
    /// <param name="merge">Its record of the merge.</param>
    public static IReadOnlyList<Overdrawn> Of(IEnumerable<(string Field, byte[] Value)> fields, MergeRecord merge)
    {
        Dictionary<string, long> limits = [];
        Dictionary<string, long> used = [];
        foreach (StoredAnswer answer in StoredAnswer.AllOf(fields))
        {
            if (answer.Header.LimitsBytes == 0) continue;
            StoredLimits met = StoredLimits.Read(answer.Header, answer.Bytes);
            LimitsBlock.Reader block = new(met.Block.Span);
            while (block.MoveNext())
            {
                bool bounds = (LimitKind)block.Kind is not (LimitKind.Bands or LimitKind.Shown);
                if (bounds && !block.Name.IsEmpty) limits[Encoding.UTF8.GetString(block.Name)] = block.Limit;
            }
        }

        foreach ((string field, byte[] value) in fields)
            if (AccumulatorField.Read(field, value) is { } accumulator) used[field] = accumulator.Amount;
        return
        [
            .. from brought in merge.Content.Accumulators
               let held = used.GetValueOrDefault(brought.Field)
               where limits.TryGetValue(brought.Field, out long limit) && held > limit
               select new Overdrawn(brought.Field, limits[brought.Field], held),
        ];
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Accumulator} {Used} of {Limit}");
}
