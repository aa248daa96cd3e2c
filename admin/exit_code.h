// How the program ends: one meaning a number, the same for every command. README and manual page bear this table.
#pragma once

#include <array>
#include <string_view>

namespace backoffd::admin {

// Converts to int by itself: that is what a process ends with.
enum ExitCode {
  kExitOk = 0,
  kExitFailed = 1,
  kExitWrongUse = 2,
  kExitNoProxy = 3,
  // exec, as other programs that run programs have it
  kExitOwnFailure = 125,
};

struct ExitMeaning {
  std::string_view status;
  std::string_view meaning;
};

inline constexpr std::array<ExitMeaning, 8> kExitMeanings = {{
    {"0", "done; `health`: the proxy serves; `check`: the configuration is good"},
    {"1", "failed: the configuration is wrong, the proxy refused, or it is not healthy; a sentence says which"},
    {"2", "wrong use: an unknown command, flag, gate or value"},
    {"3", "no proxy answers at the admin address (`health` says 1), or the one that was watched has gone"},
    {"125", "`exec`: the failure is ours"},
    {"126", "`exec`: the command cannot be executed"},
    {"127", "`exec`: there is no such command"},
    {"128+n", "`exec`: signal n ended the command; every other status is the command's own"},
}};

}  // namespace backoffd::admin
