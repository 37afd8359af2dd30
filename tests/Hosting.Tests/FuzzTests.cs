using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Claims.Hosting;
using Claims.V1;
using Fuzz;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Hosting.Tests;

/// <summary>What every service reads from outside, broken at random.</summary>
public sealed class FuzzTests(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims-fuzz-");

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary>The control: a reader that trusts a length is found out, and so is one that does not end.</summary>
    [Fact]
    public void Reader_that_trusts_a_length_is_found_out()
    {
        byte[] sound = [3, 1, 2, 3, 2, 9, 9];

        FailException found = Assert.Throws<FailException>(() => Mutations.Run(output, [sound], Read, typeof(InvalidDataException)));

        Assert.Contains("IndexOutOfRangeException", found.Message, StringComparison.Ordinal);

        static void Read(byte[] bytes)
        {
            if (bytes.Length == 0) throw new InvalidDataException("empty");
            for (int at = 0; at < bytes.Length; at += 1 + bytes[at])
                if (bytes[at + bytes[at]] > 250) throw new InvalidDataException("too much");
        }
    }

    [Fact]
    public void Csv_is_read_or_refused_with_its_line()
    {
        byte[][] corpus =
        [
            Encoding.UTF8.GetBytes("\uFEFFfacility_code,name,tier\r\nH1,\"郑州, \"\"一\"\"院\",grassroots\r\nH2,x,other"),
            Encoding.UTF8.GetBytes("insured_id,from,to\n'410105198001011234,2024-01-01,\n\"a\nb\",,\n"),
        ];
        Random random = new(1);
        Mutations.Run(output, corpus, bytes =>
        {
            int at = 0;
            CsvReader reader = new(_ =>
            {
                int length = Math.Min(random.Next(1, 9), bytes.Length - at);
                at += length;
                return ValueTask.FromResult<ReadOnlyMemory<byte>>(bytes.AsMemory(at - length, length));
            });
            while (reader.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()) Assert.NotEmpty(reader.Fields);
        }, typeof(ImportFaultException));
    }

    [Fact]
    public void Names_in_a_certificate_say_who_it_is_or_nothing()
    {
        SubjectAlternativeNameBuilder names = new();
        names.AddUri(new Uri("claims://role/bureau/zhang.wei"));
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        SubjectAlternativeNameBuilder one = new();
        one.AddUri(new Uri("claims://facility/H1"));
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        int known = 0;

        Mutations.Run(output, [names.Build().RawData, one.Build().RawData], bytes =>
        {
            CertificateRequest request = new("CN=x", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509Extension("2.5.29.17", bytes, critical: false));
            using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddHours(1));
            if (CertificateNames.None.IdentityOf(certificate) is null) throw new InvalidDataException("nobody");
            known++;
        }, typeof(InvalidDataException));

        Assert.True(known > 0);
    }

    [Fact]
    public void File_of_identities_is_read_or_refused_with_its_line()
    {
        string file = Path.Combine(_directory.FullName, "identities");
        byte[] sound = Encoding.UTF8.GetBytes("# names\nclaims://facility/H1 CN=H1, O=x\nclaims://role/finance finance.example\n");
        Mutations.Run(output, [sound], bytes =>
        {
            File.WriteAllBytes(file, bytes);
            CertificateNames.Load(file);
        }, typeof(InvalidDataException));
    }

    [Fact]
    public void List_of_those_taken_back_is_read_or_refused()
    {
        Authority authority = new(_directory.FullName, "authority");
        string certificate = Path.Combine(_directory.FullName, "authority.crt");
        string file = authority.Revoke([certificate]);
        X509Certificate2Collection authorities = [X509CertificateLoader.LoadCertificateFromFile(certificate)];
        byte[] text = File.ReadAllBytes(file);
        PemFields pem = PemEncoding.Find(Encoding.ASCII.GetString(text));
        byte[] der = Convert.FromBase64String(Encoding.ASCII.GetString(text)[pem.Base64Data]);

        Mutations.Run(output, [text], bytes =>
        {
            File.WriteAllBytes(file, bytes);
            RevocationList.Load(file, authorities);
        }, typeof(InvalidDataException));
        Mutations.Run(output, [der], bytes =>
        {
            File.WriteAllText(file, PemEncoding.WriteString("X509 CRL", bytes));
            RevocationList.Load(file, authorities);
        }, typeof(InvalidDataException));
    }

    /// <summary>Frames of gRPC in a request of HTTP/2: each gets a status, and none of failure.</summary>
    [Fact]
    public async Task Frames_of_a_call_are_answered_with_a_status_and_never_as_a_failure()
    {
        await using InProcessService service =
            await InProcessService.StartAsync(new Behaviour(), settings: "--Claims:CallsPerSecond=1000000");
        using HttpClient client = new() { Timeout = TimeSpan.FromSeconds(15) };
        byte[] message = new SettleRequest
        {
            RequestId = "r",
            FacilityCode = "H1",
            InsuredId = "P1",
            VisitDate = "2024-03-05",
            TotalFen = 12_345,
            Lines = { new FeeLine { ItemCode = "a", AmountFen = 5 } },
        }.ToByteArray();
        byte[] frame = [0, 0, 0, 0, 0, .. message];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);

        Mutations.Run(output, [frame], bytes => SendAsync(bytes).GetAwaiter().GetResult(), typeof(InvalidDataException));

        // A failure is logged by the service whose call it was; its counter is the process's, and other tests raise it.
        Assert.Empty(service.Log);

        async Task SendAsync(byte[] bytes)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, new Uri(service.Grpc, "/claims.v1.Adjudication/Settle"))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new ByteArrayContent(bytes),
            };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
            request.Headers.TE.ParseAdd("trailers");
            using HttpResponseMessage response = await client.SendAsync(request);
            await response.Content.ReadAsByteArrayAsync();
            string status = response.TrailingHeaders.TryGetValues("grpc-status", out IEnumerable<string>? trailing) ? trailing.Single()
                : response.Headers.TryGetValues("grpc-status", out IEnumerable<string>? only) ? only.Single() : "none";
            if (status == "0") return;
            // 13 is what Grpc.AspNetCore gives a frame that is cut off, or compressed by nothing; ours would be a failure, and counted.
            Assert.Contains(status, (string[])["3", "8", "12", "13"]);
            throw new InvalidDataException($"status {status}");
        }
    }
}
