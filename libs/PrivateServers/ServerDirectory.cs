using System.Security.Cryptography;

namespace Claims.PrivateServers;

/// <summary>Where one private server keeps its data, its generated password (mode 600) and its log.</summary>
internal sealed class ServerDirectory
{
    private readonly bool _temporary;

    private ServerDirectory(string path, bool temporary)
    {
        Path = path;
        _temporary = temporary;
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public static ServerDirectory Open(string? path, string server)
    {
        if (path is null)
            return new ServerDirectory(Directory.CreateTempSubdirectory($"claims-{server}-").FullName, temporary: true);
        return new ServerDirectory(
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName,
            temporary: false);
    }

    /// <summary>The password kept here, made at the first call.</summary>
    public string Password()
    {
        string path = File("password");
        if (!System.IO.File.Exists(path))
            WriteSecret("password", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24)));
        return System.IO.File.ReadAllText(path);
    }

    public void WriteSecret(string name, string text)
    {
        string path = File(name);
        FileStreamOptions options = new()
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (StreamWriter writer = new(path + ".new", options))
            writer.Write(text);
        System.IO.File.Move(path + ".new", path, overwrite: true);
    }

    public void DeleteIfTemporary()
    {
        if (_temporary)
            Directory.Delete(Path, recursive: true);
    }
}
