#include "policy/wait_queue.h"

namespace backoffd::policy {

WaitQueue::Place WaitQueue::push(const Waiter& waiter) {
  Place place;
  if (free_.empty()) {
    place = static_cast<Place>(slots_.size());
    slots_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  slots_[place] = Slot{.waiter = waiter};
  join(place);
  deadlines_.emplace(waiter.deadline, place);
  return place;
}

void WaitQueue::take(Place place) {
  ClientLine* const mine = slots_[place].client_line;
  if (lines_[mine->line] == mine) lines_[mine->line] = mine->next;
  expire(place);
}

void WaitQueue::expire(Place place) {
  unlink(place);
  deadlines_.erase({slots_[place].waiter.deadline, place});
}

void WaitQueue::release(Place place) {
  if (waiting(place)) expire(place);
  free_.push_back(place);
  if (free_.size() < slots_.size()) return;
  *this = WaitQueue();  // nobody is left: a key that was crowded once shall not stay large
}

void WaitQueue::move(Place place, std::uint32_t lane) {
  unlink(place);
  slots_[place].waiter.lane = lane;
  join(place);
}

WaitQueue::Place WaitQueue::front(std::uint32_t lane, bool retry) const {
  const std::uint32_t line = lane * 2 + (retry ? 1 : 0);
  if (line >= lines_.size() || lines_[line] == nullptr) return kNobody;
  return lines_[line]->head;
}

void WaitQueue::join(Place place) {
  Slot& slot = slots_[place];
  const std::uint32_t line = line_of(slot.waiter);
  if (line >= lines_.size()) lines_.resize((std::size_t{slot.waiter.lane} + 1) * 2, nullptr);

  auto [it, is_new] = clients_.try_emplace(Key{slot.waiter.client, line});
  ClientLine& mine = it->second;
  if (is_new) {
    mine.client = slot.waiter.client;
    mine.line = line;
    if (ClientLine* const turn = lines_[line]) {  // last in the ring: just before whose turn it is
      mine.next = turn;
      mine.previous = turn->previous;
      mine.previous->next = &mine;
      turn->previous = &mine;
    } else {
      mine.next = mine.previous = &mine;
      lines_[line] = &mine;
    }
  }
  slot.client_line = &mine;
  slot.previous = mine.tail;
  slot.next = kNobody;
  (mine.tail == kNobody ? mine.head : slots_[mine.tail].next) = place;
  mine.tail = place;
}

void WaitQueue::unlink(Place place) {
  Slot& slot = slots_[place];
  ClientLine& mine = *slot.client_line;
  (slot.previous == kNobody ? mine.head : slots_[slot.previous].next) = slot.next;
  (slot.next == kNobody ? mine.tail : slots_[slot.next].previous) = slot.previous;
  slot.client_line = nullptr;
  if (mine.head != kNobody) return;

  if (mine.next == &mine) {
    lines_[mine.line] = nullptr;
  } else {
    if (lines_[mine.line] == &mine) lines_[mine.line] = mine.next;
    mine.previous->next = mine.next;
    mine.next->previous = mine.previous;
  }
  clients_.erase(Key{mine.client, mine.line});
}

}  // namespace backoffd::policy
