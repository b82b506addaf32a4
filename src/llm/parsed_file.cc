#include "llm/parsed_file.h"

namespace coppice::llm {

ParsedFile Parse(const SourceFile& file, spec::EditUnit unit,
                 std::span<const spec::Knob> knobs) {
  const std::string& text = file.text;
  ParsedFile parsed{.language = LanguageOf(file.path)};
  const std::vector<Cover> cover = CoverText(text, parsed.language);
  parsed.units = unit == spec::EditUnit::kLine
                     ? LineUnits(text, cover)
                     : StatementUnits(text, cover, parsed.language);
  parsed.literals = Literals(text, cover);
  parsed.knobs.resize(knobs.size());
  for (std::size_t i = 0; i < knobs.size(); ++i) {
    if (knobs[i].file != file.path) continue;
    const Result<spec::Span> place = spec::FindKnob(knobs[i], text);
    if (place) parsed.knobs[i] = *place;
  }
  const std::size_t newline = text.find('\n');
  parsed.crlf =
      newline != std::string::npos && newline > 0 && text[newline - 1] == '\r';
  return parsed;
}

std::shared_ptr<const ParsedFile> ParsedFiles::Find(
    const SourceFile& file) const {
  const auto found = parsed_.find(Key(file.path, file.digest));
  return found == parsed_.end() ? nullptr : found->second;
}

void ParsedFiles::Keep(const SourceFile& file,
                       std::shared_ptr<const ParsedFile> parsed) {
  Key key(file.path, file.digest);
  const std::size_t bytes = kBytesOfEach +
                            parsed->units.capacity() * sizeof(Unit) +
                            parsed->literals.capacity() * sizeof(Literal);
  if (!parsed_.emplace(key, std::move(parsed)).second) return;
  bytes_ += bytes;
  order_.emplace_back(std::move(key), bytes);
  while (bytes_ > kMostBytes && order_.size() > 1) {
    bytes_ -= order_.front().second;
    parsed_.erase(order_.front().first);
    order_.pop_front();
  }
}

}  // namespace coppice::llm
