namespace Claims.Ledger.SubLedger;

/// <summary>Nothing of the facility was ever booked, so there is nothing to state of it or to hold against its own books: its code is
/// wrong, or its books are elsewhere.</summary>
internal sealed class UnknownFacilityException(string facilityCode)
    : Exception($"the books have no facility {facilityCode}: nothing of it was ever booked")
{
    /// <summary>The same in Chinese, without a full stop.</summary>
    public string Text => $"账中没有机构 {facilityCode}：从未记过它的结算，请核对机构编码";
}
