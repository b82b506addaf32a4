#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What the user asked for (SPEC §2), parsed once, immutable. One struct a
// room; the defaults stand here, and a test proves that the schema states the
// same ones. Paths are relative to the repository root. Seconds are whole.

namespace coppice::spec {

enum class Direction { kMinimize, kMaximize };
enum class Aggregation { kMedian, kMean, kMin, kMax };

struct Scope {
  std::vector<std::string> mutable_paths;  // key: mutable
  std::vector<std::string> immutable;
  std::vector<std::string> readable;
  bool allow_create = false;
  std::vector<std::string> extensions;  // with the point: ".cpp"; [] = present
  int max_files = 10;
  int max_lines = 400;
  int max_file_kb = 200;
  int max_total_kb = 500;
};

enum class Comparison { kGe, kLe, kGt, kLt, kEq, kNe };

struct Gate {
  std::string name;
  Comparison comparison = Comparison::kGe;  // parsed from `check`
  double bound = 0;
  std::string check;  // as written
  std::string description;
};

// At most so much worse than the baseline: a fraction of it, or absolute.
struct Guard {
  std::string name;
  Direction direction = Direction::kMinimize;
  double max_regression = 0;
  bool relative = true;
};

struct Weight {
  std::string name;
  Direction direction = Direction::kMinimize;
  double weight = 1;
};

struct MinImprovement {
  enum class Kind { kAuto, kAbsolute, kRelative };
  Kind kind = Kind::kAuto;
  double value = 0;  // metric's unit, or a fraction of |v(best)|
};

struct Metric {
  std::string name;  // "score" when weights are given
  Direction direction = Direction::kMinimize;
  std::optional<double> target;
  MinImprovement min_improvement;
  std::optional<std::pair<double, double>> range;
  std::vector<Weight> weights;
  std::vector<Gate> gates;
  std::vector<Guard> guards;
  std::vector<std::string> diagnostics;
};

enum class OutputFormat { kAuto, kFile, kJson, kLines, kRegex };

struct AbortRule {
  std::string pattern;  // one group: a number
  Comparison comparison = Comparison::kGt;
  double bound = 0;
  std::string check;
  int after_lines = 0;
};

struct Holdout {
  std::string command;
  std::vector<std::string> copy;
};

struct Limits {
  std::optional<int> cpus;
  std::optional<std::int64_t> memory_mb;
  std::int64_t output_mb = 64;
};

struct Slurm {
  std::string mode = "job";
  std::optional<std::string> partition, time, gres, mem, shared_dir;
  int cpus = 1;
  std::vector<std::string> extra;
  int poll_seconds = 15;
};

struct Evaluation {
  std::optional<std::string> setup, build, smoke;
  std::string command;
  std::optional<std::string> diagnose;
  std::optional<Holdout> holdout;
  std::string cwd = ".";
  OutputFormat output = OutputFormat::kAuto;
  std::string output_regex;  // of kRegex
  int timeout_seconds = 600;
  std::vector<AbortRule> abort_on;
  std::optional<int> repeats;  // auto = nothing
  int warmup = 0;
  Aggregation aggregation = Aggregation::kMedian;
  std::map<std::string, std::string> env;
  std::vector<std::string> pass_env;
  std::vector<std::string> copy;
  std::vector<std::string> keep;
  std::vector<std::string> expose;  // "~/..." or absolute below the home
  std::vector<std::string> exclusive;
  Limits limits;
  bool sandbox = true;  // bwrap | none
  bool network = false;
  std::optional<std::string> wrap;
  std::string backend = "local";
  Slurm slurm;
};

struct Check {
  std::string command;
  std::optional<int> timeout_seconds;
};

struct Stratum {
  std::string bucket;
  int count = 0;
  std::optional<std::string> rubric;
};

struct Judge {
  std::string model, rubric, items;
  int sample_size = 10;
  int batch_size = 5;
  std::int64_t seed = 42;
  std::vector<std::string> anchors;  // as JSON texts
  std::vector<Stratum> strata;
  std::string primary = "mean_score";
  double max_cost_usd = 5;
};

struct Proposal {
  std::string edit_format = "search_replace";
  int edit_retries = 2;
  int request_timeout_seconds = 900;
  int deadline_seconds = 1800;
  int max_prompt_kb = 240;
  std::optional<std::string> templates;
};

struct Price {
  double input = 0, output = 0;
  std::optional<double> cached;
};

struct ModelArm {
  std::string model;  // provider/model
  std::optional<double> temperature;
  int max_output_tokens = 16000;
  std::optional<std::string> base_url, api_key_env;
  std::optional<Price> price;
  std::optional<int> requests_per_minute;
};

struct AgentArm {
  std::string agent;
  int timeout_seconds = 900;
  double max_usd = 1.0;
  std::vector<std::string> pass_env;
};

struct CommandArm {
  std::string command;
  int timeout_seconds = 900;
  std::vector<std::string> pass_env;
};

enum class EditKind { kDelete, kCopy, kSwap, kReplace, kNumber };
enum class EditUnit { kLine, kStatement };

struct Knob {
  std::string name, file;
  std::string pattern;  // regular expression with one group
  // Either the values, as they are written into the file, or a range.
  std::vector<std::string> values;
  std::optional<std::pair<double, double>> range;
  bool logarithmic = false;
  bool integer = false;
};

struct EditsArm {
  std::vector<EditKind> kinds{EditKind::kDelete, EditKind::kCopy,
                              EditKind::kSwap, EditKind::kReplace,
                              EditKind::kNumber};
  EditUnit unit = EditUnit::kLine;
  int max_edits = 3;
  std::vector<Knob> knobs;
};

struct Proposer {
  std::string name;  // of the arm: model, "agent:NAME", "command", "edits",
                     // made unique by "-2", "-3", ...
  std::variant<ModelArm, AgentArm, CommandArm, EditsArm> arm;
  double weight = 1;
  std::vector<std::string> operators;  // [] = all
  Proposal proposal;                   // with this arm's overrides
};

struct Search {
  std::string policy = "ucb";
  int chains = 1;
  int num_drafts = 5;
  std::optional<int> max_depth;
  int history = 10;
  std::int64_t seed = 0;
  std::pair<double, double> exploration{1, 5};
  bool lineage_floor = true;
  int beam_width = 4;
  int branching_factor = 3;
  int max_debug_depth = 3;
  double debug_prob = 0.5;
  int restart_after = 15;
  int merge = 1;
  int tune = 0;
  std::optional<std::string> hypotheses;
};

struct Dependencies {
  std::vector<std::string> approved;
  std::optional<std::vector<std::string>> manifests;  // auto = nothing
};

struct Parallel {
  std::optional<int> evaluations;  // auto = nothing
  int requests = 8;
};

struct Budget {
  std::optional<int> max_nodes = 100;
  std::optional<double> max_hours = 8;
  std::optional<double> max_evaluation_hours;
  std::optional<double> max_cost_usd = 10;
  std::optional<std::int64_t> max_tokens;
  std::optional<int> plateau_nodes = 30;
  bool stop_at_target = true;
};

struct Usage {
  std::optional<double> calls_per_day, usd_per_hour;
};

struct Export {
  std::string branch = "optimize/{name}";
  std::string mode = "squash";
  bool minimise = true;
  std::optional<std::string> remote;
  std::string request = "none";
};

struct Hooks {
  std::optional<std::string> on_node, on_new_best, on_pause, on_finish, webhook;
};

struct Spec {
  int version = 1;
  std::string name, goal;
  std::vector<std::string> instructions;
  std::string base = "HEAD";
  Scope scope;
  Metric metric;
  Evaluation evaluation;
  std::vector<Check> checks;
  std::optional<Judge> judge;
  std::vector<Proposer> proposers;
  Proposal proposal;
  Search search;
  Dependencies dependencies;
  Parallel parallel;
  Budget budget;
  Usage usage;
  Export export_;
  Hooks hooks;
};

// s of SPEC §5: +1 maximize, -1 minimize.
inline int Sign(Direction direction) {
  return direction == Direction::kMaximize ? 1 : -1;
}

}  // namespace coppice::spec
