using System.Security.Cryptography;
using System.Text;
using BitFaster.Caching.Lru;
using Claims.V1;
using Grpc.Core;
using AccessClient = Claims.V1.ClinicAccess.ClinicAccessClient;

namespace Claims.Gateway.Clinic;

/// <summary>Whose a token is. Eligibility says it; the answer stands here for some seconds, so that not each of a page's calls
/// asks.</summary>
internal sealed class ClinicSessions(AccessClient access, TimeProvider time)
{
    private const int Most = 10_000;

    /// <summary>Whoever is revoked is still let in so long by an instance that has just asked.</summary>
    private static readonly TimeSpan Holds = TimeSpan.FromSeconds(3);

    private readonly ConcurrentLru<string, (ClinicSession? Session, long AskedTicks)> _known = new(Most);

    /// <returns>Null where there is no such token, or it has ended.</returns>
    /// <exception cref="RpcException">Eligibility cannot be asked.</exception>
    public async Task<ClinicSession?> FindAsync(string token)
    {
        string key = KeyOf(token);
        if (_known.TryGet(key, out (ClinicSession? Session, long AskedTicks) known) && time.GetElapsedTime(known.AskedTicks) < Holds)
            return known.Session;
        long asked = time.GetTimestamp();
        ClinicSession? session = (await access.CheckTokenAsync(new CheckTokenRequest { Token = token })).Session;
        // Tokens that are none are not kept: whoever guesses would push the others out.
        if (session is not null) _known.AddOrUpdate(key, (session, asked));
        else _known.TryRemove(key);
        return session;
    }

    /// <summary>What is known of the token may be otherwise now.</summary>
    public void Forget(string token) => _known.TryRemove(KeyOf(token));

    // The tokens themselves do not lie in memory longer than their requests.
    private static string KeyOf(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
