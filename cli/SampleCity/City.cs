using System.Globalization;
using System.Text;
using Claims.V1;

namespace Claims.Cli.SampleCity;

/// <summary>One facility of the sample city, as a row of facilities.csv.</summary>
/// <param name="Weight">How many visits it draws, relative to the others.</param>
/// <param name="MedianYuan">The median of what an ordinary visit there costs.</param>
public sealed record CityFacility(
    string Code, string Name, string County, string AdminLevel, string Grade, string PooledTo, double Weight, double MedianYuan);

/// <summary>One enrolment of the sample city, as a row of insured.csv.</summary>
public sealed record CityInsured(
    string Id, string Name, string Scheme, string County, string Category, DateOnly? PaidOn, DateOnly BirthDate, DateOnly? TransferEndedOn);

/// <summary>A generated city: the same seed and size give the same city, to the byte.</summary>
/// <param name="Day">The day that most of the visits are of.</param>
/// <param name="Visits">In order of arrival; a few repeat an earlier request.</param>
public sealed record City(
    DateOnly Day, IReadOnlyList<CityFacility> Facilities, IReadOnlyList<CityInsured> Insured, IReadOnlyList<SettleRequest> Visits)
{
    public string FacilitiesCsv()
    {
        StringBuilder csv = new("facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\n");
        foreach (CityFacility facility in Facilities)
        {
            csv.Append(
                CultureInfo.InvariantCulture,
                $"{facility.Code},{facility.Name},{facility.County},{facility.AdminLevel},{facility.Grade},hospital,2024-01-01,{facility.PooledTo}\n");
        }
        return csv.ToString();
    }

    /// <summary>What the registry learns while the visits stream: two grassroots facilities are upgraded from the day on, and the agreement
    /// of a third has ended the day before.</summary>
    public (string Csv, IReadOnlyList<string> Codes) ChangedFacilities()
    {
        CityFacility[] changed =
            [.. Facilities.Where(facility => facility.AdminLevel is "township" or "community" && facility.PooledTo.Length == 0).Take(3)];
        StringBuilder csv = new("facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to,valid_from,valid_to\n");
        DateOnly before = Day.AddDays(-1);
        foreach (CityFacility facility in changed.Take(2))
        {
            string named = $"{facility.Code},{facility.Name},{facility.County}";
            csv.Append(CultureInfo.InvariantCulture,
                $"{named},{facility.AdminLevel},{facility.Grade},hospital,2024-01-01,,,{before:yyyy-MM-dd}\n");
            csv.Append(CultureInfo.InvariantCulture, $"{named},county,2A,hospital,2024-01-01,,{Day:yyyy-MM-dd},\n");
        }

        foreach (CityFacility facility in changed.Skip(2))
        {
            string named = $"{facility.Code},{facility.Name},{facility.County},{facility.AdminLevel},{facility.Grade}";
            csv.Append(CultureInfo.InvariantCulture, $"{named},hospital,2024-01-01,{before:yyyy-MM-dd},,\n");
        }
        return (csv.ToString(), [.. changed.Select(facility => facility.Code)]);
    }

    /// <summary>What the registry learns of its people: every fiftieth who paid as a resident has been in the employees' scheme for some
    /// days.</summary>
    public (string Csv, IReadOnlyList<string> Ids) ChangedInsured()
    {
        const int Every = 50;
        CityInsured[] changed = [.. Insured.Where((one, index) => index % Every == 0 && one is { Scheme: "resident", PaidOn: not null })];
        StringBuilder csv = new(
            "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on,begins_on,ended_on,end_cause\n");
        DateOnly last = Day.AddDays(-4);
        foreach (CityInsured one in changed)
        {
            string begin = string.Create(CultureInfo.InvariantCulture, $"{one.Id},{one.Name}");
            string paid = string.Create(CultureInfo.InvariantCulture,
                $"{Day.Year},{one.PaidOn:yyyy-MM-dd},{one.BirthDate:yyyy-MM-dd},{one.TransferEndedOn:yyyy-MM-dd}");
            csv.Append(
                CultureInfo.InvariantCulture, $"{begin},resident,{one.County},{one.Category},{paid},,{last:yyyy-MM-dd},employee_scheme\n");
            csv.Append(CultureInfo.InvariantCulture, $"{begin},employee,{one.County},general,{paid},{last.AddDays(1):yyyy-MM-dd},,\n");
        }

        return (csv.ToString(), [.. changed.Select(one => one.Id)]);
    }

    public string InsuredCsv()
    {
        StringBuilder csv = new("insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n");
        foreach (CityInsured insured in Insured)
        {
            csv.Append(
                CultureInfo.InvariantCulture,
                $"{insured.Id},{insured.Name},{insured.Scheme},{insured.County},{insured.Category},{Day.Year},{insured.PaidOn:yyyy-MM-dd},{insured.BirthDate:yyyy-MM-dd},{insured.TransferEndedOn:yyyy-MM-dd}\n");
        }
        return csv.ToString();
    }
}
