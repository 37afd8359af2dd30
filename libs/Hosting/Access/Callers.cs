namespace Claims.Hosting;

/// <summary>Kinds of callers, as the table of permissions tells them apart.</summary>
[Flags]
public enum Callers
{
    None = 0,

    /// <summary>A hospital's system: <c>claims://facility/CODE</c>.</summary>
    Facility = 1,

    /// <summary>A clinic, by way of the gateway: <c>claims://clinic/CODE</c>, with its facility code.</summary>
    Clinic = 2,

    Adjudication = 4,
    Eligibility = 8,
    Ledger = 16,
    Gateway = 32,

    /// <summary>Who keeps the fund's money.</summary>
    Finance = 64,

    /// <summary>Who runs the system.</summary>
    Operations = 128,

    /// <summary>Who administers the insurance: the registry, plans, years.</summary>
    Bureau = 256,

    /// <summary>Who checks and changes nothing.</summary>
    Audit = 512,

    /// <summary>Who says nothing of itself on loopback without TLS: <c>claims://role/local</c>.</summary>
    Local = 1024,

    /// <summary>Who has come without a certificate where one is not asked for, and has not logged in.</summary>
    Unnamed = 2048,

    Staff = Finance | Operations | Bureau | Audit,
}
