using System.Globalization;
using System.Text;

namespace Hosting.Tests;

internal sealed record Family(string Name, string Help, string Type)
{
    public List<Sample> Samples { get; } = [];
}

internal sealed record Sample(string Name, SortedDictionary<string, string> Labels, double Value);

/// <summary>A strict reading of Prometheus' text format 0.0.4: what a scraper would refuse, or silently merge, is a
/// FormatException.</summary>
internal sealed class Exposition
{
    public Dictionary<string, Family> Families { get; } = new(StringComparer.Ordinal);

    public static Exposition Parse(string text)
    {
        Exposition exposition = new();
        if (!text.EndsWith('\n')) throw new FormatException("The last line does not end with a line feed.");
        HashSet<string> series = new(StringComparer.Ordinal);
        Family? current = null;
        string? help = null;
        string? helpFor = null;
        foreach (string line in text[..^1].Split('\n'))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                string[] parts = line["# HELP ".Length..].Split(' ', 2);
                if (parts.Length < 2 || parts[1].Length == 0) throw new FormatException($"No help text: {line}");
                (helpFor, help) = (parts[0], parts[1]);
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                string[] parts = line["# TYPE ".Length..].Split(' ');
                if (parts.Length != 2 || parts[0] != helpFor) throw new FormatException($"TYPE without its HELP: {line}");
                if (parts[1] is not ("counter" or "gauge" or "histogram" or "summary" or "untyped"))
                    throw new FormatException($"Unknown type: {line}");
                current = new Family(parts[0], help!, parts[1]);
                if (!exposition.Families.TryAdd(current.Name, current)) throw new FormatException($"A family twice: {line}");
            }
            else
            {
                Sample sample = ParseSample(line);
                if (current is null || !Belongs(sample.Name, current)) throw new FormatException($"A sample outside its family: {line}");
                if (!series.Add(sample.Name + string.Join(',', sample.Labels.Select(
                    label => $"{label.Key}={label.Value.Length}:{label.Value}")))) throw new FormatException($"A series twice: {line}");
                current.Samples.Add(sample);
            }
        }

        foreach (Family histogram in exposition.Families.Values.Where(family => family.Type == "histogram")) CheckHistogram(histogram);
        return exposition;
    }

    public double Value(string name, params (string Name, string Value)[] labels) => Families.Values
        .SelectMany(family => family.Samples)
        .Single(sample => sample.Name == name
            && sample.Labels.SequenceEqual(
            labels.OrderBy(label => label.Name, StringComparer.Ordinal).Select(label => KeyValuePair.Create(label.Name, label.Value))))
        .Value;

    private static bool Belongs(string sample, Family family) => family.Type == "histogram"
        ? sample == family.Name + "_bucket" || sample == family.Name + "_sum" || sample == family.Name + "_count"
        : sample == family.Name && (family.Type != "counter" || sample.EndsWith("_total", StringComparison.Ordinal));

    private static void CheckHistogram(Family family)
    {
        foreach (IGrouping<string, Sample> group in family.Samples.GroupBy(
            sample => string.Join(',', sample.Labels.Where(label => label.Key != "le"))))
        {
            List<Sample> buckets = [.. group.Where(sample => sample.Name.EndsWith("_bucket", StringComparison.Ordinal))];
            double[] bounds = [.. buckets.Select(bucket => ParseNumber(bucket.Labels["le"]))];
            if (!bounds.SequenceEqual(bounds.Order())) throw new FormatException($"{family.Name}: bounds do not ascend.");
            if (bounds is [] || !double.IsPositiveInfinity(bounds[^1])) throw new FormatException($"{family.Name}: no +Inf bucket.");
            if (buckets.Zip(buckets.Skip(1)).Any(pair => pair.First.Value > pair.Second.Value))
                throw new FormatException($"{family.Name}: buckets are not cumulative.");
            double count = group.Single(sample => sample.Name.EndsWith("_count", StringComparison.Ordinal)).Value;
            if (count != buckets[^1].Value) throw new FormatException($"{family.Name}: count and +Inf bucket differ.");
            _ = group.Single(sample => sample.Name.EndsWith("_sum", StringComparison.Ordinal));
        }
    }

    private static Sample ParseSample(string line)
    {
        int position = 0;
        string name = ParseName(line, ref position, colon: true);
        SortedDictionary<string, string> labels = new(StringComparer.Ordinal);
        if (line[position] == '{')
        {
            position++;
            while (line[position] != '}')
            {
                string label = ParseName(line, ref position, colon: false);
                if (line[position++] != '=' || line[position++] != '"') throw new FormatException($"Not a label: {line}");
                StringBuilder value = new();
                for (; line[position] != '"'; position++)
                {
                    if (line[position] != '\\')
                    {
                        value.Append(line[position]);
                        continue;
                    }

                    position++;
                    value.Append(line[position] switch
                    {
                        'n' => '\n',
                        '"' => '"',
                        '\\' => '\\',
                        _ => throw new FormatException($"Unknown escape: {line}"),
                    });
                }

                position++;
                if (!labels.TryAdd(label, value.ToString())) throw new FormatException($"A label twice: {line}");
                if (line[position] == ',') position++;
                else if (line[position] != '}') throw new FormatException($"Labels do not end: {line}");
            }

            position++;
        }

        if (line[position++] != ' ') throw new FormatException($"No value: {line}");
        return new Sample(name, labels, ParseNumber(line[position..]));
    }

    private static string ParseName(string line, ref int position, bool colon)
    {
        int start = position;
        while (position < line.Length
            && (char.IsAsciiLetter(line[position]) || line[position] == '_' || (colon && line[position] == ':')
            || (position > start && char.IsAsciiDigit(line[position])))) position++;
        return position > start ? line[start..position] : throw new FormatException($"No name at {start}: {line}");
    }

    private static double ParseNumber(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };
}
