#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/edit_block.h"
#include "llm/edit_session.h"

namespace coppice::llm {

// Which paths an answer may name (SPEC §9, PC-61). Pure.
class EditScope {
 public:
  // `rules` outlives this.
  EditScope(const EditSession::Rules& rules,
            const std::vector<std::shared_ptr<const SourceFile>>& files);

  const SourceFile* Find(std::string_view path) const;  // shown, or null

  // Why the block may not touch its path: out_of_scope or file_missing.
  std::optional<EditFault> Refuses(const EditBlock& block) const;

 private:
  // Nothing, or what is wrong with the path: "The path is absolute".
  std::string Offence(const EditBlock& block, const SourceFile* file) const;
  std::string PlaceOffence(std::string_view path) const;
  std::string NewFileOffence(std::string_view path) const;
  std::string Allowed(std::string_view path) const;
  bool IsTracked(std::string_view path) const;

  const EditSession::Rules& rules_;
  std::vector<const SourceFile*> files_;   // by path
  std::vector<std::string_view> tracked_;  // theirs and the hidden ones, sorted
};

}  // namespace coppice::llm
