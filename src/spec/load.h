#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "spec/spec.h"

// From text to Spec. Pure but for LoadSpec, which reads one file. All errors
// are kUsage with `where` = "coppice.yaml:14" (1-based line); every error of a
// file is reported, one a line, in the order of lines.

namespace coppice::spec {

// "search.seed" = "3": a dotted path and a YAML value, from --set and flags.
using Override = std::pair<std::string, std::string>;

struct Loaded {
  Spec spec;
  // Every key with its value, defaults filled in; canonical JSON, for the
  // journal.
  std::string merged_json;
  std::vector<std::string> warnings;
};

Result<Loaded> ParseSpec(std::string_view text, std::string_view name,
                         const std::vector<Override>& overrides);
Result<Loaded> LoadSpec(const std::filesystem::path& file,
                        const std::vector<Override>& overrides);
// From the merged form that a journal holds.
Result<Spec> SpecFromJson(std::string_view merged_json);

// False: nobody proposes, and the caller chooses a model or refuses (SPEC §2
// "No proposer given").
bool HasProposer(const Spec& spec);

// configs/coppice.schema.json, as compiled into the program.
std::string_view SchemaText();

}  // namespace coppice::spec
