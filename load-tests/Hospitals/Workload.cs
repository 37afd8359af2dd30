using System.Globalization;
using System.Text;
using Claims.Cli;
using Claims.Cli.Commands;
using Claims.V1;

namespace Claims.LoadTests.Hospitals;

/// <summary>
/// The visits that every measurement sends: the same mix as the peer's, so that both do the same work. A third of the facilities is
/// of each tier, insured and amounts are drawn evenly, and nobody is refused.
/// </summary>
public sealed class Workload(int insured, int seed = 1)
{
    public const int Facilities = 100;
    public const int MinTotalFen = 2_000;
    public const int MaxTotalFen = 40_000;
    public const string VisitDate = "2025-06-18";

    // A file is one transaction, and lies in memory here.
    private const int MostPeopleInAFile = 1_000_000;

    private readonly Random _random = new(seed);
    private long _number;

    public int Insured { get; } = insured;

    /// <summary>Facilities and insured into the running system.</summary>
    public async Task ImportAsync(Services services, CancellationToken cancellationToken)
    {
        StringBuilder facilities = new("facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to\n");
        for (int number = 1; number <= Facilities; number++)
        {
            string level = (number % 3) switch { 0 => "province,3A", 1 => "county,2A", _ => "township,1A" };
            facilities.Append(CultureInfo.InvariantCulture, $"{FacilityCode(number)},示范医院{number},410105,{level},hospital,2024-01-01,\n");
        }

        await ImportCommand.RunAsync(services, ImportKind.Facilities, "facilities.csv", Csv(facilities), cancellationToken);
        for (int first = 0; first < Insured; first += MostPeopleInAFile)
        {
            StringBuilder people = new("insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on\n");
            int end = Math.Min(Insured, first + MostPeopleInAFile);
            for (int number = first; number < end; number++)
                people.Append(CultureInfo.InvariantCulture,
                    $"{InsuredId(number)},示范,resident,410105,general,2025,2024-11-05,1980-01-01,\n");
            await ImportCommand.RunAsync(services, ImportKind.Insured, "insured.csv", Csv(people), cancellationToken);
            if (end < Insured)
                Output.Progress(string.Create(CultureInfo.InvariantCulture, $"{end:#,##0} of {Insured:#,##0} insured imported …"));
        }
    }

    /// <summary>The next visit; its request id is new.</summary>
    public SettleRequest Next() => Visit(_random.Next(1, Facilities + 1), _random.Next(Insured));

    /// <summary>The next visit of one facility, from 1 on.</summary>
    public SettleRequest NextOf(int facility) => Visit(facility, _random.Next(Insured));

    public SettleRequest Visit(int facility, int insured)
    {
        long totalFen = _random.Next(MinTotalFen, MaxTotalFen + 1);
        return new SettleRequest
        {
            RequestId = string.Create(CultureInfo.InvariantCulture, $"R{seed:000}{_number++:000000000}"),
            FacilityCode = FacilityCode(facility),
            InsuredId = InsuredId(insured),
            VisitDate = VisitDate,
            VisitType = VisitType.Ordinary,
            TotalFen = totalFen,
            InScopeFen = totalFen,
        };
    }

    public static string InsuredId(int number) => string.Create(CultureInfo.InvariantCulture, $"410105{number:000000000}");

    public static string FacilityCode(int number) => string.Create(CultureInfo.InvariantCulture, $"H410105{number:00000}");

    private static MemoryStream Csv(StringBuilder text) => new(Encoding.UTF8.GetBytes(text.ToString()));
}
