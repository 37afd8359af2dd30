using System.Diagnostics;
using System.Text;

namespace Claims.SystemTests.OtherMakes;

/// <summary>Programs of another make. What is missing fails the test and names the Debian package.</summary>
internal static class ForeignProcess
{
    private const string Python = "/usr/bin/python3";

    /// <summary>Sources beside the test assembly.</summary>
    public static string SourceDirectory { get; } = Path.Combine(AppContext.BaseDirectory, "OtherMakes");

    public static async Task<string> PythonWithGrpcAsync()
    {
        if (!File.Exists(Python))
            throw new InvalidOperationException($"{Python} is missing: apt-get install python3");
        (int exitCode, _, string error) =
            await RunAsync(Python, ["-c", "import grpc, google.protobuf"], SourceDirectory, TimeSpan.FromSeconds(30));
        return exitCode == 0
            ? Python
            : throw new InvalidOperationException($"grpcio is missing: apt-get install python3-grpcio python3-protobuf\n{error}");
    }

    /// <summary>A directory whose node_modules are those of the lock file, restored once per lock file.</summary>
    public static async Task<string> NodeWithGrpcAsync()
    {
        foreach ((string tool, string package) in new[] { ("node", "nodejs"), ("npm", "npm") })
            if (!IsOnPath(tool))
                throw new InvalidOperationException($"{tool} is missing: apt-get install {package}");
        string directory = Path.Combine(AppContext.BaseDirectory, "node");
        string restored = Path.Combine(directory, "node_modules", ".restored-from");
        string source = Path.Combine(SourceDirectory, "node");
        string wanted = await File.ReadAllTextAsync(Path.Combine(source, "package-lock.json"));
        if (File.Exists(restored) && await File.ReadAllTextAsync(restored) == wanted)
            return directory;
        Directory.CreateDirectory(directory);
        foreach (string file in new[] { "package.json", "package-lock.json" })
            File.Copy(Path.Combine(source, file), Path.Combine(directory, file), overwrite: true);
        (int exitCode, string output, string error) =
            await RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory, TimeSpan.FromSeconds(120));
        if (exitCode != 0)
            throw new InvalidOperationException(
                $"npm ci failed ({exitCode}): the npm registry must be reachable for the first run.\n{output}\n{error}");
        await File.WriteAllTextAsync(restored, wanted);
        return directory;
    }

    /// <summary>Runs a single source file.</summary>
    public static string JavaWithCompiler() => IsOnPath("java") && IsOnPath("javac")
        ? "java"
        : throw new InvalidOperationException("javac is missing: apt-get install default-jdk-headless");

    /// <summary>What a program printed, once it ended well.</summary>
    public static async Task<string[]> LinesAsync(string file, IReadOnlyList<string> arguments, string directory)
    {
        (int exitCode, string output, string error) = await RunAsync(file, arguments, directory, TimeSpan.FromSeconds(60));
        return exitCode == 0
            ? output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            : throw new InvalidOperationException($"{file} {arguments[0]} exited with {exitCode}.\n{error}");
    }

    private static Process Start(string file, IReadOnlyList<string> arguments, string directory)
    {
        ProcessStartInfo start = new(file, arguments)
        {
            UseShellExecute = false,
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["PYTHONUTF8"] = "1";
        start.Environment["NO_PROXY"] = "127.0.0.1";
        return Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start.");
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string file, IReadOnlyList<string> arguments, string directory, TimeSpan limit)
    {
        using Process process = Start(file, arguments, directory);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(limit);
        }
        catch (TimeoutException late)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} {arguments[0]} did not end within {limit}. So far: {await output}\n{await error}", late);
        }
        return (process.ExitCode, await output, await error);
    }

    private static bool IsOnPath(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, tool)));
}
