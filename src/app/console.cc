#include "app/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace coppice::app {
namespace {

std::string_view CodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kCheck:
      return "check";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kLost:
      return "lost";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace

OutputMode OutputModeOf(std::string_view name) {
  if (name == "json") return OutputMode::kJson;
  if (name == "rich") return OutputMode::kRich;
  if (name == "plain") return OutputMode::kPlain;
  return isatty(STDOUT_FILENO) != 0 ? OutputMode::kRich : OutputMode::kPlain;
}

void Print(std::string_view text) {
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Narrate(std::string_view text) {
  const std::string line = fmt::format("{}\n", text);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

void Say(std::string_view text) {
  const std::string line = fmt::format("{}\n", text);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int ExitCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
    case ErrorCode::kCheck:
    case ErrorCode::kNotFound:
      return kUsage;
    case ErrorCode::kBusy:
      return kOwned;
    default:
      return kFailed;
  }
}

int Fail(const Global& global, const Error& error) {
  if (global.output == OutputMode::kJson) {
    Json json{{"error", CodeName(error.code)},
              {"what", Sanitize(error.what)},
              {"where", Sanitize(error.where)},
              {"cause", Sanitize(error.cause)},
              {"next", Sanitize(error.next)}};
    Print(DumpCanonical(json));
    return ExitCode(error.code);
  }
  Say("error: " + Sanitize(error.what));
  if (!error.where.empty()) Say("  where: " + Sanitize(error.where));
  if (!error.cause.empty()) Say("  why:   " + Sanitize(error.cause));
  if (!error.next.empty()) Say("  next:  " + Sanitize(error.next));
  return ExitCode(error.code);
}

}  // namespace coppice::app
