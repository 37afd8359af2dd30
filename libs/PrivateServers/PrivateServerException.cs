namespace Claims.PrivateServers;

/// <summary>A private server cannot be had; the message is one sentence that names the port, package or log to look at.</summary>
public sealed class PrivateServerException : Exception
{
    public PrivateServerException()
    {
    }

    public PrivateServerException(string message)
        : base(message)
    {
    }

    public PrivateServerException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
