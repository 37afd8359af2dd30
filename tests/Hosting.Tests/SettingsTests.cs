using System.ComponentModel.DataAnnotations;
using Claims.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Hosting.Tests;

public sealed class SettingsTests
{
    private static readonly string[] Ports = ["--Claims:Port=0", "--Claims:MetricsPort=0"];

    public static TheoryData<string, string> Wrong => new()
    {
        { "Port=65536", "Port) is wrong: The field Port must be between 0 and 65535." },
        { "Port=-1", "Port) is wrong: The field Port must be between 0 and 65535." },
        { "MetricsPort=65536", "MetricsPort) is wrong: The field MetricsPort must be between 0 and 65535." },
        { "DrainSeconds=0", "DrainSeconds) is wrong: The field DrainSeconds must be between 1 and 300." },
        { "DrainSeconds=301", "DrainSeconds) is wrong: The field DrainSeconds must be between 1 and 300." },
        { "DrainSeconds=1.5", "DrainSeconds) is '1.5', which is not a whole number in range." },
        { "MaxConcurrentRequests=0", "MaxConcurrentRequests) is wrong: The field MaxConcurrentRequests must be between 1 and 1000000." },
        {
            "MaxConcurrentRequests=1000001",
            "MaxConcurrentRequests) is wrong: The field MaxConcurrentRequests must be between 1 and 1000000."
        },
        { "MaxConnections=0", "MaxConnections) is wrong: The field MaxConnections must be between 1 and 1000000." },
        { "ConnectionsPerCaller=0", "ConnectionsPerCaller) is wrong: The field ConnectionsPerCaller must be between 1 and 1000000." },
        { "CallsPerCaller=0", "CallsPerCaller) is wrong: The field CallsPerCaller must be between 1 and 1000000." },
        { "StreamsPerCaller=0", "StreamsPerCaller) is wrong: The field StreamsPerCaller must be between 1 and 1000000." },
        { "CallsPerSecond=0", "CallsPerSecond) is wrong: The field CallsPerSecond must be between 1 and 1000000." },
        { "SilentSeconds=0", "SilentSeconds) is wrong: The field SilentSeconds must be between 1 and 3600." },
        { "SilentSeconds=3601", "SilentSeconds) is wrong: The field SilentSeconds must be between 1 and 3600." },
        { "StreamIdleSeconds=0", "StreamIdleSeconds) is wrong: The field StreamIdleSeconds must be between 1 and 604800." },
        { "StreamIdleSeconds=604801", "StreamIdleSeconds) is wrong: The field StreamIdleSeconds must be between 1 and 604800." },
        { "TraceSampleRatio=1.01", "TraceSampleRatio) is wrong: The field TraceSampleRatio must be between 0 and 1." },
        { "TraceSampleRatio=-0.1", "TraceSampleRatio) is wrong: The field TraceSampleRatio must be between 0 and 1." },
        { "TraceSampleRatio=few", "TraceSampleRatio) is 'few', which is not a number." },
        { "OtlpEndpoint=collector", "OtlpEndpoint) is not an http or https address." },
        { "OtlpEndpoint=grpc://collector:4317", "OtlpEndpoint) is not an http or https address." },
        { "Town=", "Town) is missing." },
        { "Town= ", "Town) is missing." },
        { "Copies=0", "Copies) is wrong: The field Copies must be between 1 and 10." },
        { "Copies=11", "Copies) is wrong: The field Copies must be between 1 and 10." },
        { "Home=ftp://127.0.0.1:21", "Home) is wrong: it must be of the form http://HOST:PORT or https://HOST:PORT." },
        { "Home=127.0.0.1:5101", "Home) is wrong: it must be of the form http://HOST:PORT or https://HOST:PORT." },
        { "Home=http://127.0.0.1:5101/v1", "Home) is wrong: it must be of the form http://HOST:PORT or https://HOST:PORT." },
        {
            "Store=foo",
            "Store) is wrong: it must be of the form Host=…;Port=…;Database=…;Username=…;Password=…."
        },
        {
            "Store=Host=db;foo=bar",
            "Store) is wrong: 'foo' or its value is not known to Npgsql; it must be of the form "
                + "Host=…;Port=…;Database=…;Username=…;Password=…."
        },
        {
            "Store=Host=db;Port=abc",
            "Store) is wrong: 'port' or its value is not known to Npgsql; it must be of the form "
                + "Host=…;Port=…;Database=…;Username=…;Password=…."
        },
        {
            "Store=Database=ledger",
            "Store) is wrong: Host is not in it; it must be of the form Host=…;Port=…;Database=…;Username=…;Password=…."
        },
        { "Twon=x", "Twon) is not known; the nearest is Claims__Town." },
        { "Redsi=x", "Redsi) is not known; the nearest is Claims__Redis." },
        { "Tls:Certficate=x", "Tls__Certficate) is not known; the nearest is Claims__Tls__Certificate." },
        { "Town:Name=x", "Town__Name) is not known; the nearest is Claims__Town." },
        { "Loud=2", "Loud) is '2', which is not true or false." },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Setting_that_is_wrong_is_named_with_its_environment_variable(string setting, string sentence)
    {
        string name = setting[..setting.IndexOf('=', StringComparison.Ordinal)];

        SettingsException refused = Assert.Throws<SettingsException>(
            () => Read([.. Ports, "--Claims:Town=Zhengzhou", $"--Claims:{setting}"]));

        Assert.Equal([$"Setting Claims:{name} (environment variable Claims__{sentence}"], refused.Errors);
    }

    [Theory]
    [InlineData("Redis=localhost")]
    [InlineData("Shards=16")]
    [InlineData("Redsi=")]
    public void Setting_that_another_service_reads_or_that_is_empty_is_no_mistake(string setting) =>
        Assert.Equal("Zhengzhou", Read([.. Ports, "--Claims:Town=Zhengzhou", $"--Claims:{setting}"]).Own.Town);

    [Fact]
    public void Setting_with_a_value_in_place_of_its_parts_is_named() => Assert.StartsWith(
        "Setting Claims:Tls (environment variable Claims__Tls) ",
        Assert.Single(Assert.Throws<SettingsException>(() => Read([.. Ports, "--Claims:Town=Zhengzhou", "--Claims:Tls=on"])).Errors),
        StringComparison.Ordinal);

    [Fact]
    public void Faults_of_one_setting_and_of_several_are_told_together() => Assert.Equal(
        [
            "Setting Claims:Copies (environment variable Claims__Copies) is wrong: The field Copies must be between 1 and 10.",
            "Setting Claims:Kafka:linger.ms (environment variable Claims__Kafka__linger_ms) is not known.",
        ],
        Assert.Throws<SettingsException>(
            () => Read([.. Ports, "--Claims:Town=Zhengzhou", "--Claims:Copies=0", "--Claims:Kafka:linger.ms=1"])).Errors);

    [Fact]
    public void Level_of_logging_that_there_is_not_is_named() => Assert.Equal(
        ["Setting Logging:LogLevel:Default (environment variable Logging__LogLevel__Default) is 'Loud', which is none of Trace, Debug, "
            + "Information, Warning, Error, Critical, None."],
        Assert.Throws<SettingsException>(() => Read([.. Ports, "--Claims:Town=Zhengzhou", "--Logging:LogLevel:Default=Loud"])).Errors);

    [Fact]
    public void Settings_that_are_missing_are_named_each()
    {
        Assert.Equal(
            [
                "Setting Claims:Port (environment variable Claims__Port) is missing.",
                "Setting Claims:MetricsPort (environment variable Claims__MetricsPort) is missing.",
                "Setting Claims:Town (environment variable Claims__Town) is missing.",
            ],
            Assert.Throws<SettingsException>(() => Read()).Errors);
    }

    [Fact]
    public void Rule_over_several_settings_names_one_of_them()
    {
        Assert.Equal(
            ["Setting Claims:MetricsPort (environment variable Claims__MetricsPort) is the same port as Claims:Port, 5101."],
            Assert.Throws<SettingsException>(() => Read("--Claims:Port=5101", "--Claims:MetricsPort=5101", "--Claims:Town=Zhengzhou"))
                .Errors);
        // A shell keeps no variable with a dot in its name.
        Assert.Equal(
            ["Setting Claims:Kafka:linger.ms (environment variable Claims__Kafka__linger_ms) is not known."],
            Assert.Throws<SettingsException>(() => Read([.. Ports, "--Claims:Town=Zhengzhou", "--Claims:Kafka:linger.ms=1"])).Errors);
    }

    [Fact]
    public void Settings_at_their_bounds_are_taken()
    {
        (HostSettings host, SampleOptions own) = Read(
            "--Claims:Port=65535", "--Claims:MetricsPort=1", "--Claims:DrainSeconds=300", "--Claims:MaxConcurrentRequests=1000000",
            "--Claims:TraceSampleRatio=1",
            "--Claims:OtlpEndpoint=https://collector:4317", "--Claims:Town=Zhengzhou", "--Claims:Copies=10", "--Claims:Loud=true");

        Assert.Equal((65535, 1, 300, 1_000_000, 1.0),
            (host.Port, host.MetricsPort, host.DrainSeconds, host.MaxConcurrentRequests, host.TraceSampleRatio));
        Assert.Equal(new Uri("https://collector:4317"), host.OtlpEndpoint);
        Assert.Equal(("Zhengzhou", 10, true), (own.Town, own.Copies, own.Loud));
        Assert.Equal((1, 1, 0.0), Read([
            .. Ports, "--Claims:Town=x", "--Claims:DrainSeconds=1", "--Claims:MaxConcurrentRequests=1", "--Claims:TraceSampleRatio=0"]).Host
            is var least ? (least.DrainSeconds, least.MaxConcurrentRequests, least.TraceSampleRatio) : default);
    }

    [Fact]
    public void Settings_that_are_left_out_have_their_documented_values()
    {
        (HostSettings host, _) = Read([.. Ports, "--Claims:Town=Zhengzhou", "--Claims:DrainSeconds="]);

        Assert.Equal((10, 10_000, 0.01), (host.DrainSeconds, host.MaxConcurrentRequests, host.TraceSampleRatio));
        Assert.Equal((4_000, 1_000, 2_000, 100, 1_000, 60, 3_600),
            (host.MaxConnections, host.ConnectionsPerCaller, host.CallsPerCaller, host.StreamsPerCaller, host.CallsPerSecond,
                host.SilentSeconds, host.StreamIdleSeconds));
        Assert.Equal((null, false), (host.OtlpEndpoint, host.Tls.IsConfigured));
    }

    private static (HostSettings Host, SampleOptions Own) Read(params string[] settings)
    {
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(settings, "sample");
        SampleOptions own = builder.ReadSettings<SampleOptions>();
        return ((HostSettings)builder.Services.Single(service => service.ServiceType == typeof(HostSettings)).ImplementationInstance!, own);
    }

    private sealed class SampleOptions : IValidatableObject
    {
        [Required]
        public string Town { get; init; } = "";

        [Range(1, 10)]
        public int Copies { get; init; } = 1;

        public bool Loud { get; init; }

        [ServiceAddress]
        public string Home { get; init; } = "";

        [PostgresConnection]
        public string Store { get; init; } = "";

        public Dictionary<string, string> Kafka { get; init; } = [];

        public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
            Kafka.Keys.Select(name => new ValidationResult("is not known", [$"Kafka:{name}"]));
    }
}
