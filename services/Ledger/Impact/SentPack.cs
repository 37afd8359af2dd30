using System.Globalization;
using Claims.Policy;
using Claims.V1;

namespace Claims.Ledger.Impact;

/// <summary>A pack as it was sent, read as strictly as one in force.</summary>
internal static class SentPack
{
    // A city's pack is a dozen files; a request is bounded in bytes before it comes here.
    private const int MostFiles = 200;
    private const int MaxCityLength = 64;

    /// <exception cref="PolicyException">Every fault found, each as <c>file:line: sentence</c>; also where the city's visits cannot be
    /// settled by it.</exception>
    /// <exception cref="ImpactRequestException">It is no request for a pack.</exception>
    public static PolicyPack Of(ImpactRequest request)
    {
        if (request.City.Length is 0 or > MaxCityLength) throw new ImpactRequestException("city is missing or no name");
        if (request.Files.Count is 0 or > MostFiles) throw new ImpactRequestException($"files are not 1 to {MostFiles}");
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        foreach (PackFile file in request.Files)
        {
            if (!files.TryAdd(file.Name, file.Content.ToByteArray()))
                throw new ImpactRequestException($"the file {file.Name} is there twice");
        }

        PolicyPack pack = PolicyLoader.Load(files, request.City);
        return pack.OutpatientIncomplete is { } reason ? throw new PolicyException($"{request.City}: {reason}.") : pack;
    }

    /// <exception cref="ImpactRequestException">The text is no day.</exception>
    public static DateOnly FirstDay(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)
            ? day
            : throw new ImpactRequestException("from is not of the form yyyy-MM-dd");
}

internal sealed class ImpactRequestException(string message) : Exception(message);
