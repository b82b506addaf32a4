#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/cli_parts.h"

// man, completion: written by the parser itself, so that neither can name what
// it does not take or leave out what it does.

namespace coppice::app {
namespace {

std::vector<CLI::App*> Commands(CLI::App& app) {
  return app.get_subcommands(
      [](const CLI::App* c) { return !c->get_group().empty(); });
}

// Those that are shown, positional ones aside.
std::vector<const CLI::Option*> Flags(const CLI::App& app) {
  return app.get_options([](const CLI::Option* o) {
    return !o->get_group().empty() && o->nonpositional();
  });
}

std::vector<std::string> Names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames())
    names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) {
    names.push_back("--" + name);
  }
  return names;
}

bool TakesValue(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

// Up to the first end of a line or sentence.
std::string Brief(const std::string& text) {
  return text.substr(0, std::min(text.find('\n'), text.find(". ")));
}

std::string Replaced(std::string text, std::string_view what,
                     std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;
       at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// ---- roff ------------------------------------------------------------------

std::string Roff(std::string text) {
  text = Replaced(std::move(text), "\\", "\\e");
  text = Replaced(std::move(text), "-", "\\-");
  // A line may not begin with a control character.
  text = Replaced(std::move(text), "\n.", "\n\\&.");
  text = Replaced(std::move(text), "\n'", "\n\\&'");
  if (text.starts_with('.') || text.starts_with('\'')) text = "\\&" + text;
  return text;
}

void ManOptions(const CLI::App& app, std::string& page) {
  for (const CLI::Option* option : Flags(app)) {
    const std::string value =
        TakesValue(*option) ? " \\fI" + Roff(option->get_type_name()) + "\\fR"
                            : "";
    page +=
        fmt::format(".TP\n\\fB{}\\fR{}\n{}\n",
                    Roff(fmt::format("{}", fmt::join(Names(*option), ", "))),
                    value, Roff(option->get_description()));
  }
}

std::string Manual(CLI::App& app) {
  std::string page = fmt::format(
      ".TH COPPICE 1 \"\" \"coppice {}\" \"User Commands\"\n"
      ".SH NAME\ncoppice \\- grow a tree of solutions to a measurable problem\n"
      ".SH SYNOPSIS\n\\fBcoppice\\fR [\\fIOPTION\\fR]... \\fICOMMAND\\fR ...\n"
      ".SH DESCRIPTION\n{}\n.SH OPTIONS\n",
      COPPICE_VERSION, Roff(app.get_description()));
  ManOptions(app, page);
  page += ".SH COMMANDS\n";
  for (CLI::App* command : Commands(app)) {
    std::string words;
    for (const CLI::Option* option : command->get_options()) {
      if (!option->get_positional()) continue;
      const std::string word = option->get_name(true, false);
      words += option->get_required() ? fmt::format(" {}", word)
                                      : fmt::format(" [{}]", word);
    }
    page += fmt::format(".SS \"coppice {}{}\"\n{}\n", command->get_name(),
                        Roff(words), Roff(command->get_description()));
    ManOptions(*command, page);
  }
  return page + ".SH EXIT STATUS\n.nf\n" + Roff(app.get_footer()) + "\n.fi";
}

// ---- shells ----------------------------------------------------------------

std::string BashCompletion(CLI::App& app) {
  std::vector<std::string> commands;
  std::string cases;
  auto words = [](const CLI::App& of) {
    std::vector<std::string> all;
    for (const CLI::Option* option : Flags(of)) {
      for (std::string& name : Names(*option)) all.push_back(std::move(name));
    }
    return fmt::format("{}", fmt::join(all, " "));
  };
  for (CLI::App* command : Commands(app)) {
    commands.push_back(command->get_name());
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(),
                         words(*command));
  }
  return fmt::format(
      R"(# bash completion of coppice: source it, or put it where bash-completion looks
_coppice() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} word command= words
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in
      {0}) command=$word; break ;;
    esac
  done
  case $command in
    "") words="{1} {2}" ;;
{3}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$command" ] && [[ $cur != -* ]]; then
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}}
complete -o filenames -F _coppice coppice)",
      fmt::join(commands, "|"), fmt::join(commands, " "), words(app), cases);
}

std::string Quoted(const std::string& text) {
  return "'" + Replaced(text, "'", "'\\''") + "'";
}

std::string ZshCompletion(CLI::App& app) {
  std::string commands;
  std::string cases;
  for (CLI::App* command : Commands(app)) {
    commands += fmt::format(
        "    {}\n",
        Quoted(command->get_name() + ":" + Brief(command->get_description())));
    cases += fmt::format("    {}) _arguments", command->get_name());
    for (const CLI::Option* option : Flags(*command)) {
      std::string about = Replaced(Brief(option->get_description()), "[", "(");
      about = Replaced(std::move(about), "]", ")");
      for (const std::string& name : Names(*option)) {
        cases += " " + Quoted(fmt::format(
                           "{}[{}]{}", name, Replaced(about, ":", "\\:"),
                           TakesValue(*option) ? ":value:" : ""));
      }
    }
    cases += " '*:file:_files' ;;\n";
  }
  return fmt::format(
      "#compdef coppice\n_coppice() {{\n  local -a commands=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n    _describe command commands\n"
      "    return\n  fi\n  case $words[2] in\n{}  esac\n}}\n_coppice \"$@\"",
      commands, cases);
}

std::string FishCompletion(CLI::App& app) {
  std::string text;
  for (CLI::App* command : Commands(app)) {
    text += fmt::format(
        "complete -c coppice -n __fish_use_subcommand -f -a {} -d {}\n",
        command->get_name(), Quoted(Brief(command->get_description())));
    for (const CLI::Option* option : Flags(*command)) {
      std::string names;
      for (const std::string& name : option->get_snames())
        names += " -s " + name;
      for (const std::string& name : option->get_lnames())
        names += " -l " + name;
      text += fmt::format(
          "complete -c coppice -n '__fish_seen_subcommand_from {}'{}{} -d {}\n",
          command->get_name(), names, TakesValue(*option) ? " -r" : "",
          Quoted(Brief(option->get_description())));
    }
  }
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace

void AddManual(CLI::App& app, Command& chosen) {
  CLI::App* c = app.add_subcommand(
      "man", "the manual page: coppice man | man -l -, or into man1/coppice.1");
  c->callback([&app, &chosen] {
    chosen = [&app](const Global&) {
      Print(Manual(app));
      return kDone;
    };
  });
  auto shell = std::make_shared<std::string>();
  c = app.add_subcommand(
      "completion",
      "completion of commands and flags for a shell: source <("
      "coppice completion bash)");
  c->add_option("shell", *shell)
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  c->callback([&app, shell, &chosen] {
    chosen = [&app, shell](const Global&) {
      Print(*shell == "bash"  ? BashCompletion(app)
            : *shell == "zsh" ? ZshCompletion(app)
                              : FishCompletion(app));
      return kDone;
    };
  });
}

}  // namespace coppice::app
