using System.Buffers.Binary;
using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Claims.Cli.Commands;
using Claims.PrivateServers;
using Claims.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Claims.Cli.Tests;

/// <summary>
/// The three gRPC services as functions in this process, on ports of their own, and the commands that call them. Commands write to
/// the console and read the environment, which a process has once: tests of this collection run alone.
/// </summary>
[CollectionDefinition(nameof(FakeSystem), DisableParallelization = true)]
public sealed class FakeSystemCollection : ICollectionFixture<FakeSystem>;

public sealed class FakeSystem : IAsyncLifetime
{
    private const int FrameHead = 5;

    private static readonly Dictionary<string, MethodDescriptor> Methods = new[]
    {
        ActsReflection.Descriptor, AdjudicationReflection.Descriptor, AuditReflection.Descriptor, ClinicReflection.Descriptor,
        EligibilityReflection.Descriptor, FundingReflection.Descriptor, HealthReflection.Descriptor, ImpactReflection.Descriptor,
        LedgerReflection.Descriptor, LedgerShardsReflection.Descriptor, OperationsReflection.Descriptor, RecheckReflection.Descriptor,
        ReconciliationReflection.Descriptor, RefusalLogReflection.Descriptor, RegistryOfficeReflection.Descriptor,
    }.SelectMany(file => file.Services).SelectMany(service => service.Methods)
        .ToDictionary(method => $"/{method.Service.FullName}/{method.Name}", StringComparer.Ordinal);

    private readonly Dictionary<string, Func<IReadOnlyList<IMessage>, IEnumerable<IMessage>>> _answers = new(StringComparer.Ordinal);
    private readonly List<(string Call, IMessage Request)> _received = [];
    private readonly int _portBase = FreePort.Take(23);
    private WebApplication? _app;

    public int PortBase => _portBase;

    /// <summary>Of the last call.</summary>
    public IHeaderDictionary Headers { get; private set; } = new HeaderDictionary();

    public DirectoryInfo Directory { get; } = System.IO.Directory.CreateTempSubdirectory("claims fake ");

    /// <summary>Every message of every call but those for the outbox, in order, without what the books must have reached.</summary>
    public IReadOnlyList<(string Call, IMessage Request)> Received => _received;

    /// <summary>What the books must have reached, by the last message that says so.</summary>
    public BooksReached? Reached { get; private set; }

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (int service in (int[])[1, 2, 3, 6])
                kestrel.ListenLocalhost(_portBase + service, listen => listen.Protocols = HttpProtocols.Http2);
        });
        _app = builder.Build();
        _app.Run(AnswerAsync);
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app!.DisposeAsync();
        Directory.Delete(recursive: true);
    }

    /// <summary>Forgets what it was told and has received; everything that was settled is in the books.</summary>
    public FakeSystem Begin()
    {
        _answers.Clear();
        _received.Clear();
        return Answer<GetOutboxRequest>("AdjudicationOperations/GetOutbox", _ => new Outbox { Shards = { Shard(0, 7), Shard(1, 9) } });

        static OutboxShard Shard(int shard, long sequence) =>
            new() { Shard = shard, Ready = true, Sequence = sequence, Committed = sequence, Published = sequence };
    }

    /// <param name="call">Service and method; of another maker's service with its package.</param>
    /// <param name="answer">May throw RpcException.</param>
    public FakeSystem Answer<TRequest>(string call, Func<TRequest, IMessage> answer) where TRequest : IMessage =>
        List<TRequest>(call, requests => [answer(requests[^1])]);

    /// <param name="answer">From all messages of the call to those of its answer.</param>
    public FakeSystem List<TRequest>(string call, Func<IReadOnlyList<TRequest>, IEnumerable<IMessage>> answer) where TRequest : IMessage
    {
        string path = call.Contains('.', StringComparison.Ordinal) ? $"/{call}" : $"/claims.v1.{call}";
        _answers[path] = requests => answer([.. requests.Cast<TRequest>()]);
        return this;
    }

    public string Write(string name, string text)
    {
        string path = Path.Combine(Directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>As the program runs a command.</summary>
    public async Task<Ran> RunAsync(params string[] arguments)
    {
        RootCommand root = CommandTree.For(arguments);
        TextWriter output = Console.Out;
        TextWriter errors = Console.Error;
        using StringWriter said = new() { NewLine = "\n" };
        using StringWriter complained = new() { NewLine = "\n" };
        Environment.SetEnvironmentVariable("CLAIMS_PORT_BASE", _portBase.ToString(CultureInfo.InvariantCulture));
        // Tests look for rows, not for how they are broken.
        Environment.SetEnvironmentVariable("COLUMNS", "400");
        try
        {
            Console.SetOut(said);
            Console.SetError(complained);
            int exitCode = await root.Parse(arguments).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
            return new Ran(exitCode, said.ToString(), complained.ToString());
        }
        catch (CommandException e)
        {
            return new Ran(e.ExitCode, said.ToString(), e.Message);
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
            Environment.SetEnvironmentVariable("CLAIMS_PORT_BASE", null);
            Environment.SetEnvironmentVariable("COLUMNS", null);
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        MethodDescriptor method = Methods[context.Request.Path.Value!];
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        Headers = new HeaderDictionary(context.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase));
        List<IMessage> requests = [.. Messages(method, body.ToArray())];
        TakeReached(method, requests);
        if (method.Name != "GetOutbox")
            lock (_received) _received.AddRange(requests.Select(request => ($"{method.Service.Name}/{method.Name}", request)));
        context.Response.ContentType = "application/grpc";
        Status status = Status.DefaultSuccess;
        try
        {
            Func<IReadOnlyList<IMessage>, IEnumerable<IMessage>> answer = _answers.GetValueOrDefault(context.Request.Path.Value!)
                ?? throw new RpcException(new Status(StatusCode.Unimplemented, $"{method.FullName} is not expected"));
            foreach (IMessage message in answer(requests)) await context.Response.Body.WriteAsync(Frame(message), context.RequestAborted);
        }
        catch (RpcException refused)
        {
            status = refused.Status;
        }

        await context.Response.StartAsync();
        context.Response.AppendTrailer("grpc-status", ((int)status.StatusCode).ToString(CultureInfo.InvariantCulture));
        context.Response.AppendTrailer("grpc-message", Uri.EscapeDataString(status.Detail));
    }

    private void TakeReached(MethodDescriptor method, List<IMessage> requests)
    {
        if (method.InputType.FindFieldByName("reached") is not { } field) return;
        foreach (IMessage request in requests)
        {
            Reached = (BooksReached?)field.Accessor.GetValue(request);
            field.Accessor.Clear(request);
        }
    }

    private static IEnumerable<IMessage> Messages(MethodDescriptor method, byte[] body)
    {
        for (int at = 0; at < body.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1));
            yield return method.InputType.Parser.ParseFrom(body, at + FrameHead, length);
            at += FrameHead + length;
        }
    }

    private static byte[] Frame(IMessage message)
    {
        byte[] frame = new byte[FrameHead + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - FrameHead);
        message.WriteTo(frame.AsSpan(FrameHead));
        return frame;
    }
}

/// <summary>What a command said and how it ended.</summary>
public sealed record Ran(int ExitCode, string Output, string Errors)
{
    /// <summary>The output is this JSON, whatever its layout.</summary>
    public void IsJson(int exitCode, string json)
    {
        Assert.Equal((exitCode, ""), (ExitCode, ExitCode == 0 ? Errors : ""));
        JsonNode? said = JsonNode.Parse(Output);
        JsonNode? expected = JsonNode.Parse(json);
        Assert.True(JsonNode.DeepEquals(expected, said), $"Expected {expected?.ToJsonString()}\nActual   {said?.ToJsonString()}");
    }

    /// <summary>The lines of the output, with single spaces and without rules.</summary>
    public string[] Lines =>
        [.. Output.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        .Where(line => line.Length > 0 && !line.StartsWith('─'))];
}
