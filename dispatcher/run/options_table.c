/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/options_table.h"

#include "dispatcher/run/options.h"

#define TEXT POPT_ARG_STRING
#define FLAG POPT_ARG_NONE

static const struct poptOption table[] = {
    {"read", 'r', TEXT, NULL, OPT_READ,
     "capture file, pcap or pcapng; - is standard input; may be repeated", "FILE"},
    {"interface", 'i', TEXT, NULL, OPT_INTERFACE, "capture on an interface; may be repeated",
     "IFACE"},
    {"filter-file", 'F', TEXT, NULL, OPT_FILTER_FILE, "take the filter expression from a file",
     "FILE"},
    {"snapshot-length", 's', TEXT, NULL, OPT_SNAPLEN, "most bytes of a frame (0: 262144)", "BYTES"},
    {"buffer-size", 'B', TEXT, NULL, OPT_BUFFER,
     "kernel capture buffer of each interface (default 32768)", "KIB"},
    {"no-promiscuous-mode", 'p', FLAG, NULL, OPT_NO_PROMISCUOUS,
     "do not put interfaces into promiscuous mode", NULL},
    {"list-interfaces", 'D', FLAG, NULL, OPT_LIST, "print the interfaces and exit", NULL},
    {"direction", 'Q', TEXT, NULL, OPT_DIRECTION, "in, out or inout (default)", "DIR"},
    {"immediate", '\0', FLAG, NULL, OPT_IMMEDIATE,
     "take each frame from an interface as it comes, not by blocks of some milliseconds", NULL},
    {"tstamp-type", 'j', TEXT, NULL, OPT_TSTAMP_TYPE,
     "who stamps the frames of an interface: host, host_lowprec, host_hiprec, "
     "host_hiprec_unsynced, "
     "adapter or adapter_unsynced",
     "TYPE"},
    {"merge-window", '\0', TEXT, NULL, OPT_MERGE_WINDOW,
     "put frames of several interfaces in order of their time stamps, holding them for so long at "
     "most (default 0: as they are read, in turn)",
     "US"},
    {"fanout", '\0', TEXT, NULL, OPT_FANOUT,
     "share the interfaces with the other dispatchers of this group, 0 to 65535, each further -i "
     "in "
     "the next group; by addresses, cbpf (default), or as the kernel does: hash (tears fragmented "
     "flows apart), cpu, qm",
     "GROUP[:MODE]"},
    {"name", 'n', TEXT, NULL, OPT_NAME, "instance name (default flow-balancer)", "NAME"},
    {"workers", 'w', TEXT, NULL, OPT_WORKERS, "workers to wait for before reading (default 8)",
     "N"},
    {"max-workers", '\0', TEXT, NULL, OPT_MAX_WORKERS, "worker numbers, 1 to 256 (default as -w)",
     "N"},
    {"policy", '\0', TEXT, NULL, OPT_POLICY,
     "who gets a new flow: backlog-share (default), backlog, cost, hash or round-robin", "NAME"},
    {"max-share", '\0', TEXT, NULL, OPT_MAX_SHARE,
     "most of the new flows that one worker may get, as a part of 1 (default: no bound)", "F"},
    {"on-full", '\0', TEXT, NULL, OPT_ON_FULL,
     "what to do when a ring is full: block waits for room (default for files), drop drops the "
     "packet (default for interfaces)",
     "MODE"},
    {"bpf", '\0', TEXT, NULL, OPT_BPF, "take only frames that pass this pcap filter", "EXPR"},
    {"report", '\0', TEXT, NULL, OPT_REPORT, "write the report as JSON; - is standard output",
     "FILE"},
    {"timeout", '\0', TEXT, NULL, OPT_TIMEOUT,
     "flow timeouts; classes: all, tcp-opening (30), tcp-established (3600), tcp-closing (10), "
     "udp-oneway (30), udp-twoway (180), other (60)",
     "CLASS=SECONDS|never,..."},
    {"max-flows", '\0', TEXT, NULL, OPT_MAX_FLOWS, "flows alive at once (default 1000000)", "N"},
    {"ring-depth", '\0', TEXT, NULL, OPT_RING_DEPTH, "packets per ring (default 10000)", "N"},
    {"ring-bytes", '\0', TEXT, NULL, OPT_RING_BYTES,
     "packet bytes per ring, rounded up to a power of two; auto (default): 16M, less where memory "
     "is short",
     "SIZE|auto"},
    {"hugepages", '\0', TEXT, NULL, OPT_HUGEPAGES,
     "for rings and flow table: auto takes the best there are (default), require fails without, "
     "never takes none",
     "MODE"},
    {"numa", '\0', TEXT, NULL, OPT_NUMA,
     "NUMA nodes of the workers, by number: auto (default: near the dispatcher first), off, or a "
     "list such as 0,0,1-3",
     "MODE|LIST"},
    {"cpu", '\0', TEXT, NULL, OPT_CPU, "run on these processors only, such as 2 or 0,4-6", "LIST"},
    {"tunnel", '\0', TEXT, NULL, OPT_TUNNEL,
     "flows by the innermost IP header, inner (default), or by the outermost, outer", "WHICH"},
    {"key-vlan", '\0', FLAG, NULL, OPT_KEY_VLAN, "equal addresses in two VLANs are two flows",
     NULL},
    {"key-tunnel", '\0', FLAG, NULL, OPT_KEY_TUNNEL,
     "so are those in two tunnels: VNI, TEID, GRE key, session; where each side gives its own id, "
     "so "
     "are the two directions",
     NULL},
    {"fragment-timeout", '\0', TEXT, NULL, OPT_FRAGMENT_TIMEOUT,
     "hold an IP fragment so long for the first of its datagram (default 30)", "S"},
    {"fragment-frames", '\0', TEXT, NULL, OPT_FRAGMENT_FRAMES,
     "most fragments held at once (default 4096)", "N"},
    {"fragment-bytes", '\0', TEXT, NULL, OPT_FRAGMENT_BYTES, "their bytes (default 4M)", "SIZE"},
    {"failover", '\0', TEXT, NULL, OPT_FAILOVER,
     "how long the flows of a dead worker wait for its next process before others take them "
     "(default 1000; 0: not at all; never)",
     "MS|never"},
    {"hang", '\0', TEXT, NULL, OPT_HANG,
     "revoke a worker that has packets waiting and finishes none for so long (default 5; never)",
     "S|never"},
    {"quarantine", '\0', TEXT, NULL, OPT_QUARANTINE,
     "append packets on which two processes died (default: they are counted and not kept)",
     "FILE.pcap"},
    {"start-timeout", '\0', TEXT, NULL, OPT_START_TIMEOUT,
     "wait for workers to become ready (default 30)", "S"},
    {"no-worker-timeout", '\0', TEXT, NULL, OPT_NO_WORKER_TIMEOUT,
     "wait while no worker is alive (default 30)", "S"},
    {"drain-timeout", '\0', TEXT, NULL, OPT_DRAIN_TIMEOUT,
     "wait for the rings to drain at the end, and for the flows of a drained worker to end "
     "(default 30)",
     "S"},
    {"preload", '\0', FLAG, NULL, OPT_PRELOAD, "load the files into memory first, for measuring",
     NULL},
    {"loop", '\0', TEXT, NULL, OPT_LOOP, "read all files N times (default 1)", "N"},
    {"speed", '\0', TEXT, NULL, OPT_SPEED,
     "pace by the time stamps: 1 as captured, 2 twice as fast; max (default)", "X|max"},
    {"log-level", '\0', TEXT, NULL, OPT_LOG_LEVEL, "error, warning, info (default) or debug",
     "LEVEL"},
    {"config", '\0', TEXT, NULL, OPT_CONFIG,
     "options as lines 'workers = 4', flags as 'preload = yes'; the command line wins: of -r, -i, "
     "--bpf and -F there is then none taken from the file",
     "FILE"},
    {"check", '\0', FLAG, NULL, OPT_CHECK, "check the options, print them as JSON and exit", NULL},
    {"clean", '\0', FLAG, NULL, OPT_CLEAN,
     "remove what a killed dispatcher of this name left, and exit", NULL},
    {"parent", '\0', TEXT, NULL, OPT_PARENT,
     "end in order when this process is gone: for supervisors", "PID"},
    {"help", 'h', FLAG, NULL, OPT_HELP, "show this help", NULL},
    {"version", '\0', FLAG, NULL, OPT_VERSION, "show the version", NULL},
    POPT_TABLEEND,
};

const struct poptOption *options_table(void) {
    return table;
}
