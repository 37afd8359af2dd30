using System.Collections.Frozen;
using static Claims.Hosting.Callers;

namespace Claims.Hosting;

/// <summary>Who may call a method.</summary>
/// <param name="Method">As gRPC names it, or the gateway's route.</param>
/// <param name="OwnFacility">A facility or clinic is served only where each message names it in facility_code.</param>
/// <param name="Operators">Served on the port for operators, where the service has one, and nowhere else.</param>
public sealed record Permission(string Method, Callers May, bool OwnFacility = false, bool Operators = false);

/// <summary>The table of permissions: what has no row here is nobody's. docs/identity.md shows it; a test holds the two
/// together.</summary>
public static class Permissions
{
    private const Callers Anyone = Facility | Clinic | Adjudication | Callers.Eligibility | Ledger | Gateway | Staff | Local;

    // Up serves loopback without TLS, where any program may say that it is anybody: what says nothing may do what the commands do.
    private static readonly Permission[] All =
    [
        // A clinic's calls come through the gateway, which says whose they are. Staff settle nothing: they have no visits.
        new("/claims.v1.Adjudication/PreSettle", Facility | Clinic | Local, OwnFacility: true),
        new("/claims.v1.Adjudication/Settle", Facility | Clinic | Local, OwnFacility: true),
        new("/claims.v1.Adjudication/SettleStream", Facility | Local, OwnFacility: true),
        new("/claims.v1.Adjudication/Cancel", Facility | Clinic | Local, OwnFacility: true),
        new("/claims.v1.Adjudication/Reverse", Facility | Clinic | Local, OwnFacility: true),
        new("/claims.v1.Adjudication/GetSettlement", Facility | Clinic | Local, OwnFacility: true),
        // What a cap has left is any facility's business; settlements of others are named by their ids alone.
        new("/claims.v1.Adjudication/GetAccumulators", Facility | Clinic | Staff | Local),

        new("/claims.v1.AdjudicationOperations/GetOutbox", Ledger | Staff | Local, Operators: true),
        new("/claims.v1.AdjudicationOperations/CloseYear", Bureau | Local, Operators: true),
        new("/claims.v1.AdjudicationOperations/RebuildShard", Operations | Local, Operators: true),
        new("/claims.v1.AdjudicationOperations/MergeInsured", Bureau | Local, Operators: true),
        new("/claims.v1.AdjudicationOperations/ListAccumulators", Ledger | Operations | Callers.Audit | Local, Operators: true),

        new("/claims.v1.Eligibility/Lookup", Adjudication | Ledger | Operations | Bureau | Callers.Audit | Local),
        new("/claims.v1.Eligibility/WatchChanges", Adjudication | Operations | Local),
        new("/claims.v1.Eligibility/Import", Operations | Bureau | Local),
        new("/claims.v1.Eligibility/CountHeads", Ledger | Staff | Local),

        // Whoever asks has said nothing of itself yet but to the gateway, or has shown it a token.
        new("/claims.v1.ClinicAccess/LogIn", Gateway | Local),
        new("/claims.v1.ClinicAccess/CheckToken", Gateway | Local),
        new("/claims.v1.ClinicAccess/ChangePassword", Gateway | Local),
        new("/claims.v1.ClinicAccess/LogOut", Gateway | Local),
        new("/claims.v1.ClinicAccess/IssueCredential", Operations | Bureau | Local),
        new("/claims.v1.ClinicAccess/RevokeCredential", Operations | Bureau | Local),
        new("/claims.v1.ClinicAccess/ListCredentials", Operations | Bureau | Callers.Audit | Local),

        new("/claims.v1.ClinicRegistry/FindInsured", Clinic | Operations | Bureau | Callers.Audit | Local),
        new("/claims.v1.ClinicRegistry/SearchCatalogue", Clinic | Staff | Local),
        new("/claims.v1.ClinicRegistry/SuggestClinic", Operations | Bureau | Local),

        new("/claims.v1.RegistryOffice/ShowFacility", Staff | Local),
        new("/claims.v1.RegistryOffice/SuspendFacility", Bureau | Local),
        new("/claims.v1.RegistryOffice/ResumeFacility", Bureau | Local),
        new("/claims.v1.RegistryOffice/ExplainFacility", Staff | Local),
        new("/claims.v1.RegistryOffice/ExplainInsured", Staff | Local),
        new("/claims.v1.RegistryOffice/ListDuplicates", Bureau | Callers.Audit | Local),
        new("/claims.v1.RegistryOffice/Register", Bureau | Local),
        new("/claims.v1.RegistryOffice/CloseYear", Bureau | Local),

        new("/claims.v1.Ledger/OpenStore", Adjudication | Local),
        new("/claims.v1.Ledger/ConfirmStore", Adjudication | Local),
        new("/claims.v1.Ledger/WatchWatermarks", Adjudication | Operations | Local),
        new("/claims.v1.Ledger/GetTrialBalance", Staff | Local),
        new("/claims.v1.Ledger/ListInsuredYears", Adjudication | Staff | Local),
        new("/claims.v1.Ledger/CloseYear", Bureau | Local),
        new("/claims.v1.Ledger/ListEntries", Adjudication | Staff | Local),
        new("/claims.v1.Ledger/ListStoredRecords", Adjudication | Local),

        new("/claims.v1.LedgerShards/ListShards", Staff | Local),
        new("/claims.v1.LedgerShards/ResumeShard", Operations | Local),

        // A hospital asks why its own request was refused.
        new("/claims.v1.RefusalLog/Keep", Adjudication | Local),
        new("/claims.v1.RefusalLog/Find", Facility | Clinic | Staff | Local, OwnFacility: true),

        // Each service writes down what it is about to do. Who sees that a year is about to be closed may stop it.
        new("/claims.v1.Acts/List", Staff | Local),
        new("/claims.v1.Acts/ProposeYear", Bureau | Local),
        new("/claims.v1.Acts/Record", Adjudication | Callers.Eligibility | Local),
        new("/claims.v1.Acts/TakeBackYear", Finance | Bureau | Local),

        new("/claims.v1.Audit/GetChainHead", Staff | Local),
        new("/claims.v1.Audit/Verify", Staff | Local),
        new("/claims.v1.Audit/FoldShard", Operations | Callers.Audit | Local),
        new("/claims.v1.Audit/CompareAccumulators", Staff | Local),

        new("/claims.v1.Funding/Assess", Finance | Local),
        new("/claims.v1.Funding/Receive", Finance | Local),
        new("/claims.v1.Funding/Transfer", Finance | Local),
        new("/claims.v1.Funding/ProposeReplenishments", Staff | Local),
        new("/claims.v1.Funding/ProposePayments", Staff | Local),
        new("/claims.v1.Funding/Pay", Finance | Local),
        new("/claims.v1.Funding/ReverseVoucher", Finance | Local),
        new("/claims.v1.Funding/ListVouchers", Staff | Local),
        new("/claims.v1.Funding/SetPlan", Finance | Bureau | Local),
        new("/claims.v1.Funding/ListPlans", Staff | Local),
        new("/claims.v1.Funding/GetResult", Staff | Local),
        new("/claims.v1.Funding/GetBalances", Staff | Local),
        new("/claims.v1.Funding/CloseMonth", Finance | Local),

        new("/claims.v1.Reconciliation/ReconcileTotals", Facility | Clinic | Staff | Local, OwnFacility: true),
        new("/claims.v1.Reconciliation/ReconcileLines", Facility | Clinic | Staff | Local, OwnFacility: true),
        // A file may have the books of every facility.
        new("/claims.v1.Reconciliation/ReconcileFile", Staff | Local),
        new("/claims.v1.Reconciliation/ListFacilityTotals", Staff | Local),
        new("/claims.v1.Reconciliation/ListFacilityEntries", Facility | Clinic | Staff | Local, OwnFacility: true),
        new("/claims.v1.Reconciliation/GetStatement", Facility | Clinic | Staff | Local, OwnFacility: true),

        new("/claims.v1.PolicyImpact/Calculate", Staff | Local),
        new("/claims.v1.Recheck/Run", Staff | Local),

        new("/grpc.health.v1.Health/Check", Anyone),
        new("/grpc.health.v1.Health/Watch", Anyone),
        // It describes operators' methods too; hospitals have the contract.
        new("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Staff | Local),
        new("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Staff | Local),

        // The gateway's routes. Whose facility a message names is compared by the service behind.
        new("/v1/settle", Clinic | Local),
        new("/v1/pre-settle", Clinic | Local),
        new("/v1/cancel", Clinic | Local),
        new("/v1/reverse", Clinic | Local),
        new("/v1/get-settlement", Clinic | Local),
        new("/v1/get-accumulators", Clinic | Local),
        new("/v1/reconcile-totals", Clinic | Local),
        new("/v1/reconcile-lines", Clinic | Local),

        // What a clinic's page asks for. Who logs in has not said who it is.
        new("/clinic/login", Unnamed | Clinic | Local),
        new("/clinic/logout", Clinic),
        new("/clinic/session", Clinic),
        new("/clinic/password", Clinic),
        new("/clinic/insured/{id}", Clinic),
        new("/clinic/catalogue", Clinic),
        new("/clinic/day", Clinic),
        new("/clinic/find", Clinic),
        new("/clinic/day/compare", Clinic),
    ];

    private static readonly FrozenDictionary<string, Permission> ByMethod =
        All.ToFrozenDictionary(row => row.Method, StringComparer.Ordinal);

    public static IReadOnlyList<Permission> Rows => All;

    /// <summary>The row of a method, or null: nobody may call it.</summary>
    public static Permission? Of(string method) => ByMethod.GetValueOrDefault(method);
}
