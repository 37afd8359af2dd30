using System.CommandLine;
using System.CommandLine.Invocation;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.Operations;
using Claims.Policy;
using Claims.PrivateServers;
using Grpc.Core;

RootCommand root = new("Outpatient claims: settle visits, keep the books, check them.")
{
    DemoCommand.Create(),
    TestCommand.Create(),
    InstrumentCommand.Create("bench", "Measure the system against the peer and against the limit; medians and ratios."),
    InstrumentCommand.Create("load", "Run load scenarios, each against a system of its own, with a report and the books checked."),
    InstrumentCommand.Create("chaos", "Make faults on purpose in a system under load; one model replays its books. A seed makes a run."),
    UpCommand.Create(),
    DownCommand.Create(),
    StatusCommand.Create(),
    ImportCommand.Create(),
    FacilityCommand.Create(),
    InsuredCommand.Create(),
    RecheckCommand.Create(),
    SendCommand.Create(),
    ExplainCommand.Create(),
    RebuildCommand.Create(),
    BackupCommand.Create(),
    RestoreCommand.Create(),
    ConformanceCommand.Create(),
    ClinicCommand.Create(),
    LedgerCommand.Create(),
    PolicyCommand.Create(),
    CertsCommand.Create(),
    BrokerCommand.Create(),
};

root.Subcommands.Add(HelpCommand.Create());
root.Subcommands.Add(CompletionsCommand.Create(root));
NumberOptions.Explain(root);
ParseResult parsed = root.Parse(args);
if (parsed.Action is ParseErrorAction errors)
    errors.ShowHelp = args.Length == 0;

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = null,
    }, Interruption.Watch());
}
catch (CommandException e)
{
    Output.Error(e.Message);
    return e.ExitCode;
}
catch (PolicyException e)
{
    foreach (string fault in e.Faults) Output.Error(fault);
    return ExitCodes.Failed;
}
catch (PrivateServerException e)
{
    Output.Error(e.Message);
    return ExitCodes.CannotStart;
}
catch (OperationCanceledException)
{
    Output.Error("stopped.");
    return Interruption.ExitCode;
}
catch (RpcException e)
{
    if (!Interruption.Happened) Output.Error($"A service answered {SendSummary.StatusName(e.StatusCode)}: {Services.Reason(e)}.");
    return Interruption.Happened ? Interruption.ExitCode : ExitCodes.Unavailable;
}
catch (Exception e)
{
    Output.Error(e.Message);
    return ExitCodes.Failed;
}
