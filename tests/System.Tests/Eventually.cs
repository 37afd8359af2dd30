namespace Claims.SystemTests;

internal static class Eventually
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>Returns as soon as the condition holds; fails where it does not within a minute.</summary>
    public static Task HoldsAsync(Func<Task<bool>> condition) => HoldsAsync(condition, Bound);

    public static async Task HoldsAsync(Func<Task<bool>> condition, TimeSpan bound)
    {
        using PeriodicTimer timer = new(Poll);
        long deadline = Environment.TickCount64 + (long)bound.TotalMilliseconds;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 < deadline, $"not within {bound.TotalSeconds} s");
            await timer.WaitForNextTickAsync();
        }
    }
}
