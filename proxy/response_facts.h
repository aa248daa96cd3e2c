// What policy/ may look at of a response head. Views into the head: they live as long as it does.
#pragma once

#include <vector>

#include "policy/facts.h"
#include "policy/hint.h"
#include "policy/resume.h"
#include "proxy/http/framing.h"
#include "proxy/http/head.h"

namespace backoffd::proxy {

// The hints of a response, without an allocation: only the fields a hint can stand in are looked at.
policy::Hint read_hint_of(const Head& head);

std::vector<policy::FieldView> all_fields(const Head& head);
policy::ResponseFacts facts_of(const Head& head, const std::vector<policy::FieldView>& fields);

policy::BodyEnd body_end(const Framing& framing);

}  // namespace backoffd::proxy
