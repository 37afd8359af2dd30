using System.Xml.Linq;
using Claims.Cli.Commands;

namespace Claims.Cli.Tests;

public sealed class TestRunTests
{
    [Fact]
    public void Results_are_counted_by_outcome_and_failures_told()
    {
        TestRun run = TestRun.Read(XDocument.Parse("""
            <TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
              <Results>
                <UnitTestResult testName="A" outcome="Passed" />
                <UnitTestResult testName="B" outcome="Passed" />
                <UnitTestResult testName="C" outcome="NotExecuted" />
                <UnitTestResult testName="D" outcome="Failed"><Output><ErrorInfo><Message>1 is not 2</Message></ErrorInfo></Output></UnitTestResult>
                <UnitTestResult testName="E" outcome="Aborted" />
              </Results>
            </TestRun>
            """));

        Assert.Equal("2 passed, 2 failed, 1 skipped", run.Counts.ToString());
        Assert.Equal("FAILED D\n1 is not 2", run.Failures[0]);
        Assert.StartsWith("FAILED E", run.Failures[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_results_are_no_results() => Assert.Equal(0, TestRun.Read("/no/such/file.trx").Counts.Total);
}
