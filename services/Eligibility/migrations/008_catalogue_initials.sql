-- The first letters of a name's pinyin, by which a clerk finds an item: 阿莫西林 is amxl. ICU's Chinese collation sorts by pinyin; its own
-- borders of the letters are U+FDD0 and the letter (CLDR), and what has no pinyin comes after them, from 㐀 on. All but ten of the 20 902
-- characters of Unicode's first block have one. One with several readings has its commonest: 重组 is zz. What is neither such a character
-- nor an ASCII letter or digit is left out.
CREATE FUNCTION pinyin_initials(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(
        CASE
            WHEN c ~ '^[A-Za-z0-9]$' THEN lower(c)
            WHEN ascii(c) BETWEEN x'3400'::int AND x'9FFF'::int THEN substr('abcdefghjklmnopqrstwxyz', width_bucket(
                c COLLATE "zh-x-icu", ARRAY[
                    U&'\FDD0A', U&'\FDD0B', U&'\FDD0C', U&'\FDD0D', U&'\FDD0E', U&'\FDD0F', U&'\FDD0G', U&'\FDD0H', U&'\FDD0J', U&'\FDD0K',
                    U&'\FDD0L', U&'\FDD0M', U&'\FDD0N', U&'\FDD0O', U&'\FDD0P', U&'\FDD0Q', U&'\FDD0R', U&'\FDD0S', U&'\FDD0T', U&'\FDD0W',
                    U&'\FDD0X', U&'\FDD0Y', U&'\FDD0Z', '㐀']), 1)
            ELSE ''
        END, '' ORDER BY position), '')
    FROM unnest(string_to_array(name, NULL)) WITH ORDINALITY AS character (c, position)
$$;
ALTER TABLE catalogue_item ADD COLUMN pinyin_initials text COLLATE "C" GENERATED ALWAYS AS (pinyin_initials(name)) STORED;
