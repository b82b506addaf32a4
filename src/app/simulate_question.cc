#include "app/simulate_question.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/places.h"
#include "app/run_reader.h"
#include "base/json.h"
#include "base/text.h"
#include "search/chain_plan.h"
#include "search/policy.h"
#include "spec/load.h"
#include "spec/study.h"
#include "study/recorded.h"

// Flags, a spec or the file of a study become rows. A policy is named as the
// spec has it, with other keys of `search` after colons: `ucb:num_drafts=10`;
// both go through the reader of specs, so that a wrong key or value is refused
// in the same words. Rows share the keys of the spec, if there is one, but for
// policy and chains.

namespace coppice::app {
namespace {

constexpr std::string_view kBareSpec =
    "name: simulated\n"
    "goal: none\n"
    "scope: {mutable: [none]}\n"
    "metric: {name: quality, direction: maximize}\n"
    "evaluation: {command: none}\n"
    "proposers: [{edits: {}}]\n";

// A handful of unlike families: the default.
constexpr std::string_view kHandful[] = {"plain", "tunnel", "hierarchical",
                                         "nk",    "heavy",  "shallow"};
constexpr std::string_view kAlsoByDefault[] = {"ucb:lineage_floor=false",
                                               "linear:chains=10",
                                               "linear:chain_budget=halving"};

constexpr int kNodes = 100;
constexpr int kWorkers = 8;
constexpr int kSeeds = 100;

Error Usage(std::string what, std::string next) {
  return Error{.code = ErrorCode::kUsage,
               .what = std::move(what),
               .next = std::move(next)};
}

// The spec's search section under other keys.
Result<spec::Search> SearchWith(const std::string& spec_text,
                                std::string_view name,
                                const std::vector<spec::Override>& overrides) {
  Result<spec::Loaded> loaded =
      spec::ParseSpec(spec_text, "--policy", overrides);
  if (!loaded) {
    Error error = loaded.error();
    error.what = fmt::format("\"{}\": {}", name, error.what);
    return error;
  }
  // A policy that this version lacks.
  auto made = search::MakePolicy(loaded->spec);
  if (!made) return made.error();
  return loaded->spec.search;
}

std::vector<std::string> Split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(by);
    parts.emplace_back(Trim(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// Names were divided at every comma; those within brackets are no ends.
std::vector<std::string> Rejoined(const std::vector<std::string>& parts) {
  std::vector<std::string> names;
  bool open = false;
  for (const std::string& part : parts) {
    if (open) {
      names.back() += "," + part;
    } else {
      names.push_back(part);
    }
    open = std::ranges::count(names.back(), '[') >
           std::ranges::count(names.back(), ']');
  }
  return names;
}

// The rows, one after the other, and what they have in common.
class Rows {
 public:
  Rows(const SimulateOptions& options, Asked& asked)
      : options_(options), asked_(asked), text_(kBareSpec) {}

  Result<void> Read(const Global& global) {
    if (!options_.file.empty()) {
      Result<void> read = ReadFile(global);
      if (!read) return read;
    }
    study::Question& question = asked_.question;
    question.nodes = options_.nodes.value_or(nodes_.value_or(kNodes));
    question.workers = options_.workers.value_or(workers_.value_or(kWorkers));
    question.requests =
        options_.requests.value_or(requests_.value_or(question.requests));
    for (const std::string& name : Wanted()) {
      Result<void> added = AddPolicy(name);
      if (!added) return added;
    }
    for (const std::string& split : options_.splits) {
      Result<void> added = AddSplit(split);
      if (!added) return added;
    }
    for (const int chains : options_.chains) {
      Result<void> added = AddChains(chains, question.nodes / chains);
      if (!added) return added;
    }
    return Ok();
  }

 private:
  std::vector<std::string> Wanted() const {
    std::vector<std::string> names = Rejoined(options_.policies);
    const bool all = names == std::vector<std::string>{"all"};
    const bool none = names.empty() && options_.splits.empty() &&
                      options_.chains.empty() && !study_;
    if (!all && !none) return names;
    names = PolicyNames();
    names.insert(names.end(), std::begin(kAlsoByDefault),
                 std::end(kAlsoByDefault));
    return names;
  }

  Result<void> ReadFile(const Global& global) {
    Result<std::string> text = ReadTextFile(options_.file);
    if (!text) return text.error();
    const bool is_study = std::ranges::any_of(
        SplitLines(*text),
        [](std::string_view line) { return line.starts_with("arms:"); });
    return is_study ? ReadStudy(*text) : ReadSpec(global, *text);
  }

  Result<void> ReadSpec(const Global&, const std::string& text) {
    Result<spec::Loaded> loaded = spec::ParseSpec(text, options_.file, {});
    if (!loaded) return loaded.error();
    text_ = loaded->merged_json;
    TakeLimits(loaded->spec);
    return Add(fmt::format("spec ({})", loaded->spec.search.policy),
               loaded->spec.search);
  }

  Result<void> ReadStudy(const std::string& text) {
    Result<spec::Study> study = spec::ParseStudy(text, options_.file);
    if (!study) return study.error();
    if (study->equalize != spec::Equalize::kNodes) {
      return Usage(
          fmt::format("{} gives every arm the same {}; attempts in simulation "
                      "all cost alike",
                      options_.file, spec::Name(study->equalize)),
          "simulate its policies with --policy and --nodes");
    }
    const auto place = std::filesystem::path(options_.file).parent_path();
    Result<spec::Loaded> base = spec::LoadSpec(place / study->spec, {});
    if (!base) return base.error();
    text_ = base->merged_json;
    study_ = true;
    TakeLimits(base->spec);
    nodes_ = static_cast<int>(study->total);
    for (const spec::StudyArm& arm : study->arms) {
      std::vector<spec::Override> overrides;
      for (const auto& [key, value] : arm.keys) {
        if (key.starts_with("search.")) overrides.emplace_back(key, value);
      }
      Result<spec::Search> search = SearchWith(text_, arm.name, overrides);
      if (!search) return search.error();
      Result<void> added = Add(arm.name, *search);
      if (!added) return added;
    }
    return Ok();
  }

  void TakeLimits(const spec::Spec& spec) {
    nodes_ = spec.budget.max_nodes;
    workers_ = spec.parallel.evaluations;
    requests_ = spec.parallel.requests;
  }

  Result<void> AddPolicy(const std::string& name) {
    const std::vector<std::string> parts = Split(name, ':');
    std::vector<spec::Override> overrides{
        {"search.policy", "\"" + parts.front() + "\""}, {"search.chains", "1"}};
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::size_t equals = parts[i].find('=');
      if (equals == std::string::npos) {
        return Usage(
            fmt::format("\"{}\" in {} is no KEY=VALUE", parts[i], name),
            "for example ucb:num_drafts=10:lineage_floor=false");
      }
      overrides.emplace_back("search." + parts[i].substr(0, equals),
                             parts[i].substr(equals + 1));
    }
    Result<spec::Search> search = SearchWith(text_, name, overrides);
    if (!search) return search.error();
    return Add(name, *search);
  }

  Result<void> AddSplit(const std::string& split) {
    int chains = 0;
    int steps = 0;
    const char* end = split.data() + split.size();
    auto [x, bad] = std::from_chars(split.data(), end, chains);
    const bool cross = bad == std::errc() && x != end && *x == 'x';
    const auto [rest, also_bad] =
        cross ? std::from_chars(x + 1, end, steps)
              : std::from_chars_result{end, std::errc::invalid_argument};
    if (also_bad != std::errc() || rest != end || chains < 1 || steps < 1) {
      return Usage(fmt::format("--split {} is no KxT", split),
                   "10x10 is ten chains of ten attempts each");
    }
    study::Question& question = asked_.question;
    if (!options_.nodes && !nodes_) {
      nodes_ = question.nodes = chains * steps;
    } else if (chains * steps != question.nodes) {
      return Usage(fmt::format("--split {} takes {} attempts, not {}", split,
                               chains * steps, question.nodes),
                   "splits are compared at one budget: let K times T be the "
                   "same for all, or leave T to --chains K");
    }
    return AddChains(chains, steps);
  }

  Result<void> AddChains(int chains, int steps) {
    if (steps < 1) {
      return Usage(fmt::format("{} chains cannot share {} attempts", chains,
                               asked_.question.nodes),
                   "let --chains be at most --nodes");
    }
    Result<spec::Search> search = SearchWith(
        text_, "linear",
        {{"search.policy", steps == 1 ? "best_of_n" : "linear"},
         {"search.chains", steps == 1 ? "1" : std::to_string(chains)}});
    if (!search) return search.error();
    Result<void> added = Add(fmt::format("{}x{}", chains, steps), *search);
    if (added) asked_.question.contenders.back().split = chains;
    return added;
  }

  Result<void> Add(const std::string& name, const spec::Search& search) {
    for (const study::Contender& known : asked_.question.contenders) {
      if (known.name != name) continue;
      return Usage(fmt::format("{} is named twice", name),
                   "name each policy or split once");
    }
    asked_.question.contenders.push_back(
        {.name = name, .search = search, .bare = options_.bare});
    return Ok();
  }

  const SimulateOptions& options_;
  Asked& asked_;
  std::string text_;  // of the spec that the rows share
  std::optional<int> nodes_, workers_, requests_;
  bool study_ = false;
};

Result<void> AddRecorded(const Global& global, const SimulateOptions& options,
                         Asked& asked) {
  if (!options.landscapes.empty()) {
    return Usage("--from and --landscape exclude each other",
                 "simulate once with each");
  }
  Result<ReadRun> run = OpenRun(global, options.from);
  if (!run) return run.error();
  Result<study::Landscape> landscape = study::RecordedLandscape(*run->state);
  if (!landscape) return landscape.error();
  const study::RecordedRun& recorded = *landscape->recorded;
  if (!options.noise) asked.question.noise = recorded.noise();
  asked.unit = run->state->spec().metric.name;
  asked.notes.push_back(fmt::format(
      "Resampled from run {}: {}. What grows is drawn from what grew there "
      "from "
      "like solutions: a model of that task under that run's prompts and "
      "proposers. It cannot find what nobody found there; read differences, "
      "not values. Target: the run's best, {}.",
      landscape->name, recorded.Mix(),
      FormatShort(recorded.Metric(recorded.best()))));
  asked.question.landscapes.push_back(std::move(*landscape));
  return Ok();
}

Result<void> AddLandscapes(const SimulateOptions& options, Asked& asked) {
  std::vector<std::string> names = options.landscapes;
  auto is = [&names](std::string_view word) {
    return names.size() == 1 && names.front() == word;
  };
  const bool families = is("families") || is("all");
  const bool traps = is("traps") || is("all");
  if (names.empty()) names.assign(std::begin(kHandful), std::end(kHandful));
  if (families || traps) {
    names.clear();
    for (const study::Landscape& known : study::Landscapes()) {
      if (known.trap ? traps : families) names.push_back(known.name);
    }
  }
  for (const std::string& name : names) {
    auto found = study::FindLandscape(name);
    if (!found) return found.error();
    for (const study::Landscape& known : asked.question.landscapes) {
      if (known.name != (*found)->name) continue;
      return Usage(fmt::format("landscape {} is named twice", known.name),
                   "name each once");
    }
    asked.question.landscapes.push_back(**found);
    if (name == "meta" && options.noise) {
      asked.notes.push_back("meta draws its own noise for every seed.");
    }
  }
  return Ok();
}

}  // namespace

std::vector<std::string> PolicyNames() {
  const Json schema = Json::parse(spec::SchemaText());
  std::vector<std::string> names;
  for (const Json& name :
       schema["properties"]["search"]["properties"]["policy"]["enum"]) {
    spec::Spec spec;
    spec.search.policy = name.get<std::string>();
    if (search::MakePolicy(spec)) names.push_back(spec.search.policy);
  }
  return names;
}

Result<Asked> QuestionOf(const Global& global, const SimulateOptions& options) {
  Asked asked;
  study::Question& question = asked.question;
  question.seeds = options.seeds.value_or(kSeeds);
  if (question.seeds < 2) {
    return Usage("one seed tells nothing: it has no interval",
                 "--seeds 20 for a first look, 400 for a claim");
  }
  question.first_seed = options.first_seed;
  question.noise = options.noise.value_or(0);
  question.proposing = options.proposing;
  question.final_share = options.final_share;
  Rows rows(options, asked);
  Result<void> read = rows.Read(global);
  if (!read) return read.error();
  Result<void> added = options.from.empty()
                           ? AddLandscapes(options, asked)
                           : AddRecorded(global, options, asked);
  if (!added) return added.error();
  return asked;
}

}  // namespace coppice::app
