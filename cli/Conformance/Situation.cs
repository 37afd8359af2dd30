using System.Globalization;

namespace Claims.Cli.Conformance;

/// <summary>Whose visits a situation takes.</summary>
public enum Who
{
    /// <summary>With cap left.</summary>
    Patient,

    /// <summary>Whose cap a situation uses up.</summary>
    CapPatient,
}

/// <summary>One thing that a counter meets.</summary>
/// <param name="Key">A name for <c>--only</c>.</param>
/// <param name="Title">Chinese.</param>
/// <param name="Tell">Chinese; what the person at the counter is to do.</param>
/// <param name="Do">What the proxy does to a call of the situation, by those before it and itself.</param>
/// <param name="Judge">From the calls alone.</param>
public sealed record Situation(
    string Key, string Title, Func<Place, string> Tell, Func<Seen, Exchange, Act> Do, Func<Seen, Finding> Judge)
{
    public Who Who { get; init; }

    /// <summary>It is handled by not calling: silence is awaited for longer.</summary>
    public bool BySilence { get; init; }

    /// <summary>Chinese; what no call shows, for a person to look at. Empty where there is nothing.</summary>
    public string Look { get; init; } = "";
}

/// <summary>Where and when a situation is played.</summary>
/// <param name="Fen">An amount of this situation's own.</param>
public sealed record Place(string Facility, string Insured, DateOnly Today, long Fen)
{
    public static string Yuan(long fen) => string.Create(CultureInfo.InvariantCulture, $"{fen / 100}.{fen % 100:D2} 元");

    public static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public string Day => Text(Today);

    /// <summary>An ordinary visit of today.</summary>
    public string Visit => VisitOf(Fen);

    public string VisitOf(long fen) =>
        $"参保人 {Insured}，就诊日期 {Day}（今天），普通门诊，费用总额 {Yuan(fen)}，全部在政策范围内";
}
