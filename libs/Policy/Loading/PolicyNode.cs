using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Claims.Policy.Loading;

/// <summary>A YAML mapping of one file that notes every fault with its line and reads on, so that one run names them all.</summary>
/// <remarks>After a fault a reader gets a default value; nothing is built from it, because the loader throws once all files are
/// read.</remarks>
internal sealed class PolicyNode
{
    private readonly string file;
    private readonly YamlMappingNode map;
    private readonly List<string> faults;
    private readonly List<(string Id, PolicyNode Node)> rulings;
    private readonly HashSet<string> asked = new(StringComparer.Ordinal);

    private PolicyNode(string file, YamlMappingNode map, List<string> faults, List<(string Id, PolicyNode Node)> rulings)
    {
        this.file = file;
        this.map = map;
        this.faults = faults;
        this.rulings = rulings;
    }

    /// <summary>The root of a file, or null after noting why there is none.</summary>
    /// <param name="faults">Receives <c>file:line: sentence</c>.</param>
    /// <param name="rulings">Receives every ruling that a value names, to be compared with the list of rulings.</param>
    public static PolicyNode? Parse(string file, string text, List<string> faults, List<(string Id, PolicyNode Node)> rulings)
    {
        YamlStream stream = [];
        try
        {
            using StringReader reader = new(text);
            stream.Load(reader);
        }
        catch (YamlException broken)
        {
            faults.Add($"{file}:{broken.Start.Line}: {Sentence(broken)}");
            return null;
        }
        catch (Exception broken) when (broken is InvalidOperationException or ArgumentException or FormatException)
        {
            // YamlDotNet's own, over text that it does not expect; it says nothing of where.
            faults.Add($"{file}:1: the text is not YAML that can be read.");
            return null;
        }

        if (stream.Documents is [{ RootNode: YamlMappingNode root }]) return new(file, root, faults, rulings);
        faults.Add($"{file}:1: the file must hold one mapping of keys.");
        return null;
    }

    public bool Has(string key) => Find(key) is not null;

    public void Fault(string sentence) => FaultAt(map, sentence);

    public void Fault(string key, string sentence) =>
        FaultAt(map.Children.Keys.FirstOrDefault(node => node is YamlScalarNode scalar && scalar.Value == key) ?? map, sentence);

    public string Text(string key) => OptionalText(key) ?? Missing<string>(key) ?? "";

    public string? OptionalText(string key) => Find(key) switch
    {
        null => null,
        YamlScalarNode { Value: { Length: > 0 } value } => value,
        YamlScalarNode empty => Note<string>(empty, $"key '{key}' has no value."),
        { } other => Note<string>(other, $"key '{key}' must have one value, not a {Kind(other)}."),
    };

    public DateOnly Date(string key) => OptionalDate(key) ?? Missing<DateOnly?>(key) ?? default;

    public DateOnly? OptionalDate(string key)
    {
        if (OptionalText(key) is not { } text) return null;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date)) return date;
        return Note<DateOnly?>(Find(key)!, $"'{text}' in '{key}' is not a date of the form yyyy-MM-dd.");
    }

    public int Year(string key) => OptionalYear(key) ?? Missing<int?>(key) ?? 0;

    public int? OptionalYear(string key)
    {
        if (OptionalText(key) is not { } text) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int year) && year is >= 2000 and <= 2100) return year;
        return Note<int?>(Find(key)!, $"'{text}' in '{key}' is not a year from 2000 to 2100.");
    }

    /// <summary>A number that is whole in the unit's smallest part: 92.8 in yuan is 9280 fen.</summary>
    public long Amount(string key, Unit unit) => OptionalAmount(key, unit) ?? Missing<long?>(key) ?? 0;

    public long? OptionalAmount(string key, Unit unit)
    {
        return OptionalText(key) is { } text ? AmountOf(text, Find(key)!, key, unit) : null;
    }

    /// <summary>A whole number without a unit: a class's number, an age.</summary>
    public int Whole(string key, int least, int most) => OptionalWhole(key, least, most) ?? Missing<int?>(key) ?? least;

    public int? OptionalWhole(string key, int least, int most)
    {
        if (OptionalText(key) is not { } text) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int whole) && whole >= least && whole <= most)
            return whole;
        return Note<int?>(Find(key)!, $"'{text}' in '{key}' is not a whole number from {least} to {most}.");
    }

    /// <summary>Numbers of the list under a key, whole in the unit's smallest part, in the order of the file.</summary>
    public IReadOnlyList<long> Amounts(string key, Unit unit)
    {
        if (Sequence(key) is not { } sequence) return [];
        List<long> amounts = [];
        foreach (YamlNode item in sequence)
        {
            if (item is not YamlScalarNode { Value: { Length: > 0 } text }) FaultAt(item, $"each entry of '{key}' must be one number.");
            else if (AmountOf(text, item, key, unit) is { } amount) amounts.Add(amount);
        }

        return amounts;
    }

    public Unit Unit(Quantity quantity)
    {
        string name = Text("unit");
        IReadOnlyList<Unit> units = Loading.Unit.Of(quantity);
        if (units.FirstOrDefault(unit => unit.Name == name) is { } known) return known;
        if (name.Length > 0) Fault("unit", $"unit '{name}' is not one of {string.Join(", ", units.Select(unit => unit.Name))}.");
        return units[0];
    }

    /// <summary>The citation under <c>source</c>, required and well formed.</summary>
    public string Source()
    {
        if (OptionalText("source") is not { } source) return Missing<string>("source") ?? "";
        if (!Citation.IsWellFormed(source))
            Fault("source", $"'{source}' is not a citation: give document number and clause, such as 郑医保〔2023〕6号 三.");
        return source;
    }

    public string? Ruling()
    {
        string? id = OptionalText("ruling");
        if (id is not null) rulings.Add((id, this));
        return id;
    }

    public Cited<long> CitedAmount(Unit unit) => new(Amount("value", unit), Source(), Ruling());

    public Cited<int> CitedWhole(Unit unit) => new((int)Amount("value", unit), Source(), Ruling());

    /// <summary>The mapping under a key; a null is noted already.</summary>
    public PolicyNode? Child(string key) => OptionalChild(key) ?? (Has(key) ? null : Missing<PolicyNode>(key));

    public PolicyNode? OptionalChild(string key) => Find(key) switch
    {
        null => null,
        YamlMappingNode child => new(file, child, faults, rulings),
        { } other => Note<PolicyNode>(other, $"key '{key}' must hold keys, not a {Kind(other)}."),
    };

    /// <summary>The mappings of the list under a key, at least one.</summary>
    public IReadOnlyList<PolicyNode> List(string key)
    {
        if (Sequence(key) is not { } sequence) return [];
        List<PolicyNode> items = [];
        foreach (YamlNode item in sequence)
        {
            if (item is YamlMappingNode child) items.Add(new(file, child, faults, rulings));
            else FaultAt(item, $"each entry of '{key}' must hold keys, not a {Kind(item)}.");
        }

        return items;
    }

    /// <summary>The plain values of the list under a key, at least one, none twice.</summary>
    public IReadOnlyList<string> Words(string key)
    {
        if (Sequence(key) is not { } sequence) return [];
        List<string> words = [];
        foreach (YamlNode item in sequence)
        {
            if (item is not YamlScalarNode { Value: { Length: > 0 } word }) FaultAt(item, $"each entry of '{key}' must be one word.");
            else if (words.Contains(word)) FaultAt(item, $"'{word}' stands twice in '{key}'.");
            else words.Add(word);
        }

        return words;
    }

    /// <summary>The same, where the list may be empty or absent.</summary>
    public IReadOnlyList<string> WordsOrNone(string key) => Find(key) is null or YamlSequenceNode { Children.Count: 0 } ? [] : Words(key);

    /// <summary>One of the words under a key; required.</summary>
    public string OneOf(string key, params IReadOnlyList<string> words)
    {
        string word = Text(key);
        if (word.Length > 0 && !words.Contains(word, StringComparer.Ordinal))
            Fault(key, $"'{word}' in '{key}' is not one of {string.Join(", ", words)}.");
        return word;
    }

    /// <summary>Whether a key holds keys of its own.</summary>
    public bool HoldsKeys(string key) => Find(key) is YamlMappingNode;

    /// <summary>Whether a key holds just that word.</summary>
    public bool Is(string key, string word) => Find(key) is YamlScalarNode { Value: { } value } && value == word;

    /// <summary>Whether the two say the same, wherever they stand.</summary>
    public bool SaysTheSameAs(PolicyNode other) => map.Equals(other.map);

    /// <summary>Every key with what it holds, for a mapping whose keys are data.</summary>
    public IEnumerable<string> Keys()
    {
        foreach (YamlNode key in map.Children.Keys)
        {
            if (key is not YamlScalarNode { Value: { Length: > 0 } name }) continue;
            asked.Add(name);
            yield return name;
        }
    }

    /// <summary>Notes every key that no reader asked for.</summary>
    public void Close()
    {
        foreach (YamlNode key in map.Children.Keys)
        {
            string name = (key as YamlScalarNode)?.Value ?? "";
            if (!asked.Contains(name))
                FaultAt(key, $"unknown key '{name}'; known here: {string.Join(", ", asked.Order(StringComparer.Ordinal))}.");
        }
    }

    private long? AmountOf(string text, YamlNode at, string key, Unit unit)
    {
        if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
            return Note<long?>(at, $"'{text}' in '{key}' is not a number of at least 0.");
        if (value > unit.Most)
            return Note<long?>(at, $"{text} in '{key}' is more than {unit.Most.ToString(CultureInfo.InvariantCulture)} {unit.Name}.");
        decimal parts = value * unit.Parts;
        return parts == decimal.Truncate(parts)
            ? (long)parts
            : Note<long?>(at, $"{text} {unit.Name} in '{key}' is not a whole number of {unit.PartName}.");
    }

    private YamlNode? Find(string key)
    {
        asked.Add(key);
        return map.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) ? value : null;
    }

    private YamlSequenceNode? Sequence(string key) => Find(key) switch
    {
        null => Missing<YamlSequenceNode>(key),
        YamlSequenceNode { Children.Count: > 0 } sequence => sequence,
        { } other => Note<YamlSequenceNode>(other, $"key '{key}' must hold a list of at least one entry."),
    };

    private T? Missing<T>(string key)
    {
        // A value that is there but wrong has been noted by whoever read it.
        if (!Has(key)) Fault($"key '{key}' is missing.");
        return default;
    }

    private T? Note<T>(YamlNode at, string sentence)
    {
        FaultAt(at, sentence);
        return default;
    }

    private void FaultAt(YamlNode at, string sentence) => faults.Add($"{file}:{at.Start.Line}: {sentence}");

    private static string Kind(YamlNode node) => node switch
    {
        YamlSequenceNode => "list",
        YamlMappingNode => "mapping",
        _ => "single value",
    };

    [SuppressMessage("Globalization", "CA1308:Normalize strings to uppercase", Justification = "A sentence, not a key.")]
    private static string Sentence(YamlException broken)
    {
        string text = broken.InnerException?.Message ?? broken.Message;
        return char.ToLowerInvariant(text[0]) + text[1..].TrimEnd('.') + ".";
    }
}

internal enum Quantity
{
    Money,
    Share,
    Days,
    Months,
    Visits,
}

/// <param name="Parts">How many of the smallest part make one: 100 fen a yuan, 100 basis points a percent.</param>
/// <param name="Most">The largest value that is taken.</param>
internal sealed record Unit(string Name, decimal Parts, string PartName, decimal Most)
{
    // The script that settles does its arithmetic in doubles, exact up to these caps times a rate.
    private static readonly Unit[] Money = [new("yuan", 100, "fen", 10_000_000), new("fen", 1, "fen", 1_000_000_000)];
    private static readonly Unit[] Share = [new("percent", 100, "basis points", 100), new("basis_points", 1, "basis points", 10_000)];
    private static readonly Unit[] Days = [new("days", 1, "days", 366)];
    private static readonly Unit[] Months = [new("months", 1, "months", 24)];
    private static readonly Unit[] Visits = [new("visits", 1, "visits", 10_000)];

    public static IReadOnlyList<Unit> Of(Quantity quantity) => quantity switch
    {
        Quantity.Money => Money,
        Quantity.Share => Share,
        Quantity.Days => Days,
        Quantity.Visits => Visits,
        _ => Months,
    };
}
