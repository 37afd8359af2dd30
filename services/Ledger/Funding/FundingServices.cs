using Claims.Ledger.GeneralLedger;
using Claims.Ledger.Closing;

namespace Claims.Ledger.Funding;

internal static class FundingServices
{
    public static void AddFunding(this IServiceCollection services)
    {
        services.AddSingleton<FundPolicy>();
        services.AddSingleton<VoucherBook>();
        services.AddSingleton<Income>();
        services.AddSingleton<Payments>();
        services.AddSingleton<Plans>();
        services.AddSingleton<BalanceReader>();
        services.AddSingleton<ClosedMonths>();
        services.AddSingleton<ReachedBooks>();
        services.AddHostedService<PlanWatch>();
        services.AddHostedService<FundWatch>();
    }
}
