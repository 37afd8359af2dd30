using Grpc.Core;

namespace Adjudication.Tests;

/// <summary>What a stream has told, in its order.</summary>
internal sealed class Told<T> : IServerStreamWriter<T>
{
    public List<T> Messages { get; } = [];

    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message)
    {
        Messages.Add(message);
        return Task.CompletedTask;
    }
}
