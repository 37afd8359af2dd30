using System.Text;
using Claims.Cli.PolicyImpact;
using Claims.Policy;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class PackFilesTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("claims impact ");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void One_outpatient_file_stands_in_for_the_citys_and_its_faults_are_by_its_own_name()
    {
        string file = Path.Combine(_directory.FullName, "NEW.yaml");
        File.WriteAllText(file, "city: zhengzhou\n");

        PackFiles pack = PackFiles.Read(file, Repository.PolicyDirectory, "zhengzhou");

        Assert.Equal(
            Directory.EnumerateFiles(Repository.PolicyDirectory, "*.yaml").Select(path => Path.GetFileName(path))
                .Order(StringComparer.Ordinal),
            pack.Files.Select(one => one.Name).Order(StringComparer.Ordinal));
        PackFile sent = pack.Files.Single(one => one.Name == "zhengzhou-outpatient.yaml");
        Assert.Equal("city: zhengzhou\n", sent.Content.ToString(Encoding.UTF8));
        Assert.Equal("NEW.yaml:3: a fault.", pack.Own("zhengzhou-outpatient.yaml:3: a fault."));
        Assert.Equal("rulings.yaml:3: a fault.", pack.Own("rulings.yaml:3: a fault."));
    }

    [Fact]
    public void Directory_is_sent_as_it_is()
    {
        PackFiles pack = PackFiles.Read(Repository.PolicyDirectory, "elsewhere", "zhengzhou");

        Assert.All(pack.Files, file => Assert.Equal(
            File.ReadAllBytes(Path.Combine(Repository.PolicyDirectory, file.Name)), file.Content.ToByteArray()));
        Assert.Equal("zhengzhou-outpatient.yaml:3: a fault.", pack.Own("zhengzhou-outpatient.yaml:3: a fault."));
    }

    [Fact]
    public void What_cannot_be_sent_is_refused()
    {
        Assert.Contains("no policy", Assert.Throws<PolicyException>(
            () => PackFiles.Read(_directory.FullName, Repository.PolicyDirectory, "zhengzhou")).Message, StringComparison.Ordinal);
        string missing = Path.Combine(_directory.FullName, "none.yaml");
        Assert.Contains("neither", Assert.Throws<PolicyException>(
            () => PackFiles.Read(missing, Repository.PolicyDirectory, "zhengzhou")).Message, StringComparison.Ordinal);
    }
}
