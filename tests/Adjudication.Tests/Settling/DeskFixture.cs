using Claims.Adjudication.Settling;
using Adjudication.Tests.Store;
using Adjudication.Tests.Coverage;
using Claims.Adjudication;
using Claims.Adjudication.Store;
using Claims.Adjudication.Api;
using Claims.Adjudication.Coverage;
using Claims.Policy;
using Claims.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adjudication.Tests.Settling;

/// <summary>
/// A desk on a real Redis, for the tests of a class, each with insured of its own. It is one in the morning of New Year's Day 2026 in
/// China, and in London still 2025. Insured whose id begins with P are enrolled in Jinshui from 2023 to 2026, Q is unknown, G lives outside
/// the pooling area.
/// </summary>
public sealed class DeskFixture : IAsyncLifetime
{
    public const string Hospital = "H3";
    public const string Township = "H7";
    public const string Province = "H1";
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 1, 0, 0, TimeSpan.FromHours(8));

    private EligibilityDirectory _eligibility = null!;
    private EligibilityDirectory _away = null!;

    internal StoreFixture Store { get; private set; } = null!;

    internal EligibilityDirectory Eligibility => _eligibility;

    internal TimeProvider Time { get; } = new FixedTime(Now);

    public SettlementDesk Desk { get; private set; } = null!;

    /// <summary>One before the same store that can find nobody.</summary>
    public SettlementDesk DeskWithoutEligibility { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Store = await StoreFixture.StartAsync();
        _eligibility = await StartDirectoryAsync((request, _) => Task.FromResult(Lookup(request)));
        _away = await StartDirectoryAsync((_, _) => throw new RpcException(new Status(StatusCode.Unavailable, "down")));
        Desk = DeskUnder(Packs.Zhengzhou);
        DeskWithoutEligibility = new SettlementDesk(Store.Store, _away, Packs.Zhengzhou, Time);
    }

    public async Task DisposeAsync()
    {
        foreach (EligibilityDirectory directory in (EligibilityDirectory[])[_eligibility, _away])
        {
            await directory.StopAsync(CancellationToken.None);
            directory.Dispose();
        }

        await Store.DisposeAsync();
    }

    /// <summary>Another desk before the same store.</summary>
    public SettlementDesk DeskUnder(PolicyPack pack) => new(Store.Store, _eligibility, pack, Time);

    /// <summary>Another desk on the same Redis.</summary>
    internal SettlementDesk DeskOn(SettlementStore store) => new(store, _eligibility, Packs.Zhengzhou, Time);

    internal static async Task<EligibilityDirectory> StartDirectoryAsync(EligibilityDirectory.LookupCall lookup)
    {
        EligibilityDirectory directory = new(
            new Eligibility.EligibilityClient(new NoCalls()), lookup, new AdjudicationSettings(), TimeProvider.System,
            NullLogger<EligibilityDirectory>.Instance);
        await directory.StartAsync(CancellationToken.None);
        return directory;
    }

    /// <summary>A visit with another amount in each part; 110 yuan are in scope.</summary>
    public static SettleRequest Visit(string requestId, string insured, string facility = Hospital, string date = "2025-03-05",
        VisitType type = VisitType.Ordinary) => new()
        {
            RequestId = requestId,
            FacilityCode = facility,
            InsuredId = insured,
            VisitDate = date,
            VisitType = type,
            TotalFen = 12_345,
            FullSelfPayFen = 1_000,
            OverLimitFen = 300,
            PreSelfPayFen = 45,
            InScopeFen = 11_000,
        };

    /// <summary>A visit of which all is in scope.</summary>
    public static SettleRequest VisitOf(long fen, string requestId, string insured, string facility = Hospital, string date = "2025-03-05")
    {
        SettleRequest visit = Visit(requestId, insured, facility, date);
        (visit.TotalFen, visit.FullSelfPayFen, visit.OverLimitFen, visit.PreSelfPayFen, visit.InScopeFen) = (fen, 0, 0, 0, fen);
        return visit;
    }

    /// <summary>Lines of each class: 20 yuan of C, 15 of B above its price limit, 80 of A.</summary>
    public static FeeLine[] Lines =>
    [
        new() { LineId = "x", ItemCode = "C1", UnitPriceMilliFen = 1_000_000, QuantityE4 = 20_000, AmountFen = 2_000 },
        new() { LineId = "y", ItemCode = "B1", UnitPriceMilliFen = 1_500_000, QuantityE4 = 10_000, AmountFen = 1_500 },
        new() { LineId = "z", ItemCode = "A1", UnitPriceMilliFen = 8_000_000, QuantityE4 = 10_000, AmountFen = 8_000 },
    ];

    internal static LookupReply Lookup(LookupRequest request)
    {
        LookupReply reply = new();
        foreach (Facility facility in (Facility[])
        [
            new() { FacilityCode = Hospital, County = "410122", AdminLevel = AdminLevel.County, Grade = "2A", PooledFrom = "2023-01-01" },
            new()
            {
                FacilityCode = Township,
                County = "410182",
                AdminLevel = AdminLevel.Township,
                Grade = "none",
                PooledFrom = "2023-01-01",
            },
            new() { FacilityCode = Province, County = "410102", AdminLevel = AdminLevel.Province, Grade = "3A", PooledFrom = "2023-01-01" },
        ])
        {
            if (request.FacilityCodes.Contains(facility.FacilityCode)) reply.Facilities.Add(facility);
        }

        foreach ((int position, string insured) in request.InsuredIds.Index().Where(insured => insured.Item[0] != 'Q'))
        {
            Enrolled enrolled = new() { Position = position };
            foreach (int year in (int[])[2023, 2024, 2025, 2026])
            {
                enrolled.Enrolments.Add(new Enrolment
                {
                    PlanYear = year,
                    County = insured[0] == 'G' ? "410181" : "410105",
                    Paid = true,
                    WaitingFrom = (year * 10_000) + 101,
                    CoveredFrom = (year * 10_000) + 101,
                    CoveredTo = (year * 10_000) + 1231,
                });
            }

            reply.Enrolled.Add(enrolled);
        }

        foreach (CatalogueItem item in (CatalogueItem[])
        [
            new() { ItemCode = "A1", ItemClass = ItemClass.ClassA, ValidFrom = "2024-01-01" },
            new()
            {
                ItemCode = "B1",
                ItemClass = ItemClass.ClassB,
                FirstSelfPayBp = 3_333,
                PriceLimitMilliFen = 1_000_000,
                ValidFrom = "2024-01-01",
            },
            new() { ItemCode = "C1", ItemClass = ItemClass.ClassC, ValidFrom = "2024-01-01" },
        ])
        {
            if (request.ItemCodes.Contains(item.ItemCode)) reply.Items.Add(item);
        }

        return reply;
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
