namespace Claims.Cli.Tests.Backups;

/// <summary>Books of which a backup was taken behind the first of four records, each with its segment of WAL; the system is
/// down.</summary>
public sealed class BackedUpBooks : IAsyncLifetime
{
    public SmallBooks Books { get; private set; } = null!;

    /// <summary>Moments behind the second, third and fourth record.</summary>
    public List<DateTimeOffset> Behind { get; } = [];

    public async Task InitializeAsync()
    {
        Books = await SmallBooks.StartAsync();
        await Books.BookAsync();
        await Books.BackUpAsync();
        for (int record = 2; record <= 4; record++) Behind.Add(await Books.BookAsync());
        await Books.StopAsync();
    }

    public async Task DisposeAsync() => await Books.DisposeAsync();
}
