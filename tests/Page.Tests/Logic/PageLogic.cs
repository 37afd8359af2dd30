using System.Diagnostics;
using System.Text.Json;
using Claims.SystemTests;

namespace Claims.PageTests.Logic;

/// <summary>Modules of the clinic's page, run without a browser and without a system: what they decide is plain values.</summary>
internal static class PageLogic
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <param name="script">The body of an async function in which the page's modules can be imported. What it returns comes back; a big
    /// integer as its digits.</param>
    /// <param name="standIns">Modules of the page that are replaced by those of the folder StandIns.</param>
    public static async Task<JsonElement> RunAsync(string script, params string[] standIns)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("claims-page-");
        try
        {
            string page = Path.Combine(RunningSystem.Root, "services", "Gateway", "Page");
            foreach (string module in Directory.GetFiles(page, "*.js"))
                File.Copy(module, Path.Combine(folder.FullName, Path.GetFileName(module)));
            foreach (string name in standIns.Append("browser"))
                File.Copy(
                    Path.Combine(AppContext.BaseDirectory, "Logic", "StandIns", $"{name}.js"), Path.Combine(folder.FullName, $"{name}.js"),
                    overwrite: true);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "package.json"), """{ "type": "module" }""");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "main.js"), $$"""
                import { idle, timers } from './browser.js';
                const said = await (async () => {
                {{script}}
                })();
                const text = JSON.stringify(said, (_, value) => typeof value === 'bigint' ? value.toString() : value);
                process.stdout.write(text, () => process.exit(0));
                """);
            ProcessStartInfo start = new("node", ["main.js"])
            {
                WorkingDirectory = folder.FullName,
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            using CancellationTokenSource bound = new(Bound);
            Task<string> errors = process.StandardError.ReadToEndAsync(bound.Token);
            string output = await process.StandardOutput.ReadToEndAsync(bound.Token);
            await process.WaitForExitAsync(bound.Token);
            Assert.True(process.ExitCode == 0, await errors);
            return JsonDocument.Parse(output).RootElement;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>That the script returns this JSON, in whatever spacing.</summary>
    public static async Task ReturnsAsync(string expected, string script, params string[] standIns)
    {
        JsonElement said = await RunAsync(script, standIns);
        Assert.Equal(JsonSerializer.Serialize(JsonDocument.Parse(expected).RootElement), JsonSerializer.Serialize(said));
    }
}
