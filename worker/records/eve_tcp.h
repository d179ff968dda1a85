/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RECORDS_EVE_TCP_H
#define WORKER_RECORDS_EVE_TCP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far a TCP connection has come, by the flags of its packets alone, in Suricata's words, which
 * are those of RFC 9293 as the server has them: FIN of the client leads to close_wait, FIN of the
 * server to fin_wait1. Numbers and windows are not looked at.
 *
 *        SYN            SYN, ACK           ACK
 *   none -----> syn_sent ----------> syn_recv -----> established
 *
 *                FIN of the client              FIN of the server            ACK
 *   established ------------------> close_wait ------------------> last_ack -----> closed
 *
 *                FIN of the server             ACK             FIN of the client
 *   established ------------------> fin_wait1 -----> fin_wait2 ------------------> time_wait
 *                                       |        FIN of the client                 ^   |
 *                                       +------------------------------------------+   | ACK
 *                                                                                      v
 *                                                                                    closed
 *
 * RST closes it, but in `none`: there is nothing to close. A connection that is met in its middle
 * is established with its first packet, or goes from there if that is a SYN with ACK or a FIN.
 */
#define EVE_TCP_STATES(X)                                                                          \
    X(NONE, "none", "new")                                                                         \
    X(SYN_SENT, "syn_sent", "new")                                                                 \
    X(SYN_RECV, "syn_recv", "new")                                                                 \
    X(ESTABLISHED, "established", "established")                                                   \
    X(FIN_WAIT1, "fin_wait1", "established")                                                       \
    X(FIN_WAIT2, "fin_wait2", "established")                                                       \
    X(CLOSE_WAIT, "close_wait", "established")                                                     \
    X(LAST_ACK, "last_ack", "closed")                                                              \
    X(TIME_WAIT, "time_wait", "closed")                                                            \
    X(CLOSED, "closed", "closed")

enum eve_tcp_state {
#define X(id, name, flow) EVE_TCP_##id,
    EVE_TCP_STATES(X)
#undef X
        EVE_TCP_STATE_COUNT
};

/* Flags of a TCP header. */
enum { EVE_TCP_FIN = 1, EVE_TCP_SYN = 2, EVE_TCP_RST = 4, EVE_TCP_PSH = 8, EVE_TCP_ACK = 16 };

/* The state after a packet with these flags, of the server or of the client. */
enum eve_tcp_state eve_tcp_next(enum eve_tcp_state state, bool of_server, uint8_t flags);

/* tcp.state, and flow.state, of a flow in this state; static texts. */
const char *eve_tcp_state_name(enum eve_tcp_state state);
const char *eve_tcp_flow_state(enum eve_tcp_state state);

#endif
