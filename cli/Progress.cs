using System.Globalization;
using Spectre.Console;

namespace Claims.Cli;

/// <summary>A progress bar for a person at a terminal; a line on standard error every few seconds for a log.</summary>
public static class Progress
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    /// <param name="work">Is given what to call after each of <paramref name="total"/> steps, from any thread.</param>
    public static async Task ShowAsync(string title, long total, Func<Action, Task> work)
    {
        if (!Output.IsInteractive)
        {
            await ShowLinesAsync(title, total, work);
            return;
        }
        await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: total);
                await work(() => task.Increment(1));
            });
    }

    private static async Task ShowLinesAsync(string title, long total, Func<Action, Task> work)
    {
        long done = 0;
        await using Timer lines = new(
            _ =>
                Output.Progress(string.Create(
                CultureInfo.InvariantCulture, $"{title}: {Interlocked.Read(ref done):#,##0} of {total:#,##0}")),
            null, LineInterval, LineInterval);
        await work(() => Interlocked.Increment(ref done));
    }
}
