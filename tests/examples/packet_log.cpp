/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet log, as a plugin in C++17: what each worker was given, as tab-separated lines.
 *
 *   g++ -std=c++17 -O2 -Wall -Wextra -fPIC -shared $(pkg-config --cflags flowbalancer) \
 *       -o packet_log_cpp.so packet_log.cpp
 *   flow-balancer run -r trace.pcap -w 4 --inspector ./packet_log_cpp.so:DIR
 *
 * DIR/worker-K.tsv, a line a packet:
 *   frame flow flow_seq dir src src_port dst dst_port proto payload_len flags
 * DIR/flows-K.tsv, a line when a flow ends; packets and bytes of payload as this process saw them:
 *   frame flow reason src src_port dst dst_port proto packets bytes
 *
 * src is the sender of the flow's first packet; dir is 1 where a packet goes the other way.
 *
 * The worker is written in C: no exception may leave a function that it calls. Here each of them
 * is a call of guarded(), which turns what was thrown into what the worker understands.
 */
#include <flow_balancer/inspector.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace {

// Thrown where the output cannot be written now: the worker makes the same call again.
struct OutputFailed {};

[[noreturn]] void throw_errno(const std::string &what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// ---- files --------------------------------------------------------------------------------------

// A descriptor that is closed by who owns it last.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {
    }
    Descriptor(Descriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {
    }
    Descriptor &operator=(Descriptor &&other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0)
            close(number_);
    }
    int get() const {
        return number_;
    }

  private:
    int number_ = -1;
};

// A file of lines that only grows. A line is written with one write(), without a buffer: it has
// left the process when the packet is finished.
class Lines {
  public:
    Lines() = default;

    // Throws std::system_error.
    explicit Lines(std::string path)
        : path_(std::move(path)),
          file_(open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
        if (file_.get() < 0)
            throw_errno("cannot open " + path_);
        size_ = whole_lines();
        if (ftruncate(file_.get(), size_) != 0)
            throw_errno("cannot cut " + path_);
    }

    // A full disk is not the packet's fault. Nothing is left of a line that could not be written.
    void write(std::string_view line, const fb_host *host) {
        ssize_t written = ::write(file_.get(), line.data(), line.size());
        if (written == static_cast<ssize_t>(line.size())) {
            size_ += written;
            if (std::exchange(waits_, false))
                host->log(host, FB_HOST_INFO, "%s can be written again", path_.c_str());
            return;
        }
        const char *why = written < 0 ? std::strerror(errno) : "no room for a whole line";
        if (!std::exchange(waits_, true))
            host->log(host, FB_HOST_ERROR, "cannot write %s: %s: waiting until it can",
                      path_.c_str(), why);
        if (written > 0 && ftruncate(file_.get(), size_) != 0)
            throw_errno("cannot cut " + path_);
        throw OutputFailed();
    }

  private:
    // How long it is without the part of a line that a killed process left.
    off_t whole_lines() const {
        std::array<char, 512> tail; // more than the longest line
        const off_t size = lseek(file_.get(), 0, SEEK_END);
        if (size < 0)
            throw_errno(path_);
        const auto n = std::min<off_t>(size, tail.size());
        if (pread(file_.get(), tail.data(), static_cast<size_t>(n), size - n) != n)
            throw_errno("cannot read " + path_);
        const auto newline = std::string_view(tail.data(), static_cast<size_t>(n)).rfind('\n');
        if (newline != std::string_view::npos)
            return size - n + static_cast<off_t>(newline) + 1;
        if (n == static_cast<off_t>(tail.size())) {
            errno = EINVAL;
            throw_errno("not a file of lines: " + path_);
        }
        return 0;
    }

    std::string path_;
    Descriptor file_;
    off_t size_ = 0; // of its whole lines
    bool waits_ = false;
};

// ---- lines --------------------------------------------------------------------------------------

void add_address(std::string &line, const std::uint8_t *a, unsigned layer) {
    std::array<char, INET6_ADDRSTRLEN> text{"-"};
    if (layer == FB_LAYER_IP4 || layer == FB_LAYER_IP6)
        inet_ntop(layer == FB_LAYER_IP4 ? AF_INET : AF_INET6, a, text.data(), text.size());
    else if (layer == FB_LAYER_MAC)
        std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2],
                      a[3], a[4], a[5]);
    line += text.data();
}

// "SRC SRC_PORT DST DST_PORT" with tabs between.
void add_ends(std::string &line, const fb_flow &flow) {
    add_address(line, flow.src, flow.layer);
    line += '\t' + std::to_string(flow.src_port) + '\t';
    add_address(line, flow.dst, flow.layer);
    line += '\t' + std::to_string(flow.dst_port);
}

// "start,gap", or "-". The lists of names are in flow.h, for X macros like this one.
void add_flags(std::string &line, unsigned flags) {
    static constexpr const char *names[] = {
#define X(id, name) name,
        FB_DESC_FLAGS(X)
#undef X
    };
    const char *separator = "";
    for (unsigned bit = 0; bit < FB_DESC_FLAG_COUNT; bit++)
        if ((flags >> bit & 1u) != 0) {
            line += separator;
            line += names[bit];
            separator = ",";
        }
    if (*separator == '\0')
        line += '-';
}

const char *reason_name(std::uint32_t reason) {
    static constexpr const char *names[] = {
#define X(id, name, text) name,
        FB_END_REASONS(X)
#undef X
    };
    // A later version may know more reasons than this file was compiled with.
    return reason < FB_END_COUNT ? names[reason] : "?";
}

// ---- the log ------------------------------------------------------------------------------------

// What is kept for each flow: zeroed by the worker, never constructed. No pointers, so FLAT.
struct FlowState {
    std::uint64_t packets, bytes;
};
static_assert(std::is_trivial_v<FlowState>);

class PacketLog {
  public:
    enum Counter { PACKETS, PAYLOAD_BYTES, FLOWS_ENDED, COUNTERS };
    static constexpr const char *stat_names[] = {"packets", "payload_bytes", "flows_ended",
                                                 nullptr};

    PacketLog(const fb_host *host, std::string directory)
        : host_(host), directory_(std::move(directory)) {
        // All that can fail fails here, before packets wait for this worker.
        if (mkdir(directory_.c_str(), 0777) != 0 && errno != EEXIST)
            throw_errno("cannot make the directory " + directory_);
        if (access(directory_.c_str(), W_OK | X_OK) != 0)
            throw_errno("cannot use the directory " + directory_);
    }

    const fb_host *host() const {
        return host_;
    }

    void claimed(const fb_instance &instance) {
        worker_ = std::to_string(instance.worker);
        open_files();
    }

    void packet(FlowState &flow, const fb_packet &packet) {
        line_.clear();
        line_ += std::to_string(packet.frame) + '\t' + std::to_string(packet.flow->id) + '\t' +
                 std::to_string(packet.flow_seq) + '\t' + std::to_string(packet.dir) + '\t';
        add_ends(line_, *packet.flow);
        line_ +=
            '\t' + std::to_string(packet.proto) + '\t' + std::to_string(packet.payload_len) + '\t';
        add_flags(line_, packet.flags);
        line_ += '\n';
        packets_.write(line_, host_); // throws before anything has changed: the call is made again
        flow.packets++;
        flow.bytes += packet.payload_len;
        counters_[PACKETS]++;
        counters_[PAYLOAD_BYTES] += packet.payload_len;
        gaps_ += packet.gap;
    }

    void flow_end(const FlowState &flow, const fb_flow_end &end) {
        line_.clear();
        line_ += std::to_string(end.frame) + '\t' + std::to_string(end.flow->id) + '\t' +
                 reason_name(end.reason) + '\t';
        add_ends(line_, *end.flow);
        line_ += '\t' + std::to_string(end.flow->proto) + '\t' + std::to_string(flow.packets) +
                 '\t' + std::to_string(flow.bytes) + '\n';
        ends_.write(line_, host_);
        counters_[FLOWS_ENDED]++;
    }

    void tick() {
        const auto lost = gaps_ - std::exchange(gaps_told_, gaps_);
        if (lost != 0)
            host_->log(host_, FB_HOST_WARNING, "%s packets of these flows were lost in 10 s",
                       std::to_string(lost).c_str());
    }

    // Both are open before either takes the place of what was open: a reload that fails changes
    // nothing.
    void open_files() {
        Lines packets(directory_ + "/worker-" + worker_ + ".tsv");
        Lines ends(directory_ + "/flows-" + worker_ + ".tsv");
        packets_ = std::move(packets);
        ends_ = std::move(ends);
    }

    void stats(std::uint64_t *values) const {
        std::copy(counters_.begin(), counters_.end(), values);
    }

  private:
    const fb_host *host_;
    std::string directory_, worker_;
    Lines packets_, ends_;
    std::string line_; // kept, so that a line needs no allocation
    std::array<std::uint64_t, COUNTERS> counters_{};
    std::uint64_t gaps_ = 0, gaps_told_ = 0;
};

// ---- what the worker calls ----------------------------------------------------------------------

// Calls what may throw, and says in C how it went. Anything but 0 and FB_OUTPUT_FAILED ends the
// worker, after one line logged.
template <typename Call>
int guarded(const fb_host *host, Call call) noexcept {
    try {
        call();
        return 0;
    } catch (const OutputFailed &) {
        return FB_OUTPUT_FAILED;
    } catch (const std::system_error &error) {
        host->log(host, FB_HOST_ERROR, "%s", error.what());
        return error.code().value() > 0 ? -error.code().value() : -EIO;
    } catch (const std::bad_alloc &) {
        host->log(host, FB_HOST_ERROR, "no memory");
        return -ENOMEM;
    } catch (const std::exception &error) {
        host->log(host, FB_HOST_ERROR, "%s", error.what());
        return -EIO;
    } catch (...) {
        host->log(host, FB_HOST_ERROR, "an exception that is none of std");
        return -EIO;
    }
}

PacketLog &log_of(void *self) {
    return *static_cast<PacketLog *>(self);
}

int log_open(fb_setup *setup) {
    if (setup->args == nullptr || *setup->args == '\0') {
        setup->host->log(setup->host, FB_HOST_ERROR,
                         "the directory is missing: write packet_log_cpp.so:DIR");
        return -EINVAL;
    }
    return guarded(setup->host, [setup] {
        auto log = std::make_unique<PacketLog>(setup->host, setup->args);
        setup->state_bytes = sizeof(FlowState);
        setup->state_kind = FB_STATE_FLAT;
        setup->state_version = 1;
        setup->needs = FB_NEEDS_FILES;
        setup->tick_ms = 10000;
        setup->stats = PacketLog::stat_names;
        setup->self = log.release(); // the worker's until log_close()
    });
}

int log_claimed(void *self, const fb_instance *instance) {
    return guarded(log_of(self).host(), [=] { log_of(self).claimed(*instance); });
}

int log_packet(void *self, void *state, const fb_packet *packet) {
    return guarded(log_of(self).host(),
                   [=] { log_of(self).packet(*static_cast<FlowState *>(state), *packet); });
}

int log_flow_end(void *self, void *state, const fb_flow_end *end) {
    return guarded(log_of(self).host(),
                   [=] { log_of(self).flow_end(*static_cast<const FlowState *>(state), *end); });
}

int log_tick(void *self, std::uint64_t) {
    return guarded(log_of(self).host(), [=] { log_of(self).tick(); });
}

// After a rotation: mv DIR/worker-K.tsv elsewhere, then flow-balancer reload, or SIGHUP.
int log_reload(void *self) {
    return guarded(log_of(self).host(), [=] { log_of(self).open_files(); });
}

void log_stats(void *self, std::uint64_t *values) {
    log_of(self).stats(values);
}

void log_close(void *self) {
    delete &log_of(self);
}

} // namespace

// Before C++20 members have no names here: all are given, in the order of inspector.h.
FB_PLUGIN = {
    FB_INSPECTOR_HEAD,
    "packet_log_cpp",
    "1",
    "packet_log_cpp.so:DIR: a line a packet in DIR/worker-K.tsv, a line a flow in flows-K.tsv",
    log_open,
    log_claimed,
    nullptr, // flow_start: the state of a flow is zero before its first packet, which is enough
    log_packet,
    log_flow_end,
    log_tick,
    log_reload,
    log_stats,
    log_close,
};
