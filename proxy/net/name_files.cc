#include "proxy/net/name_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "policy/text.h"
#include "proxy/net/dns_message.h"

namespace backoffd::proxy {

namespace {

constexpr Duration kLookEvery = std::chrono::seconds(1);
constexpr std::size_t kLongestFile = 16 << 20;
constexpr std::uint16_t kDnsPort = 53;
// The C library's own bounds (MAXNS, RES_MAXNDOTS, RES_MAXRETRY, RES_MAXRETRANS).
constexpr std::size_t kMostNameservers = 3;
constexpr unsigned kMostNdots = 15;
constexpr unsigned kMostAttempts = 5;
constexpr unsigned kLongestTimeout = 30;

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

std::string_view next_word(std::string_view& line) {
  constexpr const char* kSpace = " \t\r\f\v";
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

std::string lower_without_root_dot(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), policy::to_lower);
  return out;
}

void read_option(std::string_view option, ResolvConf& conf) {
  const auto number = [&option](std::string_view key, unsigned least, unsigned most) -> std::optional<unsigned> {
    if (option.substr(0, key.size()) != key) return std::nullopt;
    const auto value = policy::parse_unsigned(option.substr(key.size()));
    if (!value) return std::nullopt;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(*value, least, most));
  };
  if (const auto n = number("ndots:", 0, kMostNdots)) conf.ndots = *n;
  if (const auto n = number("attempts:", 1, kMostAttempts)) conf.attempts = *n;
  if (const auto n = number("timeout:", 1, kLongestTimeout)) conf.timeout = std::chrono::seconds(*n);
}

}  // namespace

HostsTable parse_hosts(std::string_view text) {
  HostsTable table;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    line = line.substr(0, line.find('#'));
    const auto address = Address::parse(next_word(line));
    if (!address) continue;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      auto& list = table[lower_without_root_dot(word)];
      if (std::find(list.begin(), list.end(), *address) == list.end()) list.push_back(*address);
    }
  }
  return table;
}

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    line = line.substr(0, line.find_first_of("#;"));
    const std::string_view keyword = next_word(line);
    if (keyword == "nameserver") {
      const auto address = Address::parse(next_word(line));
      if (address && conf.nameservers.size() < kMostNameservers) conf.nameservers.push_back({*address, kDnsPort});
    } else if (keyword == "search" || keyword == "domain") {
      conf.search.clear();  // the last of them counts
      for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
        const std::string domain = lower_without_root_dot(word);
        if (is_dns_name(domain)) conf.search.push_back(domain);
      }
    } else if (keyword == "options") {
      for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) read_option(word, conf);
    }
  }
  if (conf.nameservers.empty()) conf.nameservers.push_back({Address::v4(0x7f000001), kDnsPort});
  return conf;
}

std::vector<std::string> search_candidates(std::string_view host, const ResolvConf& conf) {
  const std::string name = lower_without_root_dot(host);
  if (!host.empty() && host.back() == '.') return {name};
  std::vector<std::string> candidates;
  for (const std::string& domain : conf.search) {
    std::string full(name);
    full.append(1, '.').append(domain);
    if (is_dns_name(full)) candidates.push_back(std::move(full));
  }
  const auto dots = static_cast<unsigned>(std::count(name.begin(), name.end(), '.'));
  candidates.insert(dots >= conf.ndots ? candidates.begin() : candidates.end(), name);
  return candidates;
}

std::optional<std::string> WatchedFile::read_if_changed(MonoTime now) {
  if (looked_ && now - *looked_ < kLookEvery) return std::nullopt;
  const bool first = !looked_;
  looked_ = now;

  struct stat is {};
  if (::stat(path_.c_str(), &is) != 0) is = {};
  const auto same = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  if (!first && is.st_ino == seen_.st_ino && is.st_size == seen_.st_size && same(is.st_mtim, seen_.st_mtim) &&
      same(is.st_ctim, seen_.st_ctim)) {
    return std::nullopt;
  }
  seen_ = is;

  std::string content;
  const Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char buffer[16 << 10];
  while (file && content.size() < kLongestFile) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n <= 0) break;
    content.append(buffer, static_cast<std::size_t>(n));
  }
  return content;
}

}  // namespace backoffd::proxy
