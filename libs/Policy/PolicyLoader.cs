using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Claims.Policy.Loading;

namespace Claims.Policy;

/// <summary>Reads a city's pack from a directory of YAML files named <c>city-instrument.yaml</c>, strictly: what is not understood is
/// refused.</summary>
public static class PolicyLoader
{
    private const string RulingsFileName = "rulings.yaml";
    private static readonly string[] Instruments = ["outpatient", "coverage", "counties", "contributions", "subsidies"];

    /// <summary>The cities that the directory has files for, in ordinal order.</summary>
    /// <exception cref="PolicyException">The directory cannot be read, or holds a YAML file that is no city's, province's or the
    /// rulings'.</exception>
    public static ImmutableArray<string> Cities(string directory)
    {
        SortedSet<string> cities = new(StringComparer.Ordinal);
        List<string> faults = [];
        foreach (string name in FileNames(directory))
        {
            (string owner, string instrument) = Split(name);
            if (Instruments.Contains(instrument, StringComparer.Ordinal)) cities.Add(owner);
            else if (name != RulingsFileName && instrument != "floors")
                faults.Add($"{name}:1: the name is not <city>-<instrument>.yaml with one of {string.Join(", ", Instruments)}, not "
                + $"<province>-floors.yaml and not {RulingsFileName}.");
        }

        if (faults.Count > 0) throw new PolicyException(faults);
        return cities.Count > 0 ? [.. cities] : throw new PolicyException($"There is no policy in {directory}.");
    }

    /// <summary>Reads and checks all files of the city, its province's floors and the rulings.</summary>
    /// <exception cref="PolicyException">Every fault found, each as <c>file:line: sentence</c>.</exception>
    public static PolicyPack Load(string directory, string city) =>
        Load(FileNames(directory), name => ReadAll(directory, name), $"in {directory}", city);

    /// <summary>The same from files that somebody sent: no directory is read.</summary>
    /// <param name="files">Content by file name. Others than the city's, its province's and the rulings are not looked at.</param>
    /// <exception cref="PolicyException">Every fault found, each as <c>file:line: sentence</c>.</exception>
    public static PolicyPack Load(IReadOnlyDictionary<string, byte[]> files, string city)
    {
        ArgumentNullException.ThrowIfNull(files);
        return Load([.. files.Keys], name => files[name], "among the files", city);
    }

    private static PolicyPack Load(string[] names, Func<string, byte[]> contentOf, string place, string city)
    {
        ArgumentNullException.ThrowIfNull(city);
        List<string> faults = [];
        SortedDictionary<string, byte[]> read = new(StringComparer.Ordinal);
        List<(string Id, PolicyNode Node)> rulingsUsed = [];
        PolicyNode? Open(string name, string ownerKey, string owner, string instrument)
        {
            if (!names.Contains(name, StringComparer.Ordinal)) return null;
            read[name] = contentOf(name);
            if (Text(name, read[name], faults) is not { } text || PolicyNode.Parse(name, text, faults, rulingsUsed) is not { } file)
                return null;
            Expect(file, ownerKey, owner);
            Expect(file, "instrument", instrument);
            return file;
        }

        PolicyNode? OpenOf(string instrument) => Open($"{city}-{instrument}.yaml", "city", city, instrument);

        foreach (string required in (string[])["outpatient", "coverage"])
        {
            if (!names.Contains($"{city}-{required}.yaml", StringComparer.Ordinal))
                throw new PolicyException($"There is no {city}-{required}.yaml {place}.");
        }

        OutpatientFile.Content? outpatient = OpenOf("outpatient") is { } outpatientFile ? OutpatientFile.Read(outpatientFile, city) : null;
        ImmutableArray<CoverageRules> coverage = OpenOf("coverage") is { } coverageFile ? CoverageFile.Read(coverageFile) : [];
        CountiesFile.Content? countiesContent = OpenOf("counties") is { } countiesFile ? CountiesFile.Read(countiesFile) : null;
        ImmutableSortedDictionary<string, County> counties = countiesContent?.Counties ?? ImmutableSortedDictionary<string, County>.Empty;
        Contributions contributions = OpenOf("contributions") is { } contributionsFile
            ? ContributionsFile.Read(contributionsFile)
            : Contributions.None;
        ImmutableSortedDictionary<int, SubsidyYear> subsidies = OpenOf("subsidies") is { } subsidiesFile
            ? SubsidiesFile.Read(subsidiesFile, counties)
            : ImmutableSortedDictionary<int, SubsidyYear>.Empty;

        ProvincialFloors? floors = null;
        if (outpatient?.ProvincialFloors is { } province)
        {
            if (Open($"{province}-floors.yaml", "province", province, "floors") is { } floorsFile)
                floors = FloorsFile.Read(floorsFile, province);
            else if (!names.Contains($"{province}-floors.yaml", StringComparer.Ordinal))
                faults.Add($"{city}-outpatient.yaml:1: provincial_floors names {province}, but there is no {province}-floors.yaml.");
        }

        ImmutableSortedDictionary<string, Ruling> rulings = Open(RulingsFileName, "instrument", "rulings", "rulings") is { } rulingsFile
            ? RulingsFile.Read(rulingsFile)
            : ImmutableSortedDictionary<string, Ruling>.Empty;
        foreach ((string id, PolicyNode node) in rulingsUsed.Where(used => !rulings.ContainsKey(used.Id)))
            node.Fault("ruling", $"there is no ruling '{id}' in {RulingsFileName}.");

        ImmutableSortedSet<string> categories = [.. coverage.SelectMany(rules => rules.ExemptCategories.Keys.Union(rules.OtherCategories))];
        foreach ((string category, PolicyNode when) in outpatient?.Categories ?? [])
        {
            if (categories.IsEmpty || categories.Contains(category)) continue;
            when.Fault("category", $"'{category}' is no category of {city}-coverage.yaml; known: {string.Join(", ", categories)}.");
        }

        if (faults.Count > 0) throw new PolicyException([.. faults.Distinct(StringComparer.Ordinal)]);
        return new()
        {
            City = city,
            Hash = Hash(read),
            Outpatient = outpatient!.Periods,
            OutpatientIncomplete = outpatient.Incomplete,
            Coverage = coverage[^1],
            EarlierCoverage = coverage.RemoveAt(coverage.Length - 1),
            PoolingArea = countiesContent?.PoolingArea,
            Counties = counties,
            CountiesOutsidePooling = counties.Values.Where(county => !county.InsidePooling)
                .ToImmutableDictionary(county => county.Code, county => county.Source, StringComparer.Ordinal),
            Contributions = contributions,
            Subsidies = subsidies,
            Floors = floors,
            Rulings = rulings,
        };
    }

    /// <summary>Why the city's pack cannot be loaded, or null.</summary>
    public static string? Problem(string directory, string city)
    {
        try
        {
            _ = Load(directory, city);
            return null;
        }
        catch (PolicyException refused)
        {
            return refused.Message;
        }
    }

    // One line a file, as sha256sum prints it, in ordinal order of the names; so a bureau computes it without this program.
    private static string Hash(SortedDictionary<string, byte[]> files)
    {
        StringBuilder lines = new();
        foreach ((string name, byte[] content) in files)
            lines.Append(Convert.ToHexStringLower(SHA256.HashData(content))).Append("  ").Append(name).Append('\n');
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

    private static string[] FileNames(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFiles(directory, "*.yaml").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"The policy directory {directory} cannot be read: {refused.Message}");
        }
    }

    private static byte[] ReadAll(string directory, string name)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(directory, name));
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"{name}:1: the file cannot be read: {refused.Message}");
        }
    }

    // Bytes that differ without a visible difference would give one policy two hashes.
    private static string? Text(string name, byte[] content, List<string> faults)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (DecoderFallbackException)
        {
            faults.Add($"{name}:1: the file is not UTF-8.");
            return null;
        }

        int carriageReturn = text.IndexOf('\r', StringComparison.Ordinal);
        if (text.StartsWith('\uFEFF')) faults.Add($"{name}:1: the file begins with a byte order mark; save it without.");
        else if (carriageReturn >= 0)
            faults.Add($"{name}:{text.AsSpan(0, carriageReturn).Count('\n') + 1}: the line ends with CR LF; save the file with LF.");
        else return text;
        return null;
    }

    private static void Expect(PolicyNode file, string key, string value)
    {
        string stated = file.Text(key);
        if (stated.Length > 0 && stated != value) file.Fault(key, $"'{key}' is '{stated}', but the name of the file says '{value}'.");
    }

    private static (string Owner, string Instrument) Split(string name)
    {
        string stem = name[..^".yaml".Length];
        int dash = stem.LastIndexOf('-');
        return dash > 0 ? (stem[..dash], stem[(dash + 1)..]) : (stem, "");
    }
}
