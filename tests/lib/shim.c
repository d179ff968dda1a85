/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/shim.h"

#include <limits.h>
#include <unistd.h>

struct process *shim_dispatcher(struct test *t, unsigned workers, const char *options) {
    assert_int_equal(
        process_run(t, "tracegen -o t.pcap --packets %u --flows 500 --ipv6 0.3", SHIM_PACKETS),
        EXIT_DONE);
    struct process *dispatcher =
        process_start(t,
                      "flow-dispatcher -n @ -r t.pcap -w %u --timeout all=never --failover never "
                      "--report out.json %s",
                      workers, options);
    UNTIL(t, stat_of(t, t->name) != NULL); /* a device that is not there is refused soon */
    return dispatcher;
}

static void enter_preloaded(const struct test *t) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/libflowbalancer-pcap.so", t->programs);
    setenv("LD_PRELOAD", path, 1);
}

static void enter_attached(const struct test *t) {
    enter_preloaded(t);
    setenv("FB_ATTACH_GROUP", "1", 1);
    setpgid(0, 0);
}

static struct process *start(struct test *t, void (*enter)(const struct test *), const char *format,
                             va_list arguments) {
    char command[512], words[1024] = "";
    vsnprintf(command, sizeof command, format, arguments);
    const char *rest = command;
    for (const char *at; (at = strstr(rest, "@@")) != NULL; rest = at + 2) {
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%.*sfb:%s", (int)(at - rest), rest, t->name);
    }
    strncat(words, rest, sizeof words - strlen(words) - 1);
    t->enter = enter;
    struct process *p = process_start(t, "%s", words);
    t->enter = NULL;
    return p;
}

struct process *shim_start(struct test *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct process *p = start(t, enter_preloaded, format, arguments);
    va_end(arguments);
    return p;
}

struct process *shim_start_attached(struct test *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct process *p = start(t, enter_attached, format, arguments);
    va_end(arguments);
    return p;
}

const char *shim_program(const char *name) {
    static char path[64];
    snprintf(path, sizeof path, "/usr/bin/%s", name);
    if (access(path, X_OK) != 0)
        SKIP("no program %s: install it", name);
    return path;
}

const json_t *shim_expect_done(struct test *t, struct process *dispatcher) {
    process_expect(t, dispatcher, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
    return report;
}
