namespace Claims.SystemTests;

/// <summary>For what xunit would dispose of, had it made it.</summary>
internal sealed class DisposeAfter(Func<Task> dispose) : IAsyncDisposable
{
    public async ValueTask DisposeAsync() => await dispose();
}
