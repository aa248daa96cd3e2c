// A socket with a buffer each way. It reads while its input has room and writes while its output has bytes; nobody
// pauses or resumes it: back-pressure is a full buffer.
//
// Owned by whoever speaks the protocol on it; may be handed to another owner between messages. Loop's thread only.
// Everything that happens ends in Owner::progress(), level-triggered: the owner looks at the state and does what can
// be done. Output is written once at the end of the turn, straight to the socket; EV_WRITE is armed only after EAGAIN.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/net/handles.h"
#include "proxy/net/loop.h"
#include "proxy/net/transport.h"

namespace backoffd::proxy {

class Stream final : private Loop::EndOfTurn {
 public:
  class Owner {
   public:
    // Bytes came, room came, the peer ended, the stream failed, or its deadline passed.
    virtual void progress() = 0;

   protected:
    ~Owner() = default;
  };

  Stream(Loop& loop, Fd fd, Owner* owner);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void set_owner(Owner* owner) { owner_ = owner; }
  Loop& loop() const { return loop_; }
  int fd() const { return fd_.get(); }

  // Whoever takes from in() or adds to out() calls touch() after it.
  evbuffer* in() { return in_.get(); }
  evbuffer* out() { return out_.get(); }
  std::size_t in_size() const { return evbuffer_get_length(in_.get()); }
  std::size_t out_size() const { return evbuffer_get_length(out_.get()); }
  void touch();

  // How much may wait in in(); 0 stops reading, so that the kernel's buffers fill.
  void set_in_limit(std::size_t bytes);
  // progress() is called when out() has fallen below this after having been at or above it.
  std::size_t out_room(std::size_t limit) {
    const std::size_t size = out_size();
    if (size < limit) return limit - size;
    wants_room_ = true;
    return 0;
  }

  // progress() is called once everything in out() has been written to the kernel.
  void tell_when_flushed() { wants_room_ = true; }

  bool read_ended() const { return read_ended_; }  // the peer sends no more; in() may still hold its last bytes
  bool failed() const { return failed_; }          // reading ended by a reset or an error
  // failed(), but by nothing worse than an end that TLS does not vouch for. What has come before it is in in().
  bool cut_short() const { return failed_ && transport_ && transport_->cut_short(); }
  // Nothing more can be written. The peer's last words may still be readable: a server that refuses an upload answers,
  // then resets.
  bool write_failed() const { return write_failed_ || failed_; }
  bool write_ended() const { return write_ended_; }
  bool flushed() const { return out_size() == 0 && !(transport_ && transport_->has_output()); }  // all is the kernel's
  // Bytes have come that nobody has taken: in in(), or on their way to it in the transport.
  bool holds_input() const { return in_size() > 0 || (transport_ && transport_->has_input()); }
  // What the peer gave as its reason to end the connection, if it gave one (a TLS alert).
  std::string reason() const { return transport_ ? transport_->reason() : std::string(); }

  // No more output after what is in out(): FIN (or close_notify) follows it.
  void end_write();
  // The same without close_notify: what went before it may not be all there was.
  void cut_write() {
    end_said_ = true;
    end_write();
  }
  // What the kernel knows about a peer whose bytes nobody reads: has it ended its side, has it gone altogether (RST)?
  bool peer_ended() const;
  bool peer_reset() const;

  // progress() is called with timed_out() once this has passed; one deadline a stream.
  void set_deadline(Duration after) {
    timed_out_ = false;
    timer_.arm(after);
  }
  void clear_deadline() {
    timed_out_ = false;
    timer_.disarm();
  }
  bool timed_out() const { return timed_out_; }

  // Everything but plain TCP comes from here. What is in in() and out() is not touched: the caller has seen to it.
  void set_transport(std::unique_ptr<Transport> transport);

  // Raw mode: bytes are moved past the buffers (splice). The stream then only tells of readiness, through progress().
  // REQUIRES: a plain transport.
  bool can_be_raw() const { return !transport_ && !failed_; }
  void set_raw(bool raw);
  bool raw_readable() const { return raw_readable_; }
  bool raw_writable() const { return raw_writable_; }
  void raw_read_blocked();  // EAGAIN met: wait for the next readiness
  void raw_write_blocked();
  void raw_read_ended() {
    read_ended_ = true;
    raw_readable_ = false;
    update_events();
  }
  // Calls progress() in a coming turn although nothing changes: there was more to move than one turn's share.
  void raw_again() { event_active(readable_.get(), EV_READ, 0); }
  void raw_failed() {
    failed_ = true;
    update_events();
  }

  std::uint64_t bytes_written() const { return bytes_written_; }

  // What the peer's kernel has acknowledged so far, and whether that is all there is. Costs a system call.
  struct Taken {
    std::uint64_t bytes = 0;
    bool all = true;
  };
  Taken taken() const;

 private:
  void on_ready(short what);
  void on_deadline();
  void fill();
  void flush();
  void end_of_turn() override;
  void update_events();
  bool wants_write() const;
  void shut_if_flushed();
  friend EventPtr make_event<Stream, &Stream::on_ready>(Loop&, int, short, Stream*);

  // constant after construction
  Loop& loop_;
  Fd fd_;

  Owner* owner_;
  std::unique_ptr<Transport> transport_;
  BufferPtr in_;
  BufferPtr out_;
  EventPtr readable_;
  EventPtr writable_;  // made at the first EAGAIN
  Timer timer_;
  std::size_t in_limit_ = 64 << 10;
  std::uint64_t bytes_written_ = 0;
  bool reads_large_ = false;  // the last read was a large one
  bool reading_ = false;      // readable_ is added
  bool writing_ = false;      // writable_ is added
  bool touched_ = false;
  bool wants_room_ = false;
  bool read_ended_ = false;
  bool failed_ = false;
  bool write_failed_ = false;
  bool ending_write_ = false;
  bool end_said_ = false;  // the transport has been told
  bool write_ended_ = false;
  bool timed_out_ = false;
  bool raw_ = false;
  bool raw_readable_ = false;
  bool raw_writable_ = false;
};

}  // namespace backoffd::proxy
