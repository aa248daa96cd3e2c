#include "policy/window.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace backoffd::policy {
namespace {

constexpr std::int64_t kHalf = std::int64_t{1} << 31;

}  // namespace

Duration Window::margin(Duration window) { return std::min(kMarginMost, from_seconds(kMarginShare * seconds(window))); }

Window::Window(const Rate& rate, int marks)
    : per_second_(rate.per_second()),
      count_(std::max<std::int64_t>(1, std::llround(std::floor(rate.count())))),
      length_(rate.window()),
      stride_((count_ + marks - 1) / marks) {
  if (static_cast<double>(count_) != rate.count())
    length_ = from_seconds(seconds(length_) * static_cast<double>(count_) / rate.count());
  length_ += margin(length_);
  while (length_ / tick_ > kHalf) tick_ *= 10;
  marks_.resize(static_cast<std::size_t>((count_ + stride_ - 1) / stride_));
}

MonoTime Window::next_time(MonoTime now) const {
  if (taken_ < count_) return now;
  // The mark at or after request taken_ - count_. One of the last size() marks, since the last count_ requests hold no
  // more multiples of stride_ than that.
  const std::int64_t mark = (taken_ - count_ + stride_ - 1) / stride_;
  return std::max(now, base_ + tick_ * std::int64_t{marks_[static_cast<std::size_t>(mark) % marks_.size()]} + length_);
}

// The base follows by half of what a mark can tell, at least a length: what was before it is over.
Window::Mark Window::mark(MonoTime now) {
  if (taken_ == 0) base_ = now;
  std::int64_t ticks = (now - base_ + tick_ - Duration(1)) / tick_;
  if (ticks > std::numeric_limits<Mark>::max()) {
    const std::int64_t passed = ticks - kHalf;
    for (Mark& mark : marks_) mark = static_cast<Mark>(std::max<std::int64_t>(0, mark - passed));
    base_ += tick_ * passed;
    ticks -= passed;
  }
  return static_cast<Mark>(ticks);
}

void Window::take(MonoTime now) {
  if (taken_ % stride_ == 0) {
    const Mark mark = this->mark(now);
    marks_[static_cast<std::size_t>(taken_ / stride_) % marks_.size()] = mark;
  }
  ++taken_;
}

Windows::Windows(const std::vector<Rate>& rates, int marks_each) {
  windows_.reserve(rates.size());
  for (const Rate& rate : rates) windows_.emplace_back(rate, marks_each);
}

MonoTime Windows::next_time(MonoTime now, int skip) const {
  MonoTime at = now;
  for (int i = 0; i < size(); ++i)
    if (i != skip) at = std::max(at, windows_[static_cast<std::size_t>(i)].next_time(now));
  return at;
}

void Windows::take(MonoTime now) {
  for (Window& window : windows_) window.take(now);
}

int Windows::fastest() const {
  int best = kNone;
  for (int i = 0; i < size(); ++i)
    if (best == kNone ||
        windows_[static_cast<std::size_t>(i)].per_second() > windows_[static_cast<std::size_t>(best)].per_second())
      best = i;
  return best;
}

double Windows::fastest_rate() const {
  const int i = fastest();
  return i == kNone ? 0 : windows_[static_cast<std::size_t>(i)].per_second();
}

double Windows::slowest_rate() const {
  double slowest = 0;
  for (const Window& window : windows_)
    slowest = slowest > 0 ? std::min(slowest, window.per_second()) : window.per_second();
  return slowest;
}

}  // namespace backoffd::policy
