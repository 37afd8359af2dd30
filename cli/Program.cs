using System.CommandLine;
using System.CommandLine.Invocation;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.Cli.Operations;
using Claims.Policy;
using Claims.PrivateServers;
using Grpc.Core;

ParseResult parsed = CommandTree.For(args).Parse(args);
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
