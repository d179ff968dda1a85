/* SPDX-License-Identifier: BSD-2-Clause */
/* Live runs of a user who is not root: what the dispatcher says without the right to capture, and
 * that the one capability which it names is enough. */
#include "tests/lib/life.h"
#include "tests/lib/netns.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NOBODY 65534

static void become_unprivileged(const struct test *t) {
    setenv("XDG_RUNTIME_DIR", t->directory, 1);
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        _exit(126);
}

/* Copies of the programs, which a capability may be put on, in a directory of that user's. */
static void copy_programs(struct test *t) {
    static const char *const names[] = {"flow-dispatcher", "flow-worker", "flow-stat"};
    assert_int_equal(mkdir(file_in(t, "programs"), 0755), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(process_run(t, "/usr/bin/env cp %s/%s programs/", t->programs, names[i]),
                         EXIT_DONE);
    assert_int_equal(chown(t->directory, NOBODY, NOBODY), 0);
    snprintf(t->programs, sizeof t->programs, "%s", file_in(t, "programs"));
}

/* A line, and everything from here on as that user. */
static void begin(struct test *t) {
    netns_enter();
    netns_veth("sender", "tap");
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 2000 --flows 100"), EXIT_DONE);
    copy_programs(t);
}

static void without_the_right_one_line_names_the_capability(void **state) {
    struct test *t = *state;
    char fix[2 * PROCESS_PATH_MAX];
    begin(t);
    t->enter = become_unprivileged;
    snprintf(fix, sizeof fix, "run as root, or `setcap cap_net_raw+ep %s/flow-dispatcher`",
             t->programs);
    EXPECT_REFUSED(t, EXIT_RUNTIME, fix, "flow-dispatcher -n @ -w 1 -i tap");
}

static void the_capability_that_it_names_is_enough(void **state) {
    struct test *t = *state;
    struct statvfs place;
    begin(t);
    if (process_run(t, "/usr/bin/env setcap cap_net_raw+ep programs/flow-dispatcher") !=
            EXIT_DONE ||
        statvfs(t->programs, &place) != 0 || (place.f_flag & ST_NOSUID) != 0)
        SKIP("no program can be given a capability in %s: set TMPDIR", t->directory);
    t->enter = become_unprivileged;
    struct process *dispatcher = process_start(
        t, "flow-dispatcher -n @ -w 2 -i tap -B 65536 --report out.json --timeout all=never");
    struct process *workers[2];
    for (unsigned k = 0; k < 2; k++)
        workers[k] = process_start(t, "flow-worker -n @ -k %u --inspector record:rec", k);
    UNTIL(t, stat_of(t, t->name) != NULL &&
                 strcmp(text_at(t->report, "dispatcher.state"), "running") == 0);
    t->enter = NULL;
    json_int_t sent = netns_replayed(t, netns_replay(t, "sender", "--topspeed", "t.pcap"));
    netns_need_whole_line(sent, (json_int_t)netns_counts_of("tap").rx_packets);
    t->enter = become_unprivileged;
    UNTIL(t, inspected(t) >= sent);
    stop_run(t, dispatcher, EXIT_DONE);
    for (unsigned k = 0; k < 2; k++)
        process_expect(t, workers[k], EXIT_DONE);
    expect_all_inspected(report_of(t, "out.json"), sent);
    expect_recorded(t, (uint64_t)sent, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(without_the_right_one_line_names_the_capability),
        PROCESS_TEST(the_capability_that_it_names_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
