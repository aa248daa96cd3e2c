// Asks one running proxy for the commands, and puts what can go wrong into a sentence and an exit code.
#pragma once

#include <string>

#include "admin/command_result.h"
#include "admin/config.h"
#include "admin/json.h"
#include "policy/time.h"

namespace backoffd::admin {

// An answer, or why there is none.
struct Reply {
  std::string text;       // as it came
  json::Value json;       // the same, read
  int status = 0;         // 0: nobody answered
  CommandResult failure;  // where its exit code is not kExitOk there is neither text nor json

  explicit operator bool() const { return failure.exit_code == kExitOk; }
};

class AdminClient {
 public:
  // `patience`: of each call. `cancel`: a descriptor; once it can be read, calls are given up; -1: none.
  AdminClient(AdminConfig admin, policy::Duration patience, int cancel = -1)
      : admin_(std::move(admin)), patience_(patience), cancel_(cancel) {}

  // `about` is what a refusal is about, as the person named it: "gate", "\"a@b\"".
  Reply get(const std::string& path, const std::string& about) const;
  // With the token, which is read only now: who only looks need not be able to.
  Reply post(const std::string& path, const std::string& body, const std::string& about) const;

  std::string address() const;  // as it is called

 private:
  Reply ask(const std::string& method, const std::string& path, const std::string& body, const std::string& token,
            const std::string& about) const;

  const AdminConfig admin_;
  const policy::Duration patience_;
  const int cancel_;
};

// For one segment of a path.
std::string percent_encoded(std::string_view text);

}  // namespace backoffd::admin
