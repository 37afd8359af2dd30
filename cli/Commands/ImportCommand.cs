using System.CommandLine;
using System.Globalization;
using Claims.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Claims.Cli.Commands;

public static class ImportCommand
{
    private const int ChunkBytes = 256 * 1024;
    private static readonly TimeSpan ImportBound = TimeSpan.FromMinutes(10);

    public static Command Create()
    {
        Command command = new("import", "Import a CSV file; a bad row is named by its line and nothing of the file is taken.")
        {
            Of("facilities", ImportKind.Facilities,
                "facility_code,name,county,admin_level,grade,kind,pooled_from,pooled_to, which valid_from,valid_to may follow"),
            Of("insured", ImportKind.Insured,
                "insured_id,name,scheme,county,category,plan_year,paid_on,birth_date,transfer_ended_on, "
                + "which begins_on,ended_on,end_cause may follow"),
            Of("catalogue", ImportKind.Catalogue, "item_code,name,class,first_self_pay_bp,price_limit_milli_fen,valid_from,valid_to"),
        };
        return command.Reaching();
    }

    /// <exception cref="CommandException">A row is wrong, or eligibility does not answer.</exception>
    public static async Task<long> RunAsync(
        Services services, ImportKind kind, string name, Stream csv, CancellationToken cancellationToken, string? reason = null)
    {
        string address = services.Layout.EligibilityAddress;
        Eligibility.EligibilityClient client = new(services.Connect(address));
        try
        {
            using AsyncClientStreamingCall<ImportChunk, ImportReply> call =
                client.Import(null, DateTime.UtcNow + ImportBound, cancellationToken);
            await SendAsync(call, kind, reason ?? name, csv, cancellationToken);
            ImportReply reply = await call.ResponseAsync;
            if (reply.Error is { } error)
                throw new CommandException(SentenceOf(name, error));
            return reply.Rows;
        }
        catch (RpcException e)
        {
            throw Services.Failure("eligibility", address, e);
        }
    }

    private static async Task SendAsync(
        AsyncClientStreamingCall<ImportChunk, ImportReply> call, ImportKind kind, string reason, Stream csv,
        CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[ChunkBytes];
        bool first = true;
        try
        {
            for (int read = 1; first || read > 0; first = false)
            {
                read = await csv.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
                if (first || read > 0)
                    await call.RequestStream.WriteAsync(
                        new ImportChunk { Kind = kind, Csv = ByteString.CopyFrom(buffer, 0, read), Reason = first ? reason : "" },
                        cancellationToken);
            }
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The server may answer before it has read all, as it does at a bad row: the reply says why.
        }
    }

    private static Command Of(string name, ImportKind kind, string header)
    {
        Argument<FileInfo> file = CommonOptions.ExistingFile("FILE.csv", $"UTF-8, with the header {header}");
        Option<string?> reason = new("--reason") { Description = "Why, in a sentence that is kept; without it the file's name." };
        Option<bool> json = CommonOptions.Json();
        Command command = new(name, $"Import {name} into the running system.") { file, reason, json };
        command.SetAction(async (result, cancel) =>
        {
            FileInfo csv = result.GetRequiredValue(file);
            using Services services = Services.Of(result);
            await using FileStream stream = csv.OpenRead();
            long rows = await RunAsync(services, kind, csv.Name, stream, cancel, result.GetValue(reason));
            if (result.GetValue(json))
                Output.WriteJson(new { Rows = rows });
            else
                Output.Line(string.Create(CultureInfo.InvariantCulture, $"{rows:#,##0} rows of {csv.Name} taken."));
            return ExitCodes.Done;
        });
        return command;
    }

    private static string SentenceOf(string file, ImportError error)
    {
        string line = error.Line > 0 ? string.Create(CultureInfo.InvariantCulture, $" line {error.Line}") : "";
        string column = error.Column.Length > 0 ? $", column {error.Column}" : "";
        return $"{file}{line}{column}: {error.Message.TrimEnd('.')}; nothing of the file was taken.";
    }
}
