using System.Runtime.InteropServices;

namespace Claims.Kafka;

/// <summary>
/// Keeps signals from the threads that are made meanwhile. .NET handles SIGCONT, on whichever thread the kernel picks; librdkafka's broker
/// takes the poll that it interrupts for an error and serves nobody any more, while the process goes on.
/// </summary>
internal sealed partial class BlockedSignals : IDisposable
{
    private const int SetMask = 2;

    // sigset_t of glibc on Linux: 1024 bits.
    private const int SetBytes = 128;

    private readonly byte[] _before = new byte[SetBytes];

    /// <summary>On this thread, which <see cref="Dispose"/> must run on too.</summary>
    public BlockedSignals()
    {
        byte[] all = new byte[SetBytes];
        _ = sigfillset(all);
        _ = pthread_sigmask(SetMask, all, _before);
    }

    public void Dispose() => _ = pthread_sigmask(SetMask, _before, new byte[SetBytes]);

    [LibraryImport("libc")]
    private static partial int sigfillset([Out] byte[] set);

    [LibraryImport("libc")]
    private static partial int pthread_sigmask(int how, [In] byte[] set, [Out] byte[] before);
}
