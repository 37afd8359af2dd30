using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace Claims.Gateway;

/// <summary>
/// The files of the clinics' page, read at the start: what is served is what was there then, and no path leads to another file. A browser
/// keeps them and asks each time whether they are still the same (a tag of their content), so a new version is there at the next load.
/// </summary>
internal sealed class PageFiles
{
    /// <summary>Nothing of another site, nothing inline, in nobody's frame.</summary>
    public const string ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
        + "frame-ancestors 'none'";

    private const int WorthPressing = 512;

    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".json"] = "application/json; charset=utf-8",
        [".webmanifest"] = "application/manifest+json; charset=utf-8",
        [".svg"] = "image/svg+xml; charset=utf-8",
        [".png"] = "image/png",
        [".ico"] = "image/x-icon",
        [".woff2"] = "font/woff2",
        [".txt"] = "text/plain; charset=utf-8",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenDictionary<string, PageFile> _files;

    private PageFiles(IEnumerable<PageFile> files) => _files = files.ToFrozenDictionary(file => file.Path, StringComparer.Ordinal);

    public IEnumerable<string> Paths => _files.Keys;

    /// <param name="directory">What is of no type that a browser is told is left out.</param>
    /// <param name="made">More of them, that are made by this service.</param>
    public static PageFiles Read(string directory, IEnumerable<(string Path, byte[] Content)> made)
    {
        IEnumerable<(string Path, byte[] Content)> found = Directory.Exists(directory)
            ? Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories)
                .Where(file => Types.ContainsKey(Path.GetExtension(file)))
                .Select(file => ($"/{Path.GetRelativePath(directory, file)}", File.ReadAllBytes(file)))
            : [];
        return new PageFiles(found.Concat(made).Select(file => PageFile.Of(file.Path, file.Content)));
    }

    /// <returns>False where the path is no file's.</returns>
    public async Task<bool> TryServeAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        bool head = HttpMethods.IsHead(request.Method);
        if (!head && !HttpMethods.IsGet(request.Method)) return false;
        if (!_files.TryGetValue(request.Path == "/" ? "/index.html" : request.Path.Value ?? "", out PageFile? file)) return false;
        HttpResponse response = context.Response;
        IHeaderDictionary headers = response.Headers;
        Secure(headers);
        headers.ETag = file.ETag;
        headers.CacheControl = "no-cache";
        headers.Vary = HeaderNames.AcceptEncoding;
        if (file.Path == "/sw.js") headers["Service-Worker-Allowed"] = "/";
        if (request.Headers.IfNoneMatch.ToString().Split(',', StringSplitOptions.TrimEntries)
            .Any(tag => tag == file.ETag || tag == "*" || tag == $"W/{file.ETag}"))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return true;
        }

        bool pressed = file.Pressed is not null && TakesGzip(request);
        byte[] content = pressed ? file.Pressed! : file.Content;
        if (pressed) headers.ContentEncoding = "gzip";
        response.ContentType = Types[Path.GetExtension(file.Path)];
        response.ContentLength = content.Length;
        if (!head) await response.Body.WriteAsync(content);
        return true;
    }

    /// <summary>For every answer that a browser might show as a page.</summary>
    public static void Secure(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.XFrameOptions = "DENY";
    }

    private static bool TakesGzip(HttpRequest request) =>
        StringWithQualityHeaderValue.TryParseList(request.Headers.AcceptEncoding, out IList<StringWithQualityHeaderValue>? takes)
        && takes.Any(one => one.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase) && one.Quality is not 0);

    private sealed record PageFile(string Path, byte[] Content, byte[]? Pressed, string ETag)
    {
        public static PageFile Of(string path, byte[] content) =>
            new(path, content, content.Length >= WorthPressing && !path.EndsWith(".png", StringComparison.Ordinal)
                && !path.EndsWith(".woff2", StringComparison.Ordinal) ? Press(content) : null,
                $"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16))}\"");

        private static byte[] Press(byte[] content)
        {
            using MemoryStream pressed = new();
            using (GZipStream gzip = new(pressed, CompressionLevel.SmallestSize)) gzip.Write(content);
            return pressed.ToArray();
        }
    }
}
