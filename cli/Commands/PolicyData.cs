using System.Text.Json;
using Claims.Policy;

namespace Claims.Cli.Commands;

/// <summary>A period of a policy as data: the same as its notice, with the names of the file.</summary>
public static partial class PolicyCommand
{
    private static object Data(OutpatientPolicy policy) => new
    {
        facilityClasses = policy.FacilityClasses.Select(one =>
            new { name = one.Name, number = one.Number, label = one.Label, adminLevel = one.AdminLevels, grade = one.Grades }),
        personClasses = policy.PersonClasses.Select(one => new
        {
            name = one.Name,
            number = one.Number,
            label = one.Label,
            ageBelow = one.AgeBelow,
            ageFrom = one.AgeFrom,
            category = one.Categories,
        }),
        benefits = policy.Benefits.Select(benefit => Data(policy, benefit)),
        rounding = new { unitFen = policy.Rounding.UnitFen, source = policy.Rounding.Source, ruling = policy.Rounding.Ruling },
    };

    private static object Data(OutpatientPolicy policy, Benefit benefit) => new
    {
        name = benefit.Name,
        label = benefit.Label,
        visitTypes = benefit.VisitTypes,
        entryAtLeastFen = benefit.EntryAtLeastFen,
        deductible = benefit.Deductible is { } deductible
            ? new
            {
                label = Words.NameOf(deductible),
                group = deductible.Group,
                per = Word(deductible.Per),
                at = deductible.AtFacility ? "facility" : "anywhere",
                order = deductible.AfterRate ? "after_rate" : "before_rate",
                undo = deductible.ReverseOrder ? "reverse_order" : "free",
                fen = Rows(policy, benefit, deductible.Fen),
                atMost = deductible.AtMost is { } atMost
                    ? new { label = Words.NameOf(atMost), per = Word(atMost.Per), fen = Rows(policy, benefit, atMost.Fen) }
                    : null,
            }
            : null,
        bands = benefit.Bands is { } bands
            ? new { label = Words.NameOf(bands), per = Word(bands.Per), edgesFen = bands.EdgesFen }
            : null,
        rateBasisPoints = benefit.RateBasisPoints is { } rates ? Rows(policy, benefit, rates) : null,
        caps = benefit.Caps.Select(cap => new
        {
            name = cap.Name,
            label = Words.NameOf(cap, policy),
            group = cap.Group,
            of = Word(cap.Of),
            per = Word(cap.Per),
            facilityClasses = cap.FacilityClasses,
            personClasses = cap.PersonClasses,
            limit = cap.Limit.Compact(policy, benefit, cap.FacilityClasses, cap.PersonClasses).Select(Data),
        }),
        fixedSum = benefit.FixedSum is { } sum
            ? new { fen = Rows(policy, benefit, sum.Fen), notAgainWithinDays = sum.NotAgainWithinDays }
            : null,
    };

    private static IEnumerable<object> Rows(OutpatientPolicy policy, Benefit benefit, ValueTable table) =>
        table.Compact(policy, benefit, new HashSet<string>(), new HashSet<string>()).Select(Data);

    // What is null makes no difference to the value.
    private static object Data(CompactRow row) => new
    {
        personClass = row.Person?.Name,
        visitType = row.VisitType,
        facilityClass = row.Facility?.Name,
        band = row.Band,
        value = row.Value.Value,
        source = row.Value.Source,
        ruling = row.Value.Ruling,
    };

    private static string Word(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
