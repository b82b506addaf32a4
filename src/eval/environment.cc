#include "eval/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/replace.hpp>
#include <span>

#include "base/rng.h"
#include "base/text.h"
#include "eval/port.h"

namespace coppice::eval {
namespace {

// '*' as in a shell.
constexpr std::array<std::string_view, 6> kSecrets = {
    "*_KEY", "*_TOKEN", "*_SECRET", "*PASSWORD*", "AWS_*", "SSH_AUTH_SOCK"};
constexpr std::array<std::string_view, 9> kHooks = {
    "LD_*",    "PYTHON*", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS",
    "RUBYOPT", "PERL5*",  "BASH_ENV",     "ENV",
    "GIT_*"};

bool MatchesAny(const std::string& name,
                std::span<const std::string_view> patterns) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    return GlobMatch(pattern, name);
  });
}

std::string Upper(std::string name) {
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

}  // namespace

Result<Variables> PassedVariables(
    const std::vector<std::string>& names,
    const std::function<std::optional<std::string>(const std::string&)>& get) {
  Variables passed;
  for (const std::string& name : names) {
    const std::string upper = Upper(name);
    if (MatchesAny(upper, kSecrets)) {
      return Error{
          .code = ErrorCode::kUsage,
          .what =
              fmt::format("evaluation.pass_env: {} may hold a secret", name),
          .cause = "candidates could read and print it",
          .next = "take it out, or hand the evaluator what it needs by a file"};
    }
    if (MatchesAny(upper, kHooks)) {
      return Error{
          .code = ErrorCode::kUsage,
          .what = fmt::format("evaluation.pass_env: {} changes what programs "
                              "load",
                              name),
          .next = "write its value under evaluation.env if it must be set"};
    }
    if (std::optional<std::string> value = get(name)) {
      passed.emplace_back(name, std::move(*value));
    }
  }
  return Result<Variables>(boost::system::in_place_value, std::move(passed));
}

std::uint32_t SampleSeed(const spec::Spec& spec, SamplePhase phase, int index) {
  Rng rng = Rng::Stream(static_cast<std::uint64_t>(spec.search.seed), index,
                        Name(phase));
  return static_cast<std::uint32_t>(rng.Next() >> 33);  // fits a signed int
}

Variables CommandVariables(const spec::Spec& spec, const Variables& passed,
                           const CommandPlace& place) {
  const std::string slot = std::to_string(place.slot);
  const std::string port = std::to_string(PortOfSlot(place.slot));
  const std::string seed = std::to_string(place.seed);
  // Bytecode caches would be new files beside immutable sources.
  Variables variables{{"PYTHONDONTWRITEBYTECODE", "1"}};
  variables.insert(variables.end(), passed.begin(), passed.end());
  for (const auto& [name, value] : spec.evaluation.env) {
    std::string filled = value;
    boost::replace_all(filled, "{slot}", slot);
    boost::replace_all(filled, "{port}", port);
    boost::replace_all(filled, "{seed}", seed);
    variables.emplace_back(name, std::move(filled));
  }
  variables.emplace_back("COPPICE_PHASE", Name(place.phase));
  variables.emplace_back("COPPICE_SEED", seed);
  variables.emplace_back("COPPICE_SLOT", slot);
  variables.emplace_back("COPPICE_PORT", port);
  variables.emplace_back("COPPICE_RUN", place.run);
  return variables;
}

}  // namespace coppice::eval
