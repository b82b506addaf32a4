#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace coppice::app {

enum class OutputMode { kPlain, kRich, kJson };

// How model servers are talked to.
struct ModelFlags {
  std::string prices;                 // a LiteLLM price file
  std::string cassette;               // requests and answers as they were sent
  std::string cassette_mode = "off";  // off | record | replay
  bool cassette_delays = false;
};

// What every command is given.
struct Global {
  std::string repo = ".";
  ModelFlags models;
  OutputMode output = OutputMode::kPlain;
  bool progress = true;           // say what happens while it happens
  std::vector<std::string> argv;  // the command as it was given
  bool in_background = false;     // what --daemon has started
  std::string require_isolation;  // "L2" or "L3": less is an error
};

// Exit codes of SPEC §7.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNoImprovement = 3;
inline constexpr int kNothingMeasured = 4;
inline constexpr int kPaused = 5;
inline constexpr int kOwned = 6;

// The mode of `--output NAME`; "" is rich on a terminal, else plain.
OutputMode OutputModeOf(std::string_view name);

// To standard output, newline added. Throws if that cannot be.
void Print(std::string_view text);
// The same of a search, which goes on whether it can be told or not: its disk
// may be full, its reader gone.
void Narrate(std::string_view text);
// To standard error, newline added, if that can be.
void Say(std::string_view text);

// What happened, where, why probably, and how to go on, on standard error (as
// one JSON object on standard output under --output json); the exit code.
int Fail(const Global& global, const Error& error);
int ExitCode(ErrorCode code);

}  // namespace coppice::app
