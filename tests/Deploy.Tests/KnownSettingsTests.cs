using System.Collections;
using System.Reflection;
using Claims.Hosting;

namespace Deploy.Tests;

/// <summary>What the services refuse as unknown is what none of them reads.</summary>
public sealed class KnownSettingsTests
{
    [Fact]
    public void Known_names_are_those_of_all_services()
    {
        IEnumerable<PropertyInfo> settings = DeployedService.All.SelectMany(service => service.Settings.GetProperties())
            .Concat(typeof(HostSettings).GetProperties()).Where(property => property.CanWrite);
        IEnumerable<string> names = settings.SelectMany(property => Parts(property.PropertyType).Prepend(property.Name).Select(
            (name, index) => index == 0 ? name : $"{property.Name}__{name}"));

        Assert.Equal(names.Distinct().Order(StringComparer.Ordinal), KnownSettings.Names.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("Redsi", "Redis")]
    [InlineData("Postgress", "Postgres")]
    [InlineData("Tls__Certficate", "Tls__Certificate")]
    [InlineData("eligibility_address", "EligibilityAddress")]
    public void Nearest_name_takes_the_fewest_changes(string name, string nearest) => Assert.Equal(nearest, KnownSettings.Nearest(name));

    private static IEnumerable<string> Parts(Type type) =>
        type.Namespace == typeof(HostSettings).Namespace && !typeof(IDictionary).IsAssignableFrom(type)
            ? type.GetProperties().Where(property => property.CanWrite).Select(property => property.Name)
            : [];
}
