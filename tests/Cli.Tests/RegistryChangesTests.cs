using Claims.Cli.Demo;

namespace Claims.Cli.Tests;

public sealed class RegistryChangesTests
{
    [Theory]
    [InlineData(4, 2)]
    [InlineData(5, 3)]
    public async Task Registry_changes_once_when_half_of_the_visits_are_answered(int visits, int half)
    {
        int answered = 0;
        List<int> changedAfter = [];
        RegistryChanges registry = new(visits, () =>
        {
            changedAfter.Add(answered);
            return Task.CompletedTask;
        });

        while (answered < visits)
        {
            answered++;
            await registry.AnsweredAsync(CancellationToken.None);
        }

        Assert.Equal([half], changedAfter);
    }

    /// <summary>The token has ended, so that no second attempt can hide the first's refusal.</summary>
    [Fact]
    public async Task Change_that_is_refused_is_not_tried_again()
    {
        RegistryChanges registry = new(2, () => throw new CommandException("a file is wrong", ExitCodes.Failed));

        CommandException refused =
            await Assert.ThrowsAsync<CommandException>(() => registry.AnsweredAsync(new CancellationToken(canceled: true)));

        Assert.Equal("a file is wrong", refused.Message);
    }
}
