using System.Collections.Immutable;

namespace Claims.Policy.Loading;

internal static class CountiesFile
{
    private static readonly string[] FiscalClasses = ["district", "county", "airport_zone"];

    public static Content Read(PolicyNode file)
    {
        PoolingArea? area = file.Child("pooling_area") is { } areaNode ? ReadArea(areaNode) : null;
        ImmutableSortedDictionary<string, County>.Builder counties =
            ImmutableSortedDictionary.CreateBuilder<string, County>(StringComparer.Ordinal);
        if (file.Child("counties") is { } node)
        {
            foreach (string code in node.Keys())
            {
                if (!IsCode(code)) node.Fault(code, $"'{code}' is not a 6-digit administrative code.");
                if (code == area?.Code) node.Fault(code, $"'{code}' is the code of the pooling area.");
                if (node.Child(code) is { } county) counties[code] = ReadCounty(county, code);
            }
        }

        file.Close();
        return new(area, counties.ToImmutable());
    }

    private static PoolingArea ReadArea(PolicyNode node)
    {
        string code = node.Text("code");
        if (code.Length > 0 && !IsCode(code)) node.Fault("code", $"'{code}' is not a 6-digit administrative code.");
        PoolingArea area = new(code, node.Text("name"), node.Source(), node.Ruling());
        node.Close();
        return area;
    }

    private static County ReadCounty(PolicyNode node, string code)
    {
        bool inside = node.OneOf("pooling", "inside", "outside") == "inside";
        County county = new(
            code,
            node.Text("name"),
            inside,
            inside ? node.OneOf("accounts", "city", "county") == "city" ? FundAccounts.City : FundAccounts.County : null,
            inside ? node.OneOf("fiscal", FiscalClasses) : null,
            node.Source(),
            node.Ruling());
        node.Close();
        return county;
    }

    private static bool IsCode(string code) => code.Length == 6 && code.All(char.IsAsciiDigit);

    /// <param name="PoolingArea">Null after a fault only.</param>
    internal sealed record Content(PoolingArea? PoolingArea, ImmutableSortedDictionary<string, County> Counties);
}
