using System.Reflection;
using System.Text;
using Claims.Kafka;
using Claims.V1;
using Fuzz;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Xunit.Abstractions;

namespace Kafka.Tests;

/// <summary>What the topic has, and every message of the contract, broken at random.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    [Fact]
    public void Message_of_the_topic_is_read_or_refused()
    {
        SettledMessage message = new();
        for (int sequence = 1; sequence <= 3; sequence++) message.Add(Claim(sequence));
        byte[] three = message.Take();
        message.Add(Claim(4));

        Mutations.Run(output, [three, message.Take()], bytes => SettledMessage.Read(bytes), typeof(InvalidProtocolBufferException),
            typeof(UnknownFormatException));
    }

    [Fact]
    public void Signed_message_that_was_broken_is_none_of_adjudications()
    {
        MessageKeys keys = TestKeys.New();
        byte[] sound = keys.Sign(3, Claim(1).ToByteArray());

        Mutations.Run(output, [sound], bytes =>
        {
            if (keys.Open(3, bytes) is null) throw new InvalidDataException("not signed");
            Assert.Equal(sound, bytes);
        }, typeof(InvalidDataException));
    }

    [Fact]
    public void Every_message_of_the_contract_is_read_or_refused()
    {
        MessageDescriptor[] messages = [.. typeof(SettledClaim).Assembly.GetTypes()
            .Where(type => type.Namespace == "Claims.V1" && type.Name.EndsWith("Reflection", StringComparison.Ordinal))
            .Select(type => (FileDescriptor)type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!)
            .SelectMany(file => file.MessageTypes)];
        Assert.True(messages.Length > 50);
        byte[][] corpus = [Claim(7).ToByteArray(), Encoding.UTF8.GetBytes("x"), .. messages.Select(SampleOf)];

        Mutations.Run(output, [.. corpus.Where(bytes => bytes is not [(byte)'x'])], bytes =>
        {
            int refused = 0;
            foreach (MessageDescriptor message in messages)
            {
                try
                {
                    message.Parser.ParseFrom(bytes);
                }
                catch (InvalidProtocolBufferException)
                {
                    refused++;
                }
            }

            if (refused == messages.Length) throw new InvalidDataException("none of them");
        }, typeof(InvalidDataException));
    }

    /// <summary>Every scalar field set.</summary>
    private static byte[] SampleOf(MessageDescriptor descriptor)
    {
        IMessage message = descriptor.Parser.ParseFrom([]);
        foreach (FieldDescriptor field in descriptor.Fields.InDeclarationOrder().Where(field => !field.IsRepeated && !field.IsMap))
        {
            object? value = field.FieldType switch
            {
                FieldType.String => "文a1",
                FieldType.Int32 => -1,
                FieldType.Int64 => long.MaxValue,
                FieldType.Bool => true,
                FieldType.Bytes => ByteString.CopyFromUtf8("bytes"),
                _ => null,
            };
            if (value is not null) field.Accessor.SetValue(message, value);
        }

        return message.ToByteArray();
    }

    private static SettledClaim Claim(long sequence) => new()
    {
        Format = SettledMessage.Format,
        Shard = 3,
        Sequence = sequence,
        Epoch = "0123456789abcdef0123456789abcdef",
        SettlementId = $"S{sequence}",
        InsuredId = "参保人1",
        VisitDate = "2024-03-05",
        TotalFen = 12_345,
        Limits = "D 4000 0 4000 bordinary:20240305:H1",
    };
}
