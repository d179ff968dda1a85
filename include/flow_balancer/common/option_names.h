/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_OPTION_NAMES_H
#define FLOW_BALANCER_COMMON_OPTION_NAMES_H

/*
 * The long names of the options of each program. Those of FB_*_KEYS may stand
 * in a --config file, which all programs read. A new option goes into the popt table of its program
 * and into its list here; tests hold the two against each other.
 */
#define FB_DISPATCHER_KEYS(X)                                                                      \
    X("read")                                                                                      \
    X("interface")                                                                                 \
    X("filter-file")                                                                               \
    X("snapshot-length")                                                                           \
    X("buffer-size")                                                                               \
    X("no-promiscuous-mode")                                                                       \
    X("direction")                                                                                 \
    X("immediate")                                                                                 \
    X("tstamp-type")                                                                               \
    X("merge-window")                                                                              \
    X("fanout")                                                                                    \
    X("name")                                                                                      \
    X("workers")                                                                                   \
    X("max-workers")                                                                               \
    X("policy")                                                                                    \
    X("max-share")                                                                                 \
    X("on-full")                                                                                   \
    X("bpf")                                                                                       \
    X("report")                                                                                    \
    X("timeout")                                                                                   \
    X("max-flows")                                                                                 \
    X("ring-depth")                                                                                \
    X("ring-bytes")                                                                                \
    X("hugepages")                                                                                 \
    X("numa")                                                                                      \
    X("cpu")                                                                                       \
    X("tunnel")                                                                                    \
    X("key-vlan")                                                                                  \
    X("key-tunnel")                                                                                \
    X("fragment-timeout")                                                                          \
    X("fragment-frames")                                                                           \
    X("fragment-bytes")                                                                            \
    X("failover")                                                                                  \
    X("hang")                                                                                      \
    X("quarantine")                                                                                \
    X("start-timeout")                                                                             \
    X("no-worker-timeout")                                                                         \
    X("drain-timeout")                                                                             \
    X("preload")                                                                                   \
    X("loop")                                                                                      \
    X("speed")                                                                                     \
    X("log-level")

/* What says how this one call is to be, or which process it belongs to: never in a file. */
#define FB_COMMAND_LINE_ONLY(X)                                                                    \
    X("config")                                                                                    \
    X("list-interfaces")                                                                           \
    X("clean")                                                                                     \
    X("check")                                                                                     \
    X("parent")                                                                                    \
    X("help")                                                                                      \
    X("version")

#endif
