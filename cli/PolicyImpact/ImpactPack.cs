using Claims.Policy;

namespace Claims.Cli.PolicyImpact;

/// <summary>The policy to compare with: a directory, or the present directory with another outpatient file.</summary>
public static class ImpactPack
{
    /// <param name="path">A directory of YAML files, or one outpatient file that stands in for the city's in <paramref name="directory"/>.</param>
    /// <exception cref="PolicyException">Every fault found, each as <c>file:line: sentence</c>; also where the city's visits cannot be settled by it.</exception>
    public static PolicyPack Load(string path, string directory, string city)
    {
        PolicyPack pack = Directory.Exists(path) ? PolicyLoader.Load(path, city) : LoadWith(path, directory, city);
        return pack.OutpatientIncomplete is { } reason ? throw new PolicyException($"{city}: {reason}.") : pack;
    }

    private static PolicyPack LoadWith(string file, string directory, string city)
    {
        if (!File.Exists(file)) throw new PolicyException($"There is neither a directory nor a file {file}.");
        string replaced = $"{city}-outpatient.yaml";
        DirectoryInfo together = Directory.CreateTempSubdirectory("claims-policy-");
        try
        {
            foreach (string present in Directory.EnumerateFiles(directory, "*.yaml")) File.Copy(present, Path.Combine(together.FullName, Path.GetFileName(present)));
            File.Copy(file, Path.Combine(together.FullName, replaced), overwrite: true);
            return PolicyLoader.Load(together.FullName, city);
        }
        catch (PolicyException exception)
        {
            throw new PolicyException([.. exception.Faults.Select(fault => fault.StartsWith($"{replaced}:", StringComparison.Ordinal) ? Path.GetFileName(file) + fault[replaced.Length..] : fault)]);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"The policy cannot be read: {refused.Message}");
        }
        finally
        {
            together.Delete(recursive: true);
        }
    }
}
