using Claims.V1;
using Grpc.Core;

namespace Claims.Cli.Statements;

/// <summary>A facility's month as the ledger states it [3203].</summary>
/// <param name="FacilityName">Empty where the facility is not registered any more.</param>
public sealed record FacilityStatement(string FacilityName, Statement Statement, IReadOnlyList<StatementLine> Lines)
{
    private static readonly TimeSpan CallBound = TimeSpan.FromMinutes(5);

    /// <exception cref="RpcException">The ledger refuses or does not answer.</exception>
    public static async Task<FacilityStatement> ReadAsync(
        CallInvoker ledger, string facilityName, string facilityCode, string month, bool withoutLines, CancellationToken cancellationToken)
    {
        GetStatementRequest request = new() { FacilityCode = facilityCode, Month = month, WithoutLines = withoutLines };
        using AsyncServerStreamingCall<StatementPart> call =
            new V1.Reconciliation.ReconciliationClient(ledger).GetStatement(request, null, DateTime.UtcNow + CallBound, cancellationToken);
        Statement? statement = null;
        List<StatementLine> lines = [];
        await foreach (StatementPart part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            statement ??= part.Statement;
            if (part.Lines is { } more) lines.AddRange(more.Lines);
        }

        return new FacilityStatement(facilityName,
            statement ?? throw new RpcException(new Status(StatusCode.Internal, "the answer has no statement")), lines);
    }
}
