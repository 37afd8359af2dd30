using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Claims.Hosting;

/// <summary>What is known of a connection to a service's own port or that for operators, once for all of its calls.</summary>
/// <param name="Secured">With mutual TLS: who calls is what the certificate says, and no header.</param>
/// <param name="Identity">Of the certificate; null without TLS, or where the certificate does not say.</param>
/// <param name="ForOperators">It came in through the port for operators.</param>
internal sealed record CallerConnection(bool Secured, Identity? Identity, bool ForOperators)
{
    /// <summary>Kestrel's connection middleware, to stand after that of TLS.</summary>
    /// <param name="identityOf">Null without TLS.</param>
    public static Func<ConnectionDelegate, ConnectionDelegate> Told(
        Func<X509Certificate2, Identity?>? identityOf, bool forOperators) => next => connection =>
    {
        X509Certificate2? certificate = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        Identity? identity = certificate is null ? null : identityOf?.Invoke(certificate);
        connection.Features.Set(new CallerConnection(identityOf is not null, identity, forOperators));
        return next(connection);
    };
}
