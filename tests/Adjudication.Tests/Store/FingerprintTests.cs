using System.Globalization;
using Claims.Adjudication.Store;
using Claims.V1;
using Google.Protobuf.Reflection;

namespace Adjudication.Tests.Store;

/// <summary>What makes a repeated request the same request. The bytes are stored: they were computed apart from the service.</summary>
public sealed class FingerprintTests
{
    private static readonly string[] Key = ["request_id", "facility_code", "insured_id"];

    /// <summary>What follows from the lines where there are any.</summary>
    private static readonly string[] Sums = ["total_fen", "full_self_pay_fen", "over_limit_fen", "pre_self_pay_fen", "in_scope_fen"];

    [Fact]
    public void Fingerprint_of_a_visit_is_the_same_for_ever()
    {
        Assert.Equal("181FB38AE181767C04A64E451F4F1C03", Of(Visit()));
        Assert.Equal("EE0C6192B3EBF2C1AA123F514C25AD2C", Of(WithLines()));
        Assert.Equal("E4FD21A4564C69A631F2364ADD6EB695", Of(new SettleRequest(Visit()) { VisitId = "M1就" }));
        Assert.Equal("8D6FC234254BBB83E520A88DFB141FA2", Of(new SettleRequest(WithLines()) { VisitId = "M1就" }));
    }

    [Theory]
    [InlineData('C', "202824E8DA275334619617F9406B6001")]
    [InlineData('V', "357187B9330097F429E6D2687862242E")]
    public void Fingerprint_of_an_undoing_is_the_same_for_ever(char kind, string expected)
    {
        byte[] fingerprint = new byte[Fingerprints.Bytes];
        Fingerprints.Write(kind, "qH1\nr1院", fingerprint);
        Assert.Equal(expected, Convert.ToHexString(fingerprint));
    }

    [Fact]
    public void Fingerprint_covers_every_field_of_the_request_but_its_key_and_sums_that_follow_from_lines()
    {
        foreach (FieldDescriptor field in SettleRequest.Descriptor.Fields.InDeclarationOrder().Where(field => !field.IsRepeated))
        {
            SettleRequest other = Visit();
            Change(field, other);
            Assert.True(Key.Contains(field.Name) == (Of(other) == Of(Visit())), $"{field.Name} of a request without lines");
            other = WithLines();
            Change(field, other);
            Assert.True((Key.Contains(field.Name) || Sums.Contains(field.Name)) == (Of(other) == Of(WithLines())),
                $"{field.Name} of a request with lines");
        }
    }

    [Fact]
    public void Fingerprint_covers_every_field_of_every_line()
    {
        foreach (FieldDescriptor field in FeeLine.Descriptor.Fields.InDeclarationOrder())
        {
            for (int line = 0; line < 2; line++)
            {
                SettleRequest other = WithLines();
                Change(field, other.Lines[line]);
                Assert.True(Of(other) != Of(WithLines()), $"{field.Name} of line {line}");
            }
        }
    }

    [Fact]
    public void Fingerprint_tells_lists_of_lines_apart_whose_texts_are_the_same_in_one_row()
    {
        SettleRequest moved = WithLines();
        (moved.Lines[0].LineId, moved.Lines[0].ItemCode) = ("L1A", "1项");
        SettleRequest fewer = WithLines();
        fewer.Lines.RemoveAt(1);

        Assert.Equal(4, new[] { Of(WithLines()), Of(moved), Of(fewer), Of(Visit()) }.Distinct().Count());
    }

    [Fact]
    public void Fingerprint_is_the_same_for_the_same_lines_in_another_order_or_with_the_price_in_the_other_unit()
    {
        SettleRequest turned = WithLines();
        (turned.Lines[0], turned.Lines[1]) = (turned.Lines[1], turned.Lines[0]);
        SettleRequest microYuan = WithLines();
        (microYuan.Lines[0].UnitPriceMilliFen, microYuan.Lines[0].UnitPriceMicroYuan) = (0, 50_010);
        SettleRequest finer = WithLines();
        (finer.Lines[0].UnitPriceMilliFen, finer.Lines[0].UnitPriceMicroYuan) = (0, 50_011);

        Assert.Equal([Of(WithLines()), Of(WithLines())], [Of(turned), Of(microYuan)]);
        Assert.NotEqual(Of(WithLines()), Of(finer));
    }

    private static string Of(SettleRequest request)
    {
        byte[] fingerprint = new byte[Fingerprints.Bytes];
        Fingerprints.Write(request, fingerprint);
        return Convert.ToHexString(fingerprint);
    }

    private static void Change(FieldDescriptor field, Google.Protobuf.IMessage message)
    {
        object now = field.Accessor.GetValue(message);
        field.Accessor.SetValue(message, now switch
        {
            string text => text + "1",
            long number => number + 1,
            VisitType => VisitType.PrenatalCheck,
            _ =>
                throw new InvalidOperationException(
                string.Create(CultureInfo.InvariantCulture, $"{field.Name} is of a type that is not changed here.")),
        });
    }

    private static SettleRequest Visit() => new()
    {
        RequestId = "R1",
        FacilityCode = "H1",
        InsuredId = "P1",
        VisitDate = "2024-03-05",
        VisitType = VisitType.DeliveryNatural,
        TotalFen = 100_001,
        FullSelfPayFen = 2_002,
        OverLimitFen = 303,
        PreSelfPayFen = 44,
        InScopeFen = 97_652,
    };

    private static SettleRequest WithLines()
    {
        SettleRequest request = Visit();
        request.Lines.Add(
            new FeeLine { LineId = "L1", ItemCode = "A1项", UnitPriceMilliFen = 5_001, QuantityE4 = 60_002, AmountFen = 70_003 });
        request.Lines.Add(
            new FeeLine { LineId = "L2", ItemCode = "B22", UnitPriceMilliFen = 8_004, QuantityE4 = 90_005, AmountFen = 10_006 });
        return request;
    }
}
