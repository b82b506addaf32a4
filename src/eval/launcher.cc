#include "eval/launcher.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <system_error>

#include "eval/isolation.h"

namespace coppice::eval {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kOpenFiles = 1024;
// From SIGXCPU to SIGKILL.
constexpr std::int64_t kCpuGraceSeconds = 2;

// What a command may write to outside its tree where there is no bwrap: no
// disk of the machine, none of the kernel's settings.
constexpr const char* kDevices[] = {"/dev/null", "/dev/zero",   "/dev/full",
                                    "/dev/tty",  "/dev/random", "/dev/urandom",
                                    "/dev/ptmx", "/dev/pts",    "/dev/shm"};

// Where the command finds a path of the host.
struct Shown {
  fs::path host;
  std::string inside;
  bool writable = false;
};

class PlanWriter {
 public:
  PlanWriter(const LaunchBase& base, const LaunchPlace& place,
             const CommandRequest& request)
      : base_(base), place_(place), request_(request) {}

  std::string Write() {
    Locate();
    WriteOuter();
    if (!base_.bwrap.empty()) WriteBwrap();
    WriteInner();
    WriteVariables();
    return std::move(plan_);
  }

 private:
  bool contained() const { return !base_.bwrap.empty(); }
  std::string Root() const {
    return contained() ? kInsideTree : request_.tree.root.string();
  }
  std::string Home() const {
    return contained() ? kInsideHome : place_.home.string();
  }
  std::string Temp() const {
    return contained() ? kInsideTemp : place_.temp.string();
  }

  void Add(protocol::Item item, std::string_view value) {
    plan_ += static_cast<char>(item);
    plan_ += value.substr(0, value.find('\0'));  // it would end the item
    plan_ += '\0';
  }

  // A path of the tree is shown where the tree is, another one at its own.
  std::string InsidePath(const fs::path& host) const {
    const fs::path relative = host.lexically_relative(request_.tree.root);
    if (relative.empty() || *relative.begin() == "..") return host.string();
    if (relative == ".") return Root();
    return (fs::path(Root()) / relative).string();
  }

  void Locate() {
    for (const fs::path& path : request_.expose) {
      shown_.push_back({path, path.string()});
    }
    int number = 0;
    for (const Bind& bind : request_.binds) {
      std::string inside = bind.host.string();
      if (contained()) {
        inside = bind.variable.empty()
                     ? InsidePath(bind.host)
                     : fmt::format("{}/{}", kInsideBinds, number++);
      }
      if (!bind.variable.empty()) {
        variables_[bind.variable] = inside + bind.suffix;
      }
      shown_.push_back({bind.host, inside, bind.writable});
    }
  }

  void WriteOuter() {
    if (place_.group != nullptr) {
      for (const fs::path& file : place_.group->JoinFiles()) {
        Add(protocol::kJoinGroup, file.string());
      }
    }
    for (int cpu : request_.limits.cpus) {
      Add(protocol::kCpu, std::to_string(cpu));
    }
    if (request_.tree.overlay) {
      Add(protocol::kOverlayLower, request_.tree.overlay->lower.string());
      Add(protocol::kOverlayUpper, request_.tree.overlay->upper.string());
      Add(protocol::kOverlayWork, request_.tree.overlay->work.string());
      Add(protocol::kOverlayTarget, request_.tree.root.string());
    }
  }

  void WriteBwrap() {
    auto add = [this](std::initializer_list<std::string_view> args) {
      for (std::string_view arg : args) Add(protocol::kBwrapArg, arg);
    };
    for (const std::string& arg : base_.bwrap) add({arg});
    if (request_.network) {
      std::error_code error;
      const fs::path resolver = fs::canonical("/etc/resolv.conf", error);
      if (!error) add({"--ro-bind", resolver.native(), "/etc/resolv.conf"});
    } else {
      add({"--unshare-net"});
    }
    add({"--bind", request_.tree.root.native(), kInsideTree});
    for (const Shown& path : shown_) {
      add({path.writable ? "--bind" : "--ro-bind", path.host.native(),
           path.inside});
    }
    add({"--ro-bind", base_.helper.native(), kInsideSupervisor});
    add({"--remount-ro", "/", "--chdir", "/", "--", kInsideSupervisor,
         protocol::kInnerRole});
  }

  void Limit(int resource, std::int64_t value) {
    Limit(resource, value, value);
  }
  void Limit(int resource, std::int64_t soft, std::int64_t hard) {
    Add(protocol::kResourceLimit,
        fmt::format("{}:{}:{}", resource, soft, hard));
  }

  void WriteInner() {
    const fs::path directory =
        (fs::path(Root()) / request_.cwd).lexically_normal();
    Add(protocol::kDirectory, directory.string());
    for (const char* word : {"/bin/sh", "-c"}) Add(protocol::kArgument, word);
    Add(protocol::kArgument, request_.command);
    Limit(RLIMIT_NOFILE, kOpenFiles);
    Limit(RLIMIT_CORE, 0);
    Limit(RLIMIT_FSIZE, request_.limits.file_mb << 20);
    if (place_.cpu_seconds > 0) {
      Limit(RLIMIT_CPU, place_.cpu_seconds,
            place_.cpu_seconds + kCpuGraceSeconds);
    }
    if (place_.address_space_mb > 0) {
      Limit(RLIMIT_AS, place_.address_space_mb << 20);
    }
    // Counted in the sandbox's own user namespace; outside it would count
    // everything of this account, and root is never refused.
    if (contained() && geteuid() != 0) {
      Limit(RLIMIT_NPROC, request_.limits.pids + 1);
    }
    if (contained()) return;
    if (place_.group != nullptr && !place_.group->KillGroup().empty()) {
      Add(protocol::kKillGroup, place_.group->KillGroup().string());
    }
    if (base_.restrict_writes) WriteWritable();
  }

  void WriteWritable() {
    for (const fs::path& path :
         {request_.tree.root, place_.home, place_.temp}) {
      Add(protocol::kWritable, path.string());
    }
    for (const char* device : kDevices) Add(protocol::kWritable, device);
    for (const Shown& path : shown_) {
      if (path.writable) Add(protocol::kWritable, path.host.string());
    }
  }

  void WriteVariables() {
    // A directory that was exposed for its programs comes before the system's.
    std::string path;
    for (const fs::path& exposed : request_.expose) {
      std::error_code ignored;
      if (fs::is_directory(exposed / "bin", ignored)) {
        path += (exposed / "bin").string() + ":";
      }
    }
    std::map<std::string, std::string> all{
        {"PATH", path + kStandardPath},
        {"LANG", "C.UTF-8"},
        {"TZ", "UTC"},
        {"HOME", Home()},
        {"TMPDIR", Temp()},
        {"XDG_CACHE_HOME", Home() + "/.cache"},
        {"XDG_CONFIG_HOME", Home() + "/.config"}};
    for (const auto& [name, value] : request_.env) all[name] = value;
    for (const auto& [name, value] : variables_) all[name] = value;
    for (const auto& [name, value] : all) {
      Add(protocol::kVariable, name + "=" + value);
    }
  }

  const LaunchBase& base_;
  const LaunchPlace& place_;
  const CommandRequest& request_;
  std::vector<Shown> shown_;
  std::map<std::string, std::string> variables_;
  std::string plan_;
};

}  // namespace

std::string MakePlan(const LaunchBase& base, const LaunchPlace& place,
                     const CommandRequest& request) {
  return PlanWriter(base, place, request).Write();
}

}  // namespace coppice::eval
