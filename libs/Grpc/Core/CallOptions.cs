namespace Grpc.Core;

/// <summary>What one call carries besides its messages. <see cref="Deadline"/> is in UTC; null means none.</summary>
public readonly struct CallOptions : IEquatable<CallOptions>
{
    public CallOptions(Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default, WriteOptions? writeOptions = null)
    {
        Headers = headers;
        Deadline = deadline;
        CancellationToken = cancellationToken;
        WriteOptions = writeOptions;
    }

    public Metadata? Headers { get; private init; }
    public DateTime? Deadline { get; private init; }
    public CancellationToken CancellationToken { get; private init; }
    public WriteOptions? WriteOptions { get; private init; }

    public CallOptions WithHeaders(Metadata headers) => this with { Headers = headers };
    public CallOptions WithDeadline(DateTime deadline) => this with { Deadline = deadline };
    public CallOptions WithCancellationToken(CancellationToken cancellationToken) => this with { CancellationToken = cancellationToken };
    public CallOptions WithWriteOptions(WriteOptions writeOptions) => this with { WriteOptions = writeOptions };

    public bool Equals(CallOptions other) =>
        Headers == other.Headers && Deadline == other.Deadline && CancellationToken == other.CancellationToken && WriteOptions == other.WriteOptions;

    public override bool Equals(object? obj) => obj is CallOptions other && Equals(other);
    public override int GetHashCode() => HashCode.Combine(Headers, Deadline, CancellationToken, WriteOptions);
    public static bool operator ==(CallOptions left, CallOptions right) => left.Equals(right);
    public static bool operator !=(CallOptions left, CallOptions right) => !left.Equals(right);
}
