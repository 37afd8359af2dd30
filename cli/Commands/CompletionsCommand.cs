using System.CommandLine;
using System.CommandLine.Completions;
using System.Text;

namespace Claims.Cli.Commands;

/// <summary><c>claims completions bash</c>: a script by which the shell completes commands, options and their values.</summary>
public static class CompletionsCommand
{
    /// <param name="root">With every command that is to be completed; read when the script is asked for.</param>
    public static Command Create(Command root)
    {
        Argument<string> shell = new("shell")
        {
            Description = "bash; into a file of ~/.local/share/bash-completion/completions/, or: source <(claims completions bash)",
        };
        shell.AcceptOnlyFromAmong("bash");
        Command command = new("completions", "A script for the shell, which completes commands, options and their values.") { shell };
        command.SetAction(_ =>
        {
            Console.Out.Write(Bash(root));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Everything stands in the script: completing starts no program.</summary>
    public static string Bash(Command root)
    {
        StringBuilder commands = new();
        StringBuilder words = new();
        StringBuilder values = new();
        Add(root, "", new HashSet<Option>());
        return $$"""
            # bash completion for claims
            _claims() {
              local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path="" word words=""
              for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                case "$path $word" in
            {{commands}}      *) ;;
                esac
              done
              case "$path $before" in
            {{values}}    *)
                  case "$path" in
            {{words}}        *) ;;
                  esac ;;
              esac
              COMPREPLY=($(compgen -W "$words" -- "$current"))
            }
            complete -o default -F _claims claims ./claims

            """;

        void Add(Command command, string path, IReadOnlySet<Option> inherited)
        {
            Option[] options = [.. command.Options.Concat(inherited).Where(option => !option.Hidden)];
            HashSet<Option> handedOn = [.. inherited, .. command.Options.Where(option => option.Recursive)];
            Command[] below = [.. command.Subcommands.Where(one => !one.Hidden)];
            string[] offered =
            [
                .. below.Select(one => one.Name), .. command.Arguments.SelectMany(Choices),
                .. options.SelectMany(option => NamesOf(option)),
            ];
            words.AppendLine($"        \"{path}\") words=\"{string.Join(' ', offered)}\" ;;");
            foreach (Option option in options)
            {
                if (Choices(option).ToArray() is not { Length: > 0 } choices) continue;
                foreach (string name in NamesOf(option))
                    values.AppendLine($"    \"{path} {name}\") words=\"{string.Join(' ', choices)}\" ;;");
            }

            foreach (Command one in below)
            {
                commands.AppendLine($"      \"{path} {one.Name}\") path=\"{path} {one.Name}\" ;;");
                Add(one, $"{path} {one.Name}", handedOn);
            }
        }
    }

    private static IEnumerable<string> NamesOf(Option option) =>
        option.Aliases.Append(option.Name).Where(name => name.StartsWith("--", StringComparison.Ordinal));

    // A value with a blank would be two words of the shell's.
    private static IEnumerable<string> Choices(Symbol symbol) =>
        symbol.GetCompletions(CompletionContext.Empty).Select(one => one.Label)
            .Where(label => !label.Contains(' ', StringComparison.Ordinal));
}
