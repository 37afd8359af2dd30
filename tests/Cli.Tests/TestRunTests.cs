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

    /// <summary>A runner that crashed after its last test, or that found none, has not passed.</summary>
    [Theory]
    [InlineData(3, 0, 0, "3 passed, 0 failed, 0 skipped")]
    [InlineData(3, 1, 1, "3 passed, 1 failed, 0 skipped")]
    [InlineData(3, 0, 134, "3 passed, 1 failed, 0 skipped")]
    [InlineData(3, 1, 0, "3 passed, 2 failed, 0 skipped")]
    [InlineData(0, 0, 0, "0 passed, 1 failed, 0 skipped")]
    public void Run_whose_end_and_results_do_not_agree_counts_as_failed(int passed, int failed, int exitCode, string counts)
    {
        TestRun run = TestCommand.Judge("A.Tests", new TestRun(new TestCounts(passed, failed, 0), []), exitCode, "first\nlast\n");

        Assert.Equal(counts, run.Counts.ToString());
        if (run.Counts.Failed == failed) return;
        Assert.Equal(
            $"A.Tests: the test run ended with exit code {exitCode} and {passed + failed} results. Its output ends:\nfirst\nlast",
            Assert.Single(run.Failures));
    }

    [Fact]
    public void Results_that_were_broken_off_are_no_results()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "<TestRun><Results>");

        Assert.Equal(0, TestRun.Read(file).Counts.Total);
        File.Delete(file);
    }

    [Fact]
    public void Missing_results_are_no_results() => Assert.Equal(0, TestRun.Read("/no/such/file.trx").Counts.Total);
}
