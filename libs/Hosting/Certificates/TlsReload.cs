using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Claims.Hosting;

/// <summary>
/// Looks at the files of TLS every two seconds: Kubernetes puts a renewed secret in place by a symbolic link, of which no notice of the
/// file system tells. A connection goes on with what it began with; a new one, and a call on one that is trusted no longer, meets the new
/// files.
/// </summary>
internal sealed class TlsReload : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    private readonly Tls _tls;
    private readonly TimeProvider _time;
    private readonly ILogger<TlsReload> _logger;
    private readonly Meter _meter = new("Claims.Hosting");
    private DateTimeOffset? _toldOverdue;
    private int _isUnusable;

    public TlsReload(Tls tls, TimeProvider time, ILogger<TlsReload> logger)
    {
        _tls = tls;
        _time = time;
        _logger = logger;
        _meter.CreateObservableGauge("claims_certificate_files_broken", () => Volatile.Read(ref _isUnusable),
            description: "1 while the files of TLS have changed and cannot be read: what they held before is in use.");
        if (!tls.HasRevocations) return;
        _meter.CreateObservableGauge("claims_revocation_list_due_timestamp_seconds", () => _tls.RevocationsDue?.ToUnixTimeSeconds() ?? 0,
            description: "By when the authority promised another list of what it has taken back, in seconds since 1970; 0 without a "
                + "promise.");
    }

    /// <summary>Whether the files have changed and cannot be read.</summary>
    public bool IsUnusable => Volatile.Read(ref _isUnusable) == 1;

    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Period, _time);
        try
        {
            do
            {
                Look();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    internal void Look()
    {
        try
        {
            if (_tls.ReadAgain())
            {
                Volatile.Write(ref _isUnusable, 0);
                _logger.LogInformation(new EventId(1, "certificates_read"),
                    "The files of TLS have changed and are read; the certificate holds until {NotAfter:u}.",
                    _tls.Certificate.NotAfter.ToUniversalTime());
            }
        }
        catch (SettingsException exception)
        {
            Volatile.Write(ref _isUnusable, 1);
            _logger.LogError(new EventId(2, "certificates_unusable"),
                "The files of TLS have changed and cannot be used; what they held before stays in use. {Reason}", exception.Errors[0]);
        }

        if (_tls.RevocationsDue is not { } due || due > _time.GetUtcNow() || due == _toldOverdue) return;
        _toldOverdue = due;
        _logger.LogWarning(new EventId(3, "revocation_list_overdue"),
            "The list of certificates that were taken back is overdue since {Due:u}; it stays in use.", due);
    }
}
