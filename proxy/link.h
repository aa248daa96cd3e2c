// A place in a list that is part of what stands in it: joining and leaving are a few stores and no allocation. One that
// is in no list is an empty list itself, so that the head of a list is a Link too. Not thread-safe.
#pragma once

namespace backoffd::proxy {

class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() {
    before_->after_ = after_;
    after_->before_ = before_;
  }

  // At the end of the list with this head. REQUIRES: in no list.
  void join(Link& head) {
    before_ = head.before_;
    after_ = &head;
    before_->after_ = this;
    head.before_ = this;
  }
  Link* after() const { return after_; }

 private:
  Link* before_ = this;
  Link* after_ = this;
};

}  // namespace backoffd::proxy
