using Claims.Cli.LocalSystem;
using Claims.Cli.SampleCity;
using Claims.Policy;
using Claims.V1;

namespace Claims.Cli.Tests;

public sealed class CityGeneratorTests
{
    private static readonly PolicyPack Zhengzhou = CityPolicy.Shipped.Load();
    private static readonly City Sample = CityGenerator.Generate(Zhengzhou, seed: 7, visits: 6000);

    [Fact]
    public void Same_seed_gives_the_same_city_and_another_seed_another()
    {
        City again = CityGenerator.Generate(Zhengzhou, seed: 7, visits: 6000);
        City other = CityGenerator.Generate(Zhengzhou, seed: 8, visits: 6000);

        Assert.Equal(Sample.FacilitiesCsv(), again.FacilitiesCsv());
        Assert.Equal(Sample.InsuredCsv(), again.InsuredCsv());
        Assert.Equal(Sample.Visits, again.Visits);
        Assert.NotEqual(Sample.InsuredCsv(), other.InsuredCsv());
        Assert.NotEqual(Sample.Visits, other.Visits);
    }

    [Fact]
    public void Visits_are_as_many_as_asked_for_and_well_formed()
    {
        Assert.Equal(6000, Sample.Visits.Count);
        Assert.All(Sample.Visits, visit =>
        {
            Assert.InRange(visit.RequestId.Length, 1, 30);
            Assert.NotEqual(VisitType.Unspecified, visit.VisitType);
            Assert.True(visit.TotalFen > 0 && visit.InScopeFen >= 0 && visit.FullSelfPayFen >= 0 && visit.OverLimitFen >= 0
                && visit.PreSelfPayFen >= 0);
            Assert.True(string.CompareOrdinal(visit.VisitDate, "2025-06-18") <= 0);
        });
    }

    [Fact]
    public void Every_tier_category_and_kind_of_visit_occurs()
    {
        Assert.Superset(
            new HashSet<(string, string)>
            {
                ("province", "3A"), ("city", "3A"), ("county", "2A"), ("township", "1A"), ("community", "none"), ("village", "none"),
            },
            Sample.Facilities.Select(facility => (facility.AdminLevel, facility.Grade)).ToHashSet());
        Assert.All(Sample.Facilities.Where(facility => facility.PooledTo.Length > 0),
            facility => Assert.True(string.CompareOrdinal(facility.PooledTo, "2025-06-09") < 0, facility.Name));
        Assert.Equal(2, Sample.Facilities.Count(facility => facility.PooledTo.Length > 0));
        Assert.Superset(
            new HashSet<string>
            {
                "general", "newborn", "destitute", "low_income", "relapse_risk", "disabled", "low_income_edge", "child_in_difficulty",
            },
            Sample.Insured.Select(insured => insured.Category).ToHashSet());
        Assert.Contains(Sample.Insured, insured => insured.Scheme == "employee");
        Assert.Contains(Sample.Insured, insured => insured.PaidOn is null);
        Assert.Contains(Sample.Insured, insured => insured.County == "410181");
        Assert.Equal(4, Sample.Visits.Select(visit => visit.VisitType).Distinct().Count());
    }

    [Fact]
    public void Some_requests_repeat_an_earlier_one_and_some_do_not_add_up()
    {
        int distinct = Sample.Visits.Select(visit => visit.RequestId).Distinct().Count();
        Assert.InRange(Sample.Visits.Count - distinct, 20, 200);
        Assert.Contains(
            Sample.Visits,
            visit => visit.TotalFen != visit.FullSelfPayFen + visit.OverLimitFen + visit.PreSelfPayFen + visit.InScopeFen);
    }

    /// <summary>A change that wrongs nobody would let the demo's recheck find nothing, and call that right.</summary>
    [Fact]
    public void Registry_learns_of_two_upgrades_from_the_day_on_and_of_an_agreement_that_ended_before()
    {
        CityFacility[] facilities =
        [
            Facility("H1", "county", "2A"), Facility("H2", "township", "1A", pooledTo: "2024-12-31"), Facility("H3", "township", "1A"),
            Facility("H4", "community", "none"), Facility("H5", "township", "1A"), Facility("H6", "township", "1A"),
        ];

        (string csv, IReadOnlyList<string> codes) = new City(new DateOnly(2025, 6, 18), facilities, [], []).ChangedFacilities();

        Assert.Equal(["H3", "H4", "H5"], codes);
        Assert.Equal(
            """
            facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to,valid_from,valid_to
            H3,H3院,410105,township,1A,hospital,2024-01-01,,,2025-06-17
            H3,H3院,410105,county,2A,hospital,2024-01-01,,2025-06-18,
            H4,H4院,410105,community,none,hospital,2024-01-01,,,2025-06-17
            H4,H4院,410105,county,2A,hospital,2024-01-01,,2025-06-18,
            H5,H5院,410105,township,1A,hospital,2024-01-01,2025-06-17,,

            """,
            csv);

        static CityFacility Facility(string code, string level, string grade, string pooledTo = "") =>
            new(code, $"{code}院", "410105", level, grade, pooledTo, Weight: 1, MedianYuan: 50);
    }

    [Fact]
    public void Registry_learns_that_every_fiftieth_who_paid_has_been_an_employee_for_some_days()
    {
        CityInsured one = new("P0", "王伟", "resident", "410105", "disabled", new DateOnly(2024, 11, 5), new DateOnly(1980, 1, 2), null);
        CityInsured[] insured =
        [
            .. Enumerable.Range(0, 201).Select(number => one with
            {
                Id = $"P{number}",
                Scheme = number == 50 ? "employee" : "resident",
                PaidOn = number == 100 ? null : one.PaidOn,
                TransferEndedOn = number == 150 ? new DateOnly(2025, 5, 1) : null,
            }),
        ];

        (string csv, IReadOnlyList<string> ids) = new City(new DateOnly(2025, 6, 18), [], insured, []).ChangedInsured();

        Assert.Equal(["P0", "P150", "P200"], ids);
        Assert.Equal(
            """
            insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on,begins_on,ended_on,end_cause
            P0,王伟,resident,410105,disabled,2025,2024-11-05,1980-01-02,,,2025-06-14,employee_scheme
            P0,王伟,employee,410105,general,2025,2024-11-05,1980-01-02,,2025-06-15,,
            P150,王伟,resident,410105,disabled,2025,2024-11-05,1980-01-02,2025-05-01,,2025-06-14,employee_scheme
            P150,王伟,employee,410105,general,2025,2024-11-05,1980-01-02,2025-05-01,2025-06-15,,
            """,
            string.Join('\n', csv.Split('\n')[..5]));
    }

    [Fact]
    public void Identifiers_are_unique()
    {
        Assert.Equal(Sample.Facilities.Count, Sample.Facilities.Select(facility => facility.Code).Distinct().Count());
        Assert.Equal(Sample.Insured.Count, Sample.Insured.Select(insured => insured.Id).Distinct().Count());
    }

    [Fact]
    public void Counties_are_those_of_the_policy()
    {
        City other = CityGenerator.Generate(Shizhou(), seed: 7, visits: 6000);

        Assert.Equal(["990102", "990103", "990121"],
            other.Facilities.Select(facility => facility.County).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(["990102", "990103", "990121", "990181"],
            other.Insured.Select(insured => insured.County).Distinct().Order(StringComparer.Ordinal));
        Assert.Contains(other.Facilities, facility => facility is { Name: "东河区人民医院", County: "990102" });
        Assert.All(other.Facilities.Where(facility => facility.AdminLevel == "community"),
            facility => Assert.NotEqual("990121", facility.County));
        Assert.All(other.Facilities.Where(facility => facility.AdminLevel == "township"),
            facility => Assert.Equal("990121", facility.County));
        Assert.All(other.Visits, visit => Assert.StartsWith("H9901", visit.FacilityCode, StringComparison.Ordinal));
        Assert.All(other.Visits, visit => Assert.StartsWith("9901", visit.InsuredId, StringComparison.Ordinal));
        Assert.Contains(other.Visits, visit => visit.FacilityCode == "H99010099999");
    }

    [Theory]
    [InlineData("990102")]
    [InlineData("990121")]
    public void City_of_one_county_is_a_city(string county)
    {
        PolicyPack pack = Shizhou();
        City small = CityGenerator.Generate(
            pack with { Counties = pack.Counties.RemoveRange(pack.Counties.Keys.Where(code => code != county)) }, seed: 7, visits: 600);

        Assert.All(small.Facilities, facility => Assert.Equal(county, facility.County));
        Assert.All(small.Insured, insured => Assert.Equal(county, insured.County));
    }

    [Fact]
    public void City_whose_counties_are_not_known_is_refused_with_the_file_that_is_missing()
    {
        PolicyPack xinzhou = new CityPolicy(Repository.PolicyDirectory, "xinzhou").Load();

        Assert.Contains("there is no xinzhou-counties.yaml",
            Assert.Throws<PolicyException>(() => CityGenerator.Generate(xinzhou, seed: 7, visits: 600)).Message, StringComparison.Ordinal);
    }

    private static PolicyPack Shizhou() => new CityPolicy(Path.Combine(Repository.Root, "tests", "cities"), "shizhou").Load();
}
