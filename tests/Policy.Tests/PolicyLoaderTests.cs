using System.Security.Cryptography;
using System.Text;

namespace Claims.Policy.Tests;

/// <summary>One fault put into a copy of the shipped files, and the sentence that must name it.</summary>
public sealed class PolicyLoaderTests : IDisposable
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "policy");
    private readonly string directory = Directory.CreateTempSubdirectory("claims-policy-").FullName;

    public PolicyLoaderTests()
    {
        foreach (string file in Directory.EnumerateFiles(Shipped, "*.yaml"))
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void Copy_without_a_fault_loads_with_the_same_hash() =>
        Assert.Equal(PolicyLoader.Load(Shipped, "zhengzhou").Hash, PolicyLoader.Load(directory, "zhengzhou").Hash);

    [Theory]
    // Keys
    [InlineData("zhengzhou-outpatient.yaml", "benefits:\n", "benefitz:\n", "benefitz:", "unknown key 'benefitz'")]
    [InlineData("zhengzhou-outpatient.yaml", "benefits:\n", "benefitz:\n", "city: zhengzhou", "key 'benefits' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n", "", "          - from: 2024-01-01\n            source",
        "key 'value' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n", "            value: 300\n            value: 301\n",
        "            value: 301", "duplicate key value")]
    [InlineData("zhengzhou-outpatient.yaml", "      ORDINARY:\n", "      ORDNARY:\n", "      ORDNARY:",
        "'ORDNARY' is no visit type; known: ORDINARY, PRENATAL_CHECK, DELIVERY_NATURAL, DELIVERY_CAESAREAN")]
    [InlineData("zhengzhou-outpatient.yaml", "    rate:\n", "    rates:\n", "    rates:\n", "unknown key 'rates'")]
    [InlineData("zhengzhou-coverage.yaml", "    waiting:\n      value: 30\n", "    waiting:\n      valu: 30\n", "      valu: 30",
        "unknown key 'valu'")]
    // Values and units
    [InlineData("zhengzhou-outpatient.yaml", "value: 300\n", "value: three hundred\n", "three hundred", "is not a number")]
    [InlineData("zhengzhou-outpatient.yaml", "value: 300\n", "value: -300\n", "value: -300", "is not a number of at least 0")]
    [InlineData("zhengzhou-outpatient.yaml", "value: 300\n", "value: 300.001\n", "value: 300.001", "is not a whole number of fen")]
    [InlineData("zhengzhou-outpatient.yaml", "value: 300\n", "value: 10000001\n", "value: 10000001", "is more than 10000000 yuan")]
    [InlineData("zhengzhou-outpatient.yaml", "value: 300\n", "value: [300]\n", "value: [300]", "must have one value, not a list")]
    [InlineData("zhengzhou-outpatient.yaml", "value: 300\n", "value:\n", "            value:\n", "key 'value' has no value")]
    [InlineData("zhengzhou-outpatient.yaml", "province_3a: 45\n", "province_3a: 101\n", "province_3a: 101", "is more than 100 percent")]
    [InlineData("zhengzhou-outpatient.yaml", "        per: year\n        unit: yuan\n", "        per: year\n        unit: rmb\n",
        "unit: rmb", "unit 'rmb' is not one of yuan, fen")]
    [InlineData("zhengzhou-outpatient.yaml", "      unit: percent\n", "      unit: yuan # rate\n", "      unit: yuan # rate",
        "unit 'yuan' is not one of percent, basis_points")]
    [InlineData("zhengzhou-coverage.yaml", "      unit: days\n", "      unit: weeks\n", "unit: weeks", "unit 'weeks' is not one of days")]
    // Dates, gaps and overlaps
    [InlineData("zhengzhou-outpatient.yaml", "in_force_from: 2024-01-01", "in_force_from: 2024-02-30", "in_force_from: 2024-02-30",
        "'2024-02-30' in 'in_force_from' is not a date")]
    [InlineData("zhengzhou-outpatient.yaml", "in_force_from: 2024-01-01", "in_force_from: 2024-1-1", "in_force_from: 2024-1-1",
        "is not a date")]
    [InlineData("zhengzhou-outpatient.yaml", "- from: 2024-01-01\n            value: 300\n", "- from: 2024-02-01\n            value: 300\n",
        "          - from: 2024-02-01", "leaves a gap: ordinary.caps.year has no value from 2024-01-01 to 2024-01-31")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n", "            to: 2024-12-31\n            value: 300\n",
        "          - from: 2024-01-01\n            to: 2024-12-31", "ordinary.caps.year has no value after 2024-12-31")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n            source: 郑医保〔2023〕6号 三\n",
        "            value: 300\n            source: 郑医保〔2023〕6号 三\n          - from: 2025-01-01\n            value: 400\n            "
        + "source: 郑医保〔2023〕6号 三\n", "          - from: 2025-01-01\n            value: 400",
        "overlaps the entry before, which began on 2024-01-01 and has no end")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n            source: 郑医保〔2023〕6号 三\n",
        "            to: 2024-12-31\n            value: 300\n            source: 郑医保〔2023〕6号 三\n          - from: 2024-12-31\n            "
        + "value: 400\n            source: 郑医保〔2023〕6号 三\n", "          - from: 2024-12-31",
        "overlaps the entry before, which ends on 2024-12-31")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n            source: 郑医保〔2023〕6号 三\n",
        "            to: 2024-12-31\n            value: 300\n            source: 郑医保〔2023〕6号 三\n          - from: 2025-01-02\n            "
        + "value: 400\n            source: 郑医保〔2023〕6号 三\n", "          - from: 2025-01-02",
        "leaves a gap from 2025-01-01 to 2025-01-01")]
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n", "            to: 2023-12-31\n            value: 300\n",
        "          - from: 2024-01-01\n            to: 2023-12-31", "ends on 2023-12-31, before it begins on 2024-01-01")]
    [InlineData("zhengzhou-contributions.yaml", "    - plan_year: 2023\n      not_in_hand: 2023年度个人缴费标准的文件不在手，不能给出金额\n", "",
        "    - plan_year: 2024", "leaves a gap between 2022 and 2024")]
    [InlineData("zhengzhou-contributions.yaml", "plan_year: 2023\n", "plan_year: 2022\n", "    - plan_year: 2022\n      not_in_hand",
        "year 2022 overlaps")]
    [InlineData("zhengzhou-contributions.yaml", "        to_plan_year: 2024\n", "        to_plan_year: 2025\n",
        "      - from_plan_year: 2025\n        city: 0", "overlaps the entry before")]
    // Citations and rulings
    [InlineData("zhengzhou-outpatient.yaml", "            value: 300\n            source: 郑医保〔2023〕6号 三\n", "            value: 300\n",
        "          - from: 2024-01-01\n            value: 300", "key 'source' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "source: 郑医保办〔2024〕60号 三; 豫医保办〔2024〕64号 二", "source: 郑医保办2024-60", "source: 郑医保办2024-60",
        "is not a citation")]
    [InlineData("zhengzhou-outpatient.yaml", "source: 郑医保办〔2024〕60号 三; 豫医保办〔2024〕64号 二", "source: 郑医保办〔2024〕60号", "source: 郑医保办〔2024〕60号\n",
        "is not a citation")]
    [InlineData("zhengzhou-outpatient.yaml", "ruling: allowance-once", "ruling: allowance-twice", "ruling: allowance-twice",
        "there is no ruling 'allowance-twice' in rulings.yaml")]
    [InlineData("zhengzhou-coverage.yaml", "      ruling: first-covered-day\n", "      ruling: last-covered-day\n",
        "      ruling: last-covered-day", "there is no ruling 'last-covered-day' in rulings.yaml")]
    // Bounds: one beyond the largest that is taken
    [InlineData("zhengzhou-outpatient.yaml",
        "        per: year\n        unit: yuan\n        values:\n          - from: 2024-01-01\n            value: 300\n",
        "        per: year\n        unit: fen\n        values:\n          - from: 2024-01-01\n            value: 1000000001\n",
        "value: 1000000001", "more than 1000000000 fen")]
    [InlineData("zhengzhou-outpatient.yaml",
        "      unit: percent\n      values:\n        - from: 2024-01-01\n          rows:\n            province_3a: 45\n",
        "      unit: basis_points\n      values:\n        - from: 2024-01-01\n          rows:\n            province_3a: 10001\n",
        "province_3a: 10001", "more than 10000 basis_points")]
    [InlineData("zhengzhou-outpatient.yaml", "province_3a: 45\n", "province_3a: 45.555\n", "province_3a: 45.555",
        "45.555 percent in 'province_3a' is not a whole number of basis points")]
    [InlineData("zhengzhou-coverage.yaml", "value: 30\n", "value: 367\n", "value: 367", "367 in 'value' is more than 366 days")]
    [InlineData("zhengzhou-coverage.yaml", "value: 30\n", "value: 30.5\n", "value: 30.5",
        "30.5 days in 'value' is not a whole number of days")]
    [InlineData("zhengzhou-coverage.yaml", "value: 3\n", "value: 25\n", "value: 25", "25 in 'value' is more than 24 months")]
    [InlineData("zhengzhou-contributions.yaml", "plan_year: 2023\n", "plan_year: 1999\n", "plan_year: 1999",
        "'1999' in 'plan_year' is not a year from 2000 to 2100")]
    [InlineData("zhengzhou-contributions.yaml", "plan_year: 2023\n", "plan_year: 2101\n", "plan_year: 2101",
        "'2101' in 'plan_year' is not a year from 2000 to 2100")]
    // Forms
    [InlineData("zhengzhou-outpatient.yaml", "benefits:\n", "benefits: 300\nold:\n", "benefits: 300",
        "key 'benefits' must hold keys, not a single value")]
    [InlineData("zhengzhou-outpatient.yaml", "      ORDINARY:\n", "      ORDINARY: yes\n      OLD:\n", "      ORDINARY: yes",
        "key 'ORDINARY' must hold a list of at least one entry")]
    [InlineData("zhengzhou-outpatient.yaml", "      ORDINARY:\n", "      ORDINARY:\n        - always\n", "        - always",
        "each entry of 'ORDINARY' must hold keys, not a single value")]
    [InlineData("zhengzhou-coverage.yaml", "      - student\n", "      - general\n", "      - general\n      - newborn",
        "'general' stands twice in 'categories_with_waiting'")]
    [InlineData("zhengzhou-coverage.yaml", "      - student\n", "      - {a: b}\n", "      - {a: b}",
        "each entry of 'categories_with_waiting' must be one word")]
    [InlineData("zhengzhou-coverage.yaml", "rules:\n", "rules: []\nold:\n", "rules: []",
        "key 'rules' must hold a list of at least one entry")]
    // What a file must say
    [InlineData("zhengzhou-outpatient.yaml", "in_force_from: 2024-01-01\n", "", "city: zhengzhou", "key 'in_force_from' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "facility_classes:\n", "classes:\n", "city: zhengzhou", "key 'facility_classes' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "    visit_types:\n", "    visits:\n", "    label: 普通门诊统筹",
        "key 'visit_types' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "    fixed_sum:\n", "    sum:\n", "    label: 生育医疗补助", "key 'rate' is missing")]
    [InlineData("zhengzhou-outpatient.yaml", "            other: 55\n", "", "            province_3a: 45",
        "there is no row for other (facility_class)")]
    [InlineData("zhengzhou-outpatient.yaml", "            other: 55\n", "            others: 55\n", "            others: 55",
        "'others' is no facility_class here; known: province_3a, grassroots, other")]
    [InlineData("zhengzhou-outpatient.yaml", "            other: 55\n", "            other: 55\n            province_3a: 46\n",
        "            province_3a: 46", "duplicate key province_3a")]
    [InlineData("zhengzhou-outpatient.yaml", "        per: year\n        unit: yuan\n", "        per: year\n", "        of: fund_pay",
        "key 'unit' is missing")]
    [InlineData("zhengzhou-coverage.yaml", "    newborn_from_birth:\n", "    newborns:\n", "  - ruling: coverage-before",
        "key 'newborn_from_birth' is missing")]
    [InlineData("zhengzhou-coverage.yaml", "    transfer_within:\n", "    transfers:\n", "  - ruling: coverage-before",
        "key 'transfer_within' is missing")]
    [InlineData("zhengzhou-coverage.yaml", "      destitute:\n        source: 豫医保办〔2023〕71号 五; 医保发〔2021〕32号 二\n", "      destitute:\n",
        "        ruling: exempt-from-payment", "key 'source' is missing")]
    [InlineData("zhengzhou-counties.yaml", "    accounts: city\n", "    accounts: town\n", "    accounts: town",
        "'town' in 'accounts' is not one of city, county")]
    [InlineData("zhengzhou-counties.yaml", "    accounts: city\n", "    accounts: City\n", "    accounts: City",
        "'City' in 'accounts' is not one of city, county")]
    [InlineData("zhengzhou-counties.yaml", "    fiscal: district\n", "    fiscal: zone\n", "    fiscal: zone",
        "'zone' in 'fiscal' is not one of district, county, airport_zone")]
    [InlineData("zhengzhou-counties.yaml", "    fiscal: district\n", "", "    name: 中原区", "key 'fiscal' is missing")]
    [InlineData("zhengzhou-counties.yaml", "    pooling: outside\n", "    pooling: outside\n    accounts: city\n",
        "    accounts: city\n    source: 郑政办〔2021〕24号 一", "unknown key 'accounts'")]
    [InlineData("zhengzhou-contributions.yaml", "      not_in_hand: 2023年度", "      value: 350\n      not_in_hand: 2023年度",
        "      value: 350", "unknown key 'value'")]
    [InlineData("zhengzhou-contributions.yaml", "          source: 郑医保办〔2024〕60号 一\n\naid:\n",
        "          source: 郑医保办〔2024〕60号 一\n          until: 2025\n\naid:\n", "          until: 2025", "unknown key 'until'")]
    [InlineData("zhengzhou-contributions.yaml", "        value: 100\n        source: 郑医保〔2023〕6号 一; 郑医保办〔2024〕60号 一\n",
        "        not_in_hand: 不在手\n", "      - from_plan_year: 2024\n        not_in_hand", "key 'source' is missing")]
    [InlineData("zhengzhou-subsidies.yaml", "        not_in_hand: 航空港区", "        central: 1\n        not_in_hand: 航空港区",
        "      - applies_to: [airport_zone]\n        central: 1", "a row that is not in hand cannot state amounts")]
    [InlineData("zhengzhou-subsidies.yaml", "  - year: 2022\n    not_in_hand: 2022年财政补助标准的文件不在手，不能给出金额\n", "", "  - year: 2023",
        "leaves a gap between 2021 and 2023")]
    [InlineData("zhengzhou-subsidies.yaml", "  - year: 2023\n", "  - year: 2022\n", "  - year: 2022\n    total: 780",
        "year 2022 overlaps: it does not come after 2022")]
    [InlineData("zhengzhou-subsidies.yaml", "        city: 140\n", "        city: 140\n        county: 640\n",
        "      - applies_to: [provincial_college, central_college]\n        city: 140",
        "the parts sum to 780元, which leaves no remainder of the stated total of 780元")]
    [InlineData("zhengzhou-coverage.yaml", "instrument: coverage\n", "instrument: outpatient\n", "instrument: outpatient",
        "'instrument' is 'outpatient', but the name of the file says 'coverage'")]
    [InlineData("henan-floors.yaml", "province: henan\n", "province: shanxi\n", "province: shanxi",
        "'province' is 'shanxi', but the name of the file says 'henan'")]
    [InlineData("henan-floors.yaml", "  county:\n", "  counties:\n", "  unit: percent", "key 'county' is missing")]
    [InlineData("henan-floors.yaml", "  county:\n", "  counties:\n", "  counties:", "unknown key 'counties'")]
    [InlineData("henan-floors.yaml", "  county_and_above:\n", "  county_or_above:\n", "  county_or_above:",
        "unknown key 'county_or_above'")]
    [InlineData("henan-floors.yaml", "  DELIVERY_NATURAL:\n", "  DELIVERY:\n", "  unit: yuan\n  DELIVERY",
        "key 'DELIVERY_NATURAL' is missing")]
    [InlineData("rulings.yaml", "    source: 郑医保〔2023〕6号 三\n", "    source: 郑医保\n", "    source: 郑医保\n", "'郑医保' is not a citation")]
    // Sums and classes
    [InlineData("zhengzhou-subsidies.yaml", "province: 51.2\n        city: 172.4\n", "province: 51.3\n        city: 172.4\n",
        "      - applies_to: [district]\n        central: 384", "the parts sum to 780.1元, not to the stated total of 780元")]
    [InlineData("zhengzhou-subsidies.yaml", "        city: 140\n", "        city: 780\n",
        "      - applies_to: [provincial_college, central_college]\n        city: 780", "leaves no remainder")]
    [InlineData("zhengzhou-subsidies.yaml", "      - applies_to: [\"410122\"]\n", "      - applies_to: [\"410182\"]\n",
        "      - applies_to: [\"410182\"]", "'410182' has a row in 2021 already")]
    [InlineData("zhengzhou-subsidies.yaml", "      - applies_to: [\"410122\"]\n", "      - applies_to: [\"410199\"]\n",
        "      - applies_to: [\"410199\"]", "'410199' is neither a county of the city nor one of")]
    [InlineData("zhengzhou-contributions.yaml", "        city: 50\n        county: 50\n", "        city: 50\n        county: 49\n",
        "      - from_plan_year: 2024\n        city: 50\n        county: 49", "do not sum to 100%")]
    [InlineData("zhengzhou-counties.yaml", "  \"410122\":\n", "  \"41012\":\n", "\"41012\":", "is not a 6-digit administrative code")]
    [InlineData("zhengzhou-counties.yaml", "pooling_area:\n", "pooled_area:\n", "city: zhengzhou", "key 'pooling_area' is missing")]
    [InlineData("zhengzhou-counties.yaml", "  code: \"410100\"\n", "", "  name: 郑州市", "key 'code' is missing")]
    [InlineData("zhengzhou-counties.yaml", "  code: \"410100\"\n", "  code: \"4101\"\n", "  code: \"4101\"",
        "'4101' is not a 6-digit administrative code")]
    [InlineData("zhengzhou-counties.yaml", "  code: \"410100\"\n", "  code: \"410105\"\n", "  \"410105\":",
        "'410105' is the code of the pooling area")]
    [InlineData("zhengzhou-counties.yaml", "  name: 郑州市\n", "", "  code: \"410100\"", "key 'name' is missing")]
    [InlineData("zhengzhou-counties.yaml", "  name: 郑州市\n  source: 郑政办〔2021〕24号 一\n", "  name: 郑州市\n", "  code: \"410100\"",
        "key 'source' is missing")]
    [InlineData("zhengzhou-counties.yaml", "  name: 郑州市\n  source: 郑政办〔2021〕24号 一\n", "  name: 郑州市\n  source: 郑政办24号\n", "  source: 郑政办24号",
        "is not a citation")]
    [InlineData("zhengzhou-counties.yaml", "  name: 郑州市\n", "  name: 郑州市\n  names: 郑州\n", "  names: 郑州\n", "unknown key 'names'")]
    [InlineData("zhengzhou-counties.yaml", "    pooling: outside\n", "    pooling: beside\n", "    pooling: beside",
        "'beside' in 'pooling' is not one of inside, outside")]
    [InlineData("zhengzhou-coverage.yaml", "      - student\n", "      - destitute\n", "    categories_with_waiting:",
        "category 'destitute' also stands under categories_without_waiting")]
    // Files
    [InlineData("zhengzhou-outpatient.yaml", "city: zhengzhou\n", "city: xinzhou\n", "city: xinzhou",
        "'city' is 'xinzhou', but the name of the file says 'zhengzhou'")]
    [InlineData("zhengzhou-outpatient.yaml", "provincial_floors: henan\n", "provincial_floors: shanxi\n", "",
        "there is no shanxi-floors.yaml")]
    [InlineData("zhengzhou-outpatient.yaml", "instrument: outpatient\n", "instrument: outpatient\r\n", "instrument: outpatient\r\n",
        "the line ends with CR LF")]
    [InlineData("zhengzhou-outpatient.yaml", "# 郑州市", "\uFEFF# 郑州市", "", "byte order mark")]
    [InlineData("zhengzhou-outpatient.yaml", "benefits:\n", "benefits: {\n", null, "")]
    [InlineData("henan-floors.yaml", "    value: 40\n", "    value: 40\n    values: 41\n", "    values: 41", "unknown key 'values'")]
    [InlineData("rulings.yaml", "    says: 统筹基金支付额四舍五入到分\n", "", "    source: 郑医保〔2023〕6号 三\n  deductible-with-cap-exhausted",
        "key 'says' is missing")]
    public void Fault_is_named_by_file_and_line(string file, string sound, string broken, string? at, string sentence)
    {
        string path = Path.Combine(directory, file);
        string text = File.ReadAllText(path);
        int place = text.IndexOf(sound, StringComparison.Ordinal);
        Assert.True(place >= 0, $"{file} no longer contains: {sound}");
        string changed = string.Concat(text.AsSpan(0, place), broken, text.AsSpan(place + sound.Length));
        File.WriteAllText(path, changed, new UTF8Encoding(false));
        PolicyException exception = Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "zhengzhou"));
        Assert.All(exception.Faults, fault => Assert.Matches(@"^[a-z]+(-[a-z]+)?\.yaml:[1-9][0-9]*: \S.*\.$", fault));
        if (at is null) return;
        int line = changed.AsSpan(0, changed.IndexOf(at, StringComparison.Ordinal)).Count('\n') + 1;
        Assert.Contains(exception.Faults, fault => fault.StartsWith($"{file}:{line}: ", StringComparison.Ordinal) && fault.Contains(
            sentence, StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("- a\n", "zhengzhou-coverage.yaml:1: the file must hold one mapping of keys.")]
    [InlineData("a: 1\n---\nb: 1\n", "zhengzhou-coverage.yaml:1: the file must hold one mapping of keys.")]
    [InlineData("", "zhengzhou-coverage.yaml:1: the file must hold one mapping of keys.")]
    public void File_that_is_no_single_mapping_is_named(string text, string fault)
    {
        File.WriteAllText(Path.Combine(directory, "zhengzhou-coverage.yaml"), text);
        Assert.Contains(fault, Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "zhengzhou")).Faults);
    }

    [Fact]
    public void File_that_is_not_UTF8_is_named()
    {
        File.WriteAllBytes(Path.Combine(directory, "rulings.yaml"), [0xD5, 0xC5, (byte)'\n']);
        Assert.Contains("rulings.yaml:1: the file is not UTF-8.",
            Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "zhengzhou")).Faults);
    }

    [Fact]
    public void Values_at_their_bounds_and_in_the_smaller_unit_are_taken()
    {
        Change("zhengzhou-outpatient.yaml", "value: 300\n", "value: 10000000\n");
        Change("zhengzhou-outpatient.yaml", "province_3a: 45\n", "province_3a: 55.25\n");
        Change("zhengzhou-outpatient.yaml", "grassroots: 65\n", "grassroots: 100\n");
        Change("zhengzhou-outpatient.yaml",
            "      unit: yuan\n      values:\n        - from: 2024-01-01\n          rows:\n            province_3a: 40\n",
            "      unit: fen\n      values:\n        - from: 2024-01-01\n          rows:\n            province_3a: 4001\n");
        Change("zhengzhou-coverage.yaml", "value: 30\n", "value: 366\n");
        Change("zhengzhou-coverage.yaml", "value: 3\n", "value: 24\n");
        PolicyPack pack = PolicyLoader.Load(directory, "zhengzhou");
        OutpatientPolicy policy = pack.Outpatient[0];
        Benefit ordinary = policy.Benefits[0];
        Assert.Equal([1_000_000_000], Assert.Single(ordinary.Caps).Limit.Rows.Values.Select(row => row.Value).Distinct());
        Assert.Equal([5_525, 10_000, 5_500], Values(policy, ordinary.RateBasisPoints!));
        Assert.Equal([4_001, 0, 40], Values(policy, ordinary.Deductible!.Fen));
        Assert.Equal((366, 24), (pack.Coverage.WaitingDays!.Value.Value, pack.Coverage.TransferMonths.Value));
    }

    [Fact]
    public void Row_of_a_county_goes_before_that_of_its_class()
    {
        Change("zhengzhou-subsidies.yaml", "      - applies_to: [county]\n        central: 384\n",
            "      - applies_to: [\"410122\"]\n        central: 780\n        source: 郑医保〔2023〕6号 二\n      - applies_to: [county]\n     "
            + "   central: 384\n");
        PolicyPack pack = PolicyLoader.Load(directory, "zhengzhou");
        Assert.Equal((78_000, null), (pack.SubsidyFor(2023, "410122").CentralFen, pack.SubsidyFor(2023, "410122").CityFen));
        Assert.Equal((38_400, 7_000), (pack.SubsidyFor(2023, "410182").CentralFen, pack.SubsidyFor(2023, "410182").CityFen));
    }

    [Fact]
    public void Later_rules_of_coverage_begin_after_the_earlier_ones()
    {
        string path = Path.Combine(directory, "zhengzhou-coverage.yaml");
        string text = File.ReadAllText(path);
        int rules = text.IndexOf("  - ruling: coverage-before-the-notices\n", StringComparison.Ordinal);
        string entry = text[(rules + "  - ruling: coverage-before-the-notices\n".Length)..];
        File.WriteAllText(path, $"{text}  - from_plan_year: 2026\n{entry}  - from_plan_year: 2026\n{entry}");
        Assert.Contains(Faults(), fault => fault.EndsWith(
            "begins in plan year 2026 and overlaps the entry before.", StringComparison.Ordinal));
        File.WriteAllText(path, $"{text}  - ruling: coverage-before-the-notices\n{entry}");
        Assert.Contains(Faults(), fault => fault.EndsWith("key 'from_plan_year' is missing.", StringComparison.Ordinal));

        IReadOnlyList<string> Faults() => Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "zhengzhou")).Faults;
    }

    [Fact]
    public void Directory_without_policy_says_so()
    {
        string empty = Directory.CreateDirectory(Path.Combine(directory, "empty")).FullName;
        Assert.Equal($"There is no policy in {empty}.", Assert.Throws<PolicyException>(() => PolicyLoader.Cities(empty)).Message);
        File.Copy(Path.Combine(directory, "zhengzhou-outpatient.yaml"), Path.Combine(empty, "zhengzhou-outpatient.yaml"));
        Assert.Equal($"There is no zhengzhou-coverage.yaml in {empty}.",
            Assert.Throws<PolicyException>(() => PolicyLoader.Load(empty, "zhengzhou")).Message);
    }

    [Fact]
    public void Several_faults_are_named_in_one_run()
    {
        Change("zhengzhou-outpatient.yaml", "value: 300\n", "value: x\n");
        Change("zhengzhou-subsidies.yaml", "province: 51.2\n", "province: 50\n");
        Assert.Equal(2, Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "zhengzhou")).Faults.Count);
    }

    [Fact]
    public void County_without_a_subsidy_row_is_a_fault()
    {
        Change("zhengzhou-subsidies.yaml", "\"410184\", ", "");
        PolicyException exception = Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "zhengzhou"));
        Assert.Contains("新郑市 (410184, county) has no row in 2021", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Value_that_changes_within_the_span_cuts_a_period()
    {
        Change("zhengzhou-outpatient.yaml", "            value: 300\n            source: 郑医保〔2023〕6号 三\n",
            "            to: 2026-06-30\n            value: 300\n            source: 郑医保〔2023〕6号 三\n          - from: 2026-07-01\n"
            + "            value: 400\n            source: 郑医保〔2026〕1号 二\n");
        PolicyPack pack = PolicyLoader.Load(directory, "zhengzhou");
        Assert.Equal(["2024-01-01..2024-12-31", "2025-01-01..2026-06-30", "2026-07-01.."],
            pack.Outpatient.Select(period => $"{period.From:yyyy-MM-dd}..{period.To:yyyy-MM-dd}"));
        Assert.Equal([new Cited<long>(40_000, "郑医保〔2026〕1号 二")],
            pack.OutpatientOn(new(2026, 7, 1))!.Benefits[0].Caps[0].Limit.Rows.Values.Distinct());
        Assert.NotEqual(PolicyLoader.Load(Shipped, "zhengzhou").Hash, pack.Hash);
    }

    [Fact]
    public void Pack_that_ends_has_no_policy_afterwards()
    {
        Change("zhengzhou-outpatient.yaml", "in_force_from: 2024-01-01\n", "in_force_from: 2024-01-01\nin_force_to: 2025-12-31\n");
        PolicyPack pack = PolicyLoader.Load(directory, "zhengzhou");
        Assert.NotNull(pack.OutpatientOn(new(2025, 12, 31)));
        Assert.Null(pack.OutpatientOn(new(2026, 1, 1)));
    }

    [Fact]
    public void Coverage_that_changes_by_plan_year_is_found_by_plan_year()
    {
        string path = Path.Combine(directory, "zhengzhou-coverage.yaml");
        string text = File.ReadAllText(path);
        int rules = text.IndexOf("  - ruling: coverage-before-the-notices\n", StringComparison.Ordinal);
        string later = text[rules..].Replace("  - ruling: coverage-before-the-notices\n", "  - from_plan_year: 2026\n",
            StringComparison.Ordinal).Replace("value: 30\n", "value: 90\n", StringComparison.Ordinal);
        File.WriteAllText(path, text + later);
        PolicyPack pack = PolicyLoader.Load(directory, "zhengzhou");
        Assert.Equal((30, 30, 90), (pack.CoverageFor(2019)!.WaitingDays!.Value.Value, pack.CoverageFor(2025)!.WaitingDays!.Value.Value,
            pack.CoverageFor(2026)!.WaitingDays!.Value.Value));
    }

    [Fact]
    public void Hash_is_that_of_the_sha256sum_lines_of_the_packs_files()
    {
        string[] names = [.. Directory.EnumerateFiles(Shipped, "*.yaml").Select(path => Path.GetFileName(path))
            .Where(name => !name.StartsWith("xinzhou", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        string lines = string.Concat(names.Select(
            name => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(Shipped, name))))}  {name}\n"));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines))),
            PolicyLoader.Load(Shipped, "zhengzhou").Hash);
    }

    [Fact]
    public void Hash_of_one_city_does_not_depend_on_another()
    {
        Change("xinzhou-outpatient.yaml", "value: 300\n", "value: 301\n");
        Assert.Equal(PolicyLoader.Load(Shipped, "zhengzhou").Hash, PolicyLoader.Load(directory, "zhengzhou").Hash);
        Assert.NotEqual(PolicyLoader.Load(Shipped, "xinzhou").Hash, PolicyLoader.Load(directory, "xinzhou").Hash);
    }

    [Fact]
    public void City_or_directory_that_is_not_there_says_so()
    {
        Assert.Contains("There is no kaifeng-outpatient.yaml",
            Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory, "kaifeng")).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<PolicyException>(() => PolicyLoader.Load(directory + "-gone", "zhengzhou")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void File_with_another_name_is_not_passed_over()
    {
        File.WriteAllText(Path.Combine(directory, "zhengzhou-inpatient.yaml"), "city: zhengzhou\n");
        Assert.StartsWith("zhengzhou-inpatient.yaml:1: ", Assert.Throws<PolicyException>(() => PolicyLoader.Cities(directory)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Every_ruling_has_its_heading_in_the_documentation()
    {
        string[] headings = [.. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "docs", "policy.md"))
            .Where(line => line.StartsWith("### `", StringComparison.Ordinal)).Select(line => line.Split('`')[1])];
        Assert.Equal(PolicyLoader.Load(Shipped, "zhengzhou").Rulings.Keys, headings.Order(StringComparer.Ordinal));
    }

    // Of an ordinary visit by facility class, in the order of the classes.
    private static IEnumerable<long> Values(OutpatientPolicy policy, ValueTable table) =>
        policy.FacilityClasses.Select(facility => table.For(facility, policy.PersonClasses[0], "ORDINARY").Value);

    private void Change(string file, string sound, string broken)
    {
        string path = Path.Combine(directory, file);
        string text = File.ReadAllText(path);
        int place = text.IndexOf(sound, StringComparison.Ordinal);
        Assert.True(place >= 0, $"{file} no longer contains: {sound}");
        File.WriteAllText(path, string.Concat(text.AsSpan(0, place), broken, text.AsSpan(place + sound.Length)));
    }
}
