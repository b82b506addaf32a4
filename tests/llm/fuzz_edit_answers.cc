#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/text.h"
#include "llm/edit_session.h"

// Any bytes are answers with a verdict. The first byte chooses format, suffix
// and permissions; a form feed ends the parent's text, and each further one an
// answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace coppice;
  using namespace coppice::llm;
  if (size == 0) return 0;
  const unsigned flags = data[0];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto next = [&rest] {
    const std::size_t end = rest.find('\f');
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
  };

  auto file = std::make_shared<SourceFile>();
  file->path = "src/a.cc";
  file->text = next();
  file->mutable_file = true;
  auto other = std::make_shared<SourceFile>();
  other->path = "src/b.h";
  other->text = "int b;\n";
  EditSession::Rules rules;
  rules.format = static_cast<EditFormat>(flags % 3);
  if ((flags & 4) != 0) rules.marker_suffix = "wxyz";
  rules.allow_create = (flags & 8) != 0;
  rules.mutable_patterns = {"src/"};
  EditSession session(rules, {file, other});

  for (int turn = 0; turn < 3; ++turn) {
    const EditVerdict verdict = session.Take(next());
    if (verdict.reply.size() > 8192) std::abort();
    if (verdict.changes.has_value() != verdict.cause.empty()) std::abort();
    if (verdict.changes.has_value() != verdict.reply.empty()) std::abort();
    if (!verdict.changes) continue;
    if (verdict.changes->empty() || verdict.plan.idea.empty()) std::abort();
    for (const FileChange& change : *verdict.changes) {
      if (!IsSafeRelativePath(change.path)) std::abort();
      if (!change.path.starts_with("src/")) std::abort();
      if (change.path == "src/b.h") std::abort();
      if (change.path == file->path && change.content == file->text) {
        std::abort();
      }
      if (!change.content && !rules.allow_create) std::abort();
    }
    break;
  }
  return 0;
}
