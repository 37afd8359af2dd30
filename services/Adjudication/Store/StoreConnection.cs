using StackExchange.Redis;

namespace Claims.Adjudication.Store;

/// <summary>How this service is connected with the stores.</summary>
public static class StoreConnection
{
    /// <param name="redis"><c>host:port,password=…</c>, several hosts for a cluster.</param>
    public static ConfigurationOptions OptionsOf(string redis)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(redis);

        // The service starts without Redis and answers UNAVAILABLE until it is there.
        options.AbortOnConnectFail = false;

        // A call that cannot be made is refused at once: the cashier knows that nothing happened, and no visit is settled later
        // than it was answered for.
        options.BacklogPolicy = BacklogPolicy.FailFast;

        options.AsyncTimeout = 5_000;

        // CONFIG GET says whether every write is synced.
        options.AllowAdmin = true;
        options.ConnectTimeout = 2_000;
        options.KeepAlive = 10;

        // How long a replica that took over outside of a cluster may go unnoticed; a cluster says by itself who is the master.
        options.ConfigCheckSeconds = 5;

        // Keys hold an insured_id.
        options.IncludeDetailInExceptions = false;
        return options;
    }
}
