using Claims.Hosting;
using Grpc.Core;

namespace Adjudication.Tests;

/// <summary>A call that arrives without a connection.</summary>
internal sealed class TestCall : ServerCallContext
{
    private readonly CancellationToken _cancellation;

    public TestCall(CancellationToken cancellation = default)
    {
        _cancellation = cancellation;
        this.Names(Identity.Local);
    }

    protected override string MethodCore => "/test";

    protected override string HostCore => "test";

    protected override string PeerCore => "test";

    protected override DateTime DeadlineCore => DateTime.MaxValue;

    protected override Metadata RequestHeadersCore { get; } = [];

    protected override CancellationToken CancellationTokenCore => _cancellation;

    protected override Metadata ResponseTrailersCore { get; } = [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore { get; } = new("", []);

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("Nothing is called on.");

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
}
