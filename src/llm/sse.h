#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coppice::llm {

// Takes bytes in any pieces and gives lines, ended by LF, CRLF or CR, a
// leading byte order mark dropped, invalid bytes replaced. No I/O.
class LineSplitter {
 public:
  static constexpr std::size_t kMostInLine = std::size_t{4} << 20;

  // False: a line is longer than kMostInLine; nothing more is taken.
  bool Feed(std::string_view bytes, std::vector<std::string>& lines);
  // What stands behind the last line end, if anything.
  void Finish(std::vector<std::string>& lines);

 private:
  void End(std::vector<std::string>& lines);

  std::string line_;
  bool skip_lf_ = false;  // the line ended in CR: an LF belongs to it
  bool first_ = true;
  bool too_long_ = false;
};

struct SseEvent {
  std::string name;  // of "event:"; may be empty
  std::string data;  // "data:" lines joined with '\n'

  friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

// Server-sent events as WHATWG describes them. More lenient in one point: an
// event at the very end counts without its empty line (servers forget it).
class SseDecoder {
 public:
  static constexpr std::size_t kMostInEvent = std::size_t{8} << 20;

  // False: a line or an event is too large; nothing more is taken.
  bool Feed(std::string_view bytes, std::vector<SseEvent>& events);
  void Finish(std::vector<SseEvent>& events);

 private:
  bool TakeLine(std::string_view line, std::vector<SseEvent>& events);
  void Dispatch(std::vector<SseEvent>& events);

  LineSplitter lines_;
  SseEvent event_;
  bool has_data_ = false;
  bool too_large_ = false;
};

}  // namespace coppice::llm
