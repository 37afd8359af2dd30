using System.Text;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Tests;

public sealed class HeaderTests
{
    [Theory]
    [InlineData("1H", 3_600_000)]
    [InlineData("2M", 120_000)]
    [InlineData("3S", 3_000)]
    [InlineData("99999999m", 99_999_999)]
    [InlineData("5000u", 5)]
    [InlineData("7000000n", 7)]
    [InlineData("0n", 0)]
    public void Timeout_of_each_unit_parses(string header, double milliseconds)
    {
        Assert.True(GrpcTimeout.TryParse(header, out TimeSpan timeout));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), timeout);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("1")]
    [InlineData("1s")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData("1.5S")]
    [InlineData("123456789S")]
    [InlineData(" 1S")]
    public void Timeout_that_is_malformed_does_not_parse(string header) => Assert.False(GrpcTimeout.TryParse(header, out _));

    [Theory]
    [InlineData(0, "1u")]
    [InlineData(50, "50000u")]
    [InlineData(99_999.999, "99999999u")]
    [InlineData(100_000, "100000m")]
    [InlineData(200_000_000, "200000S")]
    public void Timeout_is_written_in_the_finest_unit_that_fits(double milliseconds, string header) =>
        Assert.Equal(header, GrpcTimeout.Format(TimeSpan.FromMilliseconds(milliseconds)));

    [Fact]
    public void Timeout_written_is_never_shorter_and_reads_back()
    {
        foreach (double seconds in new[] { 0.0000001, 0.1234567, 99.9999999, 100.0000001, 86_400.5, 1e8, 1e10 })
        {
            TimeSpan timeout = TimeSpan.FromSeconds(seconds);
            Assert.True(GrpcTimeout.TryParse(GrpcTimeout.Format(timeout), out TimeSpan read));
            Assert.InRange(read, timeout, timeout * 1.001 + TimeSpan.FromMicroseconds(1));
        }
    }

    [Fact]
    public void Timeout_beyond_what_a_time_span_holds_is_the_largest() =>
        Assert.True(GrpcTimeout.TryParse("99999999H", out TimeSpan timeout) && timeout > TimeSpan.FromDays(4_000_000));

    [Theory]
    [InlineData("plain text ~ !\"#$&'()", "plain text ~ !\"#$&'()")]
    [InlineData("100%", "100%25")]
    [InlineData("a\nb\t", "a%0Ab%09")]
    [InlineData("处", "%E5%A4%84")]
    [InlineData("😈", "%F0%9F%98%88")]
    public void Message_is_percent_encoded_and_back(string message, string header)
    {
        Assert.Equal(header, GrpcMessage.Encode(message));
        Assert.Equal(message, GrpcMessage.Decode(header));
    }

    [Theory]
    [InlineData("100%", "100%")]
    [InlineData("%zz%4", "%zz%4")]
    [InlineData("%E5%A4", "\uFFFD")]
    public void Message_that_is_badly_encoded_still_decodes(string header, string message) => Assert.Equal(message, GrpcMessage.Decode(header));

    [Fact]
    public void Message_sent_as_raw_utf8_decodes() =>
        Assert.Equal("处方", GrpcMessage.Decode(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("处方"))));

    [Theory]
    [InlineData("AQID", new byte[] { 1, 2, 3 })]
    [InlineData("AQI=", new byte[] { 1, 2 })]
    [InlineData("AQI", new byte[] { 1, 2 })]
    [InlineData("AQ", new byte[] { 1 })]
    [InlineData("AQ==", new byte[] { 1 })]
    [InlineData("", new byte[0])]
    public void Binary_metadata_with_or_without_padding_reads(string header, byte[] bytes)
    {
        Metadata metadata = [];
        Assert.True(MetadataHeaders.TryAdd(metadata, "x-bin", header));
        Assert.Equal(bytes, metadata.GetValueBytes("x-bin"));
    }

    [Fact]
    public void Binary_metadata_joined_by_commas_reads_as_several()
    {
        Metadata metadata = [];
        Assert.True(MetadataHeaders.TryAdd(metadata, "X-Bin", "AQ==,Ag, AwQ"));
        Assert.Equal([[1], [2], [3, 4]], metadata.GetAll("x-bin").Select(entry => entry.ValueBytes));
    }

    [Theory]
    [InlineData("A")]
    [InlineData("????")]
    public void Binary_metadata_that_is_no_base64_is_refused(string header) => Assert.False(MetadataHeaders.TryAdd([], "x-bin", header));

    [Fact]
    public void Metadata_keys_are_lower_case_and_checked()
    {
        Assert.Equal("mixed-case_1.0", new Metadata.Entry("Mixed-Case_1.0", "v").Key);
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("no spaces", "v"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("key", "处"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("key-bin", "text"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("key", [1]));
        Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("key", "v"));
    }
}
