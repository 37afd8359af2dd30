using System.Diagnostics;
using System.Globalization;
using System.Text;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.LocalSystem;
using Claims.LoadTests.Hospitals;
using Claims.V1;

namespace Claims.LoadTests.Registry;

/// <param name="Seconds">To take a file of a million insured into an empty registry.</param>
/// <param name="AgainSeconds">To find that the same file says nothing new.</param>
/// <param name="LookupMicroseconds">Of one insured, of look-ups with five hundred each, over gRPC.</param>
public sealed record ImportFigures(double Seconds, double AgainSeconds, double LookupMicroseconds);

/// <summary>How fast the registry takes a million insured, and finds them: a system of its own, once.</summary>
public static class ImportBench
{
    private const int Rows = 1_000_000;
    private const int Lookups = 400;
    private const int InLookup = 500;

    public static async Task<ImportFigures> MeasureAsync(CancellationToken cancellationToken)
    {
        await using TemporarySystem system = await TemporarySystem.StartAsync("bench", CityPolicy.Shipped, _ => { }, cancellationToken);
        using Services services = new(system.Layout);
        double first = await ImportAsync(services, "import of a million insured 导入", cancellationToken);
        double again = await ImportAsync(services, "the same file again 再次导入", cancellationToken);
        return new ImportFigures(first, again, await LookUpAsync(services, cancellationToken));
    }

    private static async Task<double> ImportAsync(Services services, string title, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        await Progress.ShowAsync(title, Rows, async told =>
        {
            await using PeopleCsv csv = new(Rows, told);
            await ImportCommand.RunAsync(services, ImportKind.Insured, "insured.csv", csv, cancellationToken);
        });
        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private static async Task<double> LookUpAsync(Services services, CancellationToken cancellationToken)
    {
        Eligibility.EligibilityClient client = new(services.Connect(services.Layout.EligibilityAddress));
        Random random = new(1);
        // The first are for the compiler.
        for (int warmUp = 0; warmUp < Lookups / 4; warmUp++) await OneAsync();
        long begun = Stopwatch.GetTimestamp();
        for (int lookup = 0; lookup < Lookups; lookup++) await OneAsync();
        return Stopwatch.GetElapsedTime(begun).TotalMicroseconds / Lookups / InLookup;

        async Task OneAsync()
        {
            LookupRequest request = new() { Enrolled = true };
            for (int insured = 0; insured < InLookup; insured++) request.InsuredIds.Add(Workload.InsuredId(random.Next(Rows)));
            await client.LookupAsync(request, null, DateTime.UtcNow.AddSeconds(30), cancellationToken);
        }
    }

    /// <summary>A file of so many people that is written as it is read.</summary>
    private sealed class PeopleCsv(int rows, Action told) : Stream
    {
        private const int RowsAtATime = 1_000;
        private byte[] _piece = Encoding.UTF8.GetBytes(
            "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n");
        private int _at;
        private int _written;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            if (_at == _piece.Length && !Next()) return 0;
            int read = Math.Min(buffer.Length, _piece.Length - _at);
            _piece.AsSpan(_at, read).CopyTo(buffer);
            _at += read;
            return read;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private bool Next()
        {
            StringBuilder some = new();
            for (int row = 0; row < RowsAtATime && _written < rows; row++, _written++)
            {
                some.Append(CultureInfo.InvariantCulture,
                    $"{Workload.InsuredId(_written)},示范,resident,410105,general,2025,2024-11-05,1980-01-01,\n");
                told();
            }

            (_piece, _at) = (Encoding.UTF8.GetBytes(some.ToString()), 0);
            return _piece.Length > 0;
        }
    }
}
