#include "spec/load.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "spec/codec.h"
#include "spec/cross_rules.h"
#include "spec/findings.h"
#include "spec/judge_rules.h"
#include "spec/overrides.h"
#include "spec/schema_check.h"
#include "spec/schema_judge.h"
#include "spec/slurm_rules.h"
#include "spec/yaml_reader.h"

// text -> JSON (places remembered) -> overrides -> schema and rules -> Spec ->
// merged JSON. Every step adds to one list of findings, so that a user sees
// all that is wrong at once.

namespace coppice::spec {
namespace {

void CheckAll(const Json& root, const Source& source, Findings& findings) {
  CheckSecrets(root, source, findings);
  CheckSchema(Json::parse(SchemaText()), root, source, findings);
  CheckCrossRules(root, source, findings);
  if (root.is_object()) {
    CheckSlurm(root.value("evaluation", Json()), source, findings);
  }
  if (!findings.empty()) return;
  // Our own walk is the stricter one; if it ever is not, nothing starts.
  if (const std::optional<std::string> refusal = SchemaRefusal(root)) {
    findings.Add(source.Where(""),
                 fmt::format("the schema refuses this: {}", *refusal));
  }
}

std::vector<std::string> WarningsOf(const Spec& spec) {
  std::vector<std::string> warnings;
  if (!spec.evaluation.sandbox && !spec.evaluation.wrap) {
    std::string text =
        "evaluation.sandbox: none: candidate code can read everything this "
        "account can read";
    if (!spec.evaluation.network) text += ", and use the network";
    warnings.push_back(std::move(text));
  }
  for (std::string& warning : JudgeWarnings(spec)) {
    warnings.push_back(std::move(warning));
  }
  return warnings;
}

}  // namespace

Result<Loaded> ParseSpec(std::string_view text, std::string_view name,
                         const std::vector<Override>& overrides) {
  Source source;
  Findings findings;
  const auto place = [name](int line) {
    return Place{.line = line, .text = fmt::format("{}:{}", name, line)};
  };
  source.Set("", place(1));
  std::optional<Json> root =
      ReadYaml({.text = text, .pointer = "", .place = place}, source, findings);
  if (!root) return findings.ToError();
  ApplyOverrides(overrides, *root, source, findings);
  ExpandShorthands(*root, source);
  CheckAll(*root, source, findings);
  if (!findings.empty()) return findings.ToError();
  Loaded loaded{.spec = FromJson(*root)};
  loaded.merged_json = DumpCanonical(ToJson(loaded.spec));
  loaded.warnings = WarningsOf(loaded.spec);
  return loaded;
}

Result<Loaded> LoadSpec(const std::filesystem::path& file,
                        const std::vector<Override>& overrides) {
  Result<std::string> text = ReadWhole(file);
  if (!text) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "this specification cannot be read",
                 .where = file.string(),
                 .cause = text.error().cause,
                 .next = "coppice init writes one"};
  }
  return ParseSpec(*text, file.string(), overrides);
}

Result<Spec> SpecFromJson(std::string_view merged_json) {
  constexpr std::string_view kName = "the stored specification";
  Result<Json> root = ParseJson(merged_json, kName);
  if (!root) return root.error();
  Source source;
  source.Set("", {.line = 0, .text = std::string(kName)});
  Findings findings;
  CheckAll(*root, source, findings);
  if (!findings.empty()) return findings.ToError();
  return FromJson(*root);
}

bool HasProposer(const Spec& spec) { return !spec.proposers.empty(); }

}  // namespace coppice::spec
