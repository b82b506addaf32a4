#pragma once

namespace coppice::eval {

// {port} of a slot (SPEC §2 evaluation.env).
constexpr int PortOfSlot(int slot) { return 9000 + slot; }

// Could a server bind it now, on every address of this machine?
bool PortIsFree(int port);

}  // namespace coppice::eval
