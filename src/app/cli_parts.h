#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>

#include "app/console.h"

// What the files of the command line share.

namespace coppice::app {

// What was asked for, once it is parsed.
using Command = std::function<int(const Global&)>;

template <class Options>
void OnParsed(CLI::App* command, const std::shared_ptr<Options>& options,
              Command& chosen, int (*function)(const Global&, const Options&)) {
  command->callback([options, &chosen, function] {
    chosen = [options, function](const Global& global) {
      return function(global, *options);
    };
  });
}

// tell, derive, stop: words to a run.
void AddTelling(CLI::App& app, Command& chosen);
// skill, mcp: for agents that drive the program.
void AddForAgents(CLI::App& app, Command& chosen);
// man, completion: of what the parser knows when they are asked for.
void AddManual(CLI::App& app, Command& chosen);

}  // namespace coppice::app
