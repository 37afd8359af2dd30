using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Grpc.Reflection;

/// <summary>Finds the files that describe a set of services, by file name, symbol or extension.</summary>
internal sealed class DescriptorIndex
{
    private readonly Dictionary<string, FileDescriptor> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FileDescriptor> _symbols = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, FileDescriptor>> _extensions = new(StringComparer.Ordinal);

    public DescriptorIndex(IEnumerable<ServiceDescriptor> services)
    {
        foreach (ServiceDescriptor service in services)
        {
            ServiceNames.Add(service.FullName);
            Add(service.File);
        }
    }

    public SortedSet<string> ServiceNames { get; } = new(StringComparer.Ordinal);

    public IReadOnlyList<ByteString>? FileNamed(string name) => _files.TryGetValue(name, out FileDescriptor? file) ? WithDependencies(file) : null;
    public IReadOnlyList<ByteString>? FileWithSymbol(string symbol) => _symbols.TryGetValue(symbol, out FileDescriptor? file) ? WithDependencies(file) : null;

    public IReadOnlyList<ByteString>? FileWithExtension(string type, int number) =>
        _extensions.TryGetValue(type, out SortedDictionary<int, FileDescriptor>? byNumber) && byNumber.TryGetValue(number, out FileDescriptor? file) ? WithDependencies(file) : null;

    /// <summary>Null when there is no such message type.</summary>
    public IReadOnlyCollection<int>? ExtensionNumbers(string type) =>
        _extensions.TryGetValue(type, out SortedDictionary<int, FileDescriptor>? byNumber) ? byNumber.Keys : _symbols.ContainsKey(type) ? [] : null;

    private void Add(FileDescriptor file)
    {
        if (!_files.TryAdd(file.Name, file))
            return;
        foreach (FileDescriptor dependency in file.Dependencies)
            Add(dependency);
        foreach (ServiceDescriptor service in file.Services)
        {
            _symbols[service.FullName] = file;
            foreach (MethodDescriptor method in service.Methods)
                _symbols[method.FullName] = file;
        }
        foreach (EnumDescriptor @enum in file.EnumTypes)
            Add(@enum);
        foreach (MessageDescriptor message in file.MessageTypes)
            Add(message);
        foreach (FieldDescriptor extension in file.Extensions.UnorderedExtensions)
            AddExtension(extension);
    }

    private void Add(MessageDescriptor message)
    {
        _symbols[message.FullName] = message.File;
        foreach (FieldDescriptor field in message.Fields.InDeclarationOrder())
            _symbols[field.FullName] = message.File;
        foreach (OneofDescriptor oneof in message.Oneofs)
            _symbols[oneof.FullName] = message.File;
        foreach (EnumDescriptor @enum in message.EnumTypes)
            Add(@enum);
        foreach (MessageDescriptor nested in message.NestedTypes)
            Add(nested);
        foreach (FieldDescriptor extension in message.Extensions.UnorderedExtensions)
            AddExtension(extension);
    }

    private void Add(EnumDescriptor @enum)
    {
        _symbols[@enum.FullName] = @enum.File;
        foreach (EnumValueDescriptor value in @enum.Values)
            _symbols[value.FullName] = @enum.File;
    }

    private void AddExtension(FieldDescriptor extension)
    {
        _symbols[extension.FullName] = extension.File;
        string extended = extension.ExtendeeType.FullName;
        if (!_extensions.TryGetValue(extended, out SortedDictionary<int, FileDescriptor>? byNumber))
            _extensions[extended] = byNumber = [];
        byNumber[extension.FieldNumber] = extension.File;
    }

    private static List<ByteString> WithDependencies(FileDescriptor file)
    {
        List<ByteString> serialized = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        Collect(file);
        return serialized;

        void Collect(FileDescriptor each)
        {
            if (!seen.Add(each.Name))
                return;
            serialized.Add(each.SerializedData);
            foreach (FileDescriptor dependency in each.Dependencies)
                Collect(dependency);
        }
    }
}
