using System.Text.Json.Nodes;
using Google.Protobuf.Reflection;

namespace Claims.Gateway.Description;

/// <summary>One call, as it is described to whoever writes a clinic's software.</summary>
/// <param name="Method">GET or POST.</param>
/// <param name="Path">As it is routed.</param>
/// <param name="Summary">Chinese.</param>
internal sealed record ApiOperation(string Method, string Path, string Tag, string Summary)
{
    /// <summary>Of a body: a message of the contract, or a record of the page's API.</summary>
    public MessageDescriptor? RequestMessage { get; init; }

    public Type? RequestType { get; init; }

    public MessageDescriptor? ReplyMessage { get; init; }

    public Type? ReplyType { get; init; }

    /// <summary>Of a query or path.</summary>
    public IReadOnlyList<ApiParameter> Parameters { get; init; } = [];

    /// <summary>Whether it is served to who has not logged in.</summary>
    public bool IsOpen { get; init; }

    /// <summary>Whether a machine's token does not serve it: it is about a clerk's session.</summary>
    public bool OfSessions { get; init; }

    /// <summary>Codes of refusals besides those that any call may get, with their statuses.</summary>
    public IReadOnlyList<(int Status, string Code)> Refusals { get; init; } = [];
}

internal sealed record ApiParameter(string Name, string In, bool Required, string Description, JsonObject Schema);
