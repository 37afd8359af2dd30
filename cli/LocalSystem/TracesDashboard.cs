using System.Diagnostics;
using System.Globalization;
using Claims.PrivateServers;

namespace Claims.Cli.LocalSystem;

/// <summary>What `up --traces` starts beside the system: the dashboard of .NET Aspire, which takes traces over OTLP and shows them. It is a
/// NuGet package, fetched once with NuGet's own client.</summary>
public static class TracesDashboard
{
    public const string Name = "traces";

    private const string Package = "Aspire.Dashboard.Sdk.linux-x64";
    private const string Version = "13.6.5";
    private static readonly TimeSpan FetchBound = TimeSpan.FromMinutes(5);

    /// <summary>What every service of the system is to be told.</summary>
    public static IEnumerable<(string Name, string Value)> Variables(SystemLayout layout) =>
    [
        ("Claims__OtlpEndpoint", Address(layout.TracesOtlpPort)),
        // Whoever looks at a system of his own wants every visit.
        ("Claims__TraceSampleRatio", "1"),
    ];

    /// <exception cref="CommandException">The package cannot be fetched.</exception>
    public static async Task<ProcessDefinition> DefineAsync(SystemLayout layout, CancellationToken cancellationToken)
    {
        string program = Path.Combine(await FetchAsync(layout, cancellationToken), "tools", "Aspire.Dashboard");
        ServerCommand command = new(program, [], layout.LogFile(Name))
        {
            WorkingDirectory = Path.GetDirectoryName(program)!,
            Environment = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["ASPNETCORE_URLS"] = Address(layout.TracesPort),
                ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = Address(layout.TracesOtlpPort),
                // Loopback alone, as everything that this command starts.
                ["ASPIRE_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS"] = "true",
                ["DOTNET_ROOT"] = Path.GetDirectoryName(Environment.ProcessPath!)!,
            },
        };
        return new ProcessDefinition(Name, $"{Version} {layout.TracesPort}",
            (started, cancel) => ProcessDefinitions.StartAsync(layout, Name, command, started, cancel));
    }

    /// <summary>Where the package lies.</summary>
    private static async Task<string> FetchAsync(SystemLayout layout, CancellationToken cancellationToken)
    {
        string folder = Directory.CreateDirectory(Path.Combine(layout.DataDirectory, "observe", Name)).FullName;
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string there = Path.Combine(packages, Package.ToLowerInvariant(), Version);
        if (File.Exists(Path.Combine(there, "tools", "Aspire.Dashboard"))) return there;
        string project = Path.Combine(folder, "dashboard.csproj");
        await File.WriteAllTextAsync(project, $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
              <ItemGroup><PackageDownload Include="{Package}" Version="[{Version}]" /></ItemGroup>
            </Project>
            """, cancellationToken);
        using Process restore = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["restore", project])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> said = restore.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> errors = restore.StandardError.ReadToEndAsync(cancellationToken);
        await restore.WaitForExitAsync(cancellationToken).WaitAsync(FetchBound, cancellationToken);
        string last = $"{await said}\n{await errors}".Trim().Split('\n')[^1];
        return restore.ExitCode == 0
            ? there
            : throw new CommandException(
                $"The package {Package} {Version}, which shows traces, cannot be fetched: {last}", ExitCodes.CannotStart);
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
}
