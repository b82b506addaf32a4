#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "llm/lexing.h"
#include "llm/proposer.h"
#include "llm/units.h"
#include "spec/knobs.h"
#include "spec/spec.h"

namespace coppice::llm {

// Everything that can be edited in one version of a file.
struct ParsedFile {
  Language language;
  std::vector<Unit> units;
  std::vector<Literal> literals;
  // By number of the knob; nothing where it is not in this file, or not once.
  std::vector<std::optional<spec::Span>> knobs;
  bool crlf = false;
};

ParsedFile Parse(const SourceFile& file, spec::EditUnit unit,
                 std::span<const spec::Knob> knobs);

// The versions parsed lately, so that an attempt parses only what its parent
// changed. Conductor thread.
class ParsedFiles {
 public:
  std::shared_ptr<const ParsedFile> Find(const SourceFile& file) const;
  void Keep(const SourceFile& file, std::shared_ptr<const ParsedFile> parsed);

 private:
  using Key = std::pair<std::string, std::string>;  // path, digest

  static constexpr std::size_t kMostBytes = 1'000'000;  // but always one
  static constexpr std::size_t kBytesOfEach = 1000;     // of none at all

  std::map<Key, std::shared_ptr<const ParsedFile>> parsed_;
  std::deque<std::pair<Key, std::size_t>> order_;  // oldest first, with bytes
  std::size_t bytes_ = 0;
};

}  // namespace coppice::llm
