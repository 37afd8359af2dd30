using System.Text;

namespace Claims.Policy.Tests;

/// <summary>Everything that an outpatient file can say, in one invented file; and each fault in it, named by its line.</summary>
public sealed class OutpatientFormatTests
{
    private const string Sound = """
        city: example
        instrument: outpatient
        in_force_from: 2024-01-01
        facility_classes:
          top: {number: 1, label: 三级, when: {grade: [3A, 3B]}}
          base: {number: 3, label: 基层, when: {admin_level: [township, community, village]}}
          rest: {number: 2, label: 其他, when: {}}
        person_classes:
          minor: {number: 1, label: 未成年人, when: {age_below: 18}}
          poor: {number: 2, label: 困难群众, when: {category: [destitute]}}
          adult: {number: 3, label: 其他居民, when: {}}
        benefits:
          ordinary:
            label: 普通门诊
            visit_types:
              ORDINARY: [{from: 2024-01-01, source: 例医保〔2023〕1号 一}]
            entry_at_least: {unit: yuan, values: [{from: 2024-01-01, value: 20, source: 例医保〔2023〕1号 二}]}
            deductible:
              per: visit
              order: after_rate
              undo: free
              by: [person_class]
              unit: yuan
              values: [{from: 2024-01-01, rows: {minor: 10, poor: 0, adult: 30}, source: 例医保〔2023〕1号 三}]
              at_most: {per: year, unit: yuan, values: [{from: 2024-01-01, value: 300, source: 例医保〔2023〕1号 三}]}
            bands: {per: year, unit: yuan, values: [{from: 2024-01-01, edges: [1000, 2000.5], source: 例医保〔2023〕1号 四}]}
            rate:
              by: [person_class, facility_class, band]
              unit: percent
              values:
                - from: 2024-01-01
                  rows:
                    minor: {top: 50, base: {1: 70, 2: 75, 3: 80}, rest: 60}
                    poor: 90
                    adult: {top: 45, base: 65, rest: 55}
                  source: 例医保〔2023〕1号 四
            caps:
              year:
                of: fund_pay
                per: year
                shared_by: [chronic, ordinary]
                by: [visit_type]
                unit: yuan
                values: [{from: 2024-01-01, rows: {ORDINARY: 300, PRENATAL_CHECK: 400}, source: 例医保〔2023〕1号 五}]
              day:
                of: cost
                per: day
                by: [facility_class]
                unit: fen
                values: [{from: 2024-01-01, rows: {top: 20000, base: 5000, rest: 10000}, source: 例医保〔2023〕1号 五}]
              times: {of: count, per: quarter, unit: visits, values: [{from: 2024-01-01, value: 5, source: 例医保〔2023〕1号 五}]}
              inner:
                of: fund_pay
                per: month
                when: {facility_class: [rest], person_class: [adult, poor]}
                by: [person_class]
                unit: yuan
                values:
                  - {from: 2024-01-01, to: 2024-06-30, value: none, source: 例医保〔2023〕1号 五}
                  - {from: 2024-07-01, rows: {adult: 80, poor: 90}, source: 例医保〔2023〕1号 五}
          chronic:
            label: 慢特病
            visit_types:
              PRENATAL_CHECK: [{from: 2025-01-01, source: 例医保〔2023〕1号 六}]
            rate: {unit: percent, values: [{from: 2025-01-01, value: 60, source: 例医保〔2023〕1号 六}]}
          birth:
            label: 生育
            visit_types:
              DELIVERY_NATURAL: [{from: 2024-01-01, source: 例医保〔2023〕1号 七}]
            fixed_sum:
              unit: yuan
              values: [{from: 2024-01-01, value: 1000, source: 例医保〔2023〕1号 七}]
              not_again_within: {unit: days, value: 180, ruling: once}
        rounding: {unit: jiao, mode: half_up, ruling: to-the-jiao}

        """;

    private const string Coverage = """
        city: example
        instrument: coverage
        rules:
          - transfer_within: {value: 3, unit: months, source: 例医保〔2023〕2号 二}
            transfer_covered_after: {value: 0, unit: days, source: 例医保〔2023〕2号 二}
            newborn_from_birth: {source: 例医保〔2023〕2号 二}
            categories_with_waiting: [general]
            categories_without_waiting: {destitute: {source: 例医保〔2023〕2号 二}}

        """;

    private const string Rulings = """
        instrument: rulings
        rulings:
          once: {says: 一百八十天内不再支付, source: 例医保〔2023〕1号 七}
          to-the-jiao: {says: 四舍五入到角, source: 例医保〔2023〕1号 四}

        """;

    private static readonly OutpatientPolicy[] Periods = [.. Load(Sound).Outpatient];

    [Fact]
    public void File_is_cut_where_anything_in_it_changes() => Assert.Equal(
        ["example-outpatient@2024-01-01 to 2024-06-30", "example-outpatient@2024-07-01 to 2024-12-31", "example-outpatient@2025-01-01 to "],
        Periods.Select(period => $"{period.PolicyId} to {period.To:yyyy-MM-dd}"));

    [Fact]
    public void Benefit_is_absent_while_none_of_its_visits_is_covered()
    {
        Assert.Equal(["ordinary", "birth"], Periods[0].Benefits.Select(benefit => benefit.Name));
        Assert.Equal(["ordinary", "chronic", "birth"], Periods[2].Benefits.Select(benefit => benefit.Name));
    }

    [Fact]
    public void Classes_are_tried_in_the_order_of_the_file()
    {
        OutpatientPolicy policy = Periods[0];
        Assert.Equal(["top", "base", "rest"], policy.FacilityClasses.Select(one => one.Name));
        Assert.Equal("top", policy.FacilityClassOf("village", "3B").Name);
        Assert.Equal("base", policy.FacilityClassOf("village", "none").Name);
        Assert.Equal("rest", policy.FacilityClassOf("county", "2A").Name);
        Assert.Equal(
            ["minor", "adult", "poor", "adult"],
            new[]
            {
                policy.PersonClassOf(17, "destitute"), policy.PersonClassOf(18, "general"), policy.PersonClassOf(18, "destitute"),
                policy.PersonClassOf(null, "general"),
            }.Select(one => one.Name));
    }

    [Fact]
    public void Class_of_ages_holds_from_its_first_year_to_before_the_one_it_ends_at()
    {
        PersonClass working = new("working", 1, "劳动年龄", AgeBelow: 60, AgeFrom: 18, []);
        Assert.Equal([false, true, true, false, false], new int?[] { 17, 18, 59, 60, null }.Select(age => working.Holds(age, "general")));
    }

    [Fact]
    public void Class_without_nesting_holds_for_all_below_it()
    {
        Benefit ordinary = Periods[0].Benefits[0];
        Assert.Equal(
            """
            minor top 1 5000
            minor top 2 5000
            minor top 3 5000
            minor base 1 7000
            minor base 2 7500
            minor base 3 8000
            minor rest 1 6000
            minor rest 2 6000
            minor rest 3 6000
            poor top 1 9000
            poor top 2 9000
            poor top 3 9000
            poor base 1 9000
            poor base 2 9000
            poor base 3 9000
            poor rest 1 9000
            poor rest 2 9000
            poor rest 3 9000
            adult top 1 4500
            adult top 2 4500
            adult top 3 4500
            adult base 1 6500
            adult base 2 6500
            adult base 3 6500
            adult rest 1 5500
            adult rest 2 5500
            adult rest 3 5500
            """,
            string.Join('\n',
                from person in Periods[0].PersonClasses
                from facility in Periods[0].FacilityClasses
                from band in new[] { 1, 2, 3 }
                select $"{person.Name} {facility.Name} {band} {ordinary.RateBasisPoints!.For(facility, person, "ORDINARY", band).Value}"));
        Assert.Equal(27, ordinary.RateBasisPoints!.Rows.Count);
        Assert.Equal(new Cited<long>(4_500, "例医保〔2023〕1号 四"), ordinary.RateBasisPoints.Rows[new("top", "adult", "ORDINARY", 1)]);
    }

    [Fact]
    public void Benefit_has_its_entry_deductible_bands_and_rounding()
    {
        Benefit ordinary = Periods[0].Benefits[0];
        Deductible deductible = ordinary.Deductible!;
        Assert.Equal(new Cited<long>(2_000, "例医保〔2023〕1号 二"), ordinary.EntryAtLeastFen);
        Assert.Equal(("ordinary", Period.Visit, false, true, false),
            (deductible.Group, deductible.Per, deductible.AtFacility, deductible.AfterRate, deductible.ReverseOrder));
        Assert.Equal([1_000, 0, 3_000],
            Periods[0].PersonClasses.Select(person => deductible.Fen.For(Periods[0].FacilityClasses[2], person, "ORDINARY").Value));
        Assert.Equal(Period.Year, deductible.AtMost!.Per);
        Assert.Equal([new Cited<long>(30_000, "例医保〔2023〕1号 三")], deductible.AtMost.Fen.Rows.Values.Distinct());
        Assert.Equal(("ordinary", Period.Year), (ordinary.Bands!.Group, ordinary.Bands.Per));
        Assert.Equal<long>([100_000, 200_050], ordinary.Bands.EdgesFen.Value);
        Assert.Equal(new Rounding(10, null, "to-the-jiao"), Periods[0].Rounding);
        Assert.Equal(new Cited<int>(180, "", "once"), Periods[0].Benefits[1].FixedSum!.NotAgainWithinDays);
    }

    [Fact]
    public void Entry_has_the_value_of_its_days_and_one_of_a_single_day_holds_on_it()
    {
        OutpatientPolicy[] periods = [.. Load(Changed(
            "values: [{from: 2024-01-01, value: 20, source: 例医保〔2023〕1号 二}]",
            "values: [{from: 2024-01-01, to: 2024-01-01, value: 20, source: 例医保〔2023〕1号 二}, "
            + "{from: 2024-01-02, value: 30, source: 例医保〔2024〕9号 二}]")).Outpatient];
        Assert.Equal(["2024-01-01 2000", "2024-01-02 3000", "2024-07-01 3000", "2025-01-01 3000"],
            periods.Select(period => $"{period.From:yyyy-MM-dd} {period.Benefits[0].EntryAtLeastFen?.Value}"));
    }

    [Fact]
    public void Rule_against_a_second_sum_ends_with_its_days()
    {
        OutpatientPolicy[] periods = [.. Load(Changed(
            "not_again_within: {unit: days, value: 180, ruling: once}",
            "not_again_within: {unit: days, values: [{from: 2024-01-01, to: 2024-06-30, value: 180, source: 例医保〔2023〕1号 七}]}"))
            .Outpatient];
        Assert.Equal(new Cited<int>(180, "例医保〔2023〕1号 七"), periods[0].Benefits[1].FixedSum!.NotAgainWithinDays);
        Assert.Null(periods[1].Benefits[1].FixedSum!.NotAgainWithinDays);
    }

    [Fact]
    public void Cap_that_is_shared_stands_in_every_benefit_that_shares_it()
    {
        OutpatientPolicy policy = Periods[2];
        Assert.Equal(["ordinary+chronic.year", "ordinary.day", "ordinary.times", "ordinary.inner"],
            policy.Benefits[0].Caps.Select(cap => cap.Group));
        Cap shared = Assert.Single(policy.Benefits[1].Caps);
        Assert.Equal(("year", "ordinary+chronic.year", Measure.FundPay, Period.Year), (shared.Name, shared.Group, shared.Of, shared.Per));
        Assert.Equal(40_000, shared.Limit.For(policy.FacilityClasses[0], policy.PersonClasses[0], "PRENATAL_CHECK").Value);
        Assert.Equal(30_000, shared.Limit.For(policy.FacilityClasses[0], policy.PersonClasses[0], "ORDINARY").Value);
        Assert.Empty(policy.Benefits[2].Caps);
    }

    [Fact]
    public void Deductible_that_is_shared_stands_in_every_benefit_that_shares_it()
    {
        string text = Changed("      order: after_rate\n", "      shared_by: [ordinary, chronic]\n      order: before_rate\n");
        OutpatientPolicy policy = Load(text).Outpatient[2];
        Assert.Equal(["ordinary+chronic", "ordinary+chronic"], policy.Benefits.Take(2).Select(benefit => benefit.Deductible!.Group));
        ValueTable fen = policy.Benefits[1].Deductible!.Fen;
        Assert.Equal(3_000, fen.For(policy.FacilityClasses[0], policy.PersonClasses[2], "PRENATAL_CHECK").Value);
    }

    [Fact]
    public void Same_cap_in_words_under_both_benefits_is_one()
    {
        const string chronic = "    rate: {unit: percent, values: [{from: 2025-01-01,";
        int year = Sound.IndexOf("      year:\n", StringComparison.Ordinal);
        string cap = Sound[year..Sound.IndexOf("      day:\n", StringComparison.Ordinal)];
        Assert.Equal(["ordinary+chronic.year"],
            Load(Changed(chronic, $"    caps:\n{cap}{chronic}")).Outpatient[2].Benefits[1].Caps.Select(one => one.Group));
        Assert.Contains(
            Faults(Changed(chronic, $"    caps:\n{cap.Replace("400", "401", StringComparison.Ordinal)}{chronic}")),
            fault => fault.EndsWith("'ordinary' shares one with 'chronic' under this name, and this one says something else.",
                StringComparison.Ordinal));
    }

    [Fact]
    public void Cap_can_hold_for_some_classes_and_from_a_later_day()
    {
        Assert.DoesNotContain(Periods[0].Benefits[0].Caps, cap => cap.Name == "inner");
        Cap inner = Periods[1].Benefits[0].Caps[^1];
        Assert.Equal(["rest"], inner.FacilityClasses);
        Assert.Equal(["adult", "poor"], inner.PersonClasses);
        Assert.Equal(
            ["adult 8000", "poor 9000"],
            inner.Limit.Rows.Where(row => row.Key.FacilityClass == "rest").Select(row => $"{row.Key.PersonClass} {row.Value.Value}")
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Counts_are_visits_and_costs_fen()
    {
        Cap times = Periods[0].Benefits[0].Caps.Single(cap => cap.Name == "times");
        Assert.Equal((Measure.Count, Period.Quarter, 5L), (times.Of, times.Per, times.Limit.Rows.Values.First().Value));
        Cap day = Periods[0].Benefits[0].Caps.Single(cap => cap.Name == "day");
        Assert.Equal((Measure.Cost, Period.Day), (day.Of, day.Per));
        Assert.Equal([20_000, 5_000, 10_000], Periods[0].FacilityClasses
            .Select(facility => day.Limit.For(facility, Periods[0].PersonClasses[0], "ORDINARY").Value));
    }

    [Fact]
    public void What_may_be_left_out_has_its_meaning()
    {
        int persons = Sound.IndexOf("person_classes:\n", StringComparison.Ordinal);
        string text = Sound.Remove(persons, Sound.IndexOf("benefits:\n", StringComparison.Ordinal) - persons);
        text = text[..text.IndexOf("    entry_at_least:", StringComparison.Ordinal)]
            + "    rate: {unit: basis_points, values: [{from: 2024-01-01, value: 5025, source: 例医保〔2023〕1号 四}]}\n"
            + text[text.IndexOf("  birth:\n", StringComparison.Ordinal)..text.IndexOf("rounding:", StringComparison.Ordinal)];
        OutpatientPolicy policy = Load(text).Outpatient[0];
        Assert.Equal(["all 1"], policy.PersonClasses.Select(one => $"{one.Name} {one.Number}"));
        Assert.Equal("all", policy.PersonClassOf(null, "general").Name);
        Assert.Equal(new Rounding(1, null, null), policy.Rounding);
        Benefit ordinary = policy.Benefits[0];
        Assert.Equal((null, null, null, null), (ordinary.EntryAtLeastFen, ordinary.Deductible, ordinary.Bands, ordinary.FixedSum));
        Assert.Empty(ordinary.Caps);
        Assert.Equal([5_025], ordinary.RateBasisPoints!.Rows.Values.Select(rate => rate.Value).Distinct());
    }

    [Theory]
    // Classes
    [InlineData("when: {grade: [3A, 3B]}", "when: {grade: [3a]}", "top:", "'3a' in 'grade' is not a grade such as 3A, 2B or none")]
    [InlineData("[township, community, village]", "[town]", "base:",
        "'town' in 'admin_level' is not one of province, city, county, township, community, village")]
    [InlineData("rest: {number: 2, label: 其他, when: {}}", "rest: {number: 2, label: 其他, when: {grade: [none]}}", "rest:",
        "the last class must take whatever is left: when: {}")]
    [InlineData("when: {grade: [3A, 3B]}", "when: {}", "base:", "nothing is left for 'base': the classes before take all")]
    [InlineData("when: {grade: [3A, 3B]}", "when: {grades: [3A]}", "top:", "unknown key 'grades'")]
    [InlineData("number: 2, label: 其他,", "number: 3, label: 其他,", "rest:", "number 3 is that of 'base' already")]
    [InlineData("number: 2, label: 其他,", "number: 256, label: 其他,", "rest:", "'256' in 'number' is not a whole number from 1 to 255")]
    [InlineData("number: 2, label: 其他,", "number: 0, label: 其他,", "rest:", "'0' in 'number' is not a whole number from 1 to 255")]
    [InlineData("number: 2, label: 其他,", "number: 2,", "rest:", "key 'label' is missing")]
    [InlineData("  top: {", "  三级: {", "三级: {", "'三级' is not a name")]
    [InlineData("{age_below: 18}", "{age_below: 18, age_from: 18}", "minor:", "no age is from 18 and below 18")]
    [InlineData("{age_below: 18}", "{age_below: 151}", "minor:", "'151' in 'age_below' is not a whole number from 1 to 150")]
    [InlineData("{category: [destitute]}", "{category: [destitute], age_below: 6}", "poor:", "nothing is left for 'poor'")]
    [InlineData("{category: [destitute]}", "{category: [destitoot]}", "poor:", "'destitoot' is no category of example-coverage.yaml")]
    // Rows
    [InlineData("adult: {top: 45, base: 65, rest: 55}", "adult: {top: 45, base: 65}", "adult: {top: 45",
        "there is no row for adult and rest (facility_class)")]
    [InlineData("base: {1: 70, 2: 75, 3: 80}", "base: {1: 70, 2: 75}", "minor: {top", "there is no row for minor and base and 3 (band)")]
    [InlineData("base: {1: 70, 2: 75, 3: 80}", "base: {1: 70, 2: 75, 3: 80, 4: 85}", "minor: {top",
        "'4' is no band here; known: 1, 2, 3")]
    [InlineData("            poor: 90\n", "", "minor: {top", "there is no row for poor (person_class)")]
    [InlineData("            poor: 90\n", "            poor: 90\n            poor: 91\n", "poor: 91", "duplicate key poor")]
    [InlineData("            poor: 90\n", "            old: 90\n", "old: 90", "'old' is no person_class here; known: minor, poor, adult")]
    [InlineData("rows: {minor: 10, poor: 0, adult: 30}", "rows: {minor: {top: 1}, poor: 0, adult: 30}", "rows: {minor: {top: 1}",
        "'minor' is nested deeper than 'by' says: person_class")]
    [InlineData("rows: {minor: 10, poor: 0, adult: 30}", "value: 5, rows: {minor: 10, poor: 0, adult: 30}", "value: 5, rows",
        "only one can stand")]
    [InlineData("      by: [person_class]\n      unit: yuan\n", "      unit: yuan\n",
        "values: [{from: 2024-01-01, rows: {minor", "rows need 'by'")]
    [InlineData("by: [visit_type]", "by: [visit]", "by: [visit]", "'visit' in 'by' is not one of facility_class, person_class, visit_type")]
    [InlineData("by: [visit_type]", "by: [band]", "by: [band]", "'band' in 'by' is not one of facility_class, person_class, visit_type")]
    [InlineData("by: [visit_type]", "by: [visit_type, visit_type]", "by: [visit_type, visit_type]", "'visit_type' stands twice in 'by'")]
    [InlineData("rows: {ORDINARY: 300, PRENATAL_CHECK: 400}", "rows: {ORDINARY: 300}", "rows: {ORDINARY",
        "there is no row for PRENATAL_CHECK (visit_type)")]
    [InlineData("rows: {adult: 80, poor: 90}", "rows: {adult: 80, poor: 90, minor: 1}", "rows: {adult: 80",
        "'minor' is no person_class here; known: poor, adult")]
    // Benefits
    [InlineData("      ORDINARY: [{from: 2024-01-01, source: 例医保〔2023〕1号 一}]\n",
        "      ORDINARY: [{from: 2024-01-01, source: 例医保〔2023〕1号 一}]\n"
        + "      DELIVERY_NATURAL: [{from: 2026-01-01, source: 例医保〔2023〕1号 一}]\n",
        "DELIVERY_NATURAL: [{from: 2024-01-01", "DELIVERY_NATURAL belongs to 'ordinary' at that time already")]
    [InlineData("    fixed_sum:\n", "    rate: {}\n    fixed_sum:\n", "rate: {}", "a benefit of fixed sums has no rate")]
    [InlineData("    fixed_sum:\n", "    bands: {}\n    fixed_sum:\n", "bands: {}", "a benefit of fixed sums has no bands")]
    [InlineData("    fixed_sum:\n", "    deductible: {}\n    fixed_sum:\n", "deductible: {}", "a benefit of fixed sums has no deductible")]
    [InlineData("    fixed_sum:\n", "    entry_at_least: {}\n    fixed_sum:\n", "entry_at_least: {}",
        "a benefit of fixed sums has no entry_at_least")]
    [InlineData("ruling: once}", "}", "not_again_within", "key 'source' is missing")]
    [InlineData("edges: [1000, 2000.5]", "edges: [1000, 1000]", "bands:", "the edges must ascend, from above 0")]
    [InlineData("edges: [1000, 2000.5]", "edges: [0, 1000]", "bands:", "the edges must ascend, from above 0")]
    [InlineData("edges: [1000, 2000.5]", "edges: [1000, x]", "bands:", "'x' in 'edges' is not a number of at least 0")]
    [InlineData("edges: [1000, 2000.5]", "edges: []", "bands:", "key 'edges' must hold a list of at least one entry")]
    [InlineData("edges: [1000, 2000.5], source: 例医保〔2023〕1号 四}",
        "to: 2024-12-31, edges: [1000, 2000.5], source: 例医保〔2023〕1号 四}, {from: 2025-01-01, edges: [1], source: 例医保〔2023〕1号 四}",
        "minor: {top", "the number of bands changes within this entry")]
    // Deductibles and caps
    [InlineData("      per: visit\n", "      per: week\n", "per: week", "'week' in 'per' is not one of visit, day, month, quarter, year")]
    [InlineData("      per: visit\n", "      per: month\n", "per: month", "key 'at' is missing")]
    [InlineData("      per: visit\n", "      per: month\n      at: county\n", "at: county",
        "'county' in 'at' is not one of facility, anywhere")]
    [InlineData("order: after_rate", "order: later", "order: later", "'later' in 'order' is not one of before_rate, after_rate")]
    [InlineData("undo: free", "undo: any", "undo: any", "'any' in 'undo' is not one of reverse_order, free")]
    [InlineData("at_most: {per: year,", "at_most: {per: visit,", "at_most:",
        "the period must be no shorter than the deductible's, and longer than a visit")]
    [InlineData("        of: cost\n", "        of: price\n", "of: price", "'price' in 'of' is not one of fund_pay, cost, count")]
    [InlineData("unit: visits", "unit: yuan", "times:", "unit 'yuan' is not one of visits")]
    [InlineData("value: 5,", "value: 2.5,", "times:", "2.5 visits in 'value' is not a whole number of visits")]
    [InlineData("value: 5,", "value: 10001,", "times:", "10001 in 'value' is more than 10000 visits")]
    [InlineData("facility_class: [rest], p", "facility_class: [other], p", "when: {facility_class: [other]",
        "'other' is no facility_class here; known: top, base, rest")]
    [InlineData("when: {facility_class: [rest], p", "when: {facility: [rest], p", "when: {facility: [rest]", "unknown key 'facility'")]
    [InlineData("from: 2025-01-01, value: 60", "from: 2025-01-02, value: 60", "rate: {unit: percent, values: [{from: 2025-01-02",
        "leaves a gap: chronic.rate has no value from 2025-01-01 to 2025-01-01")]
    [InlineData("from: 2025-01-01, value: 60", "from: 2025-01-01, value: none", "rate: {unit: percent, values: [{from: 2025-01-01",
        "'none' in 'value' is not a number")]
    // Sharing
    [InlineData("shared_by: [chronic, ordinary]", "shared_by: [chronic]", "shared_by: [chronic]",
        "'shared_by' leaves out 'ordinary', under which it stands")]
    [InlineData("shared_by: [chronic, ordinary]", "shared_by: [chronic, ordinary, other]", "shared_by:",
        "'other' in 'shared_by' is no benefit; known: ordinary, chronic, birth")]
    [InlineData("      order: after_rate\n", "      order: after_rate\n      shared_by: [ordinary, birth]\n",
        "shared_by: [ordinary, birth]",
        "'birth' is a benefit of fixed sums, which has no deductible")]
    // Rounding
    [InlineData("unit: jiao", "unit: li", "rounding:", "'li' in 'unit' is not one of fen, jiao, yuan")]
    [InlineData("mode: half_up", "mode: half_even", "rounding:", "'half_even' in 'mode' is not one of half_up")]
    [InlineData(", ruling: to-the-jiao", "", "rounding:", "key 'source' is missing")]
    // Out of reach
    [InlineData("  ordinary:\n    label", "  ordinary:\n    personal_account: first\n    label", "personal_account:",
        "a personal account that pays before the fund is out of reach")]
    [InlineData("  ordinary:\n    label", "  ordinary:\n    second_fund: {}\n    label", "second_fund:",
        "a second fund that pays after the cap is out of reach")]
    [InlineData("benefits:\n", "capitation: {}\nbenefits:\n", "capitation:", "capitation is out of reach")]
    [InlineData("        per: day\n", "        per: family\n", "per: family", "what a family has in common is out of reach")]
    [InlineData("      per: visit\n", "      per: year\n      at: family\n", "at: family", "what a family has in common is out of reach")]
    [InlineData("shared_by: [chronic, ordinary]", "shared_by: [ordinary, inpatient]", "shared_by:",
        "what is shared with inpatient care is out of reach")]
    [InlineData("shared_by: [chronic, ordinary]", "shared_by: inpatient", "shared_by:",
        "what is shared with inpatient care is out of reach")]
    public void Fault_is_named_by_its_line(string sound, string broken, string at, string sentence)
    {
        string text = Changed(sound, broken);
        int line = text.AsSpan(0, text.IndexOf(at, StringComparison.Ordinal)).Count('\n') + 1;
        IReadOnlyList<string> faults = Faults(text);
        Assert.All(faults, fault => Assert.Matches(@"^example-outpatient\.yaml:[1-9][0-9]*: \S.*\.$", fault));
        Assert.Contains(faults, fault => fault.StartsWith($"example-outpatient.yaml:{line}: ", StringComparison.Ordinal)
            && fault.Contains(sentence, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void What_is_out_of_reach_is_not_called_unknown() => Assert.Equal(
        ["example-outpatient.yaml:12: capitation is out of reach: visits are paid one by one here, not by head."],
        Faults(Changed("benefits:\n", "capitation: {}\nbenefits:\n")));

    [Fact]
    public void Visit_meets_sixteen_limits_and_no_more()
    {
        Assert.Equal(12, Load(WithCaps(8)).Outpatient[1].Benefits[0].Caps.Length);
        Assert.Contains(
            Faults(WithCaps(9)),
            fault => fault.EndsWith(
                "a visit can meet 16 limits; with deductible, bands and annual cap these are 17.", StringComparison.Ordinal));

        static string WithCaps(int more)
        {
            const string cap = "{of: fund_pay, per: month, unit: yuan, values: [{from: 2024-01-01, value: 9, source: 例医保〔2023〕1号 五}]}";
            return Changed(
                "    caps:\n", "    caps:\n" + string.Concat(Enumerable.Range(1, more).Select(number => $"      more{number}: {cap}\n")));
        }
    }

    [Fact]
    public void Row_of_a_visit_type_that_is_not_covered_yet_may_be_left_out()
    {
        const string both = "[{from: 2024-01-01, rows: {ORDINARY: 300, PRENATAL_CHECK: 400}, source: 例医保〔2023〕1号 五}]";
        PolicyPack pack = Load(Changed(
            both,
            "[{from: 2024-01-01, to: 2024-12-31, rows: {ORDINARY: 300}, source: 例医保〔2023〕1号 五}, "
            + "{from: 2025-01-01, rows: {ORDINARY: 350, PRENATAL_CHECK: 400}, source: 例医保〔2023〕1号 五}]"));
        Assert.Equal(["ORDINARY"], pack.Outpatient[0].Benefits[0].Caps[0].Limit.Rows.Keys.Select(key => key.VisitType).Distinct());
        Assert.Equal(
            ["ORDINARY", "PRENATAL_CHECK"],
            pack.Outpatient[2].Benefits[0].Caps[0].Limit.Rows.Keys.Select(key => key.VisitType).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Incomplete_file_is_held_to_its_form_and_asked_for_nothing_more()
    {
        const string known = """
            city: example
            instrument: outpatient
            incomplete: 支付比例的文件不在手
            benefits:
              ordinary:
                label: 普通门诊
                caps:
                  year: {of: fund_pay, per: year, unit: yuan, values: [{from: 2024-06-01, value: 300, source: 例医保〔2023〕1号 五}]}

            """;
        Assert.Equal("支付比例的文件不在手", Load(known).OutpatientIncomplete);
        Assert.Empty(Load(known).Outpatient);
        Assert.Equal(
            ["example-outpatient.yaml:8: 'x' in 'value' is not a number of at least 0."],
            Faults(known.Replace("value: 300", "value: x", StringComparison.Ordinal)));
    }

    private static string Changed(string sound, string broken)
    {
        int place = Sound.IndexOf(sound, StringComparison.Ordinal);
        Assert.True(place >= 0, $"The file no longer contains: {sound}");
        return string.Concat(Sound.AsSpan(0, place), broken, Sound.AsSpan(place + sound.Length));
    }

    private static PolicyPack Load(string outpatient) => PolicyLoader.Load(
        new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["example-outpatient.yaml"] = Encoding.UTF8.GetBytes(outpatient),
            ["example-coverage.yaml"] = Encoding.UTF8.GetBytes(Coverage),
            ["rulings.yaml"] = Encoding.UTF8.GetBytes(Rulings),
        },
        "example");

    private static IReadOnlyList<string> Faults(string outpatient) =>
        Assert.Throws<PolicyException>(() => Load(outpatient)).Faults;
}
