#include "llm/sse.h"

#include <utility>

#include "llm/codec_json.h"

namespace coppice::llm {

bool LineSplitter::Feed(std::string_view bytes,
                        std::vector<std::string>& lines) {
  while (!bytes.empty() && !too_long_) {
    if (std::exchange(skip_lf_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    too_long_ = line_.size() + part.size() > kMostInLine;
    if (too_long_) break;
    line_ += part;
    if (end == std::string_view::npos) break;
    skip_lf_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    End(lines);
  }
  return !too_long_;
}

void LineSplitter::Finish(std::vector<std::string>& lines) {
  if (!line_.empty() && !too_long_) End(lines);
}

void LineSplitter::End(std::vector<std::string>& lines) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view line = line_;
  if (std::exchange(first_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  lines.push_back(wire::ValidText(line));
  line_.clear();
}

bool SseDecoder::Feed(std::string_view bytes, std::vector<SseEvent>& events) {
  std::vector<std::string> lines;
  const bool fits = lines_.Feed(bytes, lines);
  for (const std::string& line : lines) {
    if (too_large_ || !TakeLine(line, events)) break;
  }
  too_large_ = too_large_ || !fits;
  return !too_large_;
}

void SseDecoder::Finish(std::vector<SseEvent>& events) {
  if (too_large_) return;
  std::vector<std::string> lines;
  lines_.Finish(lines);
  for (const std::string& line : lines) TakeLine(line, events);
  Dispatch(events);
}

bool SseDecoder::TakeLine(std::string_view line,
                          std::vector<SseEvent>& events) {
  if (line.empty()) {
    Dispatch(events);
    return true;
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_.name = value;
  } else if (field == "data") {
    too_large_ = event_.data.size() + value.size() > kMostInEvent;
    if (too_large_) return false;
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data += value;
  }
  return true;
}

void SseDecoder::Dispatch(std::vector<SseEvent>& events) {
  if (std::exchange(has_data_, false)) events.push_back(std::move(event_));
  event_ = {};
}

}  // namespace coppice::llm
