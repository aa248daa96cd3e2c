#include "proxy/net/dns_message.h"

#include <algorithm>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint16_t kTypeCname = 5;
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestLabel = 63;
constexpr unsigned kMostJumps = 127;  // one for each label a name can have
constexpr std::size_t kMostCnames = 16;
constexpr std::size_t kMostAddresses = 64;  // of one answer; more than anyone will dial

// Reads a message front to back. A read beyond the end gives zeros and makes ok() false for good.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

  bool ok() const { return ok_; }
  std::uint16_t u16() {
    const auto two = take(2);
    return two.empty() ? 0 : static_cast<std::uint16_t>(two[0] << 8 | two[1]);
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    if (!ok_ || message_.size() - at_ < count) {
      ok_ = false;
      return {};
    }
    at_ += count;
    return message_.subspan(at_ - count, count);
  }

  // A name in lower case, labels joined by dots. A compression pointer must point before the place where reading began
  // or was last led to (RFC 1035 4.1.4: "a prior occurrence"), so that it ends whatever the message says.
  std::string name() {
    std::string out;
    std::size_t at = at_;
    std::size_t limit = at_;
    unsigned jumps = 0;
    for (;;) {
      if (at >= message_.size()) return fail();
      const std::size_t length = message_[at];
      if ((length & 0xc0) == 0xc0) {
        if (at + 1 >= message_.size()) return fail();
        const std::size_t target = (length & 0x3f) << 8 | message_[at + 1];
        if (jumps == 0) at_ = at + 2;
        if (target >= limit || ++jumps > kMostJumps) return fail();
        at = limit = target;
        continue;
      }
      if (length > kLongestLabel) return fail();
      ++at;
      if (length == 0) break;
      if (message_.size() - at < length || out.size() + 1 + length > kLongestName + 1) return fail();
      if (!out.empty()) out += '.';
      for (std::size_t i = 0; i < length; ++i) {
        // A dot within a label must not look like one between labels.
        const char c = static_cast<char>(message_[at + i]);
        out += c == '.' ? '\0' : policy::to_lower(c);
      }
      at += length;
    }
    if (jumps == 0) at_ = at;
    return out;
  }

 private:
  std::string fail() {
    ok_ = false;
    return {};
  }

  std::span<const std::uint8_t> message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  Address address;    // A, AAAA
  std::string alias;  // CNAME
};

// The answer section's records that matter; false when malformed.
bool read_records(Reader& reader, unsigned count, DnsType type, std::vector<Record>& out) {
  for (unsigned i = 0; i < count; ++i) {
    Record record;
    record.owner = reader.name();
    record.type = reader.u16();
    const std::uint16_t record_class = reader.u16();
    record.ttl = reader.u32();
    if (record.ttl > 0x7fffffff) record.ttl = 0;  // RFC 2181 8
    const std::size_t length = reader.u16();
    Reader inside = reader;  // a name in the data may point back into the message
    const auto data = reader.take(length);
    if (!reader.ok()) return false;
    if (record_class != kClassInternet) continue;
    if (record.type == kTypeCname) {
      record.alias = inside.name();
      if (!inside.ok()) return false;
    } else if (record.type != static_cast<std::uint16_t>(type)) {
      continue;
    } else if (type == DnsType::a) {
      if (length != 4) return false;
      record.address = Address::v4(std::uint32_t{data[0]} << 24 | data[1] << 16 | data[2] << 8 | data[3]);
    } else {
      if (length != 16) return false;
      Address::Bytes bytes;
      std::copy(data.begin(), data.end(), bytes.begin());
      record.address = Address::v6(bytes);
    }
    out.push_back(std::move(record));
  }
  return true;
}

}  // namespace

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const char lower = policy::to_lower(c);
    if (!((lower >= 'a' && lower <= 'z') || policy::is_digit(c) || c == '-' || c == '_')) return false;
    if (++label > kLongestLabel) return false;
  }
  return label != 0;
}

std::vector<std::uint8_t> dns_question(std::string_view name, DnsType type, std::uint16_t id) {
  std::vector<std::uint8_t> out;
  out.reserve(kHeaderSize + name.size() + 6);
  const auto u16 = [&out](unsigned value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value & 0xff));
  };
  u16(id);
  u16(0x0100);  // a query, recursion desired
  u16(1);       // one question
  u16(0);
  u16(0);
  u16(0);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out.push_back(0);
  u16(static_cast<unsigned>(type));
  u16(kClassInternet);
  return out;
}

std::optional<DnsReply> read_dns_reply(std::span<const std::uint8_t> message, std::string_view name, DnsType type,
                                       std::uint16_t id) {
  Reader reader(message);
  const std::uint16_t its_id = reader.u16();
  const std::uint16_t flags = reader.u16();
  const unsigned questions = reader.u16();
  const unsigned answers = reader.u16();
  reader.u32();  // the counts of the other sections
  const bool is_answer_to_query = (flags & 0xf800) == 0x8000;
  // A server that could not read the question may leave it out of the error it reports.
  const unsigned rcode = flags & 0x000f;
  if (!reader.ok() || its_id != id || !is_answer_to_query) return std::nullopt;
  if (questions != 1) {
    if (questions != 0 || rcode == kDnsNoError || rcode == kDnsNoSuchName) return std::nullopt;
    return DnsReply{rcode, false, {}, 0};
  }
  const std::string asked = reader.name();
  const std::uint16_t asked_type = reader.u16();
  const std::uint16_t asked_class = reader.u16();
  if (!reader.ok() || asked != name || asked_type != static_cast<std::uint16_t>(type) ||
      asked_class != kClassInternet) {
    return std::nullopt;
  }

  DnsReply reply;
  reply.rcode = rcode;
  reply.truncated = (flags & 0x0200) != 0;
  if (reply.truncated || rcode != kDnsNoError) return reply;

  std::vector<Record> records;
  if (!read_records(reader, answers, type, records)) return std::nullopt;
  // Only what the name leads to counts; a record of another name is no business of this answer (RFC 5452 6).
  std::string current(name);
  std::uint32_t ttl = 0x7fffffff;
  for (std::size_t hops = 0; hops <= kMostCnames; ++hops) {
    const Record* alias = nullptr;
    for (const Record& record : records) {
      if (record.owner != current) continue;
      if (record.type == kTypeCname) {
        alias = &record;
      } else if (reply.addresses.size() < kMostAddresses) {
        reply.addresses.push_back(record.address);
        ttl = std::min(ttl, record.ttl);
      }
    }
    if (!reply.addresses.empty() || alias == nullptr) break;
    ttl = std::min(ttl, alias->ttl);
    current = alias->alias;
  }
  if (!reply.addresses.empty()) reply.ttl = ttl;
  return reply;
}

}  // namespace backoffd::proxy
