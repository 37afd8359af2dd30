using System.Diagnostics;
using Claims.Eligibility.History;
using Claims.Eligibility.Import;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Npgsql;

namespace Claims.Eligibility.Api;

internal sealed class EligibilityApi(NpgsqlDataSource database, PostgresTrust trust, Registry registry, ChangeFeed feed,
    PolicyPack policy, EligibilityMetrics metrics, IServiceProvider services, TimeProvider clock, IHostApplicationLifetime lifetime,
    ILogger<EligibilityApi> logger)
    : V1.Eligibility.EligibilityBase
{
    private const int MaxKeys = 1_000;
    private const int MaxItemCodes = 5_000;

    public override async Task<LookupReply> Lookup(LookupRequest request, ServerCallContext context)
    {
        if (request.FacilityCodes.Count > MaxKeys || request.InsuredIds.Count > MaxKeys || request.ItemCodes.Count > MaxItemCodes)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"Lookup takes at most {MaxKeys} facility_codes, {MaxKeys} insured_ids and {MaxItemCodes} item_codes."));
        }

        long started = Stopwatch.GetTimestamp();
        try
        {
            return await registry.LookupAsync(
                request.FacilityCodes, request.InsuredIds, request.ItemCodes, request.Enrolled, context.CancellationToken);
        }
        catch (NpgsqlException failed)
        {
            throw Unavailable(failed);
        }
        finally
        {
            metrics.LookupSeconds.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
    }

    public override async Task WatchChanges(
        WatchChangesRequest request, IServerStreamWriter<EligibilityVersion> responseStream, ServerCallContext context)
    {
        // A watcher never ends its call, and a stop that waited for it would always take the whole time to drain.
        using CancellationTokenSource ended =
            CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        long version = 0;
        try
        {
            while (true)
            {
                version = await feed.NextAsync(version, ended.Token);
                await responseStream.WriteAsync(new EligibilityVersion { Version = version });
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The service is stopping."));
        }
    }

    public override async Task<ImportReply> Import(IAsyncStreamReader<ImportChunk> requestStream, ServerCallContext context)
    {
        if (!await requestStream.MoveNext(context.CancellationToken)) return Refused(new ImportFaultException(0, "", "nothing was sent"));
        ImportKind kind = requestStream.Current.Kind;
        string reason = requestStream.Current.Reason;
        try
        {
            if (reason.Length > RegistryChange.MostReasonCharacters || !PlainText.Is(reason))
                throw new ImportFaultException(
                    0, "", $"the reason is not a text of at most {RegistryChange.MostReasonCharacters} characters");
            IRegistryFile file = kind switch
            {
                ImportKind.Facilities => new FacilityFile([.. policy.Counties.Keys]),
                ImportKind.Insured => new InsuredFile(policy),
                ImportKind.Catalogue => new CatalogueFile(),
                _ => throw new ImportFaultException(0, "", $"'{kind}' is not a kind of file"),
            };
            await trust.RequireAsync(context.CancellationToken);
            await RecordAsync(kind, context);
            ImportResult result = await RegistryImport.RunAsync(
                database, file, new CsvReader(Pieces(requestStream)), new ChangeCause(context.Caller().ToString(), reason), clock,
                context.CancellationToken);
            // Told here already, so that a watcher of this instance does not wait for the notice to come back.
            feed.Raise(result.Version);
            metrics.ImportedRows.Add(result.Rows, new KeyValuePair<string, object?>("kind", kind.ToString()));
            logger.LogInformation(new EventId(2, "imported"), "Took {Rows} rows of {Kind}; the registry is at version {Version}.",
                result.Rows, kind, result.Version);
            return new ImportReply { Rows = result.Rows };
        }
        catch (ImportFaultException fault)
        {
            logger.LogWarning(new EventId(3, "import_refused"), "A file of {Kind} was refused for line {Line}, column {Column}.", kind,
                fault.Line, fault.Column);
            // The sender is still writing and reads the answer only when it has been let finish.
            while (await requestStream.MoveNext(context.CancellationToken))
            {
            }

            return Refused(fault);
        }
        catch (PostgresNotTrustedException fault)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, fault.Message));
        }
        catch (NpgsqlException failed)
        {
            throw Unavailable(failed);
        }
    }

    /// <summary>Before the import begins: what nobody could write down is not done.</summary>
    private async Task RecordAsync(ImportKind kind, ServerCallContext context)
    {
        if (services.GetService<Acts.ActsClient>() is not { } acts) return;
        RecordActRequest act =
            new() { Kind = ActKind.FileImported, Subject = kind.ToString().ToUpperInvariant(), Caller = context.Caller().ToString() };
        try
        {
            await acts.RecordAsync(act, cancellationToken: context.CancellationToken);
        }
        catch (RpcException refused) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"The ledger could not write it down: {refused.Status.Detail}"));
        }
    }

    public override async Task<CountHeadsReply> CountHeads(CountHeadsRequest request, ServerCallContext context)
    {
        try
        {
            return await registry.CountHeadsAsync(request.Scheme, request.PlanYear, request.County, context.CancellationToken);
        }
        catch (NpgsqlException failed)
        {
            throw Unavailable(failed);
        }
    }

    private static Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> Pieces(IAsyncStreamReader<ImportChunk> stream)
    {
        // The first chunk has been read for its kind.
        bool more = true;
        bool first = true;
        return async cancellationToken =>
        {
            while (more)
            {
                if (!first) more = await stream.MoveNext(cancellationToken);
                first = false;
                if (more && !stream.Current.Csv.IsEmpty) return stream.Current.Csv.Memory;
            }

            return default;
        };
    }

    private static ImportReply Refused(ImportFaultException fault) =>
        new() { Error = new ImportError { Line = fault.Line, Column = fault.Column, Message = fault.Message } };

    private RpcException Unavailable(NpgsqlException failed)
    {
        logger.LogError(new EventId(1, "registry_unavailable"), failed, "The registry's database did not answer.");
        return new RpcException(new Status(StatusCode.Unavailable, "The registry's database does not answer."));
    }
}
