using System.Buffers.Binary;
using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Claims.SystemTests;

/// <summary>A span as a service has exported it. Ids in lower-case hexadecimal.</summary>
/// <param name="Links">Trace and span, with a / between them.</param>
public sealed record CollectedSpan(string Service, string Name, string Trace, string Id, string Parent, string[] Links);

/// <summary>Takes traces over OTLP as a collector does, and keeps them.</summary>
public sealed class TraceCollector : IAsyncDisposable
{
    private const int FrameHead = 5;

    private readonly WebApplication _app;
    private readonly List<CollectedSpan> _spans = [];

    private TraceCollector(WebApplication app) => _app = app;

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public CollectedSpan[] Spans
    {
        get
        {
            lock (_spans) return [.. _spans];
        }
    }

    public static async Task<TraceCollector> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        TraceCollector collector = new(builder.Build());
        collector._app.Run(collector.TakeAsync);
        await collector._app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        if (context.Request.Path.Value?.EndsWith("TraceService/Export", StringComparison.Ordinal) == true) Take(body.ToArray());
        context.Response.ContentType = "application/grpc";
        await context.Response.Body.WriteAsync(new byte[FrameHead], context.RequestAborted);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    // Numbers of fields as opentelemetry/proto/trace/v1/trace.proto has them.
    private void Take(byte[] body)
    {
        int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(1));
        foreach (byte[] resource in Fields(body[FrameHead..(FrameHead + length)], 1))
        {
            string service = Fields(resource, 1).SelectMany(attributes => Fields(attributes, 1))
                .Where(attribute => Text(attribute, 1) == "service.name").Select(attribute => Text(Fields(attribute, 2).Single(), 1))
                .Single();
            foreach (byte[] span in Fields(resource, 2).SelectMany(scope => Fields(scope, 2)))
            {
                CollectedSpan taken = new(service, Text(span, 5), Hex(span, 1), Hex(span, 2), Hex(span, 4),
                    [.. Fields(span, 13).Select(link => $"{Hex(link, 1)}/{Hex(link, 2)}")]);
                lock (_spans) _spans.Add(taken);
            }
        }
    }

    private static string Text(byte[] message, int field) =>
        System.Text.Encoding.UTF8.GetString(Fields(message, field).LastOrDefault() ?? []);

    private static string Hex(byte[] message, int field) => Convert.ToHexStringLower(Fields(message, field).LastOrDefault() ?? []);

    private static List<byte[]> Fields(byte[] message, int field)
    {
        List<byte[]> found = [];
        CodedInputStream input = new(message);
        while (input.ReadTag() is var tag and not 0)
        {
            if (WireFormat.GetTagWireType(tag) is not WireFormat.WireType.LengthDelimited) input.SkipLastField();
            else if (input.ReadBytes() is var bytes && WireFormat.GetTagFieldNumber(tag) == field) found.Add(bytes.ToByteArray());
        }

        return found;
    }
}
