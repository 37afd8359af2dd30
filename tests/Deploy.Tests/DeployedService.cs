using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Claims.Adjudication;
using Claims.Eligibility;
using Claims.Gateway;
using Claims.Hosting;
using Claims.Ledger;

namespace Deploy.Tests;

/// <summary>A service as deployments see it: its name and the settings that it reads.</summary>
/// <param name="PortName">Of its own port, by what it speaks.</param>
internal sealed record DeployedService(string Name, Type Settings, string PortName = "grpc")
{
    public static readonly IReadOnlyList<DeployedService> All =
    [
        new("adjudication", typeof(AdjudicationSettings)),
        new("eligibility", typeof(EligibilitySettings)),
        new("ledger", typeof(LedgerSettings)),
        new("gateway", typeof(GatewaySettings), "http"),
    ];

    public static DeployedService Named(string name) => All.Single(service => service.Name == name);

    /// <summary>Null when the variable is a setting of this service, else what is wrong with it.</summary>
    public string? Problem(string variable)
    {
        string[] parts = variable.Split("__");
        if (parts is not ["Claims", var first, .. var rest]) return $"{variable} is not of section Claims";
        PropertyInfo? property = Properties.FirstOrDefault(property => property.Name == first);
        foreach (string part in rest)
        {
            if (property is null) break;
            if (typeof(IDictionary).IsAssignableFrom(property.PropertyType)) return null;
            property = property.PropertyType.GetProperty(part);
        }

        return property is { CanWrite: true } ? null : $"{Name} has no setting {variable}";
    }

    /// <summary>Environment variables without which the service does not start.</summary>
    public IEnumerable<string> Required
    {
        get
        {
            object defaults = Activator.CreateInstance(Settings)!;
            return Properties
                .Where(property => property.GetCustomAttribute<RequiredAttribute>() is not null && property.DeclaringType == Settings
                    && property.GetValue(defaults) is null or "" or ICollection { Count: 0 })
                .Select(property => property.Name)
                .Concat([nameof(HostSettings.Port), nameof(HostSettings.MetricsPort)])
                .Select(name => "Claims__" + name);
        }
    }

    /// <summary>Every setting as its environment variable, without what is nested in it.</summary>
    public IEnumerable<string> Variables => Properties.Where(property => property.CanWrite).Select(property => "Claims__" + property.Name);

    private IEnumerable<PropertyInfo> Properties => Settings.GetProperties().Concat(typeof(HostSettings).GetProperties());
}
