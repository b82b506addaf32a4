#include "eval/isolation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

// The root of a sandbox is an allow-list: /usr and /opt, the links into them,
// and an /etc of our own. Binding / read-only would show root's files to a
// candidate when coppice runs as root, because the user namespace keeps the
// outer owner.
//
// Five traps of bubblewrap 0.8, all seen:
//  1. --clearenv cleans the command, not bwrap: /proc/1/environ inside showed
//     the caller's. So bwrap starts with an empty environment, and process 1
//     is our supervisor, not bwrap (--as-pid-1).
//  2. --ro-bind / / shows /etc/shadow to root: see above.
//  3. It returns 139 for "exit 139" and for SIGSEGV: the supervisor tells.
//  4. --dev leaves a /dev/shm of half the machine's memory.
//  5. --proc covers /proc/sys only from users who may not write to the
//     directory, which not even root without capabilities may; the files in it
//     stay writable to their owner, root. So all of /proc is read-only.

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

constexpr char kTempBytes[] = "1073741824";
constexpr char kSharedMemoryBytes[] = "268435456";

struct EtcFile {
  const char* name;
  const char* text;
};

constexpr EtcFile kEtcFiles[] = {
    {"passwd",
     "root:x:0:0:root:/root:/usr/sbin/nologin\n"
     "coppice:x:65534:65534:coppice:/tmp/home:/bin/sh\n"},
    {"group", "root:x:0:\ncoppice:x:65534:\n"},
    {"hosts", "127.0.0.1 localhost coppice\n::1 localhost\n"},
    {"hostname", "coppice\n"},
    {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
    {"resolv.conf", ""},  // covered by the host's where there is a network
};

// Of the host's /etc, what programs need to run at all; none is private.
// Small files are copied, directories mounted.
constexpr const char* kEtcCopies[] = {
    "ld.so.cache", "ld.so.conf", "localtime",  "os-release",
    "protocols",   "services",   "mime.types", "debian_version"};
constexpr const char* kEtcMounts[] = {"alternatives", "ld.so.conf.d",
                                      "ssl/certs"};

// kEtcMounts that are there, and what a Debian Java needs to start.
std::vector<std::string> EtcMounts() {
  std::vector<std::string> names;
  std::error_code error;
  for (const char* name : kEtcMounts) {
    if (fs::is_directory(fs::path("/etc") / name, error)) names.push_back(name);
  }
  for (const auto& entry : fs::directory_iterator("/etc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("java-") && entry.is_directory(error)) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

fs::path FindProgram(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : kStandardPath);
  for (std::string directory; std::getline(directories, directory, ':');) {
    const fs::path candidate = fs::path(directory) / name;
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored) &&
        access(candidate.c_str(), X_OK) == 0) {
      return fs::absolute(candidate, ignored);
    }
  }
  return {};
}

Result<fs::path> FindSandboxHelper() {
  std::error_code error;
  std::vector<fs::path> places;
  if (const char* named = std::getenv("COPPICE_SANDBOX_HELPER")) {
    places.emplace_back(named);
  } else {
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    places.push_back(self.parent_path() / "coppice-sandbox");
    places.push_back(self.parent_path().parent_path() /
                     "libexec/coppice/coppice-sandbox");
  }
  std::string tried;
  for (const fs::path& place : places) {
    if (access(place.c_str(), X_OK) == 0) return fs::canonical(place, error);
    tried += (tried.empty() ? "" : ", ") + place.string();
  }
  return Error{.code = ErrorCode::kNotFound,
               .what = "the program coppice-sandbox is missing",
               .where = tried,
               .next = "build or install coppice again"};
}

Result<void> RequireLevel(const Isolation& found, int level) {
  if (found.level >= level) return Ok();
  return Error{.code = ErrorCode::kCheck,
               .what = fmt::format("--require-isolation L{}: only {} here: {}",
                                   level, found.name, found.lacks)};
}

Result<void> WriteMinimalEtc(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  for (const std::string& name : EtcMounts()) {
    fs::create_directories(directory / name, error);
  }
  for (const EtcFile& file : kEtcFiles) {
    std::ofstream out(directory / file.name);
    out << file.text;
    if (!out.flush()) {
      return Error{.code = ErrorCode::kIo,
                   .what = "cannot prepare the sandbox",
                   .where = (directory / file.name).string()};
    }
  }
  for (const char* name : kEtcCopies) {
    std::error_code absent;
    fs::copy_file(fs::path("/etc") / name, directory / name, absent);
  }
  return Ok();
}

std::vector<std::string> BwrapBase(const fs::path& bwrap, const fs::path& etc) {
  std::vector<std::string> args{bwrap.string(),
                                "--as-pid-1",
                                "--die-with-parent",
                                "--new-session",
                                "--unshare-user",
                                "--unshare-pid",
                                "--unshare-ipc",
                                "--unshare-uts",
                                "--unshare-cgroup-try",
                                "--disable-userns",
                                "--uid",
                                "65534",
                                "--gid",
                                "65534",
                                "--hostname",
                                "coppice",
                                "--cap-drop",
                                "ALL",
                                "--ro-bind",
                                "/usr",
                                "/usr"};
  auto add = [&args](std::initializer_list<std::string> more) {
    args.insert(args.end(), more);
  };
  std::error_code error;
  if (fs::is_directory("/opt", error)) add({"--ro-bind", "/opt", "/opt"});
  for (const char* name :
       {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    if (fs::is_symlink(name, error)) {
      add({"--symlink", fs::read_symlink(name, error).string(), name});
    } else if (fs::is_directory(name, error)) {
      add({"--ro-bind", name, name});
    }
  }
  add({"--ro-bind", etc.string(), "/etc"});
  for (const std::string& name : EtcMounts()) {
    add({"--ro-bind", "/etc/" + name, "/etc/" + name});
  }
  add({"--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"});
  add({"--size", kSharedMemoryBytes, "--tmpfs", "/dev/shm"});
  add({"--size", kTempBytes, "--tmpfs", kInsideTemp, "--dir", kInsideHome});
  add({"--symlink", "../tmp", "/var/tmp"});
  return args;
}

}  // namespace coppice::eval
