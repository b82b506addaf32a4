#include "base/compute.h"

#ifdef COPPICE_COMPUTE_ASIO
#include <boost/asio/thread_pool.hpp>
#else
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#endif

namespace coppice {
namespace {

#ifdef COPPICE_COMPUTE_ASIO
class ArenaCompute final : public Compute {
 public:
  explicit ArenaCompute(int threads)
      : pool_(static_cast<std::size_t>(threads)) {}
  ~ArenaCompute() noexcept override { pool_.join(); }
  void Run(std::function<void()> work) override {
    asio::post(pool_, std::move(work));
  }
  bool inline_work() const override { return false; }

 private:
  asio::thread_pool pool_;
};
#else
// An arena fed from outside reserves one place for the caller and the
// scheduler owns one worker less than it is allowed, so both are asked for
// explicitly; else two cores run one task.
class ArenaCompute final : public Compute {
 public:
  explicit ArenaCompute(int threads)
      : workers_(oneapi::tbb::global_control::max_allowed_parallelism,
                 static_cast<std::size_t>(threads) + 1),
        arena_(threads, /*reserved_for_masters=*/0) {}
  ~ArenaCompute() noexcept override {
    arena_.execute([this] { group_.wait(); });
  }
  void Run(std::function<void()> work) override {
    arena_.enqueue(group_.defer(std::move(work)));
  }
  bool inline_work() const override { return false; }

 private:
  oneapi::tbb::global_control workers_;
  oneapi::tbb::task_arena arena_;
  oneapi::tbb::task_group group_;
};
#endif

class InlineCompute final : public Compute {
 public:
  void Run(std::function<void()> work) override { work(); }
  bool inline_work() const override { return true; }
};

}  // namespace

std::unique_ptr<Compute> MakeArenaCompute(int threads) {
  return std::make_unique<ArenaCompute>(threads);
}

std::unique_ptr<Compute> MakeInlineCompute() {
  return std::make_unique<InlineCompute>();
}

}  // namespace coppice
