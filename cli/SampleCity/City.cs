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
