namespace Claims.LoadTests.Scenarios;

public static class AllScenarios
{
    public static IReadOnlyList<Scenario> List { get; } =
    [
        HospitalStreams.Scenario,
        HospitalUnary.Scenario,
        MondayMorning.Scenario,
        Mixed.Scenario,
        HotInsured.Scenario,
        HotFacility.Scenario,
        ClinicGateway.Scenario,
        Soak.Scenario,
        LedgerOutage.Scenario,
    ];
}
