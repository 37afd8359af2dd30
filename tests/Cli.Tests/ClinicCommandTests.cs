using Claims.V1;

namespace Claims.Cli.Tests;

/// <summary><c>claims clinic</c>: what it asks for and what it prints.</summary>
[Collection(nameof(FakeSystem))]
public sealed class ClinicCommandTests(FakeSystem system)
{
    private static readonly IssuedCredential Issued = new()
    {
        FacilityCode = "H1",
        FacilityName = "示例卫生室",
        Clerk = "甲",
        Secret = "one-two-three",
        HoldsUntil = "2026-07-01T00:00:00Z",
    };

    [Theory]
    [InlineData("add H1", "first password", "clerk", false, false, 0)]
    [InlineData("add H1 --clerk 甲", "first password", "甲", false, false, 0)]
    [InlineData("reset H1 --clerk 甲", "first password", "甲", true, false, 0)]
    [InlineData("token H1", "token", "machine", false, true, 365)]
    [InlineData("token H1 --clerk his --days 30 --reset", "token", "his", true, true, 30)]
    public async Task Credential_is_asked_for_as_it_was_named_and_its_secret_is_shown(
        string command, string what, string clerk, bool reset, bool machine, int days)
    {
        system.Begin().Answer<IssueCredentialRequest>("ClinicAccess/IssueCredential", _ => Issued);

        Ran ran = await system.RunAsync(["clinic", .. command.Split(' ')]);

        Assert.Equal(
            [
                "示例卫生室, facility H1, clerk 甲", $"{what}: one-two-three",
                "It is shown this once, and holds until 2026-07-01T00:00:00Z.",
            ],
            ran.Lines);
        Assert.Equal(
            new IssueCredentialRequest { FacilityCode = "H1", Clerk = clerk, Reset = reset, Machine = machine, Days = days },
            Assert.Single(system.Received).Request);
        (await system.RunAsync(["clinic", .. command.Split(' '), "--json"])).IsJson(0, """
            {"facilityCode":"H1","facilityName":"示例卫生室","clerk":"甲","secret":"one-two-three",
             "holdsUntil":"2026-07-01T00:00:00Z"}
            """);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("3651")]
    public async Task Token_of_days_beyond_the_bounds_is_not_asked_for(string days)
    {
        system.Begin();
        Assert.NotEqual(0, (await system.RunAsync("clinic", "token", "H1", "--days", days)).ExitCode);
        Assert.Empty(system.Received);
    }

    [Fact]
    public async Task Revoking_is_of_one_name_or_without_one_of_the_whole_clinic()
    {
        system.Begin().Answer<RevokeCredentialRequest>(
            "ClinicAccess/RevokeCredential", request => new RevokeCredentialReply { Revoked = request.Clerk.Length == 0 ? 3 : 1 });

        (await system.RunAsync("clinic", "revoke", "H1", "--clerk", "甲", "--json")).IsJson(0, """{"facilityCode":"H1","revoked":1}""");
        Ran all = await system.RunAsync("clinic", "revoke", "H1");

        Assert.Equal("Revoked 3 of H1; the gateway lets none of them in after 3 s.", Assert.Single(all.Lines));
        Assert.Equal(
            [new RevokeCredentialRequest { FacilityCode = "H1", Clerk = "甲" }, new RevokeCredentialRequest { FacilityCode = "H1" }],
            system.Received.Select(call => call.Request));
    }

    [Fact]
    public async Task Credentials_are_listed_with_their_kind_and_whether_they_stand()
    {
        system.Begin().Answer<ListCredentialsRequest>("ClinicAccess/ListCredentials", _ => new CredentialList
        {
            Credentials =
            {
                new Credential { FacilityCode = "H1", Clerk = "a", IssuedAt = "t1", MustChangePassword = true, HoldsUntil = "t2" },
                new Credential { FacilityCode = "H1", Clerk = "b", IssuedAt = "t3", Sessions = 2 },
                new Credential { FacilityCode = "H1", Clerk = "c", IssuedAt = "t4", MustChangePassword = true, RevokedAt = "t5" },
                new Credential { FacilityCode = "H1", Clerk = "his", Machine = true, IssuedAt = "t6", HoldsUntil = "t7" },
            },
        });

        Ran table = await system.RunAsync("clinic", "list", "H1");
        (await system.RunAsync("clinic", "list", "--json")).IsJson(0, """
            [{"facilityCode":"H1","clerk":"a","kind":"password","state":"first password","issuedAt":"t1","holdsUntil":"t2","revokedAt":"",
              "sessions":0},
             {"facilityCode":"H1","clerk":"b","kind":"password","state":"in use","issuedAt":"t3","holdsUntil":"","revokedAt":"",
              "sessions":2},
             {"facilityCode":"H1","clerk":"c","kind":"password","state":"revoked","issuedAt":"t4","holdsUntil":"","revokedAt":"t5",
              "sessions":0},
             {"facilityCode":"H1","clerk":"his","kind":"token","state":"in use","issuedAt":"t6","holdsUntil":"t7","revokedAt":"",
              "sessions":0}]
            """);

        Assert.Equal(
            ["H1 a password first password t1 0", "H1 b password in use t3 2", "H1 c password revoked t4 0", "H1 his token in use t6 0"],
            table.Lines[1..]);
        Assert.Equal(
            [new ListCredentialsRequest { FacilityCode = "H1" }, new ListCredentialsRequest()],
            system.Received.Select(call => call.Request));
    }
}
