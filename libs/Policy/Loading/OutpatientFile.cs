using System.Collections.Immutable;

namespace Claims.Policy.Loading;

/// <summary>Cuts the dated values of a city's outpatient benefits into periods within which none changes.</summary>
internal static class OutpatientFile
{
    /// <param name="Categories">What the classes of people name, to be compared with the coverage file.</param>
    public sealed record Content(
        ImmutableArray<OutpatientPolicy> Periods, string? Incomplete, string? ProvincialFloors,
        IReadOnlyList<(string Category, PolicyNode When)> Categories);

    public static Content Read(PolicyNode file, string city)
    {
        OutOfReach.Refuse(file);
        string? floors = file.OptionalText("provincial_floors");
        string? incomplete = file.OptionalText("incomplete");
        bool complete = incomplete is null;
        DateOnly from = complete ? file.Date("in_force_from") : file.OptionalDate("in_force_from") ?? DateOnly.MinValue;
        Timeline time = new(from, file.OptionalDate("in_force_to"), complete);

        // What is known of an incomplete city is held to its form and citation all the same, but no period is built from it.
        ImmutableArray<FacilityClass> facilities = OutpatientClasses.ReadFacilities(
            complete ? file.Child("facility_classes") : file.OptionalChild("facility_classes"));
        List<(string Category, PolicyNode When)> categories = [];
        ImmutableArray<PersonClass> persons = OutpatientClasses.ReadPersons(file.OptionalChild("person_classes"), categories);
        List<DatedBenefit> benefits = BenefitsReader.Read(
            complete ? file.Child("benefits") : file.OptionalChild("benefits"), time, facilities, persons);
        Rounding rounding = file.OptionalChild("rounding") is { } node ? ReadRounding(node) : Rounding.ToTheFen;
        file.Close();
        if (!complete) return new([], incomplete, floors, categories);
        return new(
            [
                .. time.Periods().Select(period => new OutpatientPolicy
                {
                    PolicyId = $"{city}-outpatient@{period.From.Iso()}",
                    From = period.From,
                    To = period.To,
                    FacilityClasses = facilities,
                    PersonClasses = persons,
                    Benefits = [.. benefits.Select(benefit => benefit.On(period.From)).OfType<Benefit>()],
                    Rounding = rounding,
                }),
            ],
            null,
            floors,
            categories);
    }

    private static Rounding ReadRounding(PolicyNode node)
    {
        int unitFen = node.OneOf("unit", "fen", "jiao", "yuan") switch
        {
            "yuan" => 100,
            "jiao" => 10,
            _ => 1,
        };
        node.OneOf("mode", "half_up");
        string? ruling = node.Ruling();
        string? source = node.Has("source") || ruling is null ? node.Source() : null;
        node.Close();
        return new(unitFen, source, ruling);
    }
}
