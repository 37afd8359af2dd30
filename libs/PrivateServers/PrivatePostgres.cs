using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Claims.PrivateServers;

/// <summary>
/// A PostgreSQL server on 127.0.0.1 with a generated password. Needs Debian's postgresql package.
/// PostgreSQL refuses to run as root: under root it runs as the user postgres.
/// </summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    internal const string User = "claims";

    private const string VersionsDirectory = "/usr/lib/postgresql";

    // A pool would keep connections to a server that has been killed and restarted since.
    private const string Unpooled = ";Pooling=false";

    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(30);

    private readonly ServerDirectory _directory;
    private readonly bool _fsync;
    private readonly WalArchive? _archive;
    private ServerProcess? _owned;

    private PrivatePostgres(ServerDirectory directory, int port, bool fsync, WalArchive? archive = null)
    {
        _directory = directory;
        _fsync = fsync;
        _archive = archive;
        Port = port;
    }

    public int Port { get; }

    public ProcessIdentity Process { get; private set; }

    internal string Password => _directory.Password();

    /// <summary>Below the directory of a server, where its database cluster is.</summary>
    public const string DataName = "data";

    /// <summary>Below the directory of a server, the file that has the password of the one login; mode 600.</summary>
    public const string PasswordName = "password";

    private string DataDirectory => _directory.File(DataName);

    /// <summary>A server that ends with this process or on disposal.</summary>
    /// <param name="directory">Where the data stays; null for a temporary place that disposal removes.</param>
    /// <param name="port">0 for any free port.</param>
    /// <param name="archive">Where it keeps its WAL; null for nowhere.</param>
    /// <param name="fsync">Without it the server survives its own crash, not the machine's.</param>
    /// <exception cref="PrivateServerException">The port is busy, the package is missing, or the server does not get ready.</exception>
    public static async Task<PrivatePostgres> StartAsync(string? directory = null, int port = 0, WalArchive? archive = null,
        bool fsync = false, CancellationToken cancellationToken = default)
    {
        PrivatePostgres postgres =
            new(ServerDirectory.Open(directory, "postgres"), port == 0 ? FreePort.Take() : port, fsync, archive);
        try
        {
            await postgres.StartOwnedAsync(cancellationToken);
            return postgres;
        }
        catch
        {
            await postgres.DisposeAsync();
            throw;
        }
    }

    /// <summary>A server that survives this process, with fsync on. Returns once it answers.</summary>
    /// <param name="started">Called as soon as the process exists, before it is ready.</param>
    /// <param name="archive">Where it keeps its WAL; null for nowhere.</param>
    /// <exception cref="PrivateServerException">The port is busy, the package is missing, the archive is another server's, or the server
    /// does not get ready.</exception>
    public static async Task<PrivatePostgres> StartDetachedAsync(
        string directory, int port, string logFile, Action<ProcessIdentity> started, WalArchive? archive = null,
        CancellationToken cancellationToken = default)
    {
        PrivatePostgres postgres = new(ServerDirectory.Open(directory, "postgres"), port, fsync: true, archive);
        ServerCommand command = await postgres.PrepareAsync(logFile, cancellationToken);
        postgres.Process = ServerProcess.StartDetached(command);
        started(postgres.Process);
        try
        {
            await postgres.WaitUntilReadyAsync(logFile, cancellationToken);
            return postgres;
        }
        catch
        {
            postgres.Process.Signal(ProcessSignal.Kill);
            throw;
        }
    }

    /// <summary>The server that <see cref="StartDetachedAsync"/> started over this directory, running or not.</summary>
    public static PrivatePostgres Attach(string directory, int port, ProcessIdentity process = default) =>
        new(ServerDirectory.Open(directory, "postgres"), port, fsync: true) { Process = process };

    /// <summary>An Npgsql connection string for a database, which is created where it is absent.</summary>
    public string ConnectionString(string database)
    {
        using NpgsqlConnection connection = new(AddressOf("postgres") + Unpooled);
        connection.Open();
        using NpgsqlCommand find = new("SELECT 1 FROM pg_database WHERE datname = $1", connection)
        {
            Parameters = { new NpgsqlParameter { Value = database } },
        };
        if (find.ExecuteScalar() is null)
        {
            string quoted = new NpgsqlCommandBuilder().QuoteIdentifier(database);
            using NpgsqlCommand create = new($"CREATE DATABASE {quoted}", connection);
            create.ExecuteNonQuery();
        }
        return AddressOf(database);
    }

    /// <summary>An Npgsql connection string for a database that is there.</summary>
    public string AddressOf(string database) =>
        $"Host=127.0.0.1;Port={Port};Username={User};Password={_directory.Password()};Database={database}";

    /// <summary>SIGKILL, as a crash would be; the data stays.</summary>
    public async Task KillAsync()
    {
        Process.Signal(ProcessSignal.Kill);
        await Process.WaitForExitAsync(StopBound);
    }

    /// <summary>Kills the server if it still runs and starts it again over the same data on the same port.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await KillAsync();
        _owned?.Dispose();
        _owned = null;
        await StartOwnedAsync(cancellationToken);
    }

    /// <summary>Whether the server takes a connection with this directory's password.</summary>
    public async Task<bool> AnswersAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await using NpgsqlConnection connection = new(AddressOf("postgres") + Unpooled + ";Timeout=5");
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync()
    {
        // Fast shutdown first: a killed postmaster leaves its children behind for a moment, writing into the directory.
        Process.Signal(ProcessSignal.Interrupt);
        return StopOwnedAsync();
    }

    private async ValueTask StopOwnedAsync()
    {
        if (_owned is null)
            return;
        await Process.WaitForExitAsync(StopBound);
        _owned.Dispose();
        _owned = null;
        await WaitUntilUnusedAsync(CancellationToken.None);
        _directory.DeleteIfTemporary();
    }

    private async Task StartOwnedAsync(CancellationToken cancellationToken)
    {
        string logFile = _directory.File("postgres.log");
        ServerCommand command = await PrepareAsync(logFile, cancellationToken);
        _owned = await ServerProcess.StartOwnedAsync(command, cancellationToken);
        Process = _owned.Identity;
        await WaitUntilReadyAsync(logFile, cancellationToken);
    }

    /// <summary>Of the server that is installed.</summary>
    internal static string Program(string name) => Programs.Find(name, "postgresql", VersionsDirectory);

    private async Task<ServerCommand> PrepareAsync(string logFile, CancellationToken cancellationToken)
    {
        string postgres = Program("postgres");
        FreePort.Require(Port, "PostgreSQL");
        if (Directory.Exists(DataDirectory))
            await RemoveStaleLockAsync(cancellationToken);
        else
            await InitialiseAsync(logFile, cancellationToken);

        string[] settings =
        [
            "-D", DataDirectory,
            .. Listening(Port),
            "-c", "synchronous_commit=on",
            "-c", "max_wal_size=4GB",
            // A server that lasts is safe whatever its files say; one of a test is not by a file, and may be made so as it runs.
            .. _fsync ? new[] { "-c", "fsync=on", "-c", "full_page_writes=on" } : [],
            .. _archive?.Prepare(_directory.File("archive.sh"), DataDirectory,
                (await ControlData.ReadAsync(DataDirectory, cancellationToken)).SystemIdentifier) ?? [],
        ];
        return AsServerUser(postgres, settings, logFile);
    }

    internal static string[] Listening(int port) =>
    [
        "-c", "listen_addresses=127.0.0.1",
        "-c", string.Create(CultureInfo.InvariantCulture, $"port={port}"),
        "-c", "unix_socket_directories=",
    ];

    private async Task InitialiseAsync(string logFile, CancellationToken cancellationToken)
    {
        string initdb = Program("initdb");
        _ = _directory.Password();
        // Made beside its place and moved there, so that an interrupted start leaves nothing that looks like a database.
        string unfinished = _directory.File("data.new");
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true);
        string[] arguments =
        [
            "-D", unfinished, "--username", User, "--pwfile", _directory.File(PasswordName), "--auth", "scram-sha-256",
            "--no-locale", "--encoding", "UTF8", "--data-checksums", .. _fsync ? Array.Empty<string>() : ["--no-sync"],
        ];
        using (ServerProcess process = await ServerProcess.StartOwnedAsync(AsServerUser(initdb, arguments, logFile), cancellationToken))
            await process.Identity.WaitForExitAsync(StartBound, cancellationToken);
        if (!File.Exists(Path.Combine(unfinished, "global", "pg_control")))
            throw new PrivateServerException($"PostgreSQL's initdb failed: {ServerProcess.LogTail(logFile, 3)}");
        if (!_fsync)
        {
            // Of hundreds of databases that live for a second: each is vacuumed in its turn, and every page written twice.
            await File.AppendAllTextAsync(Path.Combine(unfinished, "postgresql.conf"),
                "\nfsync = off\nfull_page_writes = off\nautovacuum = off\n", cancellationToken);
        }

        Directory.Move(unfinished, DataDirectory);
    }

    internal static ServerCommand AsServerUser(string program, IReadOnlyList<string> arguments, string logFile)
    {
        // CAP_DAC_OVERRIDE lets the user postgres pass parent directories of mode 700 that belong to root.
        string[] asPostgres =
        [
            "--reuid=postgres", "--regid=postgres", "--clear-groups",
            "--inh-caps=+dac_override", "--ambient-caps=+dac_override", program,
        ];
        ServerCommand command = Environment.IsPrivilegedProcess
            ? new ServerCommand(Programs.Find("setpriv", "util-linux"), [.. asPostgres, .. arguments], logFile)
            : new ServerCommand(program, arguments, logFile);
        return command with { Environment = new Dictionary<string, string> { ["LC_ALL"] = "C" } };
    }

    /// <remarks>
    /// A killed server leaves postmaster.pid behind. PostgreSQL takes it for a running server when another process, or a zombie
    /// that nobody reaps, has that number; whether a process works in the data directory is the true test.
    /// </remarks>
    private async Task RemoveStaleLockAsync(CancellationToken cancellationToken)
    {
        await WaitUntilUnusedAsync(cancellationToken);
        File.Delete(Path.Combine(DataDirectory, "postmaster.pid"));
    }

    private async Task WaitUntilUnusedAsync(CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)StopBound.TotalMilliseconds;
        while (UserOf(DataDirectory) is { } pid)
        {
            if (Environment.TickCount64 >= deadline)
            {
                throw new PrivateServerException(string.Create(
                    CultureInfo.InvariantCulture, $"PostgreSQL's data in {DataDirectory} is in use by process {pid}."));
            }
            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    /// <summary>The process that works in a data directory, or null.</summary>
    public static int? UserOf(string dataDirectory)
    {
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out int pid))
                continue;
            try
            {
                if (new FileInfo($"/proc/{pid}/cwd").LinkTarget == dataDirectory && ProcessIdentity.Of(pid) is not null)
                    return pid;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended, or is another user's and therefore not this server's.
            }
        }
        return null;
    }

    private async Task WaitUntilReadyAsync(string logFile, CancellationToken cancellationToken)
    {
        using CancellationTokenSource bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(StartBound);
        try
        {
            while (!await AnswersAsync(bound.Token))
            {
                if (!Process.IsRunning)
                    throw new PrivateServerException(
                        $"PostgreSQL on port {Port} ended while starting: {ServerProcess.LogTail(logFile, 3)}");
                await Task.Delay(PollInterval, bound.Token);
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PrivateServerException(
                $"PostgreSQL on port {Port} did not answer within {StartBound.TotalSeconds} s: {ServerProcess.LogTail(logFile, 3)}", e);
        }
    }
}
