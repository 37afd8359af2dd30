using System.Globalization;
using System.Security.Cryptography;

namespace Claims.Eligibility.Clinics;

/// <summary>Passwords as they are kept: <c>pbkdf2-sha256$ITERATIONS$SALT$HASH</c>, base64 (NIST SP 800-132).</summary>
internal static class Passwords
{
    public const int FewestCharacters = 10;
    public const int MostCharacters = 128;

    /// <summary>One takes a processor some 0.2 s. What was hashed with another number is still read.</summary>
    public const int Iterations = 600_000;

    private const string Algorithm = "pbkdf2-sha256";
    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    // Without those that are read wrongly from paper: 0 o, 1 i l. 59 bits.
    private const string Letters = "abcdefghjkmnpqrstuvwxyz23456789";
    private const int Groups = 3;
    private const int LettersInGroup = 4;

    // Of no password: who asks for a clerk that there is not waits as long.
    private static readonly string Nobodys = Hash(RandomNumberGenerator.GetHexString(32));

    public static string Hash(string password)
    {
        byte[] salt = RandomNumberGenerator.GetBytes(SaltBytes);
        byte[] hash = Rfc2898DeriveBytes.Pbkdf2(password, salt, Iterations, HashAlgorithmName.SHA256, HashBytes);
        return string.Create(
            CultureInfo.InvariantCulture, $"{Algorithm}${Iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
    }

    /// <param name="kept">Null where there is nobody: false after the same time.</param>
    public static bool Is(string password, string? kept)
    {
        if ((kept ?? Nobodys).Split('$') is not [Algorithm, var iterations, var salt, var hash])
            throw new InvalidDataException("a kept password is of no form that this version knows");
        byte[] expected = Convert.FromBase64String(hash);
        byte[] actual = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(salt),
            int.Parse(iterations, CultureInfo.InvariantCulture), HashAlgorithmName.SHA256, expected.Length);
        return CryptographicOperations.FixedTimeEquals(actual, expected) && kept is not null;
    }

    /// <summary>A first password, <c>abcd-efgh-jkmn</c>.</summary>
    public static string MakeFirst() =>
        string.Join('-', Enumerable.Range(0, Groups).Select(_ => RandomNumberGenerator.GetString(Letters, LettersInGroup)));

    /// <returns>What a new password lacks, in Chinese; null where it may be taken.</returns>
    public static string? Weakness(string password, string facilityCode, string clerk, string old)
    {
        if (password.Length is < FewestCharacters or > MostCharacters)
            return $"新密码应为 {FewestCharacters} 至 {MostCharacters} 个字符。";
        if (password == old) return "新密码不能与原密码相同。";
        if (password.Contains(facilityCode, StringComparison.OrdinalIgnoreCase)
            || (clerk.Length > 2 && password.Contains(clerk, StringComparison.OrdinalIgnoreCase)))
            return "新密码不能包含机构编号或操作员姓名。";
        return password.Distinct().Count() < 5 ? "新密码至少应有 5 个不同的字符。" : null;
    }
}
