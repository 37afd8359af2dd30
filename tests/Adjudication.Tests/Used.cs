using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Adjudication.Tests;

/// <summary>Messages that have said something before: every field is set, one that is added to the contract as well.</summary>
internal static class Used
{
    public static T Message<T>() where T : IMessage, new()
    {
        T message = new();
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            object value = ValueOf(field);
            if (field.IsRepeated) ((IList)field.Accessor.GetValue(message)).Add(value);
            else field.Accessor.SetValue(message, value);
        }

        return message;
    }

    private static object ValueOf(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.String => "used",
        FieldType.Bytes => ByteString.CopyFromUtf8("used"),
        FieldType.Bool => true,
        FieldType.Int32 => 77,
        FieldType.Int64 => 77L,
        FieldType.Fixed32 => 77U,
        FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, 2),
        FieldType.Message => Activator.CreateInstance(field.MessageType.ClrType)!,
        _ => throw new InvalidOperationException($"{field.Name} is of a type that is not set here."),
    };
}
