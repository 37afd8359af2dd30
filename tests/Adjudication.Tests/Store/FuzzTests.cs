using System.Text;
using System.Text.Json;
using Claims.Adjudication.Store;
using Claims.Rules;
using Fuzz;
using StackExchange.Redis;
using Xunit.Abstractions;

namespace Adjudication.Tests.Store;

/// <summary>What a store has, broken at random: whoever can write to Redis does not end a service with it.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private static readonly DateOnly Day = new(2024, 3, 5);

    [Fact]
    public async Task Stored_record_is_read_or_called_unreadable()
    {
        await using StoreFixture fixture = await StoreFixture.StartAsync(shards: 1);
        ModelVisit visit = new("P1", "H1", "r1", Day, 10_007, 9_003, 5_500, 4_000, 30_000, null);
        await fixture.RunAsync(StepMode.Settle, visit);
        await fixture.RunAsync(StepMode.Settle, visit with { Request = "r2", TotalFen = 60_100, InScopeFen = 60_000 });
        await fixture.UndoAsync(StepMode.Cancel, "P1", "H1", "c2", RequestField.Of("H1", "r2"));
        await fixture.UndoAsync(StepMode.Reverse, "P1", "H1", "v1", RequestField.Of("H1", "r1"));
        HashEntry[] fields = await fixture.Store.Redis.HashGetAllAsync(fixture.Store.Shards[0].Keys.Insured("P1"));
        byte[][] records = [.. fields.Where(field => ((string)field.Name!)[0] == 'q').Select(field => (byte[])field.Value!)];
        Assert.Equal(4, records.Length);

        Mutations.Run(output, records, bytes =>
        {
            StoredLimits limits = OutboxRecord.Read(bytes, new StoredRequest()) switch
            {
                { Settlement: { } settlement } => settlement.Limits,
                { Undoing: { } undoing } => undoing.Limits,
                _ => default,
            };
            _ = limits.Text(-1);
            limits.CopyTo(new LimitUse[limits.Count]);
        }, typeof(StoreUnavailableException));
    }

    [Fact]
    public void Entry_of_the_outbox_is_read_or_called_unreadable()
    {
        ShardKeys keys = new(0);
        byte[] lost = RecordHeader.OfLostNumbers(3, 9, DateTimeOffset.UnixEpoch);
        byte[] insured = ((byte[])keys.Insured("P1")!);
        byte[] request = Encoding.UTF8.GetBytes(RequestField.Of("H1", "r1"));
        byte[] entry = [(byte)(insured.Length >> 8), (byte)insured.Length, .. insured, 0, (byte)request.Length, .. request, 0, 0, 0,
            (byte)lost.Length, .. lost];

        Mutations.Run(output, [entry], bytes =>
        {
            ReadOnlyMemory<byte> rest = bytes;
            while (!rest.IsEmpty) OutboxEntry.Take(ref rest, keys, new StoredRequest());
        }, typeof(StoreUnavailableException));
    }

    [Fact]
    public void Accumulator_is_read_or_called_unreadable() => Mutations.Run(
        output, ["bordinary:20240305:H1=4000"u8.ToArray(), "fordinary.year:2024=27248"u8.ToArray(), "nx:2024Q1=3"u8.ToArray()], bytes =>
        {
            string[] halves = Encoding.UTF8.GetString(bytes).Split('=', 2);
            AccumulatorField.Read(halves[0], Encoding.UTF8.GetBytes(halves[^1]));
        }, typeof(StoreUnavailableException));

    [Fact]
    public void Terms_are_read_or_called_unreadable() => Mutations.Run(
        output, [JsonSerializer.SerializeToUtf8Bytes(SampleTerms.Of(5_500, 4_000, 30_000))],
        bytes => TermsStore.Read(TermsStore.KeyOf(bytes), bytes), typeof(StoreUnavailableException));

    [Fact]
    public void Terms_that_were_changed_are_not_those_of_their_key()
    {
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(SampleTerms.Of(5_500, 4_000, 30_000));
        uint key = TermsStore.KeyOf(text);
        byte[] forged = JsonSerializer.SerializeToUtf8Bytes(SampleTerms.Of(9_500, 0, 30_000));

        Assert.NotNull(TermsStore.Read(key, text));
        Assert.Throws<StoreUnavailableException>(() => TermsStore.Read(key, forged));
    }
}
