using System.Globalization;
using System.Net;
using System.Text;

namespace Claims.LoadTests.Reports;

/// <summary>One line of a plot.</summary>
/// <param name="Colour">1 to 7, as the page's style numbers them.</param>
/// <param name="Points">Ascending in X; where Y is null the line is interrupted.</param>
public sealed record Series(string Name, int Colour, IReadOnlyList<(double X, double? Y)> Points);

/// <summary>Lines over a common axis, drawn as SVG that takes its colours from the page's style.</summary>
public sealed record SvgPlot(string Title, string Unit, IReadOnlyList<Series> Lines)
{
    private const int Width = 560;
    private const int Height = 270;
    private const int Left = 58;
    private const int Right = 14;
    private const int Top = 14;
    private const int Bottom = 34;
    private const int Ticks = 5;

    /// <summary>In decades, for what ranges over several of them.</summary>
    public bool LogarithmicY { get; init; }

    public string XUnit { get; init; } = "s";

    /// <summary>Where the axis is labelled; null: at round numbers.</summary>
    public IReadOnlyList<(double X, string Label)>? XLabels { get; init; }

    /// <summary>Moments with a name.</summary>
    public IReadOnlyList<(double X, string Text)> Marks { get; init; } = [];

    /// <summary>What comes before does not count, and is shaded.</summary>
    public double CountsFrom { get; init; } = double.NegativeInfinity;

    /// <returns>A figure of XHTML.</returns>
    public string Render()
    {
        (double X, double Y)[] points =
            [.. Lines.SelectMany(line => line.Points).Where(point => point.Y is not null).Select(point => (point.X, point.Y!.Value))];
        StringBuilder figure = new();
        figure.Append(CultureInfo.InvariantCulture, $"<figure><figcaption><b>{Text(Title)}</b><span class=\"unit\">{Text(Unit)}</span>");
        if (Lines.Count > 1)
        {
            foreach (Series line in Lines)
                figure.Append(CultureInfo.InvariantCulture,
                $"<span class=\"key\"><i class=\"k{line.Colour}\"></i>{Text(line.Name)}</span>");
        }

        figure.Append("</figcaption>");
        if (points.Length == 0) return figure.Append("<p class=\"none\">nothing was measured</p></figure>\n").ToString();

        Scale x = Scale.Over(points.Min(point => point.X), Math.Max(points.Max(point => point.X), points.Min(point => point.X) + 1), Left,
            Width - Right);
        Scale y = LogarithmicY
            ? Scale.Decades(points.Min(point => point.Y), points.Max(point => point.Y), Height - Bottom, Top)
            : Scale.FromZero(points.Max(point => point.Y), Height - Bottom, Top);
        figure.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Text(Title)}\">");
        Shade(figure, x);
        Axes(figure, x, y);
        foreach (Series line in Lines) Line(figure, line, x, y);
        MarkMoments(figure, x);
        return figure.Append("</svg></figure>\n").ToString();
    }

    private void Shade(StringBuilder svg, Scale x)
    {
        if (CountsFrom <= x.From) return;
        svg.Append(CultureInfo.InvariantCulture,
            $"<rect class=\"warm\" x=\"{Left}\" y=\"{Top}\" width=\"{x.At(Math.Min(CountsFrom, x.To)) - Left:0.#}\" "
            + $"height=\"{Height - Top - Bottom}\"/>");
    }

    private void Axes(StringBuilder svg, Scale x, Scale y)
    {
        foreach (double value in y.Ticks(Ticks))
        {
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"grid\" d=\"M{Left} {y.At(value):0.#}H{Width - Right}\"/>");
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=\"tick\" x=\"{Left - 7}\" y=\"{y.At(value) + 4:0.#}\" text-anchor=\"end\">{Number(value)}</text>");
        }

        IEnumerable<(double X, string Label)> labels = XLabels?.Where(label => label.X >= x.From && label.X <= x.To)
            ?? x.Ticks(Ticks).Select(value => (value, Number(value)));
        foreach ((double at, string label) in labels)
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=\"tick\" x=\"{x.At(at):0.#}\" y=\"{Height - Bottom + 17}\" text-anchor=\"middle\">{Text(label)}</text>");
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"axis\" d=\"M{Left} {Height - Bottom}H{Width - Right}\"/>");
        svg.Append(CultureInfo.InvariantCulture,
            $"<text class=\"tick\" x=\"{Width - Right}\" y=\"{Height - 3}\" text-anchor=\"end\">{Text(XUnit)}</text>");
    }

    private static void Line(StringBuilder svg, Series line, Scale x, Scale y)
    {
        StringBuilder path = new();
        bool interrupted = true;
        foreach ((double at, double? value) in line.Points)
        {
            if (value is { } some) path.Append(CultureInfo.InvariantCulture, $"{(interrupted ? 'M' : 'L')}{x.At(at):0.#} {y.At(some):0.#}");
            interrupted = value is null;
        }

        if (path.Length > 0)
            svg.Append(CultureInfo.InvariantCulture,
            $"<path class=\"line c{line.Colour}\" d=\"{path}\"><title>{Text(line.Name)}</title></path>");
    }

    private void MarkMoments(StringBuilder svg, Scale x)
    {
        foreach ((int index, (double at, string text)) in Marks.Where(mark => mark.X >= x.From && mark.X <= x.To).Index())
        {
            double px = x.At(at);
            bool toTheLeft = px > (Left + Width) / 2.0;
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"mark\" d=\"M{px:0.#} {Top}V{Height - Bottom}\"/>");
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=\"marked\" x=\"{px + (toTheLeft ? -4 : 4):0.#}\" y=\"{Top + 10 + (index * 13)}\" "
                + $"text-anchor=\"{(toTheLeft ? "end" : "start")}\">{Text(text)}</text>");
        }
    }

    private static string Number(double value) => Math.Abs(value) >= 10_000
        ? (value / 1_000).ToString("#,##0.#", CultureInfo.InvariantCulture) + " k"
        : value.ToString("#,##0.###", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>Values to pixels, evenly or by their logarithm.</summary>
    private sealed record Scale(double From, double To, double FirstPixel, double LastPixel, bool Logarithmic)
    {
        public static Scale Over(double from, double to, double firstPixel, double lastPixel) =>
            new(from, to, firstPixel, lastPixel, false);

        public static Scale FromZero(double most, double firstPixel, double lastPixel)
        {
            double step = Step(Math.Max(most, 1e-9), SvgPlot.Ticks);
            return new Scale(0, Math.Ceiling(Math.Max(most, 1e-9) / step) * step, firstPixel, lastPixel, false);
        }

        public static Scale Decades(double least, double most, double firstPixel, double lastPixel)
        {
            double low = Math.Floor(Math.Log10(Math.Max(least, 1e-3)));
            double high = Math.Max(Math.Ceiling(Math.Log10(Math.Max(most, 1e-3))), low + 1);
            return new Scale(Math.Pow(10, low), Math.Pow(10, high), firstPixel, lastPixel, true);
        }

        public double At(double value)
        {
            double share = Logarithmic
                ? (Math.Log10(Math.Max(value, From)) - Math.Log10(From)) / (Math.Log10(To) - Math.Log10(From))
                : (value - From) / (To - From);
            return FirstPixel + (share * (LastPixel - FirstPixel));
        }

        public IEnumerable<double> Ticks(int about)
        {
            if (Logarithmic)
            {
                for (double decade = From; decade <= To * 1.001; decade *= 10) yield return decade;
                yield break;
            }

            double step = Step(To - From, about);
            for (double tick = Math.Ceiling(From / step) * step; tick <= To + (step * 1e-6); tick += step) yield return tick;
        }

        // 1, 2 or 5 times a power of ten.
        private static double Step(double range, int about)
        {
            double raw = range / about;
            double power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
            double lead = raw / power;
            return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
        }
    }
}
