using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Claims.SystemTests;

namespace Claims.PageTests;

/// <summary>The page's files.</summary>
[Collection(PageCollection.Name)]
public sealed partial class ShellTests(PageSystem system)
{
    private const int MostBytes = 60_000;
    private const int Columns = 140;
    private static readonly string[] Served = [".html", ".js", ".css", ".svg", ".webmanifest"];

    private static string Folder => Path.Combine(RunningSystem.RepositoryRoot(), "services", "Gateway", "Page");

    [Fact]
    public async Task First_load_is_below_60_kB_pressed()
    {
        using HttpClient http = new() { BaseAddress = system.Gateway };
        http.DefaultRequestHeaders.Add("Accept-Encoding", "gzip");
        int bytes = 0;
        foreach (string file in Files())
        {
            using HttpResponseMessage answer = await http.GetAsync(file == "index.html" ? "" : file);
            Assert.True(answer.IsSuccessStatusCode, $"{file}: {answer.StatusCode}");
            byte[] body = await answer.Content.ReadAsByteArrayAsync();
            bytes += body.Length;
            if (answer.Content.Headers.ContentEncoding.Contains("gzip"))
            {
                using GZipStream whole = new(new MemoryStream(body), CompressionMode.Decompress);
                using MemoryStream read = new();
                await whole.CopyToAsync(read);
                body = read.ToArray();
            }

            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(Folder, file)), body);
        }

        Assert.InRange(bytes, 1, MostBytes);
    }

    /// <summary>A browser takes a new page when sw.js has changed, and then all of it.</summary>
    [Fact]
    public void Service_worker_names_every_file_and_the_version_that_they_make()
    {
        string[] files = [.. Files().Where(file => file != "sw.js")];
        string text = File.ReadAllText(Path.Combine(Folder, "sw.js"));
        string wanted = List().Replace(Version().Replace(text, $"const VERSION = '{VersionOf(files)}';"),
            $"const FILES = [\n{string.Concat(files.Select(file => $"  '{(file == "index.html" ? "./" : file)}',\n"))}];");
        if (Environment.GetEnvironmentVariable("CLAIMS_MAKE_PAGE_VERSION") == "1") File.WriteAllText(Path.Combine(Folder, "sw.js"), wanted);
        Assert.True(wanted == text || Environment.GetEnvironmentVariable("CLAIMS_MAKE_PAGE_VERSION") == "1",
            "sw.js is of another version of the page; CLAIMS_MAKE_PAGE_VERSION=1 with this test writes it anew.");
    }

    /// <summary>Or each file would be asked for when another has come in, one long way of the line after the other.</summary>
    [Fact]
    public void Every_module_is_asked_for_at_once()
    {
        string page = File.ReadAllText(Path.Combine(Folder, "index.html"));
        Assert.All(
            Files().Where(file => file.EndsWith(".js", StringComparison.Ordinal) && file is not ("sw.js" or "main.js")),
            file => Assert.Contains($"<link rel=\"modulepreload\" href=\"{file}\">", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Page_has_no_script_or_style_of_its_own_inline()
    {
        string page = File.ReadAllText(Path.Combine(Folder, "index.html"));
        Assert.DoesNotContain("<style", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotMatch(@"<script(?![^>]*\ssrc=)", page);
        Assert.DoesNotMatch(@"\s(on\w+|style)=", page);
        // Third-party code only where it is vendored, with its licence.
        string versions = File.ReadAllText(Path.Combine(Folder, "vendor", "README.md"));
        Assert.All(
            Files().Where(file => file.StartsWith("vendor/", StringComparison.Ordinal)),
            file => Assert.Contains($"`{Path.GetFileName(file)}`", versions, StringComparison.Ordinal));
        Assert.All(
            Files().Where(file => file.EndsWith(".js", StringComparison.Ordinal) && !file.StartsWith("vendor/", StringComparison.Ordinal)),
            file => Assert.All(
                File.ReadAllLines(Path.Combine(Folder, file)), line => Assert.InRange(line.EnumerateRunes().Count(), 0, Columns)));
    }

    private static string VersionOf(string[] files)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{file}\0"));
            hash.AppendData(File.ReadAllBytes(Path.Combine(Folder, file)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 6));
    }

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
        .Where(file => Served.Contains(Path.GetExtension(file)))
        .Select(file => Path.GetRelativePath(Folder, file))
        .Order(StringComparer.Ordinal);

    [GeneratedRegex("const VERSION = '[^']*';", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Version();

    [GeneratedRegex(@"const FILES = \[[^\]]*\];", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex List();
}
