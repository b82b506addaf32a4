#include "llm/edit_reader.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/text.h"
#include "llm/edit_marks.h"
#include "llm/edit_prose.h"
#include "llm/edit_udiff.h"
#include "llm/header.h"

// Reads an answer line by line (SPEC §9). Between blocks lie lines of prose;
// the last path that stood alone in one names the next search/replace block,
// the line just before a fence names a whole file. Three things open a block:
// the SEARCH marker, a fence behind a path, a fence marked "diff".
//
// A fence is wrapping when a marker stands in it, and then only skipped; else
// it is a whole file, or, without a path, an illustration. What looks like a
// block and is none (six '<', a fence that no path names behind a whole file,
// a diff without a fence) becomes a malformed block instead of prose: an edit
// that was meant must not be lost while others are applied.
//
// Blocks before the header are drafts, thought aloud; where the header comes
// last they are the answer.

namespace coppice::llm {
namespace {

constexpr std::size_t kMostBlocks = 1000;
constexpr std::size_t kMostText = std::size_t{8} << 20;  // of a block

class Reader {
 public:
  Reader(std::string_view answer, EditFormat format, std::string suffix,
         const FindShown& find)
      : answer_(answer),
        lines_(answer),
        format_(format),
        markers_(std::move(suffix)),
        find_(find),
        prose_(find) {}

  AnswerParts Read() {
    while (blocks_.size() < kMostBlocks && lines_.Next()) {
      const std::string_view line = lines_.line();
      if (markers_.Of(line) == Markers::Kind::kSearch) {
        ReadReplace();
      } else if (ResemblesSearch(line)) {
        RefuseMarker();
      } else if (ResemblesReplace(line)) {
        Refuse({}, Expected(markers_.Text(Markers::Kind::kSearch) +
                            " before this line"));
        blocks_.back().stray = true;
      } else if (const std::optional<Fence> fence = FenceOf(line)) {
        TakeFence(*fence);
      } else {
        TakeProse(line);
      }
    }
    if (blocks_.empty()) blocks_ = std::move(drafts_);
    if (blocks_.size() >= kMostBlocks) {
      blocks_ = {{.malformed = "expected fewer than 1,000 blocks"}};
    }
    return {.blocks = std::move(blocks_),
            .header = prose_.TakeHeader(),
            .nothing = Nothing()};
  }

 private:
  // ---- Prose ---------------------------------------------------------

  void TakeProse(std::string_view line) {
    const bool raw_diff =
        line.starts_with("+++ ") && prose_.last_line().starts_with("--- ");
    if (prose_.Take(line)) BeginAnswer();
    if (raw_diff) Refuse({}, Expected("a line ```diff before the diff"));
  }

  // The first IDEA: what was read before it was thinking.
  void BeginAnswer() {
    if (blocks_.empty()) return;
    drafts_ = std::exchange(blocks_, {});
    whole_ends_ = 0;
    prose_.Forget();
  }

  // ---- Search and replace --------------------------------------------

  void ReadReplace() {
    prose_.BlockBegins();
    EditBlock block;
    block.path = prose_.path();
    if (format_ != EditFormat::kSearchReplace) {
      block.malformed = Expected(WhatIsWanted());
    } else if (block.path.empty() ||
               (!prose_.path_is_last() &&
                prose_.last_line_names_other(block.path))) {
      block.malformed =
          Expected("the path of the file, alone in the line before");
    }
    ReadOld(block);
    std::string path = block.path;
    Push(std::move(block));
    prose_.BlockEnds(std::move(path));
  }

  void ReadOld(EditBlock& block) {
    std::string nearly;
    for (AnswerLines ahead = lines_; ahead.Next(); ahead = lines_) {
      const Markers::Kind kind = markers_.Of(ahead.line());
      if (kind == Markers::Kind::kSearch) break;
      lines_ = ahead;
      if (kind == Markers::Kind::kDivider) return ReadNew(block);
      if (kind == Markers::Kind::kReplace) {
        return Fail(block, Expected(markers_.Text(Markers::Kind::kDivider) +
                                    " before this line" + nearly));
      }
      if (nearly.empty() && ResemblesDivider(ahead.line())) {
        nearly = Nearly(Markers::Kind::kDivider);
      }
      Append(ahead.line(), block.old_text);
    }
    Fail(block,
         ExpectedBehind(markers_.Text(Markers::Kind::kDivider) + nearly));
  }

  void ReadNew(EditBlock& block) {
    std::string nearly;
    for (AnswerLines ahead = lines_; ahead.Next(); ahead = lines_) {
      const Markers::Kind kind = markers_.Of(ahead.line());
      if (kind == Markers::Kind::kSearch) break;
      lines_ = ahead;
      if (kind == Markers::Kind::kReplace) return;
      if (kind == Markers::Kind::kDivider) {
        Fail(block, Expected(markers_.Text(Markers::Kind::kReplace) +
                             " before a second " +
                             markers_.Text(Markers::Kind::kDivider)));
      }
      if (nearly.empty() && ResemblesReplace(ahead.line())) {
        nearly = Nearly(Markers::Kind::kReplace);
      }
      Append(ahead.line(), block.new_text);
    }
    Fail(block,
         ExpectedBehind(markers_.Text(Markers::Kind::kReplace) + nearly));
  }

  std::string Nearly(Markers::Kind kind) const {
    return fmt::format(" (line {} must be exactly {})", lines_.number(),
                       markers_.Text(kind));
  }

  static void Append(std::string_view line, std::string& text) {
    if (text.size() > kMostText) return;
    text += line;
    text += '\n';
  }

  // A marker that is none: what it opened is passed over.
  void RefuseMarker() {
    Refuse(prose_.path(), Expected(format_ == EditFormat::kSearchReplace
                                       ? markers_.Text(Markers::Kind::kSearch)
                                       : WhatIsWanted()));
    for (AnswerLines ahead = lines_; ahead.Next(); ahead = lines_) {
      if (markers_.Of(ahead.line()) == Markers::Kind::kSearch) return;
      lines_ = ahead;
      if (ResemblesReplace(ahead.line())) return;
    }
  }

  // ---- Fences --------------------------------------------------------

  struct Body {
    std::string_view text;  // between the fences
    bool closed = false;
    bool marker = false;  // a SEARCH marker stands in it
    bool nested = false;  // a fence as long as the outer one opens in it
    AnswerLines behind;   // behind the closing fence
  };

  // Looks ahead from the opening fence. With `stop_at_marker`, only so far.
  Body LookInto(const Fence& fence, bool stop_at_marker) {
    Body body{.behind = lines_};
    std::size_t& unclosed =
        fence.mark == '`' ? unclosed_ticks_ : unclosed_tildes_;
    if (fence.length >= unclosed) return body;
    const std::size_t begin = lines_.position();
    for (AnswerLines ahead = lines_; ahead.Next();) {
      const std::size_t end = ahead.position();
      if (markers_.Of(ahead.line()) == Markers::Kind::kSearch) {
        body.marker = true;
        if (stop_at_marker) {
          wrapped_until_ = ahead.number();
          return body;
        }
      }
      const std::optional<Fence> inner = FenceOf(ahead.line());
      if (!inner) continue;
      if (Closes(*inner, fence)) {
        const std::size_t line = answer_.rfind('\n', end - 2);
        body.text = answer_.substr(begin, line + 1 - begin);
        body.closed = true;
        body.behind = ahead;
        return body;
      }
      body.nested |= inner->mark == fence.mark && inner->length >= fence.length;
    }
    unclosed = fence.length;
    return body;
  }

  void TakeFence(const Fence& fence) {
    if (wrapping_ && !prose_.path_is_last() && Closes(fence, *wrapping_)) {
      wrapping_.reset();
      return;
    }
    if (lines_.number() < wrapped_until_) return;
    const Body body = LookInto(fence, format_ == EditFormat::kSearchReplace);
    const bool diff =
        fence.info.substr(0, fence.info.find_first_of(" \t")) == "diff";
    if (format_ == EditFormat::kSearchReplace && body.marker) {
      wrapping_ = fence;
    } else if (diff) {
      TakeDiff(body);
    } else {
      TakeWhole(body);
    }
  }

  void TakeDiff(const Body& body) {
    prose_.BlockBegins();
    std::string path = prose_.path();
    if (format_ != EditFormat::kUdiff) {
      Push({.path = path, .malformed = Expected(WhatIsWanted())});
    } else if (!body.closed) {
      Push({.path = path,
            .malformed = Expected("a closing fence for the one that opens")});
    } else {
      std::vector<EditBlock> read =
          ReadDiff(body.text, lines_.number() + 1, path, find_);
      if (!read.empty()) path = read.back().path;
      for (EditBlock& block : read) Push(std::move(block));
    }
    lines_ = body.behind;
    prose_.BlockEnds(std::move(path));
  }

  void TakeWhole(const Body& body) {
    EditBlock block{.kind = EditBlock::Kind::kWhole};
    std::string_view text = body.text;
    if (prose_.path_is_last()) {
      block.path = prose_.path();
    } else {
      block.path = PathInside(text);
    }
    if (block.path.empty()) return TakeIllustration(body);
    prose_.BlockBegins();
    if (!body.closed) {
      block.malformed = Expected("a closing fence for the one that opens");
    } else if (body.marker) {
      block.malformed = Expected("the whole file, without markers in it");
    } else if (body.nested) {
      block.malformed =
          Expected("a fence longer than every fence within the file, as ````");
    } else if (!Trim(text).empty()) {
      block.new_text = WithoutReturns(text);
    }
    lines_ = body.behind;
    std::string path = block.path;
    Push(std::move(block));
    whole_ends_ = blocks_.size();
    prose_.BlockEnds(std::move(path));
  }

  // The path in the first line of a fence; the line is cut off, unless the
  // file begins with it anyway.
  std::string PathInside(std::string_view& text) const {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view first = text.substr(0, end);
    std::string path = PathAlone(first, find_);
    if (path.empty()) return {};
    const SourceFile* file = find_(path);
    if (file == nullptr && !Trim(first).starts_with("FILE:")) return {};
    if (file == nullptr || !file->text.starts_with(Trim(first))) {
      text.remove_prefix(end + 1);
    }
    return path;
  }

  // A fence that no path names. Behind a whole file it may be the rest of it,
  // cut off by a fence within.
  void TakeIllustration(const Body& body) {
    ++illustrations_;
    if (!blocks_.empty() && blocks_.size() == whole_ends_) {
      Fail(blocks_.back(),
           Expected("no fence without a path behind a whole file; if it is "
                    "part of the file, a longer fence around that, as ````"));
      ClearIfMalformed(blocks_.back());
    } else if (format_ == EditFormat::kWhole ||
               prose_.last_line_names_other({})) {
      Refuse({}, Expected("the path of the file, alone in the line before the "
                          "fence, and no other fences"));
      blocks_.back().stray = true;
    }
    if (body.closed) lines_ = body.behind;
    prose_.Interrupt();
  }

  static std::string WithoutReturns(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (AnswerLines lines(text); lines.Next();) {
      out += lines.line();
      out += '\n';
    }
    return out;
  }

  // ---- Refusals ------------------------------------------------------

  void Push(EditBlock block) {
    if (block.old_text.size() + block.new_text.size() > kMostText) {
      Fail(block, "expected less than 8 MB in a block");
    }
    if (block.old_text.find('\0') != std::string::npos ||
        block.new_text.find('\0') != std::string::npos) {
      Fail(block, "expected text: binary content is not taken");
    }
    ClearIfMalformed(block);
    blocks_.push_back(std::move(block));
  }

  static void ClearIfMalformed(EditBlock& block) {
    if (block.malformed.empty()) return;
    block.old_text.clear();
    block.new_text.clear();
  }

  void Refuse(std::string path, std::string malformed) {
    prose_.BlockBegins();
    Push({.path = std::move(path), .malformed = std::move(malformed)});
  }

  // The first thing wrong counts.
  static void Fail(EditBlock& block, std::string malformed) {
    if (block.malformed.empty()) block.malformed = std::move(malformed);
  }

  std::string Expected(std::string_view what) const {
    return fmt::format("line {} of the answer is \"{}\": expected {}",
                       lines_.number(),
                       OneLine(lines_.line().substr(0, 400), 80), what);
  }

  std::string ExpectedBehind(std::string_view what) const {
    return fmt::format("after line {} of the answer: expected {}",
                       lines_.number(), what);
  }

  std::string WhatIsWanted() const {
    switch (format_) {
      case EditFormat::kSearchReplace:
        return "a path and then " + markers_.Text(Markers::Kind::kSearch);
      case EditFormat::kWhole:
        return "a path and then the whole file in a fence";
      case EditFormat::kUdiff:
        return "a unified diff in a fence ```diff";
    }
    return {};
  }

  std::string Nothing() const {
    if (Trim(answer_).empty()) {
      return "there was no answer behind the thinking: expected a header and " +
             WhatIsWanted();
    }
    return fmt::format(
        "expected {}{}", WhatIsWanted(),
        illustrations_ > 0 ? "; the fences of the answer name no file" : "");
  }

  const std::string_view answer_;
  AnswerLines lines_;
  const EditFormat format_;
  const Markers markers_;
  const FindShown& find_;

  Prose prose_;
  int illustrations_ = 0;
  std::size_t whole_ends_ = 0;  // blocks read when a whole file ended

  std::optional<Fence> wrapping_;  // opened around blocks
  int wrapped_until_ = 0;          // fences before this line hold nothing else
  // Fences of this length and longer are known to have no end.
  std::size_t unclosed_ticks_ = std::string::npos;
  std::size_t unclosed_tildes_ = std::string::npos;

  std::vector<EditBlock> blocks_;
  std::vector<EditBlock> drafts_;
};

}  // namespace

AnswerParts ReadAnswer(std::string_view answer, EditFormat format,
                       const std::string& marker_suffix,
                       const FindShown& find) {
  return Reader(SkipThinking(answer), format, marker_suffix, find).Read();
}

}  // namespace coppice::llm
