#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spec/spec.h"

namespace coppice::spec {

// A command of the spec and the key it stands under.
struct NamedCommand {
  std::string key;  // "evaluation.build", "checks[0]"
  std::string command;
};

// Every command that runs in a slot.
std::vector<NamedCommand> CommandsOf(const Spec& spec);

// The words of a command as a shell would split them, options' values too
// ("--config=a.yml" gives "a.yml"), modules of `-m a.b` as their files
// ("a/b.py", "a/b/__main__.py"). An approximation that rather gives a word
// too many: nothing is expanded.
std::vector<std::string> WordsOf(std::string_view command);

}  // namespace coppice::spec
