#include "spec/slurm_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/text.h"

namespace coppice::spec {
namespace {

constexpr double kForEver = 100.0 * 365 * 86400;

// Flags by which jobs are found again, or that would make them something else.
constexpr std::array<std::string_view, 20> kOurs = {
    "array",     "chdir",   "comment",   "cpus-per-task", "dependency",
    "error",     "export",  "input",     "job-name",      "mem",
    "nodes",     "ntasks",  "open-mode", "output",        "parsable",
    "partition", "requeue", "time",      "wait",          "wrap"};

// Numbers between colons; nothing if there is anything else.
std::optional<std::vector<double>> Numbers(std::string_view text) {
  std::vector<double> numbers;
  while (true) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const bool digits =
        !part.empty() && part.size() <= 9 &&
        std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return std::nullopt;
    numbers.push_back(*ParseNumber(part));
    if (colon == text.npos) return numbers;
    text.remove_prefix(colon + 1);
  }
}

bool IsMemory(std::string_view text) {
  if (!text.empty() && std::string_view("KMGTkmgt").find(text.back()) !=
                           std::string_view::npos) {
    text.remove_suffix(1);
  }
  const auto number = Numbers(text);
  return number && number->size() == 1;
}

class Rules {
 public:
  Rules(const Source& source, Findings& findings)
      : source_(source), findings_(findings) {}

  void Word(const Json& slurm, const char* key, std::string_view example) {
    const auto found = slurm.find(key);
    if (found == slurm.end() || !found->is_string()) return;
    const std::string& text = found->get_ref<const std::string&>();
    const bool odd = std::ranges::any_of(
        text, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
    if (!odd && !text.starts_with('-')) return;
    Add(key, fmt::format("\"{}\" is none; write something like {}",
                         OneLine(text, 60), example));
  }

  void Alone(const Json& slurm) {
    const Json gres = slurm.value("gres", Json());
    if (gres.is_null() || slurm.value("mode", Json()) != "allocation") return;
    Add("gres",
        "goes with mode: job, where every evaluation has its own; "
        "steps of one allocation would take it from each other");
  }

  // The limit of the job must leave room for that of a command, or what the
  // candidate does too slowly would look like the cluster's fault.
  void Time(const Json& slurm, const Json& evaluation) {
    const auto found = slurm.find("time");
    if (found == slurm.end() || !found->is_string()) return;
    const std::string& text = found->get_ref<const std::string&>();
    const std::optional<double> seconds = SlurmSeconds(text);
    if (!seconds) {
      Add("time", fmt::format("\"{}\" is no time limit; write minutes, "
                              "\"HH:MM:SS\" or \"D-HH:MM:SS\"",
                              OneLine(text, 60)));
      return;
    }
    const auto limit = evaluation.find("timeout_seconds");
    const double command =
        limit != evaluation.end() && limit->is_number() ? double(*limit) : 600;
    if (evaluation.value("backend", Json()) != "slurm" || *seconds >= command) {
      return;
    }
    Add("time",
        fmt::format("{} is less than evaluation.timeout_seconds ({}): the job "
                    "would end before a slow candidate does; write more",
                    text, FormatShort(command, 9)));
  }

  void Memory(const Json& slurm) {
    const auto found = slurm.find("mem");
    if (found == slurm.end() || !found->is_string()) return;
    const std::string& text = found->get_ref<const std::string&>();
    if (IsMemory(text)) return;
    Add("mem", fmt::format("\"{}\" is no amount of memory; write megabytes, "
                           "or something like 8G",
                           OneLine(text, 60)));
  }

  void Extra(const Json& slurm) {
    const auto found = slurm.find("extra");
    if (found == slurm.end() || !found->is_array()) return;
    for (std::size_t i = 0; i < found->size(); ++i) {
      if (!(*found)[i].is_string()) continue;
      const std::string& flag = (*found)[i].get_ref<const std::string&>();
      const std::string place = fmt::format("extra/{}", i);
      if (!flag.starts_with("--")) {
        Add(place, fmt::format("\"{}\" is no long flag of sbatch; write "
                               "--flag=value",
                               OneLine(flag, 60)));
        continue;
      }
      const std::string name = flag.substr(2, flag.find('=') - 2);
      if (std::ranges::find(kOurs, name) == kOurs.end()) continue;
      Add(place,
          fmt::format("--{} is set by coppice or has a key of its own", name));
    }
  }

  void SharedDir(const Json& slurm, bool needed) {
    const auto found = slurm.find("shared_dir");
    if (found == slurm.end() || found->is_null()) {
      if (!needed) return;
      findings_.Add(
          source_.Where("/evaluation/backend"),
          "evaluation.backend: slurm needs evaluation.slurm.shared_dir, a "
          "directory that this machine and every node see");
      return;
    }
    if (!found->is_string()) return;
    const std::string& path = found->get_ref<const std::string&>();
    const bool whole = path.starts_with('/') &&
                       path.find("/../") == path.npos &&
                       !path.ends_with("/..") && path.find('\n') == path.npos;
    if (whole) return;
    Add("shared_dir",
        fmt::format("\"{}\" is no absolute path", OneLine(path, 60)));
  }

 private:
  void Add(std::string_view key, const std::string& what) {
    const std::string pointer = fmt::format("/evaluation/slurm/{}", key);
    findings_.Add(source_.Where(pointer),
                  fmt::format("{}: {}", Spoken(pointer), what));
  }

  const Source& source_;
  Findings& findings_;
};

}  // namespace

std::optional<double> SlurmSeconds(std::string_view text) {
  if (text == "INFINITE" || text == "UNLIMITED" || text == "infinite") {
    return kForEver;
  }
  const std::size_t dash = text.find('-');
  const bool with_days = dash != text.npos;
  double days = 0;
  if (with_days) {
    const auto number = Numbers(text.substr(0, dash));
    if (!number || number->size() != 1) return std::nullopt;
    days = number->front();
    text.remove_prefix(dash + 1);
  }
  std::optional<std::vector<double>> parts = Numbers(text);
  if (!parts || parts->size() > 3) return std::nullopt;
  // Behind days the first part is hours; without, one or two begin with
  // minutes.
  if (!with_days && parts->size() < 3) parts->insert(parts->begin(), 0);
  parts->resize(3);
  return days * 86400 + (*parts)[0] * 3600 + (*parts)[1] * 60 + (*parts)[2];
}

void CheckSlurm(const Json& evaluation, const Source& source,
                Findings& findings) {
  if (!evaluation.is_object()) return;
  const auto found = evaluation.find("slurm");
  const Json slurm =
      found != evaluation.end() && found->is_object() ? *found : Json::object();
  Rules rules(source, findings);
  rules.Word(slurm, "partition", "gpu");
  rules.Word(slurm, "gres", "gpu:1");
  rules.Alone(slurm);
  rules.Time(slurm, evaluation);
  rules.Memory(slurm);
  rules.Extra(slurm);
  rules.SharedDir(slurm, evaluation.value("backend", Json()) == "slurm");
}

}  // namespace coppice::spec
