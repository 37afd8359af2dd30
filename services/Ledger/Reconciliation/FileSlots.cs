namespace Claims.Ledger.Reconciliation;

/// <summary>How many files are compared at once: each holds a connection and temporary tables for as long as it takes to arrive.</summary>
internal sealed class FileSlots : IDisposable
{
    private const int MostFilesAtOnce = 4;

    private readonly SemaphoreSlim _files = new(MostFilesAtOnce);

    /// <returns>To be disposed of when the file has been compared.</returns>
    /// <exception cref="TooManyFilesException">Others are being compared.</exception>
    public IDisposable Take() => _files.Wait(TimeSpan.Zero) ? new Slot(_files) : throw new TooManyFilesException(MostFilesAtOnce);

    public void Dispose() => _files.Dispose();

    private sealed class Slot(SemaphoreSlim files) : IDisposable
    {
        public void Dispose() => files.Release();
    }
}

/// <summary>As many files as may be are being compared.</summary>
internal sealed class TooManyFilesException(int most) : Exception($"{most} files are being compared already; try again later");
