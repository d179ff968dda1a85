/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/shim/shim_answers.c, shim/shim_settings.c, shim/shim_read.c, shim/shim_open.c beside
 * libpcap itself: pcap_calls logs what each function returns, once on an interface, once on a
 * device fb:NAME of a dispatcher that captures on it. The logs are the same but for the lines
 * listed here.
 */
#include "tests/lib/live.h"
#include "tests/lib/shim.h"

#include <signal.h>
#include <unistd.h>

#define LINES_MAX 512u

/* How a line begins that differs, and why it may. */
static const struct difference {
    const char *line;
    const char *why;
} differences[] = {
    {"lookupnet()", "the interface of the test has no address, the device any"},
    {"pcap_set_protocol_linux(p, 0x800) != 0", "a filter does that"},
    {"list_datalinks()", "Ethernet cannot be taken for DOCSIS: the dispatcher has decoded it"},
    {"pcap_bufsize(p)", "there is no buffer of its own; not documented"},
    {"pcap_setdirection(p, PCAP_D_IN)", "the direction of a packet is not kept"},
};
#define DIFFERENCES (sizeof differences / sizeof differences[0])

/* ---- frames */

static void send_frames(int sender, unsigned count, unsigned port) {
    uint8_t frame[120] = "\x02\0\0\0\0\x0b\x02\0\0\0\0\x0a\x08\0"
                         "\x45\0\0\x6a\0\x01\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02"
                         "\x27\x10\0\0\0\x56\0\0";
    frame[36] = (uint8_t)(port >> 8);
    frame[37] = (uint8_t)port;
    for (unsigned i = 0; i < count; i++)
        netns_send(sender, frame, sizeof frame);
}

/* Sends what the program asks for until it is done. */
static void serve(struct test *t, struct process *p, int sender) {
    size_t seen = 0;
    for (;;) {
        const char *request = NULL;
        UNTIL(t, (request = strstr(process_output(t, p) + seen, "\nsend ")) != NULL ||
                     process_ended(t, p));
        if (request == NULL)
            return;
        unsigned to_53, to_80;
        if (strchr(request + 1, '\n') == NULL)
            continue;
        assert_int_equal(sscanf(request, "\nsend %u %u", &to_53, &to_80), 2);
        seen = (size_t)(request - t->text) + 1;
        send_frames(sender, to_53, 53);
        send_frames(sender, to_80, 80);
        assert_true(process_feed(p, "go\n", 3));
    }
}

/* ---- logs */

struct log {
    char text[1 << 16];
    char *lines[LINES_MAX];
    unsigned count;
};

static void keep_log(struct test *t, const struct process *p, struct log *log) {
    char *rest = log->text, *line;
    snprintf(log->text, sizeof log->text, "%s", process_output(t, p));
    while (log->count < LINES_MAX && (line = strsep(&rest, "\n")) != NULL)
        log->lines[log->count++] = line;
    assert_in_range(log->count, 150, LINES_MAX - 1);
}

static const struct difference *find_difference(const char *line) {
    for (unsigned i = 0; i < DIFFERENCES; i++) {
        if (strncmp(line, differences[i].line, strlen(differences[i].line)) == 0)
            return &differences[i];
    }
    return NULL;
}

/* Each line is the same, or listed; and what is listed differs. */
static void compare(const struct log *libpcap, const struct log *ours) {
    bool differs[DIFFERENCES] = {false};
    unsigned wrong = 0;
    for (unsigned i = 0; i < libpcap->count && i < ours->count; i++) {
        if (strcmp(libpcap->lines[i], ours->lines[i]) == 0)
            continue;
        const struct difference *listed = find_difference(libpcap->lines[i]);
        if (listed != NULL && find_difference(ours->lines[i]) == listed) {
            differs[listed - differences] = true;
            continue;
        }
        print_error("line %u\n  libpcap  %s\n  ours     %s\n", i + 1, libpcap->lines[i],
                    ours->lines[i]);
        wrong++;
    }
    assert_int_equal(libpcap->count, ours->count);
    assert_int_equal(wrong, 0);
    for (unsigned i = 0; i < DIFFERENCES; i++) {
        if (!differs[i])
            fail_msg("%s is listed, but does not differ", differences[i].line);
    }
}

static void each_call_returns_what_libpcap_returns(void **state) {
    struct test *t = *state;
    static struct log libpcap, ours;
    make_line();
    int sender = netns_sender("sender");
    struct process *direct = process_start_piped(t, "tests/pcap_calls tap");
    serve(t, direct, sender);
    process_expect(t, direct, EXIT_DONE);
    keep_log(t, direct, &libpcap);

    struct process *dispatcher = process_start(t, "flow-dispatcher -n @ -i tap -w 1 --immediate");
    UNTIL(t, stat_of(t, t->name) != NULL);
    struct process *shim = shim_start_piped(t, "tests/pcap_calls @@:0 @@");
    serve(t, shim, sender);
    process_expect(t, shim, EXIT_DONE);
    keep_log(t, shim, &ours);
    process_signal(dispatcher, SIGTERM);
    process_expect(t, dispatcher, EXIT_DONE);
    close(sender);
    compare(&libpcap, &ours);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(each_call_returns_what_libpcap_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
