#include "proxy/response_body.h"

#include <utility>
#include <vector>

#include "proxy/response_facts.h"

namespace backoffd::proxy {

ResponseBody::ResponseBody(Worker& worker, const Head& head, Framing upstream, Framing client)
    : upstream_(upstream), client_(client), relay_(worker, head, upstream, client) {}

void ResponseBody::let_resume(std::string_view method, const Head& head) {
  const std::vector<policy::FieldView> fields = all_fields(head);
  point_ = policy::ResumePoint(method, facts_of(head, fields), body_end(upstream_));
}

ResponseBody::Break ResponseBody::broke() {
  return {point_.resumable(delivered()), delivered() > std::exchange(broke_at_, delivered())};
}

std::optional<std::uint64_t> ResponseBody::continue_with(const Head& head, Framing upstream) {
  const std::vector<policy::FieldView> fields = all_fields(head);
  const policy::Continuation next = point_.check(facts_of(head, fields), body_end(upstream), delivered());
  if (next.kind == policy::Continuation::Kind::other) return std::nullopt;
  relay_.continue_with(head, upstream, next.discard, next.left);
  // A whole answer brings all that the client has once more.
  return next.kind == policy::Continuation::Kind::go_on ? delivered() : 0;
}

}  // namespace backoffd::proxy
