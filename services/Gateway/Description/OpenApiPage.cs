using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Claims.Gateway.Description;

/// <summary>The description as a page to read, made of the document: no script, so nothing has to be allowed to run.</summary>
internal static class OpenApiPage
{
    public const string Style = """
        body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; background: #fff; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin-top: 2rem; }
        code { font-family: ui-monospace, monospace; } h3 code { background: #eef4f4; padding: .15rem .4rem; }
        table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #c9c9c9;
          padding: .25rem .5rem .25rem 0; } a { color: #0b5c5c; }

        """;

    public static string Html(JsonObject document)
    {
        StringBuilder html = new();
        JsonNode info = document["info"]!;
        html.Append("<!doctype html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n"
            + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.Append($"<title>{Text(info["title"])}</title>\n<link rel=\"stylesheet\" href=\"openapi.css\">\n</head>\n<body>\n<main>\n");
        html.Append($"<h1>{Text(info["title"])}</h1>\n<p>{Text(info["description"])}</p>\n");
        html.Append("<p><a href=\"openapi.json\">openapi.json</a>（OpenAPI 3.1）</p>\n");
        foreach (IGrouping<string, (string Path, string Method, JsonNode Operation)> tag in Operations(document)
            .GroupBy(one => (string)one.Operation["tags"]![0]!))
        {
            html.Append($"<h2>{Text(tag.Key)}</h2>\n");
            foreach ((string path, string method, JsonNode operation) in tag) Append(html, path, method, operation);
        }

        html.Append("<h2>数据结构</h2>\n");
        foreach ((string name, JsonNode? schema) in document["components"]!["schemas"]!.AsObject())
            Append(html, name, schema!);
        html.Append("</main>\n</body>\n</html>\n");
        return html.ToString();
    }

    private static IEnumerable<(string Path, string Method, JsonNode Operation)> Operations(JsonObject document) =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select (path.Key, operation.Key.ToUpperInvariant(), operation.Value!);

    private static void Append(StringBuilder html, string path, string method, JsonNode operation)
    {
        html.Append($"<h3 id=\"{Text(operation["operationId"])}\"><code>{method} {Text(path)}</code></h3>\n");
        html.Append($"<p>{Text(operation["summary"])}</p>\n");
        if (operation["parameters"] is JsonArray parameters)
        {
            html.Append("<table><tr><th>参数</th><th>位置</th><th>说明</th></tr>\n");
            foreach (JsonNode? parameter in parameters)
            {
                html.Append($"<tr><td><code>{Text(parameter!["name"])}</code></td><td>{Text(parameter["in"])}</td>"
                    + $"<td>{Text(parameter["description"])}</td></tr>\n");
            }

            html.Append("</table>\n");
        }

        if (operation["requestBody"]?["content"]?["application/json"]?["schema"] is { } body)
            html.Append($"<p>请求正文：{TypeOf(body)}</p>\n");
        html.Append("<table><tr><th>状态</th><th>说明</th><th>答复</th></tr>\n");
        foreach ((string status, JsonNode? response) in operation["responses"]!.AsObject())
        {
            html.Append($"<tr><td>{status}</td><td>{Text(response!["description"])}</td>"
                + $"<td>{TypeOf(response["content"]!["application/json"]!["schema"]!)}</td></tr>\n");
        }

        html.Append("</table>\n");
    }

    private static void Append(StringBuilder html, string name, JsonNode schema)
    {
        html.Append($"<h3 id=\"{Text(name)}\"><code>{Text(name)}</code></h3>\n");
        if (schema["properties"] is not JsonObject { Count: > 0 } properties) return;
        html.Append("<table><tr><th>字段</th><th>类型</th><th>说明</th></tr>\n");
        foreach ((string field, JsonNode? type) in properties)
        {
            html.Append($"<tr><td><code>{Text(field)}</code></td><td>{TypeOf(type!)}</td>"
                + $"<td>{Text(type!["description"] ?? type["items"]?["description"])}</td></tr>\n");
        }

        html.Append("</table>\n");
    }

    private static string TypeOf(JsonNode schema)
    {
        if (schema["$ref"] is { } reference)
        {
            string name = ((string)reference!).Split('/')[^1];
            return $"<a href=\"#{Text(name)}\"><code>{Text(name)}</code></a>";
        }

        if (schema["enum"] is JsonArray values) return string.Join("、", values.Select(value => $"<code>{Text(value)}</code>"));
        if (schema["items"] is { } items) return $"{TypeOf(items)} 数组";
        return schema["type"] switch
        {
            JsonArray types => Text(string.Join(" / ", types.Select(type => (string)type!))),
            { } type => Text(type),
            _ => schema["properties"] is null ? "" : "object",
        };
    }

    private static string Text(JsonNode? text) => WebUtility.HtmlEncode((string?)text ?? "");

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
