using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.LoadTests;
using Claims.LoadTests.Chaos;
using Claims.LoadTests.Scenarios;
using Claims.PrivateServers;
using Grpc.Core;

// Named as the command that starts this one, so that its help is what a user can type.
Command root = new("claims", "Measurements of the claims system: ratios in one run, against the peer and against the limit.")
{
    BenchCommand.Create(),
    LoadCommand.Create(),
    ChaosCommand.Create(),
    new HelpOption(),
};
NumberOptions.Explain(root);
ParseResult parsed = root.Parse(args);
if (parsed.Action is ParseErrorAction errors)
    errors.ShowHelp = args.Length == 0;

try
{
    return await parsed.InvokeAsync(
        new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, Interruption.Watch());
}
catch (CommandException e)
{
    Output.Error(e.Message);
    return e.ExitCode;
}
catch (PrivateServerException e)
{
    Output.Error(e.Message);
    return ExitCodes.CannotStart;
}
catch (Exception e) when (e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
{
    Output.Error("stopped.");
    return Interruption.ExitCode;
}
catch (Exception e)
{
    Output.Error(e.Message);
    return ExitCodes.Failed;
}
