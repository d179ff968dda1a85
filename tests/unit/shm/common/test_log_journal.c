/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/log_journal.c: events in the journal, with their fields. The journal is a socket of
 * the test, in a /run of its own. */
#include "tests/lib/child.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/run_events.h"

#include "shm/common/log_journal.h"

static char received[8192], streamed[8192];
static int stream[2]; /* standard error, read at [0] */

/* Returns the journal's socket, or -1 if there is to be none. */
static int begin(bool has_journal) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LOG_JOURNAL_SOCKET};
    struct stat st;
    char text[64];
    int journal = -1;
    if (geteuid() != 0)
        child_skip("only root can make a /run of its own");
    private_mounts("/run");
    EXPECT(mount("tmpfs", "/run", "tmpfs", 0, "") == 0);
    EXPECT(mkdir("/run/systemd", 0755) == 0 && mkdir("/run/systemd/journal", 0755) == 0);
    if (has_journal) {
        journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        EXPECT(bind(journal, (struct sockaddr *)&address, sizeof address) == 0);
    }
    fb_log_init("tester", FB_LOG_INFO);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, stream) == 0);
    EXPECT(dup2(stream[1], STDERR_FILENO) == STDERR_FILENO);
    EXPECT(fstat(STDERR_FILENO, &st) == 0);
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    return journal;
}

/* The next datagram; "" if there is none. */
static const char *next_of(int journal) {
    ssize_t n = recv(journal, received, sizeof received - 1, 0);
    received[n > 0 ? n : 0] = '\0';
    return received;
}

static const char *next_streamed(void) {
    ssize_t n = read(stream[0], streamed, sizeof streamed - 1);
    streamed[n > 0 ? n : 0] = '\0';
    return streamed;
}

static void tell_it(void *arg) {
    (void)arg;
    int journal = begin(true);
    fb_tell_events_of("sensor");
    fb_tell_event(FB_WORKER_EVENT(WORKER_BACK, 3, .pid = 77, .epoch = 5, .duration_ns = 12345678),
                  "worker %d is back", 3);
    EXPECT(strcmp(next_of(journal),
                  "MESSAGE=tester: info: worker 3 is back\nPRIORITY=6\nSYSLOG_IDENTIFIER=tester\n"
                  "FB_EVENT=worker_back\nFB_INSTANCE=sensor\nFB_WORKER=3\nFB_PID=77\nFB_EPOCH=5\n"
                  "FB_DURATION_US=12345\n") == 0);
    fb_tell_event(FB_INTERFACE_EVENT(KERNEL_DROPS_ENDED, 0, .count = 9), "x");
    EXPECT(
        strcmp(next_of(journal),
               "MESSAGE=tester: warning: x\nPRIORITY=4\nSYSLOG_IDENTIFIER=tester\n"
               "FB_EVENT=kernel_drops_ended\nFB_INSTANCE=sensor\nFB_INTERFACE=0\nFB_COUNT=9\n") ==
        0);
    fb_tell_events_of(NULL);
    fb_tell_event(FB_RUN_EVENT(RUN_PAUSED), "x");
    EXPECT(strstr(next_of(journal), "FB_INSTANCE") == NULL && received[0] != '\0');
    EXPECT(strcmp(next_streamed(), "") == 0);
}

static void an_event_has_its_fields(void **state) {
    (void)state;
    in_child(tell_it, NULL);
}

static void tell_lines(void *arg) {
    (void)arg;
    int journal = begin(true);
    fb_tell_event(FB_RUN_EVENT(FILTER_RELOADED), "a\nFB_EVENT=forged");
    const char *got = next_of(journal), *message = "tester: info: a\nFB_EVENT=forged";
    uint64_t length;
    EXPECT(memcmp(got, "MESSAGE\n", 8) == 0);
    memcpy(&length, got + 8, sizeof length);
    EXPECT(length == strlen(message) && memcmp(got + 16, message, length) == 0);
    EXPECT(strncmp(got + 16 + length, "\nPRIORITY=6\n", 12) == 0);
}

/* A filter may have any byte. */
static void a_line_end_in_a_text_makes_no_field(void **state) {
    (void)state;
    in_child(tell_lines, NULL);
}

static void tell_others(void *arg) {
    (void)arg;
    int journal = begin(true);
    fb_warning("no event");
    EXPECT(strcmp(next_streamed(), "<4>tester: warning: no event\n") == 0);
    fb_tell_event(FB_RUN_EVENT(RUN_STARTED), "not at this level");
    setenv("JOURNAL_STREAM", "1:1", 1);
    EXPECT(dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) == STDERR_FILENO);
    fb_tell_event(FB_RUN_EVENT(RUN_PAUSED), "redirected");
    EXPECT(strcmp(next_of(journal), "") == 0);
}

static void other_lines_and_other_streams_are_as_they_were(void **state) {
    (void)state;
    in_child(tell_others, NULL);
}

static void tell_no_one(void *arg) {
    (void)arg;
    begin(false);
    fb_tell_event(FB_WORKER_EVENT(WORKER_DIED, 3), "it died");
    EXPECT(strcmp(next_streamed(), "<4>tester: warning: it died\n") == 0);
}

static void without_the_journals_socket_it_is_a_line_of_the_stream(void **state) {
    (void)state;
    in_child(tell_no_one, NULL);
}

static void tell_the_deaf(void *arg) {
    (void)arg;
    int journal = begin(true);
    alarm(30); /* what waits for it waits for ever */
    unsigned taken = 0;
    for (unsigned i = 0; i < 2000; i++)
        fb_tell_event(FB_WORKER_EVENT(WORKER_DIED, i), "it died");
    while (*next_of(journal) != '\0')
        taken++;
    EXPECT(taken > 0 && taken < 2000);
    EXPECT(strncmp(next_streamed(), "<4>tester: warning: it died\n", 28) == 0);
}

static void a_journal_that_does_not_read_stops_no_one(void **state) {
    (void)state;
    in_child(tell_the_deaf, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_its_fields),
        cmocka_unit_test(a_line_end_in_a_text_makes_no_field),
        cmocka_unit_test(other_lines_and_other_streams_are_as_they_were),
        cmocka_unit_test(without_the_journals_socket_it_is_a_line_of_the_stream),
        cmocka_unit_test(a_journal_that_does_not_read_stops_no_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
