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

void shim_enter(const struct test *t) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/libflowbalancer-pcap.so", t->programs);
    setenv("LD_PRELOAD", path, 1);
}

static void enter_attached(const struct test *t) {
    shim_enter(t);
    setenv("FB_ATTACH_GROUP", "1", 1);
    setpgid(0, 0);
}

/* The command with the device in the place of each @@. */
static void put_device(const struct test *t, char *words, size_t size, const char *format,
                       va_list arguments) {
    char command[512];
    vsnprintf(command, sizeof command, format, arguments);
    const char *rest = command;
    words[0] = '\0';
    for (const char *at; (at = strstr(rest, "@@")) != NULL; rest = at + 2) {
        size_t used = strlen(words);
        snprintf(words + used, size - used, "%.*sfb:%s", (int)(at - rest), rest, t->name);
    }
    strncat(words, rest, size - strlen(words) - 1);
}

#define START(name, entered, starter)                                                              \
    struct process *name(struct test *t, const char *format, ...) {                                \
        char words[1024];                                                                          \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        put_device(t, words, sizeof words, format, arguments);                                     \
        va_end(arguments);                                                                         \
        t->enter = entered;                                                                        \
        struct process *p = starter(t, "%s", words);                                               \
        t->enter = NULL;                                                                           \
        return p;                                                                                  \
    }
START(shim_start, shim_enter, process_start)
START(shim_start_piped, shim_enter, process_start_piped)
START(shim_start_attached, enter_attached, process_start)
#undef START

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
