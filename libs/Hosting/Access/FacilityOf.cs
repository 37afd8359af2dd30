namespace Claims.Hosting;

/// <summary>Which facility a message of the contract is of: its facility_code, or that of its scope.</summary>
internal static class FacilityOf<TMessage>
{
    private static readonly Func<TMessage, (bool Names, string? Code)>? Get = Find();

    /// <summary>Whether messages of this type name a facility at all.</summary>
    public static bool IsNamed => Get is not null;

    /// <returns>Names: false for a message of a stream that goes on with what an earlier one has named.</returns>
    public static (bool Names, string? Code) Read(TMessage message) => Get is null ? (true, null) : Get(message);

    private static Func<TMessage, (bool, string?)>? Find()
    {
        if (typeof(TMessage).GetProperty("FacilityCode")?.GetMethod is { } code)
        {
            Func<TMessage, string> read = code.CreateDelegate<Func<TMessage, string>>();
            return message => (true, read(message));
        }

        if (typeof(TMessage).GetProperty("Scope") is { } scope && scope.PropertyType.GetProperty("FacilityCode") is { } scoped)
        {
            return message => scope.GetValue(message) is { } given ? (true, (string?)scoped.GetValue(given)) : (false, null);
        }

        return null;
    }
}
