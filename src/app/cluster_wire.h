#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/warm_start.h"
#include "eval/baseline_lock.h"
#include "eval/evaluator.h"
#include "eval/slurm_evaluator.h"

// What stands in the files between a search and its workers on a cluster:
// JSON, samples in the form that a journal has.

namespace coppice::app {

// What all workers of a run have in common.
struct CommonOrder {
  std::string coppice;     // version of the program
  std::string run;         // COPPICE_RUN
  std::string repository;  // its id
  ObjectId base;
  std::string spec_json;                      // merged
  eval::BaselineLock learned;                 // habits and units of the base
  std::map<std::string, std::string> passed;  // evaluation.pass_env
  std::string exclude;                        // the user's .git/info/exclude
  std::string isolation;                      // Global::require_isolation
  std::string base_pack;  // absolute paths, as the nodes see them
  std::string copies;
  std::string scratch;  // on the node; empty: its temporary directory
  // Without a question or a sign of life for so long, cores are let go.
  std::chrono::seconds silence = eval::kSilence;
};
// Signs of life come so often that some may be late.
std::chrono::milliseconds BeatOf(std::chrono::seconds silence);
std::string Encode(const CommonOrder& order);
Result<CommonOrder> DecodeCommon(std::string_view text);

inline constexpr std::string_view kOwnerFile = "owner.json";
// Whose run a directory in the shared directory is.
struct Owner {
  std::string repository;  // its id
  std::string host;
  std::string directory;        // of the run, on that host
  std::set<std::string> needs;  // what of the staged things it may use

  friend bool operator==(const Owner&, const Owner&) = default;
};
std::string Encode(const Owner& owner);
Result<Owner> DecodeOwner(std::string_view text);

// One worker's own.
struct Order {
  eval::Target target;
  std::string common;  // file of the CommonOrder, in the run's directory
};
std::string Encode(const Order& order);
Result<Order> DecodeOrder(std::string_view text);

// The first word of a worker.
struct Hello {
  std::string host;
  std::string job;
  std::string coppice;
  std::int64_t at = 0;  // its clock, µs since 1970
  eval::EnvironmentFacts environment;
};
std::string Encode(const Hello& hello);
Result<Hello> DecodeHello(std::string_view text);

// What a worker learned from the base.
struct Learned {
  eval::BaselineLock habits;  // habits and units alone
  BuiltCheckout checkout;
};

struct OpenedAnswer {
  eval::RemoteOpened opened;
  std::optional<Learned> learned;
};
std::string Encode(const OpenedAnswer& answer);
Result<OpenedAnswer> DecodeOpened(std::string_view text);

struct SampleAnswer {
  eval::Sample sample;
  std::optional<Learned> learned;
};
std::string Encode(const SampleAnswer& answer);
Result<SampleAnswer> DecodeSampleAnswer(std::string_view text);

std::string Encode(const eval::Diagnosis& diagnosis);
Result<eval::Diagnosis> DecodeDiagnosis(std::string_view text);

}  // namespace coppice::app
