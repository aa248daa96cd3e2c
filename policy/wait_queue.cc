#include "policy/wait_queue.h"

namespace backoffd::policy {

WaitQueue::Place WaitQueue::push(const Waiter& waiter) {
  if (!crowd_) crowd_ = std::make_unique<Crowd>();
  Place place;
  if (crowd_->free.empty()) {
    place = static_cast<Place>(crowd_->slots.size());
    crowd_->slots.emplace_back();
  } else {
    place = crowd_->free.back();
    crowd_->free.pop_back();
  }
  crowd_->slots[place] = Slot{.waiter = waiter};
  join(place);
  crowd_->deadlines.emplace(waiter.deadline, place);
  return place;
}

void WaitQueue::take(Place place) {
  ClientLine* const mine = crowd_->slots[place].client_line;
  if (crowd_->lines[mine->line] == mine) crowd_->lines[mine->line] = mine->next;
  expire(place);
}

void WaitQueue::expire(Place place) {
  unlink(place);
  crowd_->deadlines.erase({crowd_->slots[place].waiter.deadline, place});
}

void WaitQueue::release(Place place) {
  if (waiting(place)) expire(place);
  crowd_->free.push_back(place);
  if (crowd_->free.size() == crowd_->slots.size()) crowd_.reset();
}

void WaitQueue::move(Place place, std::uint32_t lane) {
  unlink(place);
  crowd_->slots[place].waiter.lane = lane;
  join(place);
}

WaitQueue::Place WaitQueue::front(std::uint32_t lane, bool retry) const {
  const std::uint32_t line = lane * 2 + (retry ? 1 : 0);
  if (!crowd_ || line >= crowd_->lines.size() || crowd_->lines[line] == nullptr) return kNobody;
  return crowd_->lines[line]->head;
}

void WaitQueue::join(Place place) {
  Slot& slot = crowd_->slots[place];
  const std::uint32_t line = line_of(slot.waiter);
  if (line >= crowd_->lines.size()) crowd_->lines.resize((std::size_t{slot.waiter.lane} + 1) * 2, nullptr);

  auto [it, is_new] = crowd_->clients.try_emplace(Key{slot.waiter.client, line});
  ClientLine& mine = it->second;
  if (is_new) {
    mine.client = slot.waiter.client;
    mine.line = line;
    if (ClientLine* const turn = crowd_->lines[line]) {  // last in the ring: just before whose turn it is
      mine.next = turn;
      mine.previous = turn->previous;
      mine.previous->next = &mine;
      turn->previous = &mine;
    } else {
      mine.next = mine.previous = &mine;
      crowd_->lines[line] = &mine;
    }
  }
  slot.client_line = &mine;
  slot.previous = mine.tail;
  slot.next = kNobody;
  (mine.tail == kNobody ? mine.head : crowd_->slots[mine.tail].next) = place;
  mine.tail = place;
}

void WaitQueue::unlink(Place place) {
  Slot& slot = crowd_->slots[place];
  ClientLine& mine = *slot.client_line;
  (slot.previous == kNobody ? mine.head : crowd_->slots[slot.previous].next) = slot.next;
  (slot.next == kNobody ? mine.tail : crowd_->slots[slot.next].previous) = slot.previous;
  slot.client_line = nullptr;
  if (mine.head != kNobody) return;

  if (mine.next == &mine) {
    crowd_->lines[mine.line] = nullptr;
  } else {
    if (crowd_->lines[mine.line] == &mine) crowd_->lines[mine.line] = mine.next;
    mine.previous->next = mine.next;
    mine.next->previous = mine.previous;
  }
  crowd_->clients.erase(Key{mine.client, mine.line});
}

}  // namespace backoffd::policy
