using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Deploy.Tests;

/// <summary>A YAML node that is walked by key; a key that is not there is a failure that names its path.</summary>
internal sealed class Yaml(YamlNode node, string path)
{
    public string Text => node is YamlScalarNode { Value: { } value } ? value : throw new KeyNotFoundException($"{path} is not a value.");

    public IEnumerable<Yaml> Items => node is YamlSequenceNode list
        ? list.Select((item, index) => new Yaml(item, $"{path}[{index}]"))
        : throw new KeyNotFoundException($"{path} is not a list.");

    public IEnumerable<KeyValuePair<string, Yaml>> Entries => node is YamlMappingNode map
        ? map.Select(entry => KeyValuePair.Create(((YamlScalarNode)entry.Key).Value!, new Yaml(entry.Value, $"{path}.{entry.Key}")))
        : throw new KeyNotFoundException($"{path} is not a mapping.");

    public bool IsScalar => node is YamlScalarNode;

    public bool IsMapping => node is YamlMappingNode;

    /// <summary>The mapping's entries or the list's items; none of a value.</summary>
    public IEnumerable<(string Key, Yaml Value)> Children => node switch
    {
        YamlMappingNode => Entries.Select(entry => (entry.Key, entry.Value)),
        YamlSequenceNode => Items.Select(item => ("", item)),
        _ => [],
    };

    public override string ToString() => path;

    public Yaml this[string key] => Find(key) ?? throw new KeyNotFoundException($"{path} has no {key}.");

    public Yaml? Find(string key) =>
        node is YamlMappingNode map && map.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value)
            ? new Yaml(value, $"{path}.{key}")
            : null;

    /// <summary>The documents of a file below <c>deploy/</c>.</summary>
    public static IReadOnlyList<Yaml> Read(string file) => Parse(File.ReadAllText(Path.Combine(Root, "deploy", file)), file);

    /// <param name="file">What failures call it.</param>
    public static IReadOnlyList<Yaml> Parse(string text, string file)
    {
        using StringReader reader = new(text);
        YamlStream stream = [];
        stream.Load(new MergingParser(new Parser(reader)));
        return [.. stream.Documents.Select((document, index) => new Yaml(document.RootNode, $"{file}#{index}"))];
    }

    /// <summary>The repository: the directory above this assembly that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Claims.sln"))) directory = Path.GetDirectoryName(directory);
        return directory ?? throw new DirectoryNotFoundException("Claims.sln is not above the test assembly.");
    }
}
