using System.Globalization;
using Claims.Hosting;
using Claims.Policy;
using Claims.V1;
using Npgsql;
using NpgsqlTypes;

namespace Claims.Eligibility.Clinics;

/// <summary>What the registry tells a clinic's counter.</summary>
internal sealed class ClinicLookups(NpgsqlDataSource database, PolicyPack policy, TimeProvider time)
{
    public async Task<InsuredCard?> FindInsuredAsync(string insuredId, DateOnly date, CancellationToken cancellationToken)
    {
        // Of several spans the one that the day is in; of an insured who is not enrolled for that year, the latest name.
        await using NpgsqlCommand command = database.CreateCommand("""
            SELECT name, plan_year, scheme, county FROM enrolment WHERE insured_id = $1
            ORDER BY plan_year = $2 DESC, plan_year DESC,
                coalesce(begins_on, '-infinity') <= $3 AND coalesce(ended_on, 'infinity') >= $3 DESC, span DESC LIMIT 1
            """);
        command.Parameters.Add(new() { Value = insuredId });
        command.Parameters.Add(new() { Value = (short)date.Year });
        command.Parameters.Add(new() { Value = date, NpgsqlDbType = NpgsqlDbType.Date });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken)) return null;
        InsuredCard card = new() { InsuredId = insuredId, NameMasked = MaskedName(row.GetString(0)) };
        if (row.GetInt16(1) != date.Year) return card;
        card.Scheme = row.GetString(2);
        card.County = row.GetString(3);
        card.CountyName = policy.Counties.TryGetValue(card.County, out County? county) ? county.Name : "";
        return card;
    }

    /// <summary>Exact codes first, then by the beginning of the code or of the initials, then by a part of the name.</summary>
    public async Task<CatalogueMatches> SearchAsync(string query, DateOnly date, int limit, CancellationToken cancellationToken)
    {
        // A catalogue of 100 000 rows is read in some 60 ms; no index serves a part of a name without an extension.
        await using NpgsqlCommand command = database.CreateCommand("""
            SELECT item_code, name, pinyin_initials, class, first_self_pay_bp, price_limit_milli_fen FROM catalogue_item
            WHERE valid_from <= $4 AND (valid_to IS NULL OR valid_to >= $4)
                AND (starts_with(lower(item_code), $1) OR starts_with(pinyin_initials, $2) OR position($3 IN lower(name)) > 0
                    OR position($2 IN pinyin_initials) > 0 AND length($2) > 2)
            ORDER BY CASE
                    WHEN lower(item_code) = $1 THEN 0
                    WHEN starts_with(lower(item_code), $1) THEN 1
                    WHEN starts_with(pinyin_initials, $2) OR starts_with(lower(name), $3) THEN 2
                    ELSE 3 END, length(name), item_code
            LIMIT $5
            """);
        string lower = query.ToLowerInvariant();
        command.Parameters.Add(new() { Value = lower });
        // Initials have no blanks or signs; a query that has others than they can have matches none.
        string initials = string.Concat(lower.Where(char.IsAsciiLetterOrDigit));
        bool canBeInitials = initials.Length > 0 && initials.Length == lower.Count(letter => letter != ' ');
        command.Parameters.Add(new() { Value = canBeInitials ? initials : "\u0001" });
        command.Parameters.Add(new() { Value = lower });
        command.Parameters.Add(new() { Value = date, NpgsqlDbType = NpgsqlDbType.Date });
        command.Parameters.Add(new() { Value = limit });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        CatalogueMatches matches = new();
        while (await row.ReadAsync(cancellationToken))
        {
            CatalogueMatch item = new()
            {
                ItemCode = row.GetString(0),
                Name = row.GetString(1),
                PinyinInitials = row.GetString(2),
                ItemClass = (ItemClass)row.GetInt16(3),
                FirstSelfPayBasisPoints = row.GetInt32(4),
            };
            if (!row.IsDBNull(5)) item.PriceLimitMilliFen = row.GetInt64(5);
            matches.Items.Add(item);
        }

        return matches;
    }

    /// <returns>The smallest facility that is pooled today and not suspended; null where there is none, or somebody has a credential
    /// already.</returns>
    public async Task<SuggestedClinic?> SuggestAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = database.CreateCommand("""
            SELECT facility_code, name FROM facility
            WHERE $1 BETWEEN valid_from AND valid_to AND pooled_from <= $1 AND (pooled_to IS NULL OR pooled_to >= $1)
                AND NOT EXISTS (SELECT FROM clinic_credential)
                AND NOT EXISTS (
                    SELECT FROM facility_suspension AS suspension LEFT JOIN facility_resumption USING (suspension_id)
                    WHERE suspension.facility_code = facility.facility_code
                        AND suspended_from <= $1 AND (resumed_from IS NULL OR resumed_from > $1))
            ORDER BY admin_level DESC, facility_code LIMIT 1
            """);
        command.Parameters.Add(new() { Value = ChinaTime.Today(time), NpgsqlDbType = NpgsqlDbType.Date });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new SuggestedClinic { FacilityCode = row.GetString(0), Name = row.GetString(1) }
            : null;
    }

    /// <summary>张三丰 is 张*丰, 张三 is 张*: enough for a clerk to ask whether it is the person, too little to learn who somebody is.</summary>
    public static string MaskedName(string name)
    {
        string[] letters = [.. Letters(name)];
        return letters.Length switch
        {
            0 => "",
            1 => "*",
            2 => $"{letters[0]}*",
            _ => $"{letters[0]}{new string('*', letters.Length - 2)}{letters[^1]}",
        };
    }

    private static IEnumerable<string> Letters(string name)
    {
        TextElementEnumerator letters = StringInfo.GetTextElementEnumerator(name);
        while (letters.MoveNext()) yield return letters.GetTextElement();
    }
}
