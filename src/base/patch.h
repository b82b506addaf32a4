#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace coppice {

// The whole new content of one file, or its removal (no content). Paths are
// relative to the repository root, with '/', without "." or "..".
struct FileChange {
  std::string path;
  std::optional<std::string> content;

  friend bool operator==(const FileChange&, const FileChange&) = default;
};

// Lines added and removed in one file.
struct FileStat {
  std::string path;
  int added = 0;
  int removed = 0;
  bool created = false;
  bool deleted = false;

  friend bool operator==(const FileStat&, const FileStat&) = default;
};

// One hunk of a unified diff. Lines keep their leading ' ', '+' or '-' and
// lack the newline; a "\ No newline at end of file" mark becomes a flag.
struct Hunk {
  int old_start = 0;
  int old_count = 0;
  int new_start = 0;
  int new_count = 0;
  std::vector<std::string> lines;
  bool old_ends_without_newline = false;
  bool new_ends_without_newline = false;
};

struct FilePatch {
  std::string old_path;  // empty: the file is created
  std::string new_path;  // empty: the file is deleted
  std::vector<Hunk> hunks;
};

using Patch = std::vector<FilePatch>;

// Reads a unified diff as git writes it (a/ and b/ prefixes, /dev/null, quoted
// paths). Refuses binary patches, mode changes, renames and patches that
// change nothing, naming the line.
Result<Patch> ParsePatch(std::string_view text);

// The text after the patch. Strict: every context and removed line must stand
// at the stated place.
Result<std::string> ApplyPatch(const FilePatch& patch,
                               std::string_view old_text);

// Unified diff of two texts with 3 lines of context, in git's form with
// "diff --git" lines; empty for equal texts. nullopt = no such file.
std::string MakePatch(std::string_view path,
                      const std::optional<std::string>& old_text,
                      const std::optional<std::string>& new_text);

// Lines added and removed by each file of the patch.
std::vector<FileStat> Stats(const Patch& patch);

// "src/parser.cpp +12 -3, src/lex.cpp +1 -1"
std::string Summary(const std::vector<FileStat>& stats);

}  // namespace coppice
