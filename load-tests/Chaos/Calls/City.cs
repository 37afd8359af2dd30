using System.Globalization;
using System.Text;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.V1;

namespace Claims.LoadTests.Chaos.Calls;

/// <summary>The facilities and people of a run, all known from their numbers.</summary>
public static class City
{
    /// <summary>Of these one is a province's, one a county's, one a township's, and so on.</summary>
    public const int Facilities = 12;

    /// <summary>The years of the visits: the turn between them is what the hospitals' clocks pass and jump over.</summary>
    public static readonly int[] Years = [2024, 2025];

    public static string FacilityCode(int number) => string.Create(CultureInfo.InvariantCulture, $"H410105{number:00000}");

    public static string InsuredId(int number) => string.Create(CultureInfo.InvariantCulture, $"410105{number:000000000}");

    /// <summary>Administrative level and grade, as the policy's classes are made of.</summary>
    public static (string Level, string Grade) ClassOf(int facility) => (facility % 3) switch
    {
        0 => ("province", "3A"),
        1 => ("county", "2A"),
        _ => ("township", "1A"),
    };

    public static async Task ImportAsync(Services services, int people, CancellationToken cancellationToken)
    {
        StringBuilder facilities = new("facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\n");
        for (int number = 0; number < Facilities; number++)
        {
            (string level, string grade) = ClassOf(number);
            facilities.Append(CultureInfo.InvariantCulture,
                $"{FacilityCode(number)},示范医院{number},410105,{level},{grade},hospital,2024-01-01,\n");
        }

        StringBuilder insured = new("insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n");
        for (int number = 0; number < people; number++)
        {
            foreach (int year in Years)
                insured.Append(CultureInfo.InvariantCulture,
                    $"{InsuredId(number)},示范,resident,410105,general,{year},{year - 1}-11-05,1980-01-01,\n");
        }

        await ImportCommand.RunAsync(services, ImportKind.Facilities, "facilities.csv", Csv(facilities), cancellationToken);
        await ImportCommand.RunAsync(services, ImportKind.Insured, "insured.csv", Csv(insured), cancellationToken);
    }

    private static MemoryStream Csv(StringBuilder text) => new(Encoding.UTF8.GetBytes(text.ToString()));
}
