using System.Diagnostics.Metrics;

namespace Hosting.Tests;

/// <summary>What the instruments of a meter measure, under one label or under none.</summary>
internal sealed class Measured : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, double> _sums = new(StringComparer.Ordinal);
    private readonly (string Name, string Value)? _label;
    private readonly int? _thread;

    /// <param name="label">Only measurements that have it.</param>
    /// <param name="ofThisThread">Only what the calling thread measures.</param>
    public Measured(string meter, (string Name, string Value)? label = null, bool ofThisThread = false)
    {
        _label = label;
        _thread = ofThisThread ? Environment.CurrentManagedThreadId : null;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == meter) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public double Sum(string instrument)
    {
        lock (_sums) return _sums.GetValueOrDefault(instrument);
    }

    /// <summary>What an observable instrument says now.</summary>
    public double Observe(string instrument)
    {
        lock (_sums) _sums.Remove(instrument);
        _listener.RecordObservableInstruments();
        return Sum(instrument);
    }

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (_thread is { } thread && thread != Environment.CurrentManagedThreadId) return;
        if (_label is { } label && !tags.ToArray().Contains(new(label.Name, label.Value))) return;
        lock (_sums) _sums[instrument.Name] = _sums.GetValueOrDefault(instrument.Name) + value;
    }
}
