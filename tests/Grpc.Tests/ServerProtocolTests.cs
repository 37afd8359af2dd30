using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.V1;

namespace Grpc.Tests;

/// <summary>What the server says to requests that no gRPC library would send.</summary>
public sealed class ServerProtocolTests : IAsyncLifetime
{
    private static readonly byte[] Empty = FrameTests.Frame([]);

    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync();

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _server.AssertNoErrors();
    }

    [Theory]
    [InlineData("application/grpc")]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc; charset=utf-8")]
    public async Task Content_type_of_grpc_is_served(string contentType)
    {
        RawResponse response = await _server.Raw.SendAsync(HttpMethod.Post, RawClient.EmptyCall, new ByteArrayContent(Empty), contentType);
        Assert.Equal("0", response.GrpcStatus);
        Assert.False(response.TrailersOnly);
        Assert.Equal(Empty, response.Body);
        Assert.Equal("identity,gzip", response.Headers["grpc-accept-encoding"]);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpc+json")]
    [InlineData("application/grpcx")]
    public async Task Content_type_of_something_else_is_415(string contentType)
    {
        RawResponse response = await _server.Raw.SendAsync(HttpMethod.Post, RawClient.EmptyCall, new ByteArrayContent(Empty), contentType);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.Http);
        Assert.Null(response.GrpcStatus);
    }

    [Fact]
    public async Task Content_type_that_is_missing_is_415()
    {
        RawResponse response = await _server.Raw.SendAsync(HttpMethod.Post, RawClient.EmptyCall, new ByteArrayContent(Empty), contentType: null);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.Http);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Method_other_than_post_is_405(string method)
    {
        RawResponse response = await _server.Raw.SendAsync(new HttpMethod(method), RawClient.EmptyCall, null, null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.Http);
    }

    [Theory]
    [InlineData("/claims.grpctest.v1.TestService/NoSuchMethod", "Method is unimplemented.")]
    [InlineData("/no.such.Service/Method", "Service is unimplemented.")]
    public async Task Path_that_is_not_served_is_unimplemented(string path, string message)
    {
        RawResponse response = await _server.Raw.PostAsync(path, Empty);
        Assert.Equal(HttpStatusCode.OK, response.Http);
        Assert.True(response.TrailersOnly);
        Assert.Equal(("12", message), (response.GrpcStatus, response.GrpcMessage));
    }

    [Fact]
    public async Task Path_that_is_not_served_without_grpc_is_404()
    {
        RawResponse response = await _server.Raw.SendAsync(HttpMethod.Post, "/no.such.Service/Method", new ByteArrayContent(Empty), "application/json");
        Assert.Equal(HttpStatusCode.NotFound, response.Http);
    }

    [Fact]
    public async Task Error_before_any_message_is_trailers_only_with_an_encoded_message()
    {
        SimpleRequest request = new() { ResponseStatus = new EchoStatus { Code = (int)StatusCode.NotFound, Message = "没有\n100%" } };
        RawResponse response = await _server.Raw.PostAsync(RawClient.UnaryCall, FrameTests.Frame(request.ToByteArray()));
        Assert.Equal(HttpStatusCode.OK, response.Http);
        Assert.True(response.TrailersOnly);
        Assert.Equal("5", response.GrpcStatus);
        Assert.Equal("%E6%B2%A1%E6%9C%89%0A100%25", response.GrpcMessage);
        Assert.Empty(response.Body);
    }

    [Fact]
    public async Task Unary_call_without_a_message_is_a_cardinality_violation() =>
        await AssertStatusAsync(StatusCode.Unimplemented, RawClient.EmptyCall, []);

    [Fact]
    public async Task Unary_call_with_two_messages_is_a_cardinality_violation() =>
        await AssertStatusAsync(StatusCode.Unimplemented, RawClient.EmptyCall, [.. Empty, .. Empty]);

    [Fact]
    public async Task Server_streaming_call_without_a_message_is_a_cardinality_violation() =>
        await AssertStatusAsync(StatusCode.Unimplemented, RawClient.StreamingOutputCall, []);

    [Theory]
    [InlineData(RawClient.EmptyCall)]
    [InlineData(RawClient.FullDuplexCall)]
    public async Task Body_that_ends_within_a_header_is_internal(string path) => await AssertStatusAsync(StatusCode.Internal, path, [0, 0]);

    [Theory]
    [InlineData(RawClient.EmptyCall)]
    [InlineData(RawClient.FullDuplexCall)]
    public async Task Body_that_ends_within_a_payload_is_internal(string path) => await AssertStatusAsync(StatusCode.Internal, path, [.. FrameTests.Header(0, 10), 1, 2]);

    [Theory]
    [InlineData(RawClient.EmptyCall)]
    [InlineData(RawClient.FullDuplexCall)]
    public async Task Payload_that_is_no_protobuf_is_internal(string path) => await AssertStatusAsync(StatusCode.Internal, path, FrameTests.Frame([0xff, 0xff, 0xff]));

    [Theory]
    [InlineData(RawClient.EmptyCall)]
    [InlineData(RawClient.FullDuplexCall)]
    public async Task Compressed_flag_that_is_unknown_is_internal(string path) => await AssertStatusAsync(StatusCode.Internal, path, FrameTests.Header(7, 0));

    [Fact]
    public async Task Compressed_message_without_an_encoding_is_internal() =>
        await AssertStatusAsync(StatusCode.Internal, RawClient.EmptyCall, FrameTests.GzipFrame([]));

    [Fact]
    public async Task Encoding_that_is_unknown_is_unimplemented_and_names_what_is_known()
    {
        RawResponse response = await _server.Raw.PostAsync(RawClient.EmptyCall, Empty, ("grpc-encoding", "snappy"));
        Assert.Equal("12", response.GrpcStatus);
        Assert.Equal("identity,gzip", response.Headers["grpc-accept-encoding"]);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("identity")]
    public async Task Encoding_that_is_known_is_served(string encoding)
    {
        byte[] frame = encoding == "gzip" ? FrameTests.GzipFrame([]) : Empty;
        RawResponse response = await _server.Raw.PostAsync(RawClient.EmptyCall, frame, ("grpc-encoding", encoding));
        Assert.Equal("0", response.GrpcStatus);
    }

    [Theory]
    [InlineData(RawClient.EmptyCall)]
    [InlineData(RawClient.FullDuplexCall)]
    public async Task Message_above_four_mebibytes_is_resource_exhausted(string path) =>
        await AssertStatusAsync(StatusCode.ResourceExhausted, path, FrameTests.Header(0, (4 * 1024 * 1024) + 1));

    [Theory]
    [InlineData("abc")]
    [InlineData("1")]
    [InlineData("-1S")]
    [InlineData("123456789S")]
    public async Task Timeout_that_is_malformed_is_internal(string timeout)
    {
        RawResponse response = await _server.Raw.PostAsync(RawClient.EmptyCall, Empty, ("grpc-timeout", timeout));
        Assert.Equal("13", response.GrpcStatus);
    }

    [Theory]
    [InlineData("99999999H")]
    [InlineData("20S")]
    public async Task Timeout_that_is_long_is_served(string timeout)
    {
        RawResponse response = await _server.Raw.PostAsync(RawClient.EmptyCall, Empty, ("grpc-timeout", timeout));
        Assert.Equal("0", response.GrpcStatus);
    }

    [Theory]
    [InlineData("50m")]
    [InlineData("0n")]
    public async Task Deadline_on_a_sleeping_server_is_answered_by_the_server(string timeout)
    {
        SimpleRequest request = new() { SleepMilliseconds = 30_000 };
        RawResponse response = await _server.Raw.PostAsync(RawClient.UnaryCall, FrameTests.Frame(request.ToByteArray()), ("grpc-timeout", timeout));
        Assert.Equal("4", response.GrpcStatus);
        Assert.True(response.TrailersOnly);
    }

    [Fact]
    public async Task Deadline_after_the_first_streamed_response_is_answered_in_the_trailers()
    {
        StreamingOutputRequest request = new()
        {
            ResponseParameters = { new ResponseParameters { Bytes = 3 }, new ResponseParameters { Bytes = 3, SleepMilliseconds = 30_000 } },
        };
        RawResponse response = await _server.Raw.PostAsync(RawClient.StreamingOutputCall, FrameTests.Frame(request.ToByteArray()), ("grpc-timeout", "300m"));
        Assert.Equal("4", response.GrpcStatus);
        Assert.False(response.TrailersOnly);
        Assert.NotEmpty(response.Body);
    }

    [Fact]
    public async Task Deadline_that_races_the_handler_never_breaks_the_server()
    {
        SimpleRequest request = new() { SleepMilliseconds = 5, ResponseBytes = 100 };
        byte[] frame = FrameTests.Frame(request.ToByteArray());
        RawResponse[] responses = await Task.WhenAll(Enumerable.Range(0, 300).Select(i =>
            _server.Raw.PostAsync(RawClient.UnaryCall, frame, ("grpc-timeout", $"{3000 + (i * 20)}u"))));
        Assert.All(responses, response => Assert.Contains(response.GrpcStatus, new[] { "0", "4" }));
        Assert.Equal("0", (await _server.Raw.PostAsync(RawClient.EmptyCall, Empty)).GrpcStatus);
    }

    [Fact]
    public async Task Binary_metadata_that_is_no_base64_is_internal()
    {
        RawResponse response = await _server.Raw.PostAsync(RawClient.EmptyCall, Empty, (TestServiceImplementation.EchoTrailingKey, "????"));
        Assert.Equal("13", response.GrpcStatus);
    }

    [Theory]
    [InlineData("q6ur")]
    [InlineData("qw")]
    [InlineData("qw==")]
    public async Task Binary_metadata_with_or_without_padding_comes_back_unpadded(string value)
    {
        RawResponse response = await _server.Raw.PostAsync(RawClient.EmptyCall, Empty, (TestServiceImplementation.EchoTrailingKey, value));
        Assert.Equal(value.TrimEnd('='), response.Trailers[TestServiceImplementation.EchoTrailingKey]);
    }

    [Fact]
    public async Task Server_that_got_every_malformed_request_still_serves()
    {
        byte[][] bodies = [[], [0], [1, 0, 0, 0, 0], [9, 9, 9, 9, 9], [0, 255, 255, 255, 255], FrameTests.Frame([0xff])];
        string[] paths = [RawClient.EmptyCall, RawClient.UnaryCall, RawClient.StreamingOutputCall, RawClient.FullDuplexCall, "/claims.grpctest.v1.TestService/StreamingInputCall"];
        await Task.WhenAll(Enumerable.Range(0, 10).SelectMany(_ => paths.SelectMany(path => bodies.Select(body => _server.Raw.PostAsync(path, body)))));
        Assert.Equal("0", (await _server.Raw.PostAsync(RawClient.EmptyCall, Empty)).GrpcStatus);
    }

    private async Task AssertStatusAsync(StatusCode expected, string path, byte[] body)
    {
        RawResponse response = await _server.Raw.PostAsync(path, body);
        Assert.Equal(HttpStatusCode.OK, response.Http);
        Assert.Equal(((int)expected).ToString(System.Globalization.CultureInfo.InvariantCulture), response.GrpcStatus);
    }
}
