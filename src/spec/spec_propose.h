#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// Who proposes: the keys proposal and proposers of a spec.

namespace coppice::spec {

struct Proposal {
  std::string edit_format = "search_replace";
  int edit_retries = 2;
  int request_timeout_seconds = 900;
  int deadline_seconds = 1800;
  int max_prompt_kb = 240;
  std::optional<std::string> templates;

  friend bool operator==(const Proposal&, const Proposal&) = default;
};

struct Price {
  double input = 0, output = 0;
  std::optional<double> cached;

  friend bool operator==(const Price&, const Price&) = default;
};

struct ModelArm {
  std::string model;  // provider/model
  std::optional<double> temperature;
  int max_output_tokens = 16000;
  std::optional<std::string> base_url, api_key_env;
  std::optional<Price> price;
  std::optional<int> requests_per_minute;

  friend bool operator==(const ModelArm&, const ModelArm&) = default;
};

struct AgentArm {
  std::string agent;
  int timeout_seconds = 900;
  double max_usd = 1.0;
  std::vector<std::string> pass_env;

  friend bool operator==(const AgentArm&, const AgentArm&) = default;
};

struct CommandArm {
  std::string command;
  int timeout_seconds = 900;
  std::vector<std::string> pass_env;

  friend bool operator==(const CommandArm&, const CommandArm&) = default;
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

  friend bool operator==(const Knob&, const Knob&) = default;
};

struct EditsArm {
  std::vector<EditKind> kinds{EditKind::kDelete, EditKind::kCopy,
                              EditKind::kSwap, EditKind::kReplace,
                              EditKind::kNumber};
  EditUnit unit = EditUnit::kLine;
  int max_edits = 3;
  std::vector<Knob> knobs;

  friend bool operator==(const EditsArm&, const EditsArm&) = default;
};

struct Proposer {
  std::string name;  // of the arm: model, "agent:NAME", "command", "edits",
                     // made unique by "-2", "-3", ...
  std::variant<ModelArm, AgentArm, CommandArm, EditsArm> arm;
  double weight = 1;
  std::vector<std::string> operators;  // [] = all
  Proposal proposal;                   // with this arm's overrides

  friend bool operator==(const Proposer&, const Proposer&) = default;
};

}  // namespace coppice::spec
