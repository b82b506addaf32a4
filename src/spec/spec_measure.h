#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// What may change and what is measured: the keys scope, metric, evaluation,
// checks and judge of a spec.

namespace coppice::spec {

enum class Direction { kMinimize, kMaximize };
// s of SPEC §5: +1 maximize, -1 minimize.
inline int Sign(Direction direction) {
  return direction == Direction::kMaximize ? 1 : -1;
}

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

  friend bool operator==(const Scope&, const Scope&) = default;
};

enum class Comparison { kGe, kLe, kGt, kLt, kEq, kNe };

struct Gate {
  std::string name;
  Comparison comparison = Comparison::kGe;  // parsed from `check`
  double bound = 0;
  std::string check;  // as written
  std::string description;

  friend bool operator==(const Gate&, const Gate&) = default;
};

// At most so much worse than the baseline: a fraction of it, or absolute.
struct Guard {
  std::string name;
  Direction direction = Direction::kMinimize;
  double max_regression = 0;
  bool relative = true;

  friend bool operator==(const Guard&, const Guard&) = default;
};

struct Weight {
  std::string name;
  Direction direction = Direction::kMinimize;
  double weight = 1;

  friend bool operator==(const Weight&, const Weight&) = default;
};

struct MinImprovement {
  enum class Kind { kAuto, kAbsolute, kRelative };
  Kind kind = Kind::kAuto;
  double value = 0;  // metric's unit, or a fraction of |v(best)|

  friend bool operator==(const MinImprovement&,
                         const MinImprovement&) = default;
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

  friend bool operator==(const Metric&, const Metric&) = default;
};

enum class OutputFormat { kAuto, kFile, kJson, kLines, kRegex, kTree };

struct AbortRule {
  std::string pattern;  // one group: a number
  Comparison comparison = Comparison::kGt;
  double bound = 0;
  std::string check;
  int after_lines = 0;

  friend bool operator==(const AbortRule&, const AbortRule&) = default;
};

struct Holdout {
  std::string command;
  std::vector<std::string> copy;

  friend bool operator==(const Holdout&, const Holdout&) = default;
};

struct Limits {
  std::optional<int> cpus;
  std::optional<std::int64_t> memory_mb;
  std::int64_t output_mb = 64;

  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Slurm {
  std::string mode = "job";
  std::optional<std::string> partition, time, gres, mem, shared_dir;
  int cpus = 1;
  std::vector<std::string> extra;
  int poll_seconds = 15;

  friend bool operator==(const Slurm&, const Slurm&) = default;
};

struct Evaluation {
  std::optional<std::string> setup, build, smoke;
  std::string command;
  std::optional<std::string> diagnose;
  std::optional<Holdout> holdout;
  std::string cwd = ".";
  OutputFormat output = OutputFormat::kAuto;
  std::string output_regex;  // of kRegex
  std::string output_glob;   // of kTree: files that the command leaves
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

  friend bool operator==(const Evaluation&, const Evaluation&) = default;
};

struct Check {
  std::string command;
  std::optional<int> timeout_seconds;

  friend bool operator==(const Check&, const Check&) = default;
};

struct Stratum {
  std::string bucket;
  int count = 0;
  std::optional<std::string> rubric;

  friend bool operator==(const Stratum&, const Stratum&) = default;
};

// An item whose score is known, for telling whether a judge is to be believed.
struct Anchor {
  std::string id;
  std::string text;
  double score = 0;

  friend bool operator==(const Anchor&, const Anchor&) = default;
};

struct Judge {
  std::vector<std::string> models;  // one, or a panel
  std::string rubric, items;
  int sample_size = 10;
  int batch_size = 5;
  std::int64_t seed = 42;
  std::vector<Anchor> anchors;
  std::vector<Stratum> strata;
  std::string primary = "mean_score";
  std::optional<double> max_cost_usd = 5;

  friend bool operator==(const Judge&, const Judge&) = default;
};

}  // namespace coppice::spec
