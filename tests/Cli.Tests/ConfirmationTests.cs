using System.Diagnostics;
using System.Globalization;
using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary>What has no way back is shown and asked for, at a terminal.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ConfirmationTests(FakeSystem system)
{
    [Theory]
    [InlineData("2025-02", 0, true)]
    [InlineData("2025-03", 1, false)]
    [InlineData("y", 1, false)]
    public async Task Month_is_closed_only_where_its_name_is_typed(string typed, int exitCode, bool closed)
    {
        Books();

        (int code, string said) = await AtTerminalAsync(typed, "ledger", "close-month", "2025-02");

        Assert.Equal((exitCode, closed), (code, system.Received.Any(call => call.Request is CloseMonthRequest)));
        Assert.Equal(new GetResultRequest { From = "2025-02-01", To = "2025-02-28", By = DateKind.ByPosting }, system.Received[0].Request);
        Assert.Contains("2025-02, 2025-02-01 to 2025-02-28 by posting date", said, StringComparison.Ordinal);
        Assert.Contains("¥4,000.00", said, StringComparison.Ordinal);
        Assert.Contains(closed ? "Closed through 2025-02" : "Nothing was closed: what was typed is not 2025-02.", said,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2024", 0, true)]
    [InlineData("2023", 1, false)]
    public async Task Year_is_closed_only_where_its_name_is_typed(string typed, int exitCode, bool closed)
    {
        Books();

        (int code, string said) = await AtTerminalAsync(typed, "ledger", "close-year", "2024");

        Assert.Equal((exitCode, closed), (code, system.Received.Any(call => call.Request is CloseYearRequest or CloseLedgerYearRequest)));
        Assert.Equal(new GetResultRequest { From = "2024-01-01", To = "2024-12-31", By = DateKind.ByBusiness }, system.Received[0].Request);
        Assert.Contains("2024, 2024-01-01 to 2024-12-31 by visit date", said, StringComparison.Ordinal);
    }

    private void Books()
    {
        CountyResult county = new()
        {
            County = "410105",
            Name = "金水区",
            ContributionsFen = 100_000,
            SubsidiesFen = 200_000,
            OtherIncomeFen = 100_000,
            ExpenseFen = 50_000,
            ResultFen = 350_000,
        };
        system.Begin()
            .Answer<GetResultRequest>("Funding/GetResult", _ => new FundResult { Counties = { county }, Fund = county })
            .Answer<CloseMonthRequest>("Funding/CloseMonth", request => new CloseMonthReply { ClosedThrough = request.Month })
            .Answer<ProposeYearRequest>("Acts/ProposeYear", request => new YearProposal { Year = request.Year, MayClose = true })
            .Answer<CloseYearRequest>("AdjudicationOperations/CloseYear", request => new CloseYearReply { ClosedThrough = request.Year })
            .Answer<CloseLedgerYearRequest>("Ledger/CloseYear", request => new CloseLedgerYearReply { ClosedThrough = request.Year })
            .Answer<CloseRegistryYearRequest>(
                "RegistryOffice/CloseYear", request => new CloseRegistryYearReply { ClosedThrough = request.Year });
    }

    /// <summary>With a terminal of its own, which script (util-linux, Debian's bsdutils) makes.</summary>
    private async Task<(int ExitCode, string Said)> AtTerminalAsync(string typed, params string[] arguments)
    {
        string command = $"dotnet '{typeof(CommandException).Assembly.Location}' {string.Join(' ', arguments)}";
        ProcessStartInfo start = new("script", ["--quiet", "--return", "--command", command, "/dev/null"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["CLAIMS_DATA"] = Path.Combine(system.Directory.FullName, "data"),
                ["CLAIMS_PORT_BASE"] = system.PortBase.ToString(CultureInfo.InvariantCulture),
                ["COLUMNS"] = "120",
            },
        };
        using Process process = Process.Start(start)!;
        using CancellationTokenSource bound = new(TimeSpan.FromMinutes(1));
        await process.StandardInput.WriteLineAsync(typed.AsMemory(), bound.Token);
        await process.StandardInput.FlushAsync(bound.Token);
        string said = await process.StandardOutput.ReadToEndAsync(bound.Token);
        await process.WaitForExitAsync(bound.Token);
        return (process.ExitCode, said);
    }
}
