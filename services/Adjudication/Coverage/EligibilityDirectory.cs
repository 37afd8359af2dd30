using System.Collections.Immutable;
using System.Globalization;
using System.Threading.Channels;
using Claims.Adjudication.Rules;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Caching.Memory;

namespace Claims.Adjudication.Coverage;

/// <summary>Neither the cache nor the Eligibility service could tell: nothing may be decided.</summary>
public sealed class EligibilityUnavailableException(Exception cause) : Exception("Eligibility does not answer.", cause);

/// <summary>
/// Facilities and enrolments as Eligibility knows them, asked in batches and held for a bounded time in a bounded cache.
/// Only what is known is held: an unknown code is asked again each time, so an import takes effect at once for it.
/// </summary>
public sealed class EligibilityDirectory : BackgroundService
{
    private const int LargestBatch = 500;
    private const int BatchesInFlight = 4;

    /// <summary>
    /// From one batch to the next. A question that comes later than this is asked at once; under load they gather, since a call with one
    /// question costs nearly what one with ten does.
    /// </summary>
    private static readonly TimeSpan BetweenBatches = TimeSpan.FromMilliseconds(5);

    /// <summary>With the last question's own at most 5 000, Eligibility's bound: a request has at most 500 lines.</summary>
    private const int MostItems = 5_000 - FeeLines.Most;
    private const int LongestQueue = 20_000;
    private static readonly TimeSpan WatchRetry = TimeSpan.FromSeconds(1);

    private readonly Eligibility.EligibilityClient _eligibility;
    private readonly LookupCall _lookup;
    private readonly TimeSpan _held;
    private readonly MemoryCache _facilities;
    private readonly MemoryCache _insured;
    private readonly MemoryCache _items;
    private readonly TimeProvider _time;
    private readonly ILogger<EligibilityDirectory> _log;
    private readonly Channel<Question> _questions = Channel.CreateBounded<Question>(LongestQueue);
    private readonly SemaphoreSlim _gathering = new(1, 1);
    private long _gatheredAt;
    private long _version;

    /// <summary>One batched look-up, with its time limit, retries and breaker.</summary>
    public delegate Task<LookupReply> LookupCall(LookupRequest request, CancellationToken cancellation);

    public EligibilityDirectory(Eligibility.EligibilityClient eligibility, LookupCall lookup, AdjudicationSettings settings, TimeProvider time, ILogger<EligibilityDirectory> log)
    {
        _eligibility = eligibility;
        _lookup = lookup;
        _held = TimeSpan.FromSeconds(settings.EligibilityCacheSeconds);
        _facilities = new MemoryCache(new MemoryCacheOptions { SizeLimit = settings.EligibilityCacheEntries / 10 });
        _insured = new MemoryCache(new MemoryCacheOptions { SizeLimit = settings.EligibilityCacheEntries });
        _items = new MemoryCache(new MemoryCacheOptions { SizeLimit = settings.EligibilityCacheEntries });
        _time = time;
        _log = log;
    }

    /// <param name="itemCodes">Items of the visit's fee lines.</param>
    /// <exception cref="EligibilityUnavailableException">Neither the cache nor the service could tell.</exception>
    public ValueTask<Known> FindAsync(string facilityCode, string insuredId, IReadOnlyCollection<string> itemCodes)
    {
        bool facilityHeld = _facilities.TryGetValue(facilityCode, out FacilityTerms? facility);
        bool insuredHeld = _insured.TryGetValue(insuredId, out InsuredTerms? insured);
        AdjudicationMetrics.Lookup("facility", facilityHeld);
        AdjudicationMetrics.Lookup("insured", insuredHeld);
        ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> items = Known.NoItems;
        List<string>? asked = null;
        foreach (string code in itemCodes)
        {
            bool held = _items.TryGetValue(code, out ImmutableArray<CatalogueTerms> periods);
            AdjudicationMetrics.Lookup("item", held);
            if (held) items = items.SetItem(code, periods);
            else (asked ??= []).Add(code);
        }

        Known known = new(facility, insured, items);
        return facilityHeld && insuredHeld && asked is null
            ? ValueTask.FromResult(known)
            : AskAsync(known, new Question(facilityHeld ? null : facilityCode, insuredHeld ? null : insuredId, asked ?? []));
    }

    public override void Dispose()
    {
        base.Dispose();
        _facilities.Dispose();
        _insured.Dispose();
        _items.Dispose();
        _gathering.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll([WatchAsync(stoppingToken), .. Enumerable.Range(0, BatchesInFlight).Select(_ => AskAsync(stoppingToken))]);

    private async ValueTask<Known> AskAsync(Known held, Question question)
    {
        if (!_questions.Writer.TryWrite(question)) throw new EligibilityUnavailableException(new InvalidOperationException($"{LongestQueue} look-ups are waiting."));
        Known found = await question.Answer.Task;
        return new Known(held.Facility ?? found.Facility, held.Insured ?? found.Insured, held.Items.AddRange(found.Items));
    }

    private async Task AskAsync(CancellationToken cancellation)
    {
        List<Question> batch = new(LargestBatch);
        try
        {
            while (await GatherAsync(batch, cancellation))
            {
                await AnswerAsync(batch, cancellation);
                batch.Clear();
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            foreach (Question question in batch) question.Answer.TrySetException(new EligibilityUnavailableException(new OperationCanceledException("The service is stopping.")));
        }
    }

    /// <returns>False when there will be no more.</returns>
    private async Task<bool> GatherAsync(List<Question> batch, CancellationToken cancellation)
    {
        await _gathering.WaitAsync(cancellation);
        try
        {
            if (!await _questions.Reader.WaitToReadAsync(cancellation)) return false;
            TimeSpan early = BetweenBatches - _time.GetElapsedTime(_gatheredAt);
            if (early > TimeSpan.Zero) await Task.Delay(early, _time, cancellation);
            int items = 0;
            while (batch.Count < LargestBatch && items < MostItems && _questions.Reader.TryRead(out Question? question))
            {
                batch.Add(question);
                items += question.ItemCodes.Count;
            }

            _gatheredAt = _time.GetTimestamp();
            return true;
        }
        finally
        {
            _gathering.Release();
        }
    }

    private async Task AnswerAsync(List<Question> batch, CancellationToken cancellation)
    {
        LookupRequest request = new();
        request.FacilityCodes.AddRange(batch.Select(question => question.FacilityCode).OfType<string>().Distinct(StringComparer.Ordinal));
        request.InsuredIds.AddRange(batch.Select(question => question.InsuredId).OfType<string>().Distinct(StringComparer.Ordinal));
        request.ItemCodes.AddRange(batch.SelectMany(question => question.ItemCodes).Distinct(StringComparer.Ordinal));
        try
        {
            LookupReply reply = await _lookup(request, cancellation);
            Dictionary<string, FacilityTerms> facilities = reply.Facilities.Select(ToTerms).ToDictionary(facility => facility.Code, StringComparer.Ordinal);
            Dictionary<string, InsuredTerms> insured = reply.Insured.Select(ToTerms).ToDictionary(person => person.InsuredId, StringComparer.Ordinal);

            Dictionary<string, ImmutableArray<CatalogueTerms>> items = reply.Items.Select(ToTerms)
                .GroupBy(item => item.ItemCode, StringComparer.Ordinal)
                .ToDictionary(periods => periods.Key, periods => periods.ToImmutableArray(), StringComparer.Ordinal);

            // An answer read before the newest change is used once and not held.
            if (reply.Version >= Volatile.Read(ref _version))
            {
                foreach (FacilityTerms facility in facilities.Values) _facilities.Set(facility.Code, facility, Hold());
                foreach (InsuredTerms person in insured.Values) _insured.Set(person.InsuredId, person, Hold());
                foreach ((string code, ImmutableArray<CatalogueTerms> periods) in items) _items.Set(code, periods, Hold());
            }

            foreach (Question question in batch)
            {
                question.Answer.TrySetResult(new Known(
                    question.FacilityCode is null ? null : facilities.GetValueOrDefault(question.FacilityCode),
                    question.InsuredId is null ? null : insured.GetValueOrDefault(question.InsuredId),
                    question.ItemCodes.Where(items.ContainsKey).ToImmutableDictionary(code => code, code => items[code], StringComparer.Ordinal)));
            }
        }
        catch (Exception e)
        {
            EligibilityUnavailableException failure = new(e);
            foreach (Question question in batch) question.Answer.TrySetException(failure);
            if (e is OperationCanceledException && cancellation.IsCancellationRequested) throw;
        }
    }

    private MemoryCacheEntryOptions Hold() => new() { Size = 1, AbsoluteExpirationRelativeToNow = _held };

    private async Task WatchAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using AsyncServerStreamingCall<EligibilityVersion> call = _eligibility.WatchChanges(new WatchChangesRequest(), cancellationToken: cancellation);
                while (await call.ResponseStream.MoveNext(cancellation)) Advance(call.ResponseStream.Current.Version);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                if (!cancellation.IsCancellationRequested) _log.LogDebug(e, "Change notices of Eligibility are interrupted; what is held runs out by itself");
            }

            await Task.Delay(WatchRetry, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Advance(long version)
    {
        if (version == Volatile.Read(ref _version)) return;
        Volatile.Write(ref _version, version);
        _facilities.Clear();
        _insured.Clear();
        _items.Clear();
    }

    private static FacilityTerms ToTerms(Facility facility) => new(
        facility.FacilityCode,
        facility.County,
        Tiers.Of(facility.AdminLevel, facility.Grade),
        DateOrNull(facility.PooledFrom),
        DateOrNull(facility.PooledTo));

    private static CatalogueTerms ToTerms(CatalogueItem item) => new(
        item.ItemCode,
        item.ItemClass,
        item.FirstSelfPayBp,
        item.HasPriceLimitMilliFen ? item.PriceLimitMilliFen : null,
        DateOrNull(item.ValidFrom) ?? DateOnly.MinValue,
        DateOrNull(item.ValidTo));

    private static InsuredTerms ToTerms(Insured insured) => new(
        insured.InsuredId,
        [.. insured.Coverages.Select(row => new EnrolmentTerms(
            row.PlanYear,
            Shared(row.Scheme),
            Shared(row.County),
            row.Paid,
            DateOrNull(row.WaitingFrom) ?? DateOnly.MaxValue,
            DateOrNull(row.CoveredFrom) ?? DateOnly.MaxValue,
            DateOrNull(row.CoveredTo) ?? DateOnly.MinValue))]);

    /// <summary>One text for all who have the same: what is held of an insured is few objects, since a full collection visits every one of them.</summary>
    private static string Shared(string word) => string.Intern(word);

    private static DateOnly? DateOrNull(string date) => date.Length == 0 ? null : DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    private sealed record Question(string? FacilityCode, string? InsuredId, IReadOnlyCollection<string> ItemCodes)
    {
        public TaskCompletionSource<Known> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>What Eligibility knows of a visit; null or absent where it does not know the code.</summary>
public readonly record struct Known(FacilityTerms? Facility, InsuredTerms? Insured, ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> Items)
{
    public static ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> NoItems { get; } = ImmutableDictionary.Create<string, ImmutableArray<CatalogueTerms>>(StringComparer.Ordinal);
}
