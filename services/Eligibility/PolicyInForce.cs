using Claims.Policy;

namespace Claims.Eligibility;

/// <summary>Reads the policy pack before the first call is taken, and says in the log which it is.</summary>
internal sealed class PolicyInForce(PolicyPack policy, ILogger<PolicyInForce> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation(new EventId(1, "policy_in_force"), "The policy of {City} is in force, hash {Hash}.", policy.City,
            policy.Hash);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
