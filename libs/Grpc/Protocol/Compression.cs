using System.Buffers;
using System.IO.Compression;
using Grpc.Core;

namespace Grpc.Protocol;

internal enum MessageEncoding
{
    Identity,
    Gzip,
}

/// <summary>What <c>grpc-encoding</c> may say. Messages are taken as gzip and sent as they are.</summary>
internal static class Compression
{
    public const string AcceptEncoding = "identity,gzip";

    /// <summary>False for an encoding that is not in <see cref="AcceptEncoding"/>.</summary>
    public static bool TryParse(string? header, out MessageEncoding encoding)
    {
        encoding = string.Equals(header, "gzip", StringComparison.OrdinalIgnoreCase) ? MessageEncoding.Gzip : MessageEncoding.Identity;
        return encoding == MessageEncoding.Gzip || string.IsNullOrEmpty(header) || string.Equals(header, "identity", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>False once the output would be above <paramref name="maxBytes"/>. Throws <see cref="RpcException"/> INTERNAL for what is not gzip.</summary>
    public static bool TryDecompressGzip(ReadOnlySequence<byte> compressed, PooledBuffer output, int maxBytes)
    {
        using MemoryStream input = new(compressed.ToArray(), writable: false);
        using GZipStream gzip = new(input, CompressionMode.Decompress);
        try
        {
            while (true)
            {
                int read = gzip.Read(output.GetSpan(4096));
                if (read == 0)
                    return true;
                output.Advance(read);
                if (output.Length > maxBytes)
                    return false;
            }
        }
        catch (InvalidDataException failure)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The message does not decompress.", failure));
        }
    }
}
