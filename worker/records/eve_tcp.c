/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/eve_tcp.h"

/* What a packet is, by the flag that says most. */
enum kind { KIND_ACK, KIND_SYN, KIND_SYN_ACK, KIND_FIN, KIND_RST, KIND_COUNT };

static enum kind kind_of(uint8_t flags) {
    if ((flags & EVE_TCP_RST) != 0)
        return KIND_RST;
    if ((flags & EVE_TCP_SYN) != 0)
        return (flags & EVE_TCP_ACK) != 0 ? KIND_SYN_ACK : KIND_SYN;
    return (flags & EVE_TCP_FIN) != 0 ? KIND_FIN : KIND_ACK;
}

/* NONE, which nothing leads to: it stays what it is. */
static const uint8_t after_client[EVE_TCP_STATE_COUNT][KIND_COUNT] = {
    [EVE_TCP_NONE] = {[KIND_SYN] = EVE_TCP_SYN_SENT,
                      [KIND_SYN_ACK] = EVE_TCP_SYN_RECV,
                      [KIND_ACK] = EVE_TCP_ESTABLISHED,
                      [KIND_FIN] = EVE_TCP_CLOSE_WAIT},
    [EVE_TCP_SYN_SENT] = {[KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_SYN_RECV] = {[KIND_ACK] = EVE_TCP_ESTABLISHED,
                          [KIND_FIN] = EVE_TCP_CLOSE_WAIT,
                          [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_ESTABLISHED] = {[KIND_FIN] = EVE_TCP_CLOSE_WAIT, [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_FIN_WAIT1] = {[KIND_ACK] = EVE_TCP_FIN_WAIT2,
                           [KIND_FIN] = EVE_TCP_TIME_WAIT,
                           [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_FIN_WAIT2] = {[KIND_FIN] = EVE_TCP_TIME_WAIT, [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_CLOSE_WAIT] = {[KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_LAST_ACK] = {[KIND_ACK] = EVE_TCP_CLOSED, [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_TIME_WAIT] = {[KIND_RST] = EVE_TCP_CLOSED},
};

/* An answer to a SYN that is no SYN itself: the one that was is lost. */
static const uint8_t after_server[EVE_TCP_STATE_COUNT][KIND_COUNT] = {
    [EVE_TCP_NONE] = {[KIND_SYN] = EVE_TCP_SYN_RECV,
                      [KIND_SYN_ACK] = EVE_TCP_SYN_RECV,
                      [KIND_ACK] = EVE_TCP_ESTABLISHED,
                      [KIND_FIN] = EVE_TCP_FIN_WAIT1},
    [EVE_TCP_SYN_SENT] = {[KIND_SYN] = EVE_TCP_SYN_RECV,
                          [KIND_SYN_ACK] = EVE_TCP_SYN_RECV,
                          [KIND_ACK] = EVE_TCP_SYN_RECV,
                          [KIND_FIN] = EVE_TCP_FIN_WAIT1,
                          [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_SYN_RECV] = {[KIND_FIN] = EVE_TCP_FIN_WAIT1, [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_ESTABLISHED] = {[KIND_FIN] = EVE_TCP_FIN_WAIT1, [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_FIN_WAIT1] = {[KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_FIN_WAIT2] = {[KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_CLOSE_WAIT] = {[KIND_FIN] = EVE_TCP_LAST_ACK, [KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_LAST_ACK] = {[KIND_RST] = EVE_TCP_CLOSED},
    [EVE_TCP_TIME_WAIT] = {[KIND_ACK] = EVE_TCP_CLOSED, [KIND_RST] = EVE_TCP_CLOSED},
};

enum eve_tcp_state eve_tcp_next(enum eve_tcp_state state, bool of_server, uint8_t flags) {
    enum kind kind = kind_of(flags);
    unsigned next = of_server ? after_server[state][kind] : after_client[state][kind];
    return next != EVE_TCP_NONE ? (enum eve_tcp_state)next : state;
}

const char *eve_tcp_state_name(enum eve_tcp_state state) {
    static const char *const names[] = {
#define X(id, name, flow) [EVE_TCP_##id] = name,
        EVE_TCP_STATES(X)
#undef X
    };
    return names[state];
}

const char *eve_tcp_flow_state(enum eve_tcp_state state) {
    static const char *const states[] = {
#define X(id, name, flow) [EVE_TCP_##id] = flow,
        EVE_TCP_STATES(X)
#undef X
    };
    return states[state];
}
