using System.Diagnostics;
using OpenTelemetry.Trace;

namespace Claims.Hosting;

/// <summary>
/// Of spans without a parent: one that is linked to a recorded one is recorded too, however few are otherwise, since what many visits have
/// caused together is part of the trace of each. What a service asks of a store or another service on nobody's account is not: the ledger
/// alone looks into PostgreSQL a dozen times a second.
/// </summary>
internal sealed class VisitSampler(Sampler others) : Sampler
{
    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
    {
        foreach (ActivityLink link in samplingParameters.Links ?? [])
        {
            if (link.Context.TraceFlags.HasFlag(ActivityTraceFlags.Recorded)) return new SamplingResult(SamplingDecision.RecordAndSample);
        }

        return samplingParameters.Kind is ActivityKind.Client
            ? new SamplingResult(SamplingDecision.Drop)
            : others.ShouldSample(samplingParameters);
    }
}
