namespace Claims.Ledger.Statements;

/// <summary>Nothing of the facility was ever booked, so there is nothing to state of it: its code is wrong, or its books are
/// elsewhere.</summary>
internal sealed class UnknownFacilityException(string facilityCode)
    : Exception($"the books have no facility {facilityCode}: nothing of it was ever booked");
