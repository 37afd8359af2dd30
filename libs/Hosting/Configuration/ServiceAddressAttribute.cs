using System.ComponentModel.DataAnnotations;

namespace Claims.Hosting;

/// <summary>Where a service answers: <c>http://host:port</c> or <c>https://host:port</c>, and nothing after it. Empty is none.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ServiceAddressAttribute() : ValidationAttribute("it must be of the form http://HOST:PORT or https://HOST:PORT")
{
    public override bool IsValid(object? value) => value switch
    {
        null => true,
        string text => text.Length == 0 || (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && IsAddress(address)),
        Uri address => IsAddress(address),
        _ => false,
    };

    private static bool IsAddress(Uri address) =>
        address is { IsAbsoluteUri: true, Scheme: "http" or "https", UserInfo: "", PathAndQuery: "/", Fragment: "", Port: > 0 };
}
