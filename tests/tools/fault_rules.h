/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_TOOLS_FAULT_RULES_H
#define TESTS_TOOLS_FAULT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the inspector `fault` is told to do, and at which packets:
 *
 *   ACTION[=NUMBER]@WHEN[!]
 *
 * WHEN is N, the N-th packet of this process, from 1; %N, every N-th; or =HEX,
 * each packet that holds these bytes. With ! it is done once, by whichever
 * process of the same directory comes to it first.
 *
 * X(ID, name, whether it takes a number, the number if none is given, sentence)
 */
#define FAULT_ACTIONS(X)                                                                           \
    X(CRASH, "crash", false, 0, "stores into its ring, which it may only read: SIGSEGV")           \
    X(KILL, "kill", false, 0, "SIGKILL to itself")                                                 \
    X(EXIT, "exit", true, 7, "leaves immediately with status N")                                   \
    X(FAIL, "fail", false, 0, "says that it failed at the packet")                                 \
    X(STOP, "stop", false, 0, "SIGSTOP to itself")                                                 \
    X(HANG, "hang", false, 0, "computes for ever")                                                 \
    X(SLEEP, "sleep", false, 0, "sleeps for ever")                                                 \
    X(SLOW, "slow", true, 100, "sleeps N microseconds")                                            \
    X(PRINT, "print", false, 0, "prints a line to standard output")                                \
    X(COPY, "copy", false, 0, "appends the packet to DIR/packets: its length, 4 bytes, its bytes") \
    X(FORK, "fork", true, 5, "leaves a child for N seconds; its pid is in DIR/child")              \
    X(SCRIBBLE, "scribble", true, 1,                                                               \
      "random bytes, seed N, over all that it shares and may write")                               \
    X(TRUNCATE, "truncate", true, 0, "cuts its up side to N bytes")                                \
    X(CONSUMED_AHEAD, "consumed-ahead", true, 1000, "consumed = published + N")                    \
    X(CONSUMED_BACK, "consumed-back", true, 1000, "consumed = consumed - N")                       \
    X(CONSUMED_ALL, "consumed-all", false, 0, "consumed = published")                              \
    X(CURSOR_AHEAD, "cursor-ahead", true, 1000, "cursor: busy with packet published + N")          \
    X(CURSOR_BACK, "cursor-back", true, 1000, "cursor: busy with packet consumed - N")             \
    X(TO_AND_FRO, "to-and-fro", false, 0, "moves its cursor back and forth in its burst for ever") \
    X(STATUS, "status", true, 99, "worker_status = N")

enum fault_action {
#define X(id, name, takes, number, text) FAULT_##id,
    FAULT_ACTIONS(X)
#undef X
        FAULT_COUNT
};

#define FAULT_RULES_MAX 16u
#define FAULT_PATTERN_MAX 64u /* bytes of a pattern */

struct fault_rule {
    enum fault_action action;
    uint64_t number;
    uint64_t packet; /* 0: by pattern */
    bool every;      /* each multiple of packet */
    bool once;
    uint8_t pattern[FAULT_PATTERN_MAX];
    size_t pattern_bytes;
};

/* Reads one rule. Returns true, or false after one logged line that says what is wrong with it. */
bool fault_rule_parse(const char *text, struct fault_rule *rule);

/* Whether it is the turn of a rule: at the process's packet number `packet`, from 1. */
bool fault_rule_due(const struct fault_rule *rule, uint64_t packet, const uint8_t *data,
                    uint32_t caplen);

#endif
