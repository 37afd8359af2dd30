using System.ComponentModel.DataAnnotations;
using Claims.Hosting;

namespace Claims.Gateway;

/// <summary>Section <c>Claims</c>, beside what every service has.</summary>
public sealed class GatewaySettings
{
    [Required, ServiceAddress]
    public string AdjudicationAddress { get; init; } = "";

    /// <summary>Whose books clinics' own are held against. Readiness does not depend on it.</summary>
    [Required, Url]
    public string LedgerAddress { get; init; } = "";

    /// <summary>Who knows clinics' clerks, insured and items. Empty: no page is served, and clinics come with certificates alone. With it
    /// the gateway does not insist on a certificate: who has none logs in, or shows a machine's token.</summary>
    [ServiceAddress]
    public string EligibilityAddress { get; init; } = "";

    /// <summary>Names that clinics call the gateway by, with commas. Empty: without TLS those of loopback, with TLS any.</summary>
    public string Hosts { get; init; } = "";

    /// <summary>Origins whose pages may call the gateway, such as <c>https://clinic.example</c>, with commas. Empty: its own.</summary>
    public string Origins { get; init; } = "";

    /// <summary>How long Adjudication may take to answer, repeats included; then 504.</summary>
    [Range(1, 60)]
    public int AnswerSeconds { get; init; } = 10;

    /// <summary>How long a request's body may take to come in; then 408.</summary>
    [Range(1, 300)]
    public int BodySeconds { get; init; } = 30;

    /// <summary>A request's body may have so many bytes; a longer one gets 413. One with 500 fee lines has some 100 kB.</summary>
    [Range(1_000, 10_000_000)]
    public int BodyBytes { get; init; } = 262_144;

    /// <summary>Likewise of a reconciliation's lines, of which one has some 250 bytes.</summary>
    [Range(1_000, 50_000_000)]
    public int BooksBytes { get; init; } = 4_194_304;

    /// <summary>How long the ledger may take to compare; then 504.</summary>
    [Range(1, 600)]
    public int ReconcileSeconds { get; init; } = 60;

    /// <summary>Logins that may be tried from one address within a minute. Clinics behind one address share them.</summary>
    [Range(1, 10_000)]
    public int LoginsPerMinute { get; init; } = 60;

    /// <summary>Insured that one clinic may look for within an hour and not find; then it is told to wait. Who types ids wrongly has some
    /// ten a day, who guesses them has thousands.</summary>
    [Range(1, 10_000)]
    public int UnknownInsuredPerHour { get; init; } = 60;

    /// <summary>Whether clerks can log in, and the page is served.</summary>
    public bool HasPage => EligibilityAddress.Length > 0;
}
