using System.Reflection;
using System.Text;
using Claims.Hosting;
using Claims.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace Hosting.Tests;

/// <summary>The table of permissions, asked over the wire: every identity calls every method.</summary>
public sealed class PermissionsTests(ITestOutputHelper output)
{
    /// <summary>One of each kind, in the order of the document's columns; null sends nothing.</summary>
    private static readonly (string Column, string? Uri)[] Identities =
    [
        ("facility", "claims://facility/H1"), ("clinic", "claims://clinic/H1"), ("gateway for a clinic", "claims://service/gateway"),
        ("adjudication", "claims://service/adjudication"), ("eligibility", "claims://service/eligibility"),
        ("ledger", "claims://service/ledger"), ("gateway", "claims://service/gateway"), ("finance", "claims://role/finance"),
        ("operations", "claims://role/operations"), ("bureau", "claims://role/bureau"), ("audit", "claims://role/audit"), ("local", null),
    ];

    private static readonly FileDescriptor[] Contract = [.. typeof(AdjudicationReflection).Assembly.GetTypes()
        .Where(type => type.Namespace == "Claims.V1" && type.Name.EndsWith("Reflection", StringComparison.Ordinal))
        .Select(type => (FileDescriptor)type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!)];

    private static readonly MethodDescriptor[] Methods =
        [.. Contract.SelectMany(file => file.Services).SelectMany(service => service.Methods)];

    [Fact]
    public void Every_method_of_the_contract_has_a_row_and_every_row_a_method()
    {
        IEnumerable<string> named = Permissions.Rows.Select(row => row.Method)
            .Where(method => method.StartsWith("/claims.", StringComparison.Ordinal));

        Assert.Equal(Methods.Select(PathOf).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_identity_may_call_what_the_document_says_and_nothing_else()
    {
        await using WebApplication app = await ServeAllAsync();
        using GrpcChannel channel = GrpcChannel.ForAddress(app.Addresses().Main);
        CallInvoker calls = channel.CreateCallInvoker();
        StringBuilder matrix = new();
        matrix.Append("| method | ").AppendJoin(" | ", Identities.Select(identity => identity.Column)).Append(" |\n");
        matrix.Append('|').Insert(matrix.Length, "---|", Identities.Length + 1).Append('\n');
        foreach (MethodDescriptor method in Methods.OrderBy(PathOf, StringComparer.Ordinal))
        {
            matrix.Append("| ").Append(method.Service.Name).Append('.').Append(method.Name).Append(" |");
            foreach ((string column, string? uri) in Identities)
            {
                matrix.Append(' ').Append(await MayAsync(calls, method, HeadersOf(column, uri))).Append(" |");
            }

            matrix.Append('\n');
        }

        output.WriteLine(matrix.ToString());
        string document = await File.ReadAllTextAsync(Path.Combine(Repository(), "docs", "identity.md"));
        Assert.Contains(matrix.ToString(), document, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha")]
    public async Task Reflection_tells_its_methods_to_staff_and_local_and_to_nobody_else(string version)
    {
        await using WebApplication app = await ServeAllAsync();
        using GrpcChannel channel = GrpcChannel.ForAddress(app.Addresses().Main);
        CallInvoker calls = channel.CreateCallInvoker();
        // list_services.
        byte[] message = [0x3a, 1, (byte)'*'];

        foreach ((string column, string? uri) in Identities)
        {
            Metadata headers = HeadersOf(column, uri);
            StatusCode expected = column is "finance" or "operations" or "bureau" or "audit" or "local"
                ? StatusCode.OK
                : StatusCode.PermissionDenied;
            Assert.Equal((column, expected), (column, await CallAsync(
                calls, $"grpc.reflection.{version}.ServerReflection", "ServerReflectionInfo", headers, message)));
        }
    }

    /// <summary>yes: for any facility; own: for the caller's alone; empty: not at all.</summary>
    private static async Task<string> MayAsync(CallInvoker calls, MethodDescriptor method, Metadata headers)
    {
        StatusCode own = await CallAsync(calls, method, headers, "H1");
        StatusCode other = await CallAsync(calls, method, headers, "H2");
        return (own, other) switch
        {
            (StatusCode.Unimplemented, StatusCode.Unimplemented) => "yes",
            (StatusCode.Unimplemented, StatusCode.PermissionDenied) => "own",
            (StatusCode.PermissionDenied, StatusCode.PermissionDenied) => "",
            _ => $"{own}, {other}",
        };
    }

    private static Metadata HeadersOf(string column, string? uri)
    {
        Metadata headers = uri is null ? [] : new() { { Identity.Header, uri } };
        if (column == "gateway for a clinic") headers.Add(Identity.OnBehalfHeader, "claims://clinic/H1");
        return headers;
    }

    private static Task<StatusCode> CallAsync(CallInvoker calls, MethodDescriptor method, Metadata headers, string facility) =>
        CallAsync(calls, method.Service.FullName, method.Name, headers, MessageOf(method.InputType, facility));

    private static async Task<StatusCode> CallAsync(CallInvoker calls, string service, string method, Metadata headers, byte[] message)
    {
        Marshaller<byte[]> bytes = Marshallers.Create<byte[]>(message => message, message => message);
        Method<byte[], byte[]> raw = new(MethodType.DuplexStreaming, service, method, bytes, bytes);
        using AsyncDuplexStreamingCall<byte[], byte[]> call =
            calls.AsyncDuplexStreamingCall(raw, null, new CallOptions(headers, DateTime.UtcNow.AddSeconds(30)));
        try
        {
            await call.RequestStream.WriteAsync(message);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // A call that is refused may end before all is sent: the reading side says how.
        }

        try
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
            }

            return call.GetStatus().StatusCode;
        }
        catch (RpcException ended)
        {
            return ended.StatusCode;
        }
    }

    private static byte[] MessageOf(MessageDescriptor type, string facility)
    {
        IMessage message = type.Parser.ParseFrom(ReadOnlySpan<byte>.Empty.ToArray());
        if (type.FindFieldByName("facility_code") is { } code) code.Accessor.SetValue(message, facility);
        if (type.FindFieldByName("scope") is { } scope)
            scope.Accessor.SetValue(message, scope.MessageType.Parser.ParseJson($$"""{"facilityCode":"{{facility}}"}"""));
        return message.ToByteArray();
    }

    private static string PathOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";

    /// <summary>Every service of the contract: whoever is let in reads that nothing is implemented.</summary>
    private static async Task<WebApplication> ServeAllAsync()
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(["--Claims:Port=0", "--Claims:MetricsPort=0"], "sample");
        builder.ReadSettings<NoSettings>();
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        app.MapGrpcService<Streams>();
        app.MapGrpcService<Operators>();
        app.MapGrpcService<Registry>();
        app.MapGrpcService<Books>();
        app.MapGrpcService<Shards>();
        app.MapGrpcService<Auditing>();
        app.MapGrpcService<Written>();
        app.MapGrpcService<Fund>();
        app.MapGrpcService<Files>();
        app.MapGrpcService<Impact>();
        app.MapGrpcService<Refusals>();
        app.MapGrpcService<Clerks>();
        app.MapGrpcService<Counter>();
        app.MapGrpcService<Corrections>();
        app.MapGrpcService<Office>();
        app.MapGrpcReflectionService();
        await app.StartAsync();
        return app;
    }

    private static string Repository()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Claims.sln"))) directory = directory.Parent;
        return directory!.FullName;
    }

    private sealed class NoSettings;

    private sealed class Streams : Adjudication.AdjudicationBase
    {
        public override Task SettleStream(
            IAsyncStreamReader<SettleRequest> requestStream, IServerStreamWriter<SettleReply> responseStream, ServerCallContext context) =>
            ReadAsync(requestStream);
    }

    private sealed class Files : Reconciliation.ReconciliationBase
    {
        public override Task ReconcileLines(IAsyncStreamReader<ReconcileLinesRequest> requestStream,
            IServerStreamWriter<ReconcileLinesReply> responseStream, ServerCallContext context) => ReadAsync(requestStream);
    }

    private static async Task ReadAsync<T>(IAsyncStreamReader<T> stream)
    {
        while (await stream.MoveNext(CancellationToken.None))
        {
        }

        throw new RpcException(new Status(StatusCode.Unimplemented, "read to its end"));
    }

    private sealed class Operators : AdjudicationOperations.AdjudicationOperationsBase;

    private sealed class Registry : Eligibility.EligibilityBase;

    private sealed class Books : Ledger.LedgerBase;

    private sealed class Shards : LedgerShards.LedgerShardsBase;

    private sealed class Auditing : Audit.AuditBase;

    private sealed class Written : Acts.ActsBase;

    private sealed class Fund : Funding.FundingBase;

    private sealed class Impact : PolicyImpact.PolicyImpactBase;

    private sealed class Refusals : RefusalLog.RefusalLogBase;

    private sealed class Clerks : ClinicAccess.ClinicAccessBase;

    private sealed class Counter : ClinicRegistry.ClinicRegistryBase;

    private sealed class Corrections : Recheck.RecheckBase;

    private sealed class Office : RegistryOffice.RegistryOfficeBase;
}
