using Claims.Kafka;
using Claims.V1;
using Google.Protobuf;

namespace Kafka.Tests;

public sealed class MessageKeysTests : IDisposable
{
    private const string One = "0101010101010101010101010101010101010101010101010101010101010101";
    private const string Two = "0202020202020202020202020202020202020202020202020202020202020202";

    private readonly string _directory = Directory.CreateTempSubdirectory("claims-keys-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Message_that_was_signed_is_opened_as_it_was()
    {
        byte[] message = new SettledClaim { Format = SettledMessage.Format, Shard = 3, RequestId = "R1" }.ToByteArray();

        byte[] signed = Keys(One).Sign(3, message);

        Assert.Equal(message, Keys(One).Open(3, signed));
        Assert.Equal(message.Length + 35, signed.Length);
        SettledClaim read = SettledClaim.Parser.ParseFrom(signed);
        Assert.Equal(("R1", 32), (read.RequestId, read.Mac.Length));
    }

    /// <summary>HMAC-SHA256 under HMAC-SHA256(key, 00000003), as openssl dgst -mac hmac computes it.</summary>
    [Fact]
    public void Signature_is_that_of_the_key_for_the_shard()
    {
        Assert.Equal(
            "616263A20620335E07FE65CA656976A2E83490BF1E142C66A3A43C2E74782F1BD04D150A206A",
            Convert.ToHexString(Keys(One).Sign(3, "abc"u8.ToArray())));
    }

    [Fact]
    public void Message_of_another_shard_is_not_opened() => Assert.Null(Keys(One).Open(4, Keys(One).Sign(3, [1, 2, 3])));

    [Fact]
    public void Message_of_another_key_is_not_opened() => Assert.Null(Keys(Two).Open(3, Keys(One).Sign(3, [1, 2, 3])));

    [Fact]
    public void Message_with_any_byte_changed_cut_or_added_is_not_opened()
    {
        MessageKeys keys = Keys(One);
        byte[] signed = keys.Sign(3, [1, 2, 3, 4, 5]);
        Assert.NotNull(keys.Open(3, signed));

        for (int at = 0; at < signed.Length; at++)
        {
            byte[] changed = [.. signed];
            changed[at] ^= 1;
            Assert.Null(keys.Open(3, changed));
            Assert.Null(keys.Open(3, signed[..at]));
            Assert.Null(keys.Open(3, [.. signed[..at], 0, .. signed[at..]]));
        }

        Assert.Null(keys.Open(3, [.. signed, 0]));
        Assert.Null(keys.Open(3, []));
    }

    [Fact]
    public void While_keys_change_both_are_taken_and_the_first_signs()
    {
        MessageKeys changing = Keys(Two, One);

        Assert.Equal([1], changing.Open(3, Keys(One).Sign(3, [1])));
        Assert.Equal([1], changing.Open(3, Keys(Two).Sign(3, [1])));
        Assert.Equal(Keys(Two).Sign(3, [1]), changing.Sign(3, [1]));
    }

    [Fact]
    public void Without_a_key_nothing_is_signed_and_everything_is_opened()
    {
        Assert.Equal([1], MessageKeys.Load("").Sign(3, [1]));
        Assert.Equal([1], MessageKeys.None.Open(3, [1]));
    }

    [Theory]
    [InlineData("", "names a file that cannot be used: it holds no key")]
    [InlineData(One + "\nzz", "names a file that cannot be used: line 2 is not a key of 64 hexadecimal digits")]
    [InlineData("0101", "names a file that cannot be used: line 1 is not a key of 64 hexadecimal digits")]
    [InlineData(One + "01", "names a file that cannot be used: line 1 is not a key of 64 hexadecimal digits")]
    [InlineData(One + "\n\n" + Two + "\n", null)]
    public void File_of_keys_that_is_wrong_is_named_with_its_line(string text, string? problem) =>
        Assert.Equal(problem, MessageKeys.Problem(Written(text)));

    [Fact]
    public void New_keys_are_keys_and_differ()
    {
        string[] made = [MessageKeys.NewKey(), MessageKeys.NewKey()];
        Assert.Null(MessageKeys.Problem(Written(string.Join('\n', made))));
        Assert.NotEqual(made[0], made[1]);
    }

    private MessageKeys Keys(params string[] keys) => MessageKeys.Load(Written(string.Join('\n', keys)));

    private string Written(string text)
    {
        string path = Path.Combine(_directory, Guid.NewGuid().ToString("N"));
        File.WriteAllText(path, text);
        return path;
    }
}
