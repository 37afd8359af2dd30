using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace Claims.Policy.Loading;

/// <summary>What facilities and people count as, tried in the order of the file.</summary>
internal static partial class OutpatientClasses
{
    /// <summary>The class of everybody where a city makes no difference.</summary>
    public static readonly PersonClass All = new("all", 1, "全体参保人", null, null, []);

    private const int MostYears = 150;

    /// <summary>Of the facilities' registry.</summary>
    private static readonly string[] AdminLevels = ["province", "city", "county", "township", "community", "village"];

    public static ImmutableArray<FacilityClass> ReadFacilities(PolicyNode? node)
    {
        if (node is null) return [];
        List<(FacilityClass Class, PolicyNode Node)> read = [];
        foreach (string name in Names(node))
        {
            if (node.Child(name) is not { } entry) continue;
            int number = entry.Whole("number", 1, 255);
            string label = entry.Text("label");
            ImmutableSortedSet<string> levels = [];
            ImmutableSortedSet<string> grades = [];
            if (entry.Child("when") is { } when)
            {
                levels = Words(when, "admin_level", level => AdminLevels.Contains(level, StringComparer.Ordinal),
                    $"is not one of {string.Join(", ", AdminLevels)}");
                grades = Words(when, "grade", GradeForm().IsMatch, "is not a grade such as 3A, 2B or none");
                when.Close();
            }

            entry.Close();
            read.Add((new(name, number, label, levels, grades), entry));
        }

        CheckNumbers([.. read.Select(one => (one.Class.Name, one.Class.Number, one.Node))]);
        ImmutableArray<FacilityClass> classes = [.. read.Select(one => one.Class)];
        string[] everyGrade = [.. classes.SelectMany(one => one.Grades).Distinct(StringComparer.Ordinal), ""];
        CheckReached(
            [.. read.Select(one => (one.Class.Name, one.Node))],
            from level in AdminLevels from grade in everyGrade select FirstOf(classes, one => one.Holds(level, grade)),
            matchesAll: classes.IsEmpty || (classes[^1].AdminLevels.IsEmpty && classes[^1].Grades.IsEmpty));
        return classes;
    }

    /// <param name="categories">Receives every category named, to be compared with those that an enrolment may have.</param>
    public static ImmutableArray<PersonClass> ReadPersons(PolicyNode? node, List<(string Category, PolicyNode When)> categories)
    {
        if (node is null) return [All];
        List<(PersonClass Class, PolicyNode Node)> read = [];
        foreach (string name in Names(node))
        {
            if (node.Child(name) is not { } entry) continue;
            int number = entry.Whole("number", 1, 255);
            string label = entry.Text("label");
            int? below = null;
            int? from = null;
            ImmutableSortedSet<string> named = [];
            if (entry.Child("when") is { } when)
            {
                below = when.OptionalWhole("age_below", 1, MostYears);
                from = when.OptionalWhole("age_from", 0, MostYears);
                if (from >= below) when.Fault($"no age is from {from} and below {below}.");
                named = Words(when, "category", _ => true, "");
                categories.AddRange(named.Select(category => (category, when)));
                when.Close();
            }

            entry.Close();
            read.Add((new(name, number, label, below, from, named), entry));
        }

        CheckNumbers([.. read.Select(one => (one.Class.Name, one.Class.Number, one.Node))]);
        ImmutableArray<PersonClass> classes = [.. read.Select(one => one.Class)];
        int?[] everyAge = [null, .. Enumerable.Range(0, MostYears + 1).Select(age => (int?)age)];
        string[] everyCategory = [.. classes.SelectMany(one => one.Categories).Distinct(StringComparer.Ordinal), ""];
        CheckReached(
            [.. read.Select(one => (one.Class.Name, one.Node))],
            from age in everyAge from category in everyCategory select FirstOf(classes, one => one.Holds(age, category)),
            matchesAll: classes.IsEmpty || classes[^1] is { AgeBelow: null, AgeFrom: null, Categories.IsEmpty: true });
        return classes;
    }

    /// <summary>The keys of a mapping that gives names, each checked for its form.</summary>
    public static IEnumerable<string> Names(PolicyNode node)
    {
        int names = 0;
        foreach (string name in node.Keys())
        {
            names++;
            if (!NameForm().IsMatch(name))
                node.Fault(name, $"'{name}' is not a name: letters, digits, _ and - of ASCII, a letter first, 40 at most.");
            yield return name;
        }

        if (names == 0) node.Fault("there is no entry here.");
    }

    private static ImmutableSortedSet<string> Words(PolicyNode when, string key, Func<string, bool> isKnown, string otherwise)
    {
        if (!when.Has(key)) return [];
        IReadOnlyList<string> words = when.Words(key);
        foreach (string word in words.Where(word => !isKnown(word))) when.Fault(key, $"'{word}' in '{key}' {otherwise}.");
        return words.ToImmutableSortedSet(StringComparer.Ordinal);
    }

    private static int FirstOf<T>(ImmutableArray<T> classes, Func<T, bool> holds)
    {
        for (int index = 0; index < classes.Length; index++)
        {
            if (holds(classes[index])) return index;
        }

        return -1;
    }

    private static void CheckNumbers(IReadOnlyList<(string Name, int Number, PolicyNode Node)> classes)
    {
        for (int index = 1; index < classes.Count; index++)
        {
            if (classes.Take(index).FirstOrDefault(one => one.Number == classes[index].Number) is { Name: { } other })
                classes[index].Node.Fault("number", $"number {classes[index].Number} is that of '{other}' already.");
        }
    }

    private static void CheckReached(IReadOnlyList<(string Name, PolicyNode Node)> classes, IEnumerable<int> firsts, bool matchesAll)
    {
        if (!matchesAll) classes[^1].Node.Fault("when", "the last class must take whatever is left: when: {}.");
        HashSet<int> reached = [.. firsts];
        for (int index = 0; index < classes.Count; index++)
        {
            if (reached.Contains(index)) continue;
            classes[index].Node.Fault("when", $"nothing is left for '{classes[index].Name}': the classes before take all.");
        }
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_-]{0,39}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex NameForm();

    [GeneratedRegex("^([1-3][A-Z]?|none)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex GradeForm();
}
