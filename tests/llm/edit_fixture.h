#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/edit_session.h"

// What the tests of edit sessions share.

namespace coppice::llm::testing {

using Files = std::vector<std::shared_ptr<const SourceFile>>;

inline std::shared_ptr<const SourceFile> Shown(std::string path,
                                               std::string text,
                                               bool may_change = true) {
  auto file = std::make_shared<SourceFile>();
  file->path = std::move(path);
  file->text = std::move(text);
  file->mutable_file = may_change;
  return file;
}

// A session over files of which all may change.
inline EditSession Session(const Files& files,
                           EditFormat format = EditFormat::kSearchReplace,
                           bool allow_create = false) {
  EditSession::Rules rules;
  rules.format = format;
  rules.allow_create = allow_create;
  rules.mutable_patterns = {"src/"};
  return {rules, files};
}

inline std::string Block(std::string_view path, std::string_view before,
                         std::string_view after) {
  std::string text;
  if (!path.empty()) text.append(path).append("\n");
  text.append("<<<<<<< SEARCH\n").append(before).append("=======\n");
  return text.append(after).append(">>>>>>> REPLACE\n");
}

inline std::string Fenced(std::string_view path, std::string_view text,
                          std::string_view fence = "```") {
  std::string out(path);
  out.append("\n").append(fence).append("\n").append(text);
  return out.append(fence).append("\n");
}

// The new text of the only changed file; of the failure, what is to be seen.
inline std::string TextOf(const EditVerdict& verdict) {
  if (!verdict.changes) return "(" + verdict.cause + ") " + verdict.reply;
  if (verdict.changes->size() != 1) return "(more than one file)";
  return verdict.changes->front().content.value_or("(removed)");
}

}  // namespace coppice::llm::testing
