using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Tests.V1;
using Microsoft.AspNetCore.Hosting;

namespace Grpc.Tests;

public sealed class TlsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Calls_over_tls_are_served()
    {
        using X509Certificate2 certificate = SelfSigned();
        await using TestServer server = await TestServer.StartAsync(listen: endpoint => endpoint.UseHttps(certificate));
        SocketsHttpHandler handler = GrpcChannel.CreateHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificate.GetCertHashString();
        using GrpcChannel channel = server.Channel(new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        await InteropCases.RunAsync("ping_pong", channel).WaitAsync(Limit);
        await InteropCases.RunAsync("large_unary", channel).WaitAsync(Limit);

        using GrpcChannel distrusting = server.Channel();
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => new TestService.TestServiceClient(distrusting).EmptyCallAsync(new Empty()).ResponseAsync);
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    private static X509Certificate2 SelfSigned()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        using X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddHours(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
