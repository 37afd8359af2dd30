namespace Structure.Tests;

/// <summary>Data flows one way, and so do the names: a folder may name those of its row and no other.</summary>
public sealed class FolderArrowTests
{
    // The files beside the project file wire the service and stand above all of its folders.
    private static readonly Dictionary<string, Dictionary<string, string[]>> Allowed = new(StringComparer.Ordinal)
    {
        ["services/Adjudication"] = new(StringComparer.Ordinal)
        {
            ["Api"] = ["Settling", "Store", "Coverage", "Outbox", "Rebuilding", "Refusals", "Merging"],
            ["Refusals"] = [],
            ["Settling"] = ["Store", "Coverage", "Merging"],
            ["Merging"] = ["Store"],
            ["Outbox"] = ["Store"],
            ["Rebuilding"] = ["Store"],
            ["Store"] = [],
            ["Coverage"] = [],
        },
        ["services/Eligibility"] = new(StringComparer.Ordinal)
        {
            ["Api"] = ["Clinics", "Enrolment", "Facilities", "History", "Import"],
            ["Clinics"] = ["Facilities"],
            ["Import"] = ["Enrolment", "History"],
            ["Enrolment"] = ["History"],
            ["Facilities"] = ["History"],
            ["History"] = [],
        },
        ["services/Ledger"] = new(StringComparer.Ordinal)
        {
            ["Api"] =
                [
                    "Acts", "Audit", "Closing", "Funding", "GeneralLedger", "Impact", "Posting", "Reconciliation", "Refusals", "Statements",
                    "SubLedger",
                ],
            ["Refusals"] = [],
            ["Audit"] = ["Posting", "SubLedger"],
            ["Impact"] = ["SubLedger"],
            ["Funding"] = ["Closing", "GeneralLedger", "Posting"],
            ["Posting"] = ["GeneralLedger", "SubLedger"],
            ["Reconciliation"] = ["SubLedger"],
            ["Statements"] = ["SubLedger"],
            ["GeneralLedger"] = ["SubLedger"],
            ["Closing"] = ["Acts"],
            ["Acts"] = [],
            ["SubLedger"] = [],
        },
        ["services/Gateway"] = new(StringComparer.Ordinal)
        {
            ["Description"] = ["Clinic"],
            ["Clinic"] = [],
        },
        ["cli"] = new(StringComparer.Ordinal)
        {
            ["Commands"] =
                [
                    "Audit", "Backups", "Certificates", "Conformance", "Demo", "LocalSystem", "Operations", "PolicyImpact", "PolicyTrial",
                    "Reconciliation", "SampleCity", "Statements",
                ],
            ["Demo"] = ["Audit", "LocalSystem", "Operations", "Reconciliation"],
            ["Audit"] = [],
            ["Backups"] = ["LocalSystem"],
            ["Certificates"] = [],
            ["Conformance"] = ["Operations"],
            ["LocalSystem"] = [],
            ["Operations"] = [],
            ["PolicyImpact"] = [],
            ["PolicyTrial"] = [],
            ["Reconciliation"] = ["Operations"],
            ["SampleCity"] = [],
            ["Statements"] = [],
        },
    };

    public static TheoryData<string> Projects => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Folders_of_a_project_name_only_those_below_them(string project)
    {
        string[] files = [.. Sources.Under(project + "/", ".cs")];
        Assert.NotEmpty(files);
        Assert.Equal([], Faults(project, files.Select(file => (file, Sources.Text(file)))));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void The_table_of_a_project_has_its_folders_and_no_circle(string project)
    {
        IEnumerable<string> folders = Sources.Under(project + "/", ".cs").Select(file => FolderOf(project, file)).Distinct();
        Assert.Equal(Allowed[project].Keys.Order(StringComparer.Ordinal),
            folders.Where(folder => folder.Length > 0).Order(StringComparer.Ordinal));
        Assert.Empty(Arrows.Circles(Allowed[project]));
    }

    [Theory]
    [InlineData("using Claims.Adjudication.Outbox;", "Outbox")]
    [InlineData("using Answers = Claims.Adjudication.Api.AnswerStream;", "Api")]
    [InlineData("using static Claims.Adjudication.Settling.Replies;", "Settling")]
    [InlineData("class A { Outbox.ShardRelay? relay; }", "Outbox")]
    [InlineData("class A { object b = new Adjudication.Settling.Answer(); }", "Settling")]
    [InlineData("class A { string url = \"http://a\"; Api.AnswerStream? stream; }", "Api")]
    public void A_name_against_the_arrows_is_found(string text, string folder)
    {
        string fault = Assert.Single(Faults("services/Adjudication", [("services/Adjudication/Store/MadeUp.cs", text)]));
        Assert.Equal($"services/Adjudication/Store/MadeUp.cs names {folder}", fault);
    }

    [Theory]
    [InlineData("// Outbox.ShardRelay publishes it.")]
    [InlineData("class A { string text = \"Outbox.ShardRelay\"; }")]
    [InlineData("class A(B b) { int c = b.Outbox.Length; }")]
    [InlineData("class A { V1.Outbox.OutboxClient? client; }")]
    [InlineData("class A { Store.Shard? own; }")]
    public void A_comment_a_text_and_a_member_are_not_arrows(string text) =>
        Assert.Empty(Faults("services/Adjudication", [("services/Adjudication/Store/MadeUp.cs", text)]));

    [Fact]
    public void A_table_that_leads_back_is_a_circle()
    {
        Dictionary<string, string[]> table = new(StringComparer.Ordinal) { ["A"] = ["B"], ["B"] = ["C"], ["C"] = ["B"] };
        Assert.Equal(["B", "C"], Arrows.Circles(table));
    }

    private static IEnumerable<string> Faults(string project, IEnumerable<(string Path, string Text)> files)
    {
        Dictionary<string, string[]> table = Allowed[project];
        string root = "Claims." + (project == "cli" ? "Cli" : Path.GetFileName(project));
        return
            from file in files
            let folder = FolderOf(project, file.Path)
            where folder.Length > 0
            from named in Arrows.NamedIn(file.Text, root, table.Keys)
            where named != folder && !table.GetValueOrDefault(folder, []).Contains(named)
            select $"{file.Path} names {named}";
    }

    /// <summary>Empty for a file beside the project file.</summary>
    private static string FolderOf(string project, string path)
    {
        string within = path[(project.Length + 1)..];
        return within.Contains('/', StringComparison.Ordinal) ? within[..within.IndexOf('/', StringComparison.Ordinal)] : "";
    }
}
