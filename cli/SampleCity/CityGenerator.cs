using System.Globalization;
using Claims.Policy;
using Claims.V1;

namespace Claims.Cli.SampleCity;

/// <summary>
/// Makes a city of invented facilities and people in the counties of a policy, and a day of their visits, from a seed. The mix is
/// chosen so that every tier, category and common refusal occurs, and that some people reach the annual cap.
/// </summary>
public sealed class CityGenerator
{
    private const int VisitsPerInsured = 3;

    // A working day of mid-June: late enough for people who paid in the year to be covered or still waiting.
    private static readonly DateOnly Day = new(2025, 6, 18);
    private const int EarlierDays = 9;

    private static readonly string[] Surnames =
        ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "马", "朱", "胡", "郭", "何", "高", "林", "郑"];

    private static readonly string[] GivenNames =
        ["秀英", "建国", "桂兰", "志强", "丽", "伟", "敏", "静", "磊", "洋", "艳", "勇", "娟", "涛", "明", "霞", "平", "刚", "桂英", "子涵"];

    private static readonly string[] HardshipCategories =
        ["destitute", "low_income", "relapse_risk", "disabled", "low_income_edge", "child_in_difficulty"];

    private readonly Random _random;
    private readonly string _poolingArea;
    private readonly County[] _districts;
    private readonly County[] _others;
    private readonly County[] _counties;
    private readonly County[] _outside;
    private readonly List<CityFacility> _facilities = [];
    private readonly List<CityInsured> _insured = [];
    private readonly List<SettleRequest> _visits = [];

    private CityGenerator(PolicyPack policy, int seed)
    {
        _random = new Random(seed);
        _poolingArea = policy.RequirePoolingArea().Code;
        // What the city's own account pays for is a district with streets, what has one of its own a county with townships.
        _districts = [.. policy.Counties.Values.Where(county => county.Accounts == FundAccounts.City)];
        _others = [.. policy.Counties.Values.Where(county => county.Accounts == FundAccounts.County)];
        _counties = [.. _districts, .. _others];
        _outside = [.. policy.Counties.Values.Where(county => !county.InsidePooling)];
        if (_counties.Length == 0)
            throw new PolicyException($"No county of {policy.City} is inside the pooling area: there is nowhere to put a facility.");
    }

    private County Capital => _counties[3 % _counties.Length];

    /// <param name="policy">Its counties are those of the city.</param>
    /// <param name="visits">How many requests; a third as many people are insured.</param>
    /// <exception cref="PolicyException">The policy has no pooling area, or no county inside it.</exception>
    public static City Generate(PolicyPack policy, int seed, int visits)
    {
        CityGenerator generator = new(policy, seed);
        generator.AddFacilities();
        generator.AddInsured(Math.Max(visits / VisitsPerInsured, 10));
        generator.AddVisits(visits);
        return new City(Day, generator._facilities, generator._insured, generator._visits);
    }

    private void AddFacilities()
    {
        for (int number = 1; number <= 4; number++)
            AddFacility(Capital.Code, $"省第{number}示范医院", "province", "3A", weight: 14, medianYuan: 210);
        AddFacility(_counties[0].Code, "省示范专科医院", "province", "3B", weight: 4, medianYuan: 170);
        for (int number = 1; number <= 6; number++)
            AddFacility(_counties[(number - 1) % _counties.Length].Code, $"市第{number}示范医院", "city", "3A", weight: 10, medianYuan: 150);

        foreach (County of in _counties)
        {
            (string county, string name, bool district) = (of.Code, of.Name, of.Accounts == FundAccounts.City);
            AddFacility(county, $"{name}人民医院", "county", "2A", weight: 6, medianYuan: 110);
            AddFacility(county, $"{name}中医院", "county", "2B", weight: 3, medianYuan: 90);
            for (int number = 1; number <= 4; number++)
            {
                if (district)
                    AddFacility(county, $"{name}第{number}社区卫生服务中心", "community", "none", weight: 3, medianYuan: 60);
                else
                    AddFacility(county, $"{name}第{number}乡镇卫生院", "township", "1A", weight: 3, medianYuan: 55);
            }
            for (int number = 1; number <= (district ? 2 : 6); number++)
                AddFacility(county, $"{name}第{number}村卫生室", "village", "none", weight: 1, medianYuan: 32);
        }
        // Their agreements have ended: a visit there is refused.
        AddFacility(_counties[1 % _counties.Length].Code, "已解约示范医院", "city", "2A", weight: 0.6, medianYuan: 100, pooledTo: "2024-12-31");
        County[] townships = _others.Length > 0 ? _others : _districts;
        AddFacility(townships[2 % townships.Length].Code, "已解约卫生院", "township", "1A", weight: 0.4, medianYuan: 50, pooledTo: "2025-03-31");
    }

    private void AddFacility(
        string county, string name, string adminLevel, string grade, double weight, double medianYuan, string pooledTo = "")
    {
        string code = string.Create(CultureInfo.InvariantCulture, $"H{county}{_facilities.Count + 1:00000}");
        _facilities.Add(new CityFacility(code, name, county, adminLevel, grade, pooledTo, weight, medianYuan));
    }

    private void AddInsured(int count)
    {
        for (int number = 1; number <= count; number++)
        {
            string county = Chance(0.015) && _outside.Length > 0
                ? _outside[number % _outside.Length].Code
                : _counties[_random.Next(_counties.Length)].Code;
            string id = string.Create(CultureInfo.InvariantCulture, $"{county}{number:000000000}");
            string name = Surnames[_random.Next(Surnames.Length)] + GivenNames[_random.Next(GivenNames.Length)];
            _insured.Add(Enrol(id, name, county));
        }
    }

    private CityInsured Enrol(string id, string name, string county)
    {
        DateOnly birth = new DateOnly(1940, 1, 1).AddDays(_random.Next(80 * 365));
        DateOnly lastAutumn = new DateOnly(Day.Year - 1, 10, 1).AddDays(_random.Next(90));
        CityInsured general = new(id, name, "resident", county, "general", lastAutumn, birth, null);
        return _random.NextDouble() switch
        {
            < 0.020 => general with { PaidOn = null },
            < 0.035 => general with { PaidOn = Day.AddDays(-_random.Next(1, 29)) },
            < 0.050 => general with { PaidOn = Day.AddDays(-_random.Next(40, 150)) },
            < 0.060 => general with { PaidOn = Day.AddDays(-20), TransferEndedOn = Day.AddDays(-_random.Next(25, 60)) },
            < 0.080 => general with { Scheme = "employee" },
            < 0.090 => general with { Category = "newborn", BirthDate = Day.AddDays(-_random.Next(20, 120)), PaidOn = Day.AddDays(-10) },
            < 0.170 => general with { Category = HardshipCategories[_random.Next(HardshipCategories.Length)] },
            _ => general,
        };
    }

    private void AddVisits(int count)
    {
        double[] draws = Cumulative([.. _facilities.Select(facility => facility.Weight)]);
        Dictionary<string, CityFacility[]> near = _facilities
            .Where(facility => facility.AdminLevel is not ("province" or "city"))
            .GroupBy(facility => facility.County)
            .ToDictionary(county => county.Key, county => county.ToArray());
        // Arrivals in order of day; seven of ten are of the day itself.
        DateOnly[] days = [.. Enumerable.Range(0, count)
            .Select(_ => Chance(0.7) ? Day : Day.AddDays(-_random.Next(1, EarlierDays + 1)))
            .Order()];

        for (int index = 0; index < count; index++)
        {
            if (index > 0 && Chance(0.01))
                _visits.Add(Repeat(_visits[index - 1 - _random.Next(Math.Min(index, 200))]));
            else
                _visits.Add(Visit(index, days[index], draws, near));
        }
    }

    private SettleRequest Visit(int index, DateOnly day, double[] draws, Dictionary<string, CityFacility[]> near)
    {
        // Squaring makes some people come often, as the chronically ill do: they are who reaches the cap.
        double draw = _random.NextDouble();
        CityInsured insured = _insured[(int)(draw * draw * _insured.Count)];
        CityFacility facility = near.TryGetValue(insured.County, out CityFacility[]? nearby) && Chance(0.6)
            ? nearby[_random.Next(nearby.Length)]
            : _facilities[Draw(draws)];
        SettleRequest visit = new()
        {
            RequestId = string.Create(CultureInfo.InvariantCulture, $"MZ{day:yyyyMMdd}{index:00000000}"),
            FacilityCode = Chance(0.001) ? $"H{_poolingArea}99999" : facility.Code,
            InsuredId = Chance(0.001) ? $"{Capital.Code}999999999" : insured.Id,
            VisitDate = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            VisitType = VisitType.Ordinary,
        };
        double totalYuan = facility.MedianYuan * Math.Exp(0.7 * Normal());
        switch (_random.NextDouble())
        {
            case < 0.015:
                visit.VisitType = VisitType.PrenatalCheck;
                break;
            case < 0.018 when facility.Grade != "none":
                visit.VisitType = VisitType.DeliveryNatural;
                totalYuan = 2500 + _random.Next(2500);
                break;
            case < 0.020 when facility.Grade != "none":
                visit.VisitType = VisitType.DeliveryCaesarean;
                totalYuan = 5000 + _random.Next(4000);
                break;
        }
        SetAmounts(visit, totalFen: Math.Max(100, (long)(totalYuan * 100)));
        // A till that adds up wrongly is answered with a reason, not with money.
        if (Chance(0.002))
            visit.TotalFen += 1;
        return visit;
    }

    private void SetAmounts(SettleRequest visit, long totalFen)
    {
        visit.TotalFen = totalFen;
        visit.FullSelfPayFen = Chance(0.5) ? Share(totalFen, 0.15) : 0;
        visit.OverLimitFen = Chance(0.1) ? Share(totalFen, 0.05) : 0;
        visit.PreSelfPayFen = Chance(0.4) ? Share(totalFen, 0.10) : 0;
        visit.InScopeFen = totalFen - visit.FullSelfPayFen - visit.OverLimitFen - visit.PreSelfPayFen;
    }

    /// <summary>The same request again, as after a lost answer; now and then with another content under its id.</summary>
    private SettleRequest Repeat(SettleRequest earlier)
    {
        SettleRequest repeated = earlier.Clone();
        if (Chance(0.03))
        {
            repeated.TotalFen += 100;
            repeated.InScopeFen += 100;
        }
        return repeated;
    }

    private long Share(long totalFen, double atMost) => (long)(totalFen * atMost * _random.NextDouble());

    private bool Chance(double probability) => _random.NextDouble() < probability;

    /// <summary>Draws from the standard normal distribution (Box and Muller).</summary>
    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private int Draw(double[] cumulative)
    {
        int found = Array.BinarySearch(cumulative, _random.NextDouble() * cumulative[^1]);
        return found < 0 ? ~found : found;
    }

    private static double[] Cumulative(double[] weights)
    {
        double sum = 0;
        return [.. weights.Select(weight => sum += weight)];
    }
}
