using System.CommandLine;

namespace Claims.Cli.Commands;

/// <summary>The commands, in the order in which the help lists them.</summary>
public static class CommandTree
{
    /// <summary>Each by the word that names it.</summary>
    private static readonly (string Name, Func<Command> Create)[] Commands =
    [
        ("demo", DemoCommand.Create),
        ("test", TestCommand.Create),
        ("bench", () => InstrumentCommand.Create(
            "bench", "Measure the system against the peer and against the limit; medians and ratios.")),
        ("load", () => InstrumentCommand.Create(
            "load", "Run load scenarios, each against a system of its own, with a report and the books checked.")),
        ("chaos", () => InstrumentCommand.Create(
            "chaos", "Make faults on purpose in a system under load; one model replays its books. A seed makes a run.")),
        ("up", UpCommand.Create),
        ("down", DownCommand.Create),
        ("status", StatusCommand.Create),
        ("import", ImportCommand.Create),
        ("facility", FacilityCommand.Create),
        ("insured", InsuredCommand.Create),
        ("recheck", RecheckCommand.Create),
        ("send", SendCommand.Create),
        ("explain", ExplainCommand.Create),
        ("rebuild", RebuildCommand.Create),
        ("backup", BackupCommand.Create),
        ("restore", RestoreCommand.Create),
        ("conformance", ConformanceCommand.Create),
        ("clinic", ClinicCommand.Create),
        ("ledger", LedgerCommand.Create),
        ("policy", PolicyCommand.Create),
        ("certs", CertsCommand.Create),
        ("broker", BrokerCommand.Create),
    ];

    /// <summary>The command that the first word names, alone: with all of them <c>claims status</c> took 0.32 s in place of 0.17.
    /// All of them where it names none, as for help.</summary>
    /// <param name="words">What was typed behind <c>claims</c>.</param>
    public static RootCommand For(IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        RootCommand root = new("Outpatient claims: settle visits, keep the books, check them.");
        if (words.Count > 0 && Array.Find(Commands, command => command.Name == words[0]) is { Create: { } create })
        {
            root.Subcommands.Add(create());
        }
        else
        {
            foreach ((_, Func<Command> make) in Commands) root.Subcommands.Add(make());
            root.Subcommands.Add(HelpCommand.Create());
            root.Subcommands.Add(CompletionsCommand.Create(root));
        }

        NumberOptions.Explain(root);
        return root;
    }
}
