/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_OPTIONS_TABLE_H
#define DISPATCHER_OPTIONS_TABLE_H

/* What poptGetNextOpt() returns for the options of options_table(): for options.c only. */
enum option_code {
    OPT_READ = 1,
    OPT_INTERFACE,
    OPT_FILTER_FILE,
    OPT_SNAPLEN,
    OPT_BUFFER,
    OPT_NO_PROMISCUOUS,
    OPT_LIST,
    OPT_DIRECTION,
    OPT_NAME,
    OPT_WORKERS,
    OPT_MAX_WORKERS,
    OPT_POLICY,
    OPT_MAX_SHARE,
    OPT_ON_FULL,
    OPT_BPF,
    OPT_REPORT,
    OPT_TIMEOUT,
    OPT_MAX_FLOWS,
    OPT_RING_DEPTH,
    OPT_RING_BYTES,
    OPT_HUGEPAGES,
    OPT_FAILOVER,
    OPT_HANG,
    OPT_QUARANTINE,
    OPT_START_TIMEOUT,
    OPT_NO_WORKER_TIMEOUT,
    OPT_DRAIN_TIMEOUT,
    OPT_PRELOAD,
    OPT_LOOP,
    OPT_SPEED,
    OPT_LOG_LEVEL,
    OPT_CONFIG,
    OPT_CHECK,
    OPT_CLEAN,
    OPT_PARENT,
    OPT_HELP,
    OPT_VERSION,
    OPT_COUNT,
};

#endif
