namespace Claims.Ledger.Impact;

/// <summary>An entry undoes what does not stand, or names what there is not: nothing can be reckoned from such books.</summary>
internal sealed class BooksDisagreeException(string message) : Exception(message);
