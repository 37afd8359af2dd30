using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Threading.Channels;
using BitFaster.Caching;
using BitFaster.Caching.Lru;
using Claims.Rules;
using Claims.V1;
using Grpc.Core;

namespace Claims.Adjudication.Coverage;

/// <summary>Neither the cache nor the Eligibility service knows: nothing may be decided.</summary>
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
    private static readonly TimeSpan BetweenBatches = TimeSpan.FromMilliseconds(2);

    /// <summary>With the last question's own at most 5 000, Eligibility's bound: a request has at most 500 lines.</summary>
    private const int MostItems = 5_000 - FeeLines.Most;
    private const int LongestQueue = 20_000;
    private static readonly string[] NoCodes = [];
    private static readonly TimeSpan WatchRetry = TimeSpan.FromSeconds(1);

    private readonly Eligibility.EligibilityClient _eligibility;
    private readonly LookupCall _lookup;
    private readonly ICache<string, FacilityHistory> _facilities;
    private readonly ICache<string, InsuredTerms> _insured;
    private readonly ICache<string, ImmutableArray<CatalogueTerms>> _items;
    private readonly TimeProvider _time;
    private readonly ILogger<EligibilityDirectory> _log;
    private readonly Channel<Question> _questions = Channel.CreateBounded<Question>(LongestQueue);
    private readonly ConcurrentQueue<Question> _unused = new();
    private readonly SemaphoreSlim _gathering = new(1, 1);
    private long _gatheredAt;
    private long _version;

    /// <summary>One batched look-up, with its time limit, retries and breaker.</summary>
    public delegate Task<LookupReply> LookupCall(LookupRequest request, CancellationToken cancellation);

    public EligibilityDirectory(Eligibility.EligibilityClient eligibility, LookupCall lookup, AdjudicationSettings settings,
        TimeProvider time, ILogger<EligibilityDirectory> log)
    {
        _eligibility = eligibility;
        _lookup = lookup;
        TimeSpan held = TimeSpan.FromSeconds(settings.EligibilityCacheSeconds);
        _facilities = Cache<FacilityHistory>(settings.EligibilityCacheEntries / 10, held);
        _insured = Cache<InsuredTerms>(settings.EligibilityCacheEntries, held);
        _items = Cache<ImmutableArray<CatalogueTerms>>(settings.EligibilityCacheEntries, held);
        _time = time;
        _log = log;
    }

    /// <param name="itemCodes">Items of the visit's fee lines.</param>
    /// <exception cref="EligibilityUnavailableException">Neither the cache nor the service knows.</exception>
    public ValueTask<Known> FindAsync(string facilityCode, string insuredId, IReadOnlyCollection<string> itemCodes)
    {
        bool facilityHeld = _facilities.TryGet(facilityCode, out FacilityHistory? facility);
        bool insuredHeld = _insured.TryGet(insuredId, out InsuredTerms? insured);
        AdjudicationMetrics.Lookup(LookupKind.Facility, facilityHeld);
        AdjudicationMetrics.Lookup(LookupKind.Insured, insuredHeld);
        ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> items = Known.NoItems;
        List<string>? asked = null;
        foreach (string code in itemCodes)
        {
            bool held = _items.TryGet(code, out ImmutableArray<CatalogueTerms> periods);
            AdjudicationMetrics.Lookup(LookupKind.Item, held);
            if (held) items = items.SetItem(code, periods);
            else (asked ??= []).Add(code);
        }

        Known known = new(facility, insured, items);
        return facilityHeld && insuredHeld && asked is null
            ? ValueTask.FromResult(known)
            : AskAsync(known, facilityHeld ? null : facilityCode, insuredHeld ? null : insuredId, (IReadOnlyList<string>?)asked ?? NoCodes);
    }

    /// <returns>Null where the insured is unknown.</returns>
    /// <exception cref="EligibilityUnavailableException">Neither the cache nor the service could tell.</exception>
    public async ValueTask<InsuredTerms?> FindInsuredAsync(string insuredId)
    {
        bool held = _insured.TryGet(insuredId, out InsuredTerms? insured);
        AdjudicationMetrics.Lookup(LookupKind.Insured, held);
        return held ? insured : (await AskAsync(new Known(null, null, Known.NoItems), null, insuredId, NoCodes)).Insured;
    }

    /// <summary>Refuses what is still asked. Not part of the execution: a service that is stopped at once never begins it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        _questions.Writer.TryComplete();
        EligibilityUnavailableException stopping = new(new OperationCanceledException("The service is stopping."));
        while (_questions.Reader.TryRead(out Question? question)) question.Fail(stopping);
    }

    public override void Dispose()
    {
        base.Dispose();
        _gathering.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll([WatchAsync(stoppingToken), .. Enumerable.Range(0, BatchesInFlight).Select(_ => AskAsync(stoppingToken))]);

    private ValueTask<Known> AskAsync(Known held, string? facilityCode, string? insuredId, IReadOnlyList<string> itemCodes)
    {
        if (!_unused.TryDequeue(out Question? question)) question = new Question(_unused);
        question.Ask(held, facilityCode, insuredId, itemCodes);
        if (!_questions.Writer.TryWrite(question))
            question.Fail(new EligibilityUnavailableException(
                new InvalidOperationException($"{LongestQueue} look-ups are waiting, or the service is stopping.")));
        return question.Answered;
    }

    private async Task AskAsync(CancellationToken cancellation)
    {
        Batch batch = new();
        try
        {
            while (await GatherAsync(batch.Questions, cancellation))
            {
                await AnswerAsync(batch, cancellation);
                batch.Clear();
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The batch that was under way has had its failure already.
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

    private async Task AnswerAsync(Batch batch, CancellationToken cancellation)
    {
        try
        {
            LookupRequest request = batch.ToRequest();
            LookupReply reply;
            using (Activity? span = Traces.LookUp(batch.FirstTrace))
            {
                reply = await _lookup(request, cancellation);
                batch.TellTraces(span?.Context ?? default);
            }

            if (reply.Insured.Count > 0)
                throw new NotSupportedException("Eligibility is older than this service and has to be updated first.");
            foreach (Facility facility in reply.Facilities) batch.Facilities[facility.FacilityCode] = EligibilityTerms.Of(facility);
            foreach (Enrolled enrolled in reply.Enrolled)
            {
                string insured = request.InsuredIds[enrolled.Position];
                batch.Insured[insured] = EligibilityTerms.Of(insured, enrolled);
            }

            foreach (IGrouping<string, CatalogueTerms> periods in reply.Items.Select(EligibilityTerms.Of)
                .GroupBy(item => item.ItemCode, StringComparer.Ordinal))
                batch.Items[periods.Key] = [.. periods];

            // An answer read before the newest change is used once and not held.
            if (reply.Version >= Volatile.Read(ref _version))
            {
                foreach (FacilityHistory facility in batch.Facilities.Values) _facilities.AddOrUpdate(facility.Code, facility);
                foreach (InsuredTerms person in batch.Insured.Values) _insured.AddOrUpdate(person.InsuredId, person);
                foreach ((string code, ImmutableArray<CatalogueTerms> periods) in batch.Items) _items.AddOrUpdate(code, periods);
            }

            batch.Answer();
        }
        catch (Exception e)
        {
            batch.Fail(new EligibilityUnavailableException(e));
            if (e is OperationCanceledException && cancellation.IsCancellationRequested) throw;
        }
    }

    private static ICache<string, T> Cache<T>(int entries, TimeSpan held) =>
        new ConcurrentLruBuilder<string, T>().WithCapacity(entries).WithExpireAfterWrite(held).WithKeyComparer(StringComparer.Ordinal)
            .Build();

    private async Task WatchAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using AsyncServerStreamingCall<EligibilityVersion> call =
                    _eligibility.WatchChanges(new WatchChangesRequest(), cancellationToken: cancellation);
                while (await call.ResponseStream.MoveNext(cancellation)) Advance(call.ResponseStream.Current.Version);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                if (!cancellation.IsCancellationRequested)
                    _log.LogDebug(e, "Change notices of Eligibility are interrupted; what is held runs out by itself");
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

    /// <summary>One visit's, and who waits for the answer; used again once that has been taken.</summary>
    private sealed class Question(ConcurrentQueue<Question> unused) : Awaited<Known>
    {
        private Known _known;

        /// <summary>Null where it need not be asked.</summary>
        public string? FacilityCode { get; private set; }

        /// <summary>Null where it need not be asked.</summary>
        public string? InsuredId { get; private set; }

        public IReadOnlyList<string> ItemCodes { get; private set; } = NoCodes;

        /// <summary>Of the visit's call; default where it is not recorded.</summary>
        public ActivityContext Trace { get; private set; }

        public DateTimeOffset Since { get; private set; }

        public void Ask(Known held, string? facilityCode, string? insuredId, IReadOnlyList<string> itemCodes)
        {
            (_known, FacilityCode, InsuredId, ItemCodes) = (held, facilityCode, insuredId, itemCodes);
            Trace = Traces.OfCall();
            if (Trace.IsRecorded()) Since = DateTimeOffset.UtcNow;
        }

        public void Answer() => Tell(_known);

        /// <summary>Adds to what is held what was found of the rest.</summary>
        public void Complete(Batch batch) => _known = new(
            FacilityCode is null ? _known.Facility : batch.Facilities.GetValueOrDefault(FacilityCode),
            InsuredId is null ? _known.Insured : batch.Insured.GetValueOrDefault(InsuredId),
            ItemCodes.Count == 0
                ? _known.Items
                : _known.Items.AddRange(ItemCodes.Where(batch.Items.ContainsKey)
                .Select(code => KeyValuePair.Create(code, batch.Items[code]))));

        protected override void Release()
        {
            Ask(default, null, null, NoCodes);
            unused.Enqueue(this);
        }
    }

    /// <summary>The questions of one look-up and what was found; used again for the next.</summary>
    private sealed class Batch
    {
        // As with the store's replies: a work item of the thread pool for each costs more than what it does.
        private const int ToldAtATime = 16;

        private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

        public List<Question> Questions { get; } = new(LargestBatch);

        public Dictionary<string, FacilityHistory> Facilities { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, InsuredTerms> Insured { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, ImmutableArray<CatalogueTerms>> Items { get; } = new(StringComparer.Ordinal);

        /// <summary>Of the first visit whose call is recorded; default where none is.</summary>
        public ActivityContext FirstTrace
        {
            get
            {
                foreach (Question question in Questions)
                    if (question.Trace.IsRecorded()) return question.Trace;
                return default;
            }
        }

        /// <param name="lookUp">What they have waited for together.</param>
        public void TellTraces(ActivityContext lookUp)
        {
            if (!lookUp.IsRecorded()) return;
            foreach (Question question in Questions)
                Traces.Waited("eligibility.wait", question.Trace, question.Since, lookUp, "claims.batch_visits", Questions.Count);
        }

        /// <summary>Each code once.</summary>
        public LookupRequest ToRequest()
        {
            LookupRequest request = new() { Enrolled = true };
            foreach (Question question in Questions)
            {
                if (question.FacilityCode is { } code && _asked.Add(code)) request.FacilityCodes.Add(code);
            }

            _asked.Clear();
            foreach (Question question in Questions)
            {
                if (question.InsuredId is { } insured && _asked.Add(insured)) request.InsuredIds.Add(insured);
            }

            _asked.Clear();
            foreach (Question question in Questions)
            {
                foreach (string code in question.ItemCodes)
                {
                    if (_asked.Add(code)) request.ItemCodes.Add(code);
                }
            }

            _asked.Clear();
            return request;
        }

        public void Answer()
        {
            foreach (Question question in Questions) question.Complete(this);
            Tell(static question => question.Answer());
        }

        public void Fail(EligibilityUnavailableException failure) => Tell(question => question.Fail(failure));

        public void Clear()
        {
            Questions.Clear();
            Facilities.Clear();
            Insured.Clear();
            Items.Clear();
        }

        private void Tell(Action<Question> each)
        {
            // Their own: this batch is used again meanwhile.
            foreach (Question[] told in Questions.Chunk(ToldAtATime))
                ThreadPool.UnsafeQueueUserWorkItem(told => Array.ForEach(told, each), told, preferLocal: false);
        }
    }
}

/// <summary>What Eligibility knows of a visit; null or absent where it does not know the code.</summary>
public readonly record struct Known(
    FacilityHistory? Facility, InsuredTerms? Insured, ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> Items)
{
    public static ImmutableDictionary<string, ImmutableArray<CatalogueTerms>> NoItems { get; } =
        ImmutableDictionary.Create<string, ImmutableArray<CatalogueTerms>>(StringComparer.Ordinal);
}
