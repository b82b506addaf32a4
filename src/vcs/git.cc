#include "vcs/git.h"

#include <array>
#include <cstring>
#include <utility>

namespace coppice::vcs {
namespace {

// Of each repository and thread; libgit2 counts about a third of what its cache
// takes. An attempt reads its parent's commit and trees, which are young.
constexpr ssize_t kCacheBytes = ssize_t{64} << 10;
// Of packs, which may be larger than memory: libgit2 would map them whole.
constexpr std::size_t kWindowBytes = std::size_t{1} << 20;
constexpr std::size_t kMappedBytes = std::size_t{16} << 20;

bool StartGit() {
  git_libgit2_init();
  // A repository of another user, as in containers and CI, is the caller's
  // business; libgit2 would report it as a missing configuration value.
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
  // As git does for packs: hashing each object again on every read costs more
  // than the read, and zlib's checksum is verified in any case.
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, kCacheBytes);
  // Neither changes how objects, refs or the index are read; what a partial
  // clone does not have is not found.
  std::array<const char*, 2> known{"worktreeconfig", "partialclone"};
  git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, known.data(), known.size());
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, kWindowBytes);
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, kMappedBytes);
  return true;
}

}  // namespace

void InitGit() { [[maybe_unused]] static const bool started = StartGit(); }

Error GitError(std::string what, ErrorCode code) {
  const git_error* last = git_error_last();
  return Error{.code = code,
               .what = std::move(what),
               .cause = last != nullptr && last->message != nullptr
                            ? last->message
                            : ""};
}

git_oid ToOid(ObjectId id) {
  static_assert(sizeof(git_oid::id) == sizeof(ObjectId::bytes));
  git_oid oid;
  std::memcpy(oid.id, id.bytes.data(), id.bytes.size());
  return oid;
}

ObjectId FromOid(const git_oid& oid) {
  ObjectId id;
  std::memcpy(id.bytes.data(), oid.id, id.bytes.size());
  return id;
}

}  // namespace coppice::vcs
