namespace Claims.Cli;

/// <summary>Asks before what cannot be taken back.</summary>
public static class Confirmation
{
    /// <param name="word">What the person types: the very thing that is closed, so that a mistaken one is noticed.</param>
    /// <exception cref="CommandException">Nobody can be asked, or something else was typed.</exception>
    public static async Task AskAsync(string word, CancellationToken cancellationToken)
    {
        Console.Error.Write($"There is no way back 不可恢复. Type {word} to close it: ");
        string? typed = await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(cancellationToken);
        if (typed?.Trim() != word) throw new CommandException($"Nothing was closed: what was typed is not {word}.");
    }

    /// <exception cref="CommandException">There is no terminal.</exception>
    public static void RequireTerminal(string what)
    {
        if (Console.IsInputRedirected)
            throw new CommandException($"{what} is not closed: there is no terminal to ask at, and --yes is not given.");
    }
}
