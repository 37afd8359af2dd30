namespace Claims.Hosting;

/// <summary>Why a file is not taken. The message may quote the file and so personal data: it goes to the sender, never to a log.</summary>
public sealed class ImportFaultException : Exception
{
    /// <param name="line">The header is line 1; 0 when the fault is not of one line.</param>
    /// <param name="column">Name of the column, or empty.</param>
    public ImportFaultException(long line, string column, string message) : base(message)
    {
        Line = line;
        Column = column;
    }

    public long Line { get; }

    public string Column { get; }
}
