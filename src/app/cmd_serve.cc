#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/serve_server.h"

// serve: the page of a run, live, for a browser on this machine.

namespace coppice::app {

int Serve(const Global& global, const ServeOptions& options) {
  Result<Follower> followed = Follower::Open(global, options.run);
  if (!followed) return Fail(global, followed.error());
  const std::unique_ptr<Clock> clock = MakeRealClock();
  asio::io_context io(1);
  ServeRun run(std::move(*followed), *clock);
  auto server = ServeServer::Listen(io.get_executor(), run, options.port);
  if (!server) return Fail(global, server.error());
  if (global.output == OutputMode::kJson) {
    Print(DumpCanonical(
        Json{{"run", run.state().run()}, {"url", (*server)->url()}}));
  } else {
    Print(fmt::format("run {} of {}: {}", run.state().run(),
                      run.state().spec().name, (*server)->url()));
    Say("for browsers on this machine alone; Ctrl-C ends the page, never the "
        "run");
  }
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) (*server)->Stop();
  });
  Result<void> served = Ok();
  auto serve = [&]() -> Task<void> {
    served = co_await (*server)->Run();
    signals.cancel();
  };
  asio::co_spawn(io, serve(), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
  return served ? kDone : Fail(global, served.error());
}

}  // namespace coppice::app
