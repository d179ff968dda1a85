/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_OPTION_LIST_H
#define FLOW_BALANCER_COMMON_OPTION_LIST_H

/*
 * Every option of every program, once. From this list come the tables for popt,
 * --help, the keys of a --config file, the defaults, the option lists of the
 * man pages, the shell completion, and what --list-options tells supervisors. A
 * new option is a line here and what takes its value: a rule beside the struct
 * that its program keeps its options in (dispatcher/run/options.c,
 * worker/options.c, shm/flow_stat.c), or the supervisor's own parser.
 *
 * X(ID, long name, letter or 0, argument, default, readers, where, help)
 *
 * argument: what stands for the value in help texts; NULL: a flag. Alternatives
 *   are parted by '|'; one in lower case is that word itself: "SIZE|auto".
 * default: FB_DEFAULT(text) is given to the reader as if it were the first
 *   value on the command line; FB_DEFAULT_IS(words) only says what happens.
 * readers: a mask of enum fb_reader; FB_READING: flow-worker with --read too. Two
 *   lines may share a long name where what they say differs, if no reader has both.
 * where: FB_ANYWHERE, or FB_COMMAND_LINE if it cannot stand in a --config file.
 * help: says what the option does, beginning with a verb; no full stop.
 */
#define FB_DEFAULT(text) text, true, " (default: " text ")"
#define FB_DEFAULT_IS(words) words, false, " (default: " words ")"
#define FB_NO_DEFAULT NULL, false, ""

#define FB_OPTION_LIST(X)                                                                          \
    /* What is captured. */                                                                        \
    X(READ, "read", 'r', "FILE", FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,                        \
      "Read packets from a pcap or pcapng file, also a compressed one, or from all files of a "    \
      "directory in the order of their names; - is standard input, tcp:HOST:PORT what a host "     \
      "sends; may be repeated")                                                                    \
    X(WORKER_READ, "read", 'r', "FILE", FB_NO_DEFAULT, FB_WORKER, FB_COMMAND_LINE,                 \
      "Inspect the packets of a pcap or pcapng file, as flow-dispatcher reads it, in this "        \
      "process alone, without a dispatcher; may be repeated")                                      \
    X(RECONNECT, "reconnect", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,                  \
      "Connect again to tcp:HOST:PORT, every second, when the stream ends or fails")               \
    X(PATTERN, "pattern", 0, "GLOB", FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,                       \
      "Take of the files of a directory only those whose names match, as '*.pcap.gz'")             \
    X(INTERFACE, "interface", 'i', "IFACE", FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,             \
      "Capture from an interface; may be repeated")                                                \
    X(CAPTURE, "capture", 0, "packet|libpcap", FB_DEFAULT("packet"), FB_DISPATCHER, FB_ANYWHERE,   \
      "Read Ethernet interfaces from the kernel's ring without libpcap, or all by libpcap")        \
    X(BPF, "bpf", 0, "EXPR", FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,                               \
      "Take only frames that match this pcap filter expression")                                   \
    X(FILTER_FILE, "filter-file", 'F', "FILE", FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,             \
      "Read the filter expression from a file")                                                    \
    X(SNAPSHOT_LENGTH, "snapshot-length", 's', "BYTES", FB_DEFAULT("262144"), FB_READING,          \
      FB_ANYWHERE, "Capture at most this many bytes of each frame; 0 stands for the default")      \
    X(BUFFER_SIZE, "buffer-size", 'B', "KIB", FB_DEFAULT("49152"), FB_DISPATCHER, FB_ANYWHERE,     \
      "Set the size of the kernel's capture buffer of each interface")                             \
    X(NO_PROMISCUOUS_MODE, "no-promiscuous-mode", 'p', NULL, FB_NO_DEFAULT, FB_DISPATCHER,         \
      FB_ANYWHERE, "Do not put the interfaces into promiscuous mode")                              \
    X(DIRECTION, "direction", 'Q', "in|out|inout", FB_DEFAULT("inout"), FB_DISPATCHER,             \
      FB_ANYWHERE, "Capture incoming frames, outgoing frames, or both")                            \
    X(IMMEDIATE, "immediate", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,                  \
      "Take each frame from an interface as it arrives, not in blocks of up to 8 ms")              \
    X(TSTAMP_TYPE, "tstamp-type", 'j', "TYPE", FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,          \
      "Choose what stamps the frames of an interface: host, host_lowprec, host_hiprec, "           \
      "host_hiprec_unsynced, adapter or adapter_unsynced")                                         \
    X(MERGE_WINDOW, "merge-window", 0, "US", FB_DEFAULT("0"), FB_DISPATCHER, FB_ANYWHERE,          \
      "Sort the frames of several interfaces by time stamp, holding each for at most this many "   \
      "microseconds; 0 takes them as they are read, in turn")                                      \
    X(FANOUT, "fanout", 0, "GROUP[:MODE]", FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,              \
      "Share the interfaces with the other dispatchers of this group, 0 to 65535; each further "   \
      "interface is in the next group; MODE is cbpf, by addresses (default), or a mode of the "    \
      "kernel: hash, which separates the fragments of a flow, cpu, or qm")                         \
    X(PRELOAD, "preload", 0, NULL, FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,                         \
      "Load the files into memory first, for measurements")                                        \
    X(LOOP, "loop", 0, "N", FB_DEFAULT("1"), FB_READING, FB_ANYWHERE,                              \
      "Read all files this many times")                                                            \
    X(SPEED, "speed", 0, "X|max", FB_DEFAULT("max"), FB_DISPATCHER, FB_ANYWHERE,                   \
      "Pace the packets of files by their time stamps: 1 is as captured, 2 twice as fast; max "    \
      "never waits")                                                                               \
    /* The instance and its workers. */                                                            \
    X(NAME, "name", 'n', "NAME", FB_DEFAULT("flow-balancer"), FB_DISPATCHER | FB_WORKER | FB_STAT, \
      FB_ANYWHERE, "Set the name of the instance")                                                 \
    X(SCRIPT_NAME, "name", 'n', "NAME", FB_DEFAULT_IS("flow-balancer; for run: run-PID"),          \
      FB_RUN | FB_STOP | FB_ASK, FB_ANYWHERE, "Set the name of the instance")                      \
    X(WORKERS, "workers", 'w', "N", FB_DEFAULT("8"), FB_DISPATCHER | FB_RUN, FB_ANYWHERE,          \
      "Use this many workers, and begin to read when they are ready")                              \
    X(MAX_WORKERS, "max-workers", 0, "N", FB_DEFAULT_IS("twice --workers, at least 4 more"),       \
      FB_DISPATCHER, FB_ANYWHERE,                                                                  \
      "Allow this many worker numbers, 1 to 256, for workers to be added; if given, all their "    \
      "rings are made at the start, else each when its worker is added")                           \
    X(POLICY, "policy", 0, "NAME", FB_DEFAULT("backlog-share"), FB_DISPATCHER, FB_ANYWHERE,        \
      "Choose the worker of a new flow by this policy: backlog-share, backlog, cost, hash or "     \
      "round-robin")                                                                               \
    X(MAX_SHARE, "max-share", 0, "F", FB_DEFAULT_IS("no limit"), FB_DISPATCHER, FB_ANYWHERE,       \
      "Give a worker at most this share of the new flows, such as 0.5")                            \
    X(ON_FULL, "on-full", 0, "block|drop", FB_DEFAULT_IS("block for files, drop for interfaces"),  \
      FB_DISPATCHER, FB_ANYWHERE, "Wait for room when a ring is full, or drop the packet")         \
    X(REPORT, "report", 0, "FILE", FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,                      \
      "Write the report as JSON to a file (- is standard output)")                                 \
    X(HTML, "html", 0, "FILE", FB_NO_DEFAULT, FB_DISPATCHER, FB_ANYWHERE,                          \
      "Write the report, with graphs of the run, as an HTML page to a file (- is standard "        \
      "output)")                                                                                   \
    X(RING_DEPTH, "ring-depth", 0, "N", FB_DEFAULT("10000"), FB_DISPATCHER, FB_ANYWHERE,           \
      "Set the number of packets that a ring can hold")                                            \
    X(RING_BYTES, "ring-bytes", 0, "SIZE|auto", FB_DEFAULT("auto"), FB_DISPATCHER, FB_ANYWHERE,    \
      "Set the bytes of packets that a ring can hold, rounded up to a power of two; auto is 16M, " \
      "less where memory is short")                                                                \
    X(HUGEPAGES, "hugepages", 0, "auto|require|never", FB_DEFAULT("auto"), FB_DISPATCHER,          \
      FB_ANYWHERE,                                                                                 \
      "Use huge pages for rings and flow table if there are any (auto), fail without (require), "  \
      "or use none (never)")                                                                       \
    X(WORKER, "worker", 'k', "K", FB_DEFAULT_IS("the first that is free"), FB_WORKER, FB_ANYWHERE, \
      "Take this worker number")                                                                   \
    X(INSPECTOR, "inspector", 0, "NAME[:ARGS]", FB_DEFAULT("count"), FB_WORKER | FB_RUN,           \
      FB_ANYWHERE, "Choose what workers do with packets; flow-worker --help lists the inspectors") \
    X(EVE, "eve", 0, "SINK", FB_NO_DEFAULT, FB_WORKER | FB_RUN, FB_ANYWHERE,                       \
      "Write the records of inspectors, as a JSON object a line, to file:PATTERN, in which %k, "   \
      "%r and %n stand for worker, incarnation and instance, and which ,size=SIZE and "            \
      ",seconds=S may follow for another file then; to unix:PATH, a socket; or to - , standard "   \
      "output; may be repeated")                                                                   \
    X(EVE_WAIT, "eve-wait", 0, "MS|forever", FB_DEFAULT("1000"), FB_WORKER | FB_RUN, FB_ANYWHERE,  \
      "Let a sink of --eve that takes no more records hold its worker for at most this many "      \
      "milliseconds in one outage, before they are dropped")                                       \
    X(ATTACH, "attach", 0, "COMMAND", FB_NO_DEFAULT, FB_RUN, FB_ANYWHERE,                          \
      "Start copies of this program as workers, in the place of flow-worker and its inspectors, "  \
      "for example 'tcpdump -i %d -w part-%k-%r.pcap'; run without a shell; %d is the device of "  \
      "the worker for a program that uses libpcap, %k its number, %r how many copies it had "      \
      "before, %n the instance, %% a percent sign")                                                \
    X(WAIT, "wait", 0, "park|spin", FB_DEFAULT("park"), FB_WORKER | FB_RUN, FB_ANYWHERE,           \
      "Sleep while the ring is empty (park), or poll it (spin), which takes a whole CPU but has "  \
      "less delay")                                                                                \
    X(NUMA, "numa", 0, "auto|off|LIST", FB_DEFAULT("auto"), FB_DISPATCHER, FB_ANYWHERE,            \
      "Choose the NUMA nodes of the workers, by number: auto fills that of the dispatcher first; " \
      "a list is such as 0,0,1-3")                                                                 \
    X(NUMA_NODE, "numa-node", 0, "N|off", FB_DEFAULT_IS("the node that the dispatcher chose"),     \
      FB_WORKER, FB_ANYWHERE, "Run on this NUMA node and take memory there, or anywhere")          \
    X(CPU, "cpu", 0, "LIST", FB_NO_DEFAULT, FB_DISPATCHER | FB_WORKER, FB_ANYWHERE,                \
      "Run on these CPUs only, such as 2 or 0,4-6")                                                \
    X(WORKER_CPU, "worker-cpu", 0, "LIST", FB_DEFAULT_IS("those of the worker's NUMA node"),       \
      FB_RUN, FB_ANYWHERE,                                                                         \
      "Run each worker on one CPU of the list, by worker number, and begin again at the first "    \
      "when there are more workers than CPUs; a list is such as 2-5 or 1,3,5; --cpu is for the "   \
      "dispatcher")                                                                                \
    /* Flows. */                                                                                   \
    X(TIMEOUT, "timeout", 0, "CLASS=SECONDS,...",                                                  \
      FB_DEFAULT_IS("tcp-opening=30, tcp-established=3600, tcp-closing=10, udp-oneway=30, "        \
                    "udp-twoway=180, other=60"),                                                   \
      FB_READING, FB_ANYWHERE,                                                                     \
      "End a flow of the class after this many idle seconds, or never; class all is every class")  \
    X(MAX_FLOWS, "max-flows", 0, "N", FB_DEFAULT("1000000"), FB_READING, FB_ANYWHERE,              \
      "Set the number of flows that can be alive at the same time")                                \
    X(TUNNEL, "tunnel", 0, "inner|outer", FB_DEFAULT("inner"), FB_READING, FB_ANYWHERE,            \
      "Tell flows apart by their innermost or their outermost IP header")                          \
    X(TUNNEL_PORT, "tunnel-port", 0, "TUNNEL=PORT,...", FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,    \
      "Look for a tunnel over UDP on these ports instead of its own: l2tp, gtp, teredo, lisp, "    \
      "gre, vxlan, vxlan-gpe, capwap, geneve, mpls, tzsp, or one that has none of its own: "       \
      "ivxlan, gue, hp-erm; may be repeated")                                                      \
    X(KEY_VLAN, "key-vlan", 0, NULL, FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,                       \
      "Take equal addresses in two VLANs for two flows")                                           \
    X(KEY_TUNNEL, "key-tunnel", 0, NULL, FB_NO_DEFAULT, FB_READING, FB_ANYWHERE,                   \
      "Take equal addresses in two tunnels for two flows, by VNI, TEID, GRE key or session; "      \
      "where each side has an id of its own, so are the two directions")                           \
    X(FRAGMENT_TIMEOUT, "fragment-timeout", 0, "S", FB_DEFAULT("30"), FB_READING, FB_ANYWHERE,     \
      "Hold an IP fragment for at most this many seconds until the first of its datagram comes")   \
    X(FRAGMENT_FRAMES, "fragment-frames", 0, "N", FB_DEFAULT("4096"), FB_READING, FB_ANYWHERE,     \
      "Hold at most this many fragments at the same time")                                         \
    X(FRAGMENT_BYTES, "fragment-bytes", 0, "SIZE", FB_DEFAULT("4M"), FB_READING, FB_ANYWHERE,      \
      "Hold at most this many bytes of fragments at the same time")                                \
    /* Failures and time limits. */                                                                \
    X(FAILOVER, "failover", 0, "MS|never", FB_DEFAULT("1000"), FB_DISPATCHER, FB_ANYWHERE,         \
      "Let the flows of a dead worker wait this many milliseconds for its next process before "    \
      "other workers take them; 0 does not wait")                                                  \
    X(HANG, "hang", 0, "S|never", FB_DEFAULT("5"), FB_DISPATCHER, FB_ANYWHERE,                     \
      "Revoke a worker that has packets waiting and finishes none for this many seconds")          \
    X(QUARANTINE, "quarantine", 0, "FILE.pcap", FB_DEFAULT_IS("they are only counted"),            \
      FB_DISPATCHER, FB_ANYWHERE, "Append packets on which two processes died to a file")          \
    X(START_TIMEOUT, "start-timeout", 0, "S", FB_DEFAULT("30"), FB_DISPATCHER, FB_ANYWHERE,        \
      "Wait at most this many seconds for the workers to become ready")                            \
    X(NO_WORKER_TIMEOUT, "no-worker-timeout", 0, "S", FB_DEFAULT("30"), FB_DISPATCHER,             \
      FB_ANYWHERE, "Wait at most this many seconds while no worker is alive")                      \
    X(DRAIN_TIMEOUT, "drain-timeout", 0, "S", FB_DEFAULT("30"), FB_DISPATCHER, FB_ANYWHERE,        \
      "Wait at most this many seconds for the rings to drain at the end, and for the flows of a "  \
      "drained worker to end")                                                                     \
    X(WORKER_DRAIN_TIMEOUT, "drain-timeout", 0, "S", FB_DEFAULT("30"), FB_WORKER, FB_ANYWHERE,     \
      "Wait at most this many seconds at the end for the children of exec: to read what is left "  \
      "and end, and for the readers of --eve to take what is queued")                              \
    X(EXEC_TIMEOUT, "exec-timeout", 0, "S|never", FB_DEFAULT("never"), FB_WORKER | FB_RUN,         \
      FB_ANYWHERE,                                                                                 \
      "Kill a child of exec: that reads nothing for this many seconds though its pipe is full; "   \
      "the worker then ends as if it had crashed")                                                 \
    X(EXEC_OUTPUT, "exec-output", 0, "PATTERN", FB_DEFAULT_IS("standard error"),                   \
      FB_WORKER | FB_RUN, FB_ANYWHERE,                                                             \
      "Append what the children of exec: print to this file, in which %k, %r, %n and %l stand "    \
      "for "                                                                                       \
      "worker, incarnation, instance and link type")                                               \
    X(ORPHAN_TIMEOUT, "orphan-timeout", 0, "S", FB_DEFAULT("30"), FB_WORKER, FB_ANYWHERE,          \
      "Wait at most this many seconds for a dispatcher of the instance")                           \
    X(SCRIPT_ORPHAN_TIMEOUT, "orphan-timeout", 0, "S", FB_DEFAULT("1"), FB_RUN, FB_ANYWHERE,       \
      "Let workers wait at most this many seconds for another dispatcher when theirs is gone")     \
    X(STOP_TIMEOUT, "timeout", 0, "S", FB_DEFAULT("40"), FB_STOP, FB_COMMAND_LINE,                 \
      "Fail if the instance still runs this many seconds after stop")                              \
    X(STOP_NOW, "now", 0, NULL, FB_NO_DEFAULT, FB_STOP, FB_COMMAND_LINE,                           \
      "Do not drain the rings: what waits in them is counted as abandoned")                        \
    /* What is printed, and what the call is. */                                                   \
    X(WHY, "why", 0, NULL, FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                                \
      "Look for two seconds, and say what limits the run, with the figures it is judged by")       \
    X(STAT_HTML, "html", 0, "FILE", FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                       \
      "Write the report, with graphs of the last minutes, as an HTML page to a file instead (- "   \
      "is standard output)")                                                                       \
    X(HISTORY, "history", 0, NULL, FB_NO_DEFAULT, FB_STAT, FB_ANYWHERE,                            \
      "Print what was recorded of the last minutes, a line a second, and what happened between "   \
      "them; also of an instance whose dispatcher was killed, until it is cleared")                \
    X(HISTORY_FILE, "history-file", 0, "FILE", FB_NO_DEFAULT, FB_STAT, FB_ANYWHERE,                \
      "Print the same from a file, as it is kept when a dispatcher dies and written by --history " \
      "--json; - is standard input")                                                               \
    X(LAST, "last", 0, "SECONDS", FB_DEFAULT_IS("60 as text, all as JSON"), FB_STAT, FB_ANYWHERE,  \
      "Print this much of the end of a history")                                                   \
    X(JSON, "json", 0, NULL, FB_NO_DEFAULT, FB_STAT | FB_LIST, FB_ANYWHERE,                        \
      "Print the report, or what else was asked for, as JSON")                                     \
    X(LIST, "list", 0, NULL, FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                              \
      "List the instances of this machine: name, state, dispatcher, workers, packets a second")    \
    X(PROMETHEUS, "prometheus", 0, NULL, FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                  \
      "Print the report as metrics in Prometheus' text format, version 0.0.4")                     \
    X(OUTPUT, "output", 0, "FILE", FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                        \
      "Write the metrics of --prometheus to a file, which is replaced in one step, as for the "    \
      "textfile collector of node_exporter")                                                       \
    X(EVERY, "every", 0, "S", FB_DEFAULT_IS("once"), FB_STAT, FB_COMMAND_LINE,                     \
      "Write the file of --output every so many seconds, also while no instance is running")       \
    X(LISTEN, "listen", 0, "PORT|ADDRESS:PORT", FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,           \
      "Serve the metrics of --prometheus by HTTP as /metrics, at the loopback address if there "   \
      "is a port only; a new report is made for each request")                                     \
    X(METRICS, "metrics", 0, "FILE|PORT|ADDRESS:PORT", FB_NO_DEFAULT, FB_RUN, FB_ANYWHERE,         \
      "Have flow-stat serve metrics for Prometheus there, or write them to a file, as long as "    \
      "the run lasts")                                                                             \
    X(WATCH, "watch", 0, NULL, FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                            \
      "Show on the terminal what the instance does, until q is pressed; h shows the other keys")   \
    X(ONCE, "once", '1', NULL, FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                            \
      "Print one picture of --watch as text, of two looks an interval apart, and exit")            \
    X(RING, "ring", 0, "K", FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                               \
      "Print the words of the ring of worker K, and what they mean together; with --json too")     \
    X(INTERVAL, "interval", 0, "S", FB_DEFAULT("1"), FB_STAT, FB_ANYWHERE,                         \
      "Look every so many seconds, 0.1 to 3600")                                                   \
    X(LOG_LEVEL, "log-level", 0, "error|warning|info|debug", FB_DEFAULT("info"),                   \
      FB_DISPATCHER | FB_WORKER | FB_STAT | FB_RUN, FB_ANYWHERE, "Log messages up to this level")  \
    X(CONFIG, "config", 0, "FILE", FB_NO_DEFAULT,                                                  \
      FB_DISPATCHER | FB_WORKER | FB_STAT | FB_RUN | FB_STOP | FB_ASK, FB_COMMAND_LINE,            \
      "Read options from a file with lines such as 'workers = 4', or 'preload = yes' for a flag; " \
      "the command line wins")                                                                     \
    X(LIST_INTERFACES, "list-interfaces", 'D', NULL, FB_NO_DEFAULT, FB_DISPATCHER,                 \
      FB_COMMAND_LINE, "Print the interfaces and exit")                                            \
    X(CHECK, "check", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER, FB_COMMAND_LINE,                      \
      "Check the options, print them as JSON and exit")                                            \
    X(WORKER_CHECK, "check", 0, NULL, FB_NO_DEFAULT, FB_WORKER, FB_COMMAND_LINE,                   \
      "Check the options, open and close the inspector, and exit")                                 \
    X(STAT_CHECK, "check", 0, NULL, FB_NO_DEFAULT, FB_STAT, FB_COMMAND_LINE,                       \
      "Check whether metrics can be written or served as the options say, and exit")               \
    X(LAST_REPORT, "last-report", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER, FB_COMMAND_LINE,          \
      "Print the last report of a killed dispatcher of this name, write it to the file of "        \
      "--report, and exit")                                                                        \
    X(CLEAN, "clean", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER, FB_COMMAND_LINE,                      \
      "Do as --last-report, remove what it left in shared memory, and exit")                       \
    X(PARENT, "parent", 0, "PID", FB_NO_DEFAULT, FB_DISPATCHER | FB_WORKER | FB_STAT,              \
      FB_COMMAND_LINE,                                                                             \
      "Shut down cleanly when this process, the parent, is gone; for supervisors")                 \
    X(RUNTIME_DIR, "runtime-dir", 0, "DIR",                                                        \
      FB_DEFAULT_IS("/run for root, else XDG_RUNTIME_DIR, else /tmp/flow-balancer-UID"),           \
      FB_DISPATCHER | FB_RUN | FB_STOP | FB_ASK, FB_COMMAND_LINE,                                  \
      "Have the control socket in this directory, as flow-balancer/NAME.sock")                     \
    X(RELOAD_CONFIG, "reload-config", 0, "FILE", FB_DEFAULT_IS("that of --config"), FB_DISPATCHER, \
      FB_COMMAND_LINE,                                                                             \
      "Read the filter again from this file; for supervisors, which give a copy "                  \
      "of it with --config")                                                                       \
    X(RESUME_FILTER, "resume-filter", 0, "EXPR", FB_DEFAULT_IS("that of --bpf, -F or --config"),   \
      FB_DISPATCHER, FB_COMMAND_LINE,                                                              \
      "Begin with this filter, or none if it is empty, whatever "                                  \
      "file the filter is read from again; for supervisors that start a dispatcher again")         \
    X(LIST_OPTIONS, "list-options", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER, FB_COMMAND_LINE,        \
      "Print the options of all programs, one a line, tab-separated, and exit; for supervisors")   \
    X(HELP, "help", 'h', NULL, FB_NO_DEFAULT, FB_ALL, FB_COMMAND_LINE,                             \
      "Print a help text and exit")                                                                \
    X(VERSION, "version", 0, NULL, FB_NO_DEFAULT, FB_DISPATCHER | FB_WORKER | FB_STAT | FB_ALONE,  \
      FB_COMMAND_LINE, "Print the version and exit")

/*
 * The commands of flow-balancer, for the shell completion.
 * X(name, argument or NULL, its reader, whose options it passes on or 0, help)
 */
#define FB_COMMAND_LIST(X)                                                                         \
    X("run", NULL, FB_RUN, FB_DISPATCHER, "Run in the foreground and print the report")            \
    X("start", NULL, FB_RUN, FB_DISPATCHER, "Run in the background")                               \
    X("stop", NULL, FB_STOP, 0, "Drain a running instance and end it")                             \
    X("status", NULL, FB_ASK, FB_STAT, "Print the report of a running instance, or how it ended")  \
    X("top", NULL, FB_ASK, FB_STAT, "Show on the terminal what a running instance does")           \
    X("list", NULL, FB_LIST, 0, "List the instances of this machine")                              \
    X("add", NULL, FB_ASK, 0, "Start one more worker")                                             \
    X("drain", "K", FB_ASK, 0, "Give a worker no new flows, and let it leave")                     \
    X("restart", "K|all", FB_ASK, 0, "Replace the process of a worker, or those of all")           \
    X("reload", NULL, FB_ASK, 0, "Read the filter again")                                          \
    X("attach", NULL, FB_ASK, 0, "Run a libpcap program as a worker")

#endif
