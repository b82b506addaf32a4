#include "search/prompt_world.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "spec/load.h"

namespace coppice::testing {
namespace {

constexpr const char* kBlocks[] = {
    "name: faster-parser\n",
    "goal: Make parse() faster without changing its output\n",
    "instructions: [Keep the public interface]\n",
    "scope: {mutable: [src/], readable: [include/parser.h]}\n",
    R"(metric:
  name: seconds
  direction: minimize
  gates: [{name: recall, check: ">= 0.95"}]
  diagnostics: [peak_mb]
)",
    "evaluation: {build: make, command: python bench.py}\n",
    "checks: [make test]\n",
    "proposers: [{model: local/m, base_url: \"http://127.0.0.1:1/v1\"}]\n",
    "budget: {max_nodes: 2000, max_cost_usd: null}\n"};

// The small spec, with other values for the keys of `more`.
std::string SpecWith(const std::string& more) {
  std::string yaml = "\n" + more;
  for (std::string_view block : kBlocks) {
    const std::string key =
        fmt::format("\n{}:", block.substr(0, block.find(':')));
    if (yaml.find(key) == std::string::npos) yaml += block;
  }
  return yaml;
}

ObjectId IdOf(const std::string& name) {
  return *ObjectId::FromHex(Sha256Hex(name).substr(0, 40));
}

std::string Number(AttemptId attempt) {
  return std::to_string(attempt.value());
}

}  // namespace

PromptWorld::PromptWorld(const std::string& more_yaml) {
  Result<spec::Loaded> loaded =
      spec::ParseSpec(SpecWith(more_yaml), "prompt.yaml", {});
  if (!loaded) throw std::runtime_error(loaded.error().Text());
  search::Started started;
  started.run = "run";
  started.spec_json = loaded->merged_json;
  started.base = IdOf("base");
  started.seed = 7;
  Apply(std::move(started));
  Commit(AttemptId(0), {.idea = "baseline"});
  for (int i = 0; i < 5; ++i) {
    search::Sampled sampled;
    sampled.sample.phase = SamplePhase::kBaseline;
    sampled.sample.index = i;
    sampled.sample.metrics = {{"seconds", 10}, {"recall", 1}, {"peak_mb", 90}};
    Apply(std::move(sampled));
  }
  search::Evaluated evaluated;
  evaluated.outcome = Outcome::kBaseline;
  evaluated.value = 10;
  Apply(std::move(evaluated));
  scope.mutable_files = {"src/parser.cc"};
  scope.readable_files = {"include/parser.h"};
}

void PromptWorld::Apply(search::Event event) {
  search::Record record;
  record.seq = ++seq_;
  record.at = WallTime(std::chrono::seconds(1'800'000'000 + 20 * seq_));
  record.event = std::move(event);
  Result<void> applied = state_.Apply(record);
  if (!applied) throw std::runtime_error(applied.error().Text());
  records_.push_back(std::move(record));
}

AttemptId PromptWorld::Select(Operator op, int parent, const std::string& idea,
                              bool withheld, int chain) {
  search::Selected selected;
  selected.attempt = state_.next_attempt();
  selected.op = op;
  selected.parents = {AttemptId(parent)};
  selected.arm = kModel;
  selected.idea = idea;
  selected.history_withheld = withheld;
  selected.chain = chain;
  const AttemptId attempt = selected.attempt;
  Apply(std::move(selected));
  return attempt;
}

void PromptWorld::Ask(AttemptId attempt) {
  search::Asked asked;
  asked.attempt = attempt;
  asked.arm = kModel;
  Apply(std::move(asked));
  search::Answered answered;
  answered.attempt = attempt;
  answered.stop = "complete";
  Apply(std::move(answered));
}

void PromptWorld::Commit(AttemptId attempt, llm::Plan plan) {
  search::Committed committed;
  committed.attempt = attempt;
  committed.commit = IdOf("commit " + Number(attempt));
  committed.tree = IdOf("tree " + Number(attempt));
  committed.plan = std::move(plan);
  committed.files = {{.path = "src/parser.cc", .added = 12, .removed = 3}};
  Apply(std::move(committed));
}

void PromptWorld::Reject(AttemptId attempt, Outcome outcome,
                         const std::string& reason) {
  search::Rejected rejected;
  rejected.attempt = attempt;
  rejected.outcome = outcome;
  rejected.reason = reason;
  Apply(std::move(rejected));
}

void PromptWorld::Measure(AttemptId attempt, double seconds, Outcome outcome,
                          const std::string& reason) {
  search::Sampled sampled;
  sampled.node = attempt;
  sampled.sample.metrics = {
      {"seconds", seconds}, {"recall", 0.97}, {"peak_mb", 81}};
  Apply(std::move(sampled));
  search::Evaluated evaluated;
  evaluated.node = attempt;
  evaluated.outcome = outcome;
  evaluated.reason = reason;
  evaluated.value = seconds;
  Apply(std::move(evaluated));
}

void PromptWorld::Fail(AttemptId attempt, Outcome outcome,
                       const std::string& reason, const std::string& signature,
                       const std::string& tail) {
  search::Evaluated evaluated;
  evaluated.node = attempt;
  evaluated.outcome = outcome;
  evaluated.reason = reason;
  evaluated.signature = signature;
  evaluated.tail = tail;
  outputs_[attempt] = tail;
  Apply(std::move(evaluated));
}

AttemptId PromptWorld::Grow(Operator op, int parent, llm::Plan plan,
                            double seconds, Outcome outcome) {
  const AttemptId attempt = Select(op, parent);
  Ask(attempt);
  Commit(attempt, std::move(plan));
  Measure(attempt, seconds, outcome);
  return attempt;
}

void PromptWorld::AddFile(const std::string& path, const std::string& text,
                          bool may_change) {
  auto file = std::make_shared<llm::SourceFile>();
  file->path = path;
  file->text = text;
  file->digest = Sha256Hex(text);
  file->mutable_file = may_change;
  files.push_back(std::move(file));
}

llm::Prompt PromptWorld::Build(AttemptId attempt) const {
  const AttemptId parent = state_.Info(attempt)->selected.parents.front();
  const auto printed = outputs_.find(parent);
  const std::string output = printed == outputs_.end() ? "" : printed->second;
  return BuildPrompt(state_, {.attempt = attempt,
                              .style = style,
                              .format = format,
                              .marker_suffix = marker_suffix,
                              .files = files,
                              .patches = patches,
                              .parent_output = output,
                              .scope = scope,
                              .max_prompt_kb = max_prompt_kb,
                              .templates = templates});
}

std::string Section(const llm::Prompt& prompt, std::string_view name) {
  for (const llm::PromptSection& section : prompt) {
    if (section.name == name) return section.text;
  }
  return "";
}

std::string Names(const llm::Prompt& prompt) {
  std::string names;
  for (const llm::PromptSection& section : prompt) {
    names += (names.empty() ? "" : " ") + section.name;
  }
  return names;
}

std::string WholeText(const llm::Prompt& prompt) {
  std::string text;
  for (const llm::PromptSection& section : prompt) text += section.text + "\n";
  return text;
}

std::string OutsideFences(std::string_view text) {
  std::string outside;
  std::size_t open = 0;  // backticks of the fence we are in
  for (std::string_view line : SplitLines(text)) {
    const std::string_view bare =
        line.substr(std::min(line.find_first_not_of(' '), line.size()));
    const std::size_t run = std::min(bare.find_first_not_of('`'), bare.size());
    const bool indented = line.size() - bare.size() > 3;
    if (open == 0) {
      const bool opens = run >= 3 && !indented &&
                         bare.find('`', run) == std::string_view::npos;
      if (opens) open = run;
      outside += fmt::format("{}\n", line);
    } else if (run >= open && !indented && Trim(bare.substr(run)).empty()) {
      open = 0;
      outside += fmt::format("{}\n", line);
    }
  }
  return open == 0 ? outside : "UNCLOSED";
}

}  // namespace coppice::testing
