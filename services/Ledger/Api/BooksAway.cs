using Grpc.Core;
using Npgsql;

namespace Claims.Ledger.Api;

/// <summary>What a caller is told while PostgreSQL cannot be asked; the log has why.</summary>
internal static class BooksAway
{
    /// <param name="sentence">For the caller: what cannot be done at the moment.</param>
    public static RpcException Unavailable(this ILogger logger, NpgsqlException exception, string sentence)
    {
        logger.LogWarning("PostgreSQL could not be asked: {Reason}", exception.Message);
        return new RpcException(new Status(StatusCode.Unavailable, sentence));
    }
}
