using Claims.LoadTests.Chaos.Stage;

namespace Claims.LoadTests.Chaos.Faults;

/// <summary>A line between two processes that does not carry as it should.</summary>
public sealed class LineFault(Scene scene, string target, Action<Line> harm) : IFault
{
    public static IReadOnlyList<string> Targets { get; } =
    [
        .. Enumerable.Range(1, ChaosSystem.Instances).SelectMany(instance => new[]
        {
            $"hospitals → {ChaosSystem.Adjudication(instance)}",
            $"{ChaosSystem.Adjudication(instance)} → redis",
            $"{ChaosSystem.Adjudication(instance)} → eligibility",
            $"{ChaosSystem.Adjudication(instance)} → {ChaosSystem.Ledger(instance)}",
            $"{ChaosSystem.Ledger(instance)} → postgres",
        }),
        "eligibility → postgres", "gateway → adjudication-1", "clinics → gateway",
    ];

    public Task BeginAsync(CancellationToken cancellationToken)
    {
        harm(scene.System.Lines[target]);
        return Task.CompletedTask;
    }

    public Task EndAsync(CancellationToken cancellationToken)
    {
        scene.System.Lines[target].Heal();
        return Task.CompletedTask;
    }
}
