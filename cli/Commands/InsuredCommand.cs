using System.CommandLine;

namespace Claims.Cli.Commands;

/// <summary><c>claims insured</c>: who is insured under which id.</summary>
public static class InsuredCommand
{
    public static Command Create() => new Command("insured", "Who is insured, under which id.") { InsuredMerge.Create() }.Reaching();
}
