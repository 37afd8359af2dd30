namespace Claims.Cli;

/// <summary>What the command exits with.</summary>
public static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The input is wrong, or a check did not hold.</summary>
    public const int Failed = 1;

    /// <summary>A service did not answer, or some operations of a file were left without an answer.</summary>
    public const int Unavailable = 3;

    /// <summary>The system cannot be started here: a port is busy, a package is missing, a process ended.</summary>
    public const int CannotStart = 4;

    /// <summary>A variable of the environment is wrong, as in sysexits.h and as the services have it.</summary>
    public const int Configuration = 78;

    /// <summary>Ctrl-C.</summary>
    public const int Interrupted = 130;

    /// <summary>SIGTERM.</summary>
    public const int Terminated = 143;
}

/// <summary>Ends the command with one sentence on standard error.</summary>
public sealed class CommandException : Exception
{
    public CommandException()
    {
    }

    public CommandException(string message)
        : base(message)
    {
    }

    public CommandException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public CommandException(string message, int exitCode)
        : base(message) => ExitCode = exitCode;

    public int ExitCode { get; } = ExitCodes.Failed;

    /// <summary>A service said something that this command has no word for: better no answer than a wrong word in it.</summary>
    public static CommandException UnknownWord(string what, object said) =>
        new($"The service answered a {what} that this command has no word for, {said}: the command is older than the service.");
}
