// Values of the admin interface's JSON in words for people. Each takes what stands at a place, possibly nothing, from a
// process that may be of another version: what does not fit becomes "-". Pure functions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "admin/json.h"

namespace backoffd::admin {

// What stands at a path of members; a null value where nothing does.
const json::Value& at(const json::Value& root, std::initializer_list<std::string_view> path);

std::string text_of(const json::Value& value);  // "reducing"
double number_of(const json::Value& value);     // 0 where it is none
bool is_true(const json::Value& value);
std::string figure(const json::Value& value, std::string_view unit = "");  // "8.5/s"
std::string count(const json::Value& value);                               // "12,345"
std::string share(const json::Value& value);                               // 0.9625: "96.25 %"
std::string bytes_in_words(const json::Value& value);                      // "1.5 MiB"
std::string span(double seconds);                                          // "45 s", "3 h 12 min", "12 ms"
std::string span(const json::Value& seconds);

// "1 request", "2 requests"
std::string counted(const json::Value& value, std::string_view noun);

}  // namespace backoffd::admin
