using System.Buffers;
using System.IO.Pipelines;

namespace Claims.Gateway;

/// <summary>Reads requests' bodies within their bounds.</summary>
internal sealed class RequestBodies(GatewaySettings settings, TimeProvider time)
{
    /// <returns>The body, or the answer to one that is too large, too slow or broken off.</returns>
    public async Task<(byte[]? Body, Answer? Unread)> ReadAsync(HttpContext context, bool ofBooks)
    {
        int most = ofBooks ? settings.BooksBytes : settings.BodyBytes;
        using CancellationTokenSource late = new(TimeSpan.FromSeconds(settings.BodySeconds), time);
        PipeReader reader = context.Request.BodyReader;
        try
        {
            while (true)
            {
                ReadResult read = await reader.ReadAsync(late.Token);
                bool tooLarge = read.Buffer.Length > most;
                if (!tooLarge && !read.IsCompleted)
                {
                    reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                    continue;
                }

                byte[]? body = tooLarge ? null : read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return (body, tooLarge ? ofBooks ? Answer.BooksTooLarge(most) : Answer.TooLarge(most) : null);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return (null, Answer.BodyLate);
        }
    }
}
