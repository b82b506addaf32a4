#pragma once

// What a function marked so returns is valid no longer than its object: the
// compiler refuses a reference into a temporary one.
#if defined(__clang__)
#define COPPICE_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define COPPICE_LIFETIMEBOUND
#endif
