using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using Claims.Gateway.Clinic;
using Google.Protobuf.Reflection;

namespace Claims.Gateway.Description;

/// <summary>The description of the gateway's calls in OpenAPI 3.1, made of the contract's messages and the page's records.</summary>
internal static class OpenApiDocument
{
    private const string Json = "application/json";

    // Any call may get them; what they mean stands in code and text.
    private static readonly (string Status, string Description)[] AnyRefusal =
    [
        ("400", "请求有误：text 指出字段或位置。"),
        ("401", "未登录，或登录、令牌、证书已失效。"),
        ("403", "无权办理，或缺少有效的 X-CSRF-Token。"),
        ("429", "繁忙或超出本机构限额：按 Retry-After 的秒数后原样重发。"),
        ("503", "暂时无法答复：按 Retry-After 的秒数后原样重发。"),
    ];

    private static readonly JsonSerializerOptions Readable =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static JsonObject Make(IReadOnlyList<ApiOperation> operations)
    {
        JsonObject schemas = new() { ["Problem"] = Problem() };
        HashSet<MessageDescriptor> requests = [];
        foreach (ApiOperation operation in operations) Reach(operation.RequestMessage, requests);
        JsonObject paths = [];
        foreach (ApiOperation operation in operations)
        {
            if (paths[operation.Path] is not JsonObject path) paths[operation.Path] = path = [];
            path[operation.Method.ToLowerInvariant()] = Of(operation, schemas, requests);
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "门诊统筹结算网关",
                ["version"] = "1",
                ["description"] = "金额单位为分。/v1 的 int64 在答复中是字符串，请求中字符串与不超过 15 位的整数均可；拒付也是答复（200，decision 为 REFUSED）。"
                    + "其他状态码的答复都是 Problem：code 供程序判断，text 供经办人员阅读。",
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/" }),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = schemas,
                ["securitySchemes"] = new JsonObject
                {
                    ["session"] = Scheme("apiKey", "登录后的会话。", "cookie", SessionGate.CookieName),
                    ["csrf"] = Scheme("apiKey", "用会话的 POST 必须附上登录答复中的 csrfToken。", "header", SessionGate.CsrfHeader),
                    ["token"] = new JsonObject
                    {
                        ["type"] = "http",
                        ["scheme"] = "bearer",
                        ["description"] = "本机构软件的令牌，由医保经办机构签发（claims clinic token）。",
                    },
                    ["certificate"] = new JsonObject { ["type"] = "mutualTLS", ["description"] = "本机构的接入证书。" },
                },
            },
        };
    }

    public static byte[] Bytes(JsonObject document) => JsonSerializer.SerializeToUtf8Bytes(document, Readable);

    private static JsonObject Of(ApiOperation operation, JsonObject schemas, HashSet<MessageDescriptor> requests)
    {
        JsonObject responses = new()
        {
            ["200"] = new JsonObject
            {
                ["description"] = "答复。",
                ["content"] = Content(Schema(operation.ReplyMessage, operation.ReplyType, schemas, requests)),
            },
        };
        foreach ((string status, string description) in AnyRefusal) responses[status] = Refusal(status, description, operation);
        foreach (IGrouping<int, (int Status, string Code)> own in operation.Refusals.GroupBy(refusal => refusal.Status))
            responses[$"{own.Key}"] ??= Refusal($"{own.Key}", "拒绝。", operation);
        JsonObject described = new()
        {
            ["tags"] = new JsonArray(operation.Tag),
            ["operationId"] = operation.Path.Trim('/').Replace('/', '-').Replace("{", "", StringComparison.Ordinal)
                .Replace("}", "", StringComparison.Ordinal),
            ["summary"] = operation.Summary,
            ["security"] = Security(operation),
        };
        if (operation.Parameters.Count > 0)
        {
            described["parameters"] = new JsonArray([.. operation.Parameters.Select(parameter => (JsonNode)new JsonObject
            {
                ["name"] = parameter.Name,
                ["in"] = parameter.In,
                ["required"] = parameter.Required,
                ["description"] = parameter.Description,
                ["schema"] = parameter.Schema.DeepClone(),
            })]);
        }

        if (operation.RequestMessage is not null || operation.RequestType is not null)
        {
            described["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["content"] = Content(Schema(operation.RequestMessage, operation.RequestType, schemas, requests)),
            };
        }

        described["responses"] = responses;
        return described;
    }

    private static JsonArray Security(ApiOperation operation)
    {
        if (operation.IsOpen) return [new JsonObject()];
        JsonObject session = new() { ["session"] = new JsonArray() };
        if (operation.Method == "POST") session["csrf"] = new JsonArray();
        return operation.OfSessions
            ? [session]
            : [session, new JsonObject { ["token"] = new JsonArray() }, new JsonObject { ["certificate"] = new JsonArray() }];
    }

    private static JsonObject Refusal(string status, string description, ApiOperation operation)
    {
        string[] codes = [.. operation.Refusals.Where(refusal => $"{refusal.Status}" == status).Select(refusal => refusal.Code)];
        JsonObject refusal = new()
        {
            ["description"] = codes.Length == 0 ? description : $"{description} code：{string.Join('、', codes)}。",
            ["content"] = Content(new JsonObject { ["$ref"] = "#/components/schemas/Problem" }),
        };
        if (status is "429" or "503")
        {
            refusal["headers"] = new JsonObject
            {
                ["Retry-After"] = new JsonObject { ["schema"] = new JsonObject { ["type"] = "integer" } },
            };
        }

        return refusal;
    }

    private static JsonObject Content(JsonNode schema) => new() { [Json] = new JsonObject { ["schema"] = schema } };

    private static JsonObject Schema(MessageDescriptor? message, Type? type, JsonObject schemas, HashSet<MessageDescriptor> requests)
    {
        if (message is not null) return Reference(message, schemas, requests);
        string name = type!.Name;
        if (!schemas.ContainsKey(name))
            schemas[name] = Within(PageRoutes.Strict.GetJsonSchemaAsNode(type, RecordOptions), $"#/components/schemas/{name}");
        return new JsonObject { ["$ref"] = $"#/components/schemas/{name}" };
    }

    /// <summary>What points to a part of the schema itself points to it where it stands in the document.</summary>
    private static JsonNode Within(JsonNode schema, string place)
    {
        if (schema is JsonArray items)
        {
            foreach (JsonNode? item in items)
                if (item is not null) Within(item, place);
        }
        else if (schema is JsonObject properties)
        {
            if (properties["$ref"] is JsonValue reference) properties["$ref"] = place + ((string)reference!)[1..];
            foreach ((_, JsonNode? property) in properties.ToArray())
                if (property is not null) Within(property, place);
        }

        return schema;
    }

    private static readonly JsonSchemaExporterOptions RecordOptions = new() { TreatNullObliviousAsNonNullable = true };

    private static JsonObject Reference(MessageDescriptor message, JsonObject schemas, HashSet<MessageDescriptor> requests)
    {
        string name = NameOf(message);
        if (!schemas.ContainsKey(name))
        {
            // In its place before its fields are looked at: a message may hold itself.
            JsonObject schema = new() { ["type"] = "object", ["additionalProperties"] = false };
            schemas[name] = schema;
            JsonObject properties = [];
            foreach (FieldDescriptor field in message.Fields.InFieldNumberOrder())
                properties[field.JsonName] = Of(field, schemas, requests);
            schema["properties"] = properties;
            // Answers write zeros; what is absent there is unknown.
            string[] written = requests.Contains(message) ? [] : [.. message.Fields.InFieldNumberOrder()
                .Where(field => !field.HasPresence).Select(field => field.JsonName)];
            if (written.Length > 0) schema["required"] = new JsonArray([.. written.Select(field => (JsonNode)field)]);
        }

        return new JsonObject { ["$ref"] = $"#/components/schemas/{name}" };
    }

    private static JsonObject Of(FieldDescriptor field, JsonObject schemas, HashSet<MessageDescriptor> requests)
    {
        JsonObject one = field.FieldType switch
        {
            FieldType.Message => Reference(field.MessageType, schemas, requests),
            FieldType.Bool => new JsonObject { ["type"] = "boolean" },
            FieldType.Int32 => new JsonObject { ["type"] = "integer", ["format"] = "int32" },
            FieldType.Int64 => new JsonObject
            {
                ["type"] = new JsonArray("string", "integer"),
                ["format"] = "int64",
                ["pattern"] = "^-?[0-9]+$",
            },
            FieldType.Enum => new JsonObject
            {
                ["type"] = "string",
                ["enum"] = new JsonArray([.. field.EnumType.Values.Select(value => (JsonNode)value.Name)]),
            },
            _ => new JsonObject { ["type"] = "string" },
        };
        if (UnitOf(field.Name) is { } unit) one["description"] = unit;
        return field.IsRepeated ? new JsonObject { ["type"] = "array", ["items"] = one } : one;
    }

    private static string? UnitOf(string name) =>
        name.EndsWith("_milli_fen", StringComparison.Ordinal) ? "千分之一分"
        : name.EndsWith("_micro_yuan", StringComparison.Ordinal) ? "百万分之一元"
        : name.EndsWith("_fen", StringComparison.Ordinal) ? "分"
        : name.EndsWith("_bp", StringComparison.Ordinal) ? "万分之一"
        : name.EndsWith("_e4", StringComparison.Ordinal) ? "数量 × 10000"
        : name.EndsWith("_date", StringComparison.Ordinal) ? "yyyy-MM-dd，北京时间"
        : null;

    private static string NameOf(MessageDescriptor message) =>
        message.ContainingType is { } outer ? $"{NameOf(outer)}.{message.Name}" : message.Name;

    private static void Reach(MessageDescriptor? message, HashSet<MessageDescriptor> reached)
    {
        if (message is null || !reached.Add(message)) return;
        foreach (FieldDescriptor field in message.Fields.InFieldNumberOrder())
            if (field.FieldType == FieldType.Message) Reach(field.MessageType, reached);
    }

    private static JsonObject Scheme(string type, string description, string where, string name) =>
        new() { ["type"] = type, ["description"] = description, ["in"] = where, ["name"] = name };

    private static JsonObject Problem() => new()
    {
        ["type"] = "object",
        ["description"] = "每一个不是 200 的答复（RFC 9457 的字段在其中）。",
        ["required"] = new JsonArray("code", "text", "type", "title", "status", "detail"),
        ["additionalProperties"] = false,
        ["properties"] = new JsonObject
        {
            ["code"] = new JsonObject { ["type"] = "string", ["description"] = "供程序判断，不会改变。" },
            ["text"] = new JsonObject { ["type"] = "string", ["description"] = "供经办人员阅读的中文。" },
            ["type"] = new JsonObject { ["type"] = "string" },
            ["title"] = new JsonObject { ["type"] = "string" },
            ["status"] = new JsonObject { ["type"] = "integer" },
            ["detail"] = new JsonObject { ["type"] = "string", ["description"] = "与 text 相同。" },
        },
    };
}
