using System.Net;
using System.Net.Http.Headers;
using Grpc.Net.Client;

namespace Grpc.Tests;

/// <summary>Sends bytes of the test's choice as a gRPC request, and reads what comes back without judging it.</summary>
internal sealed class RawClient(Uri address) : IDisposable
{
    private readonly HttpMessageInvoker _http = new(GrpcChannel.CreateHandler());

    public const string UnaryCall = "/claims.grpctest.v1.TestService/UnaryCall";
    public const string EmptyCall = "/claims.grpctest.v1.TestService/EmptyCall";
    public const string StreamingOutputCall = "/claims.grpctest.v1.TestService/StreamingOutputCall";
    public const string FullDuplexCall = "/claims.grpctest.v1.TestService/FullDuplexCall";

    public Task<RawResponse> PostAsync(string path, byte[] body, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, new ByteArrayContent(body), "application/grpc", headers);

    public async Task<RawResponse> SendAsync(HttpMethod method, string path, HttpContent? content, string? contentType, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(method, new Uri(address, path)) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        if (content is not null && contentType is not null)
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        foreach ((string name, string value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(20));
        using HttpResponseMessage response = await _http.SendAsync(request, limit.Token);
        byte[] body = await response.Content.ReadAsByteArrayAsync(limit.Token);
        return new RawResponse(response.StatusCode, body, Of(response, response.Headers), Of(response, response.TrailingHeaders));
    }

    public void Dispose() => _http.Dispose();

    private static Dictionary<string, string> Of(HttpResponseMessage response, HttpResponseHeaders headers)
    {
        Dictionary<string, string> all = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, HeaderStringValues values) in headers.NonValidated)
            all[name] = values.ToString();
        return all;
    }
}

internal sealed record RawResponse(HttpStatusCode Http, byte[] Body, IReadOnlyDictionary<string, string> Headers, IReadOnlyDictionary<string, string> Trailers)
{
    /// <summary>The status is in the headers: nothing else was sent.</summary>
    public bool TrailersOnly => Headers.ContainsKey("grpc-status");
    public string? GrpcStatus => Headers.GetValueOrDefault("grpc-status") ?? Trailers.GetValueOrDefault("grpc-status");
    public string? GrpcMessage => Headers.GetValueOrDefault("grpc-message") ?? Trailers.GetValueOrDefault("grpc-message");
}
