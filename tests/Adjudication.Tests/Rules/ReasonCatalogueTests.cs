using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Claims.Rules;

namespace Adjudication.Tests.Rules;

/// <summary>Code, table, document and contract say the same.</summary>
public sealed class ReasonCatalogueTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    [Fact]
    public void Every_code_stands_in_the_table_once_in_the_order_of_its_declaration() => Assert.Equal(
        typeof(Reasons).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral)
            .Select(field => (string)field.GetRawConstantValue()!),
        Reasons.All.Select(reason => reason.Code));

    [Fact]
    public void Every_text_is_a_sentence_of_its_own()
    {
        Assert.All(Reasons.All, reason => Assert.Matches("^[\u4e00-\u9fff].*。$", reason.Text));
        Assert.Equal(Reasons.All.Length, Reasons.All.Select(reason => reason.Text).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Document_has_the_table() => Assert.Contains(Table(), Read("docs/reasons.md"), StringComparison.Ordinal);

    [Fact]
    public void Contract_names_the_codes_in_their_order()
    {
        string comment = string.Join(' ', Read("protos/claims/v1/adjudication.proto").Split('\n')
            .Select(line => line.Trim()).Where(line => line.StartsWith("// reasons:", StringComparison.Ordinal))
                .Select(line => line["// reasons:".Length..].Trim()));

        Assert.Equal(Reasons.All.Select(reason => reason.Code), comment.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Script_refuses_for_reasons_of_the_table_only()
    {
        string[] codes = [.. Regex.Matches(Read("services/Adjudication/Store/settle.lua"), @"refused\('(?<code>\w+)'",
            RegexOptions.ExplicitCapture, Limit).Select(match => match.Groups["code"].Value).Distinct(StringComparer.Ordinal)];

        Assert.True(codes.Length >= 10, string.Join(' ', codes));
        Assert.Empty(codes.Except(Reasons.All.Select(reason => reason.Code), StringComparer.Ordinal));
    }

    private static string Table()
    {
        StringBuilder table = new("| code | next | who can help | text |\n|---|---|---|---|\n");
        foreach (Reason reason in Reasons.All)
            table.Append($"| `{reason.Code}` | {Next(reason.Next)} | {Who(reason.Helper)} | {reason.Text} |\n");
        return table.ToString();
    }

    private static string Next(NextStep next) => next switch
    {
        NextStep.Correct => "correct, send again",
        NextStep.SendAgainLater => "the same request may be settled later",
        NextStep.LookUpFirst => "look up first",
        NextStep.Final => "final",
        _ => throw new ArgumentOutOfRangeException(nameof(next), next, null),
    };

    private static string Who(Helper helper) => helper switch
    {
        Helper.Cashier => "cashier",
        Helper.HospitalSystem => "hospital's system",
        Helper.Insured => "insured",
        Helper.Bureau => "bureau",
        _ => throw new ArgumentOutOfRangeException(nameof(helper), helper, null),
    };

    private static string Read(string path)
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Claims.sln"))) directory = directory.Parent;
        return File.ReadAllText(Path.Combine(directory!.FullName, path));
    }
}
