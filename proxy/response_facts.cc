#include "proxy/response_facts.h"

#include <array>

#include "proxy/net/loop.h"

namespace backoffd::proxy {

policy::Hint read_hint_of(const Head& head) {
  // A head with more hints than this is nonsense; the first ones tell as much.
  std::array<policy::FieldView, 24> fields;
  std::size_t count = 0;
  for (std::size_t i = 0; i < head.size() && count < fields.size(); ++i) {
    const Field field = head.field(i);
    if (field.id == FieldId::date || policy::is_hint_field(field.name)) fields[count++] = {field.name, field.value};
  }
  policy::ResponseFacts facts;
  facts.status = head.status();
  facts.fields = {fields.data(), count};
  facts.received = Loop::wall_now();
  return policy::read_hint(facts);
}

std::vector<policy::FieldView> all_fields(const Head& head) {
  std::vector<policy::FieldView> fields;
  fields.reserve(head.size());
  for (std::size_t i = 0; i < head.size(); ++i) {
    const Field field = head.field(i);
    fields.push_back({field.name, field.value});
  }
  return fields;
}

policy::ResponseFacts facts_of(const Head& head, const std::vector<policy::FieldView>& fields) {
  policy::ResponseFacts facts;
  facts.status = head.status();
  facts.fields = fields;
  facts.received = Loop::wall_now();
  return facts;
}

policy::BodyEnd body_end(const Framing& framing) {
  using Kind = policy::BodyEnd::Kind;
  switch (framing.kind) {
    case Framing::Kind::chunked:
      return {Kind::chunked, 0};
    case Framing::Kind::until_close:
      return {Kind::close, 0};
    default:
      return {Kind::length, framing.length};
  }
}

}  // namespace backoffd::proxy
