#include "llm/edit_prose.h"

#include <utility>

#include "base/text.h"
#include "llm/header.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kLongestHeader = std::size_t{64} << 10;

}  // namespace

bool Prose::Take(std::string_view line) {
  if (Trim(line).empty()) {
    if (header_begun_ && header_blanks_.size() < 2) header_blanks_ += '\n';
    return false;
  }
  const std::string_view field = HeaderField(line);
  const bool first_idea = field == "IDEA" && !std::exchange(idea_seen_, true);
  last_ = line;
  std::string path = field.empty() ? PathAlone(line, find_) : std::string();
  path_is_last_ = !path.empty();
  if (path_is_last_) path_ = std::move(path);
  AddToHeader(line, !field.empty());
  return first_idea;
}

void Prose::BlockBegins() { EndHeader(path_is_last_); }

void Prose::BlockEnds(std::string path) {
  if (!path.empty()) previous_ = std::move(path);
  path_.clear();
  Interrupt();
}

void Prose::Interrupt() {
  last_ = {};
  path_is_last_ = false;
}

void Prose::Forget() {
  path_.clear();
  previous_.clear();
  header_.clear();
  header_blanks_.clear();
  header_begun_ = header_done_ = false;
  header_last_.reset();
  AddToHeader(last_, true);
}

std::string Prose::TakeHeader() {
  EndHeader(false);
  return std::move(header_);
}

void Prose::AddToHeader(std::string_view line, bool field) {
  if (header_done_ || (!header_begun_ && !field)) return;
  header_begun_ = true;
  FlushHeader();
  header_last_ = line;
}

void Prose::EndHeader(bool drop_last) {
  if (!header_begun_ || header_done_) return;
  if (!drop_last) FlushHeader();
  header_done_ = true;
}

void Prose::FlushHeader() {
  if (header_last_ && header_.size() + header_last_->size() < kLongestHeader) {
    header_ += *header_last_;
    header_ += '\n';
  }
  header_ += std::exchange(header_blanks_, {});
  header_last_.reset();
}

}  // namespace coppice::llm
