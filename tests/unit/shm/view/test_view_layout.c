/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/layout.c, shm/view/layout_parts.c, shm/view/flow_text.c, shm/view/layout_workers.c and
 * shm/view/layout_detail.c: pictures of three sizes, and of every other one. */
#include "tests/lib/made_reports.h"
#include "tests/lib/unit.h"

#include <string.h>

#include "shm/view/scene.h"

#define SECOND_NS UINT64_C(1000000000)

struct fixture {
    struct view view;
    struct scene scene;
    struct layout layout;
    char text[1 << 18]; /* all lines of the picture */
};
static struct fixture fixture;

static struct fixture *begin(unsigned workers) {
    fixture = (struct fixture){.view = {.name = "sensor",
                                        .before = made_report(workers),
                                        .report = made_report(workers),
                                        .before_ns = 10 * SECOND_NS,
                                        .taken_ns = 11 * SECOND_NS}};
    fixture.scene.view = &fixture.view;
    fixture.scene.running = true;
    made_set(fixture.view.report, "ledger.received", 1e6);
    made_set(fixture.view.report, "workers.0.packets", 51000);
    made_set(fixture.view.report, "workers.0.bytes", 1064000);
    return &fixture;
}

static void finish(struct fixture *f) {
    json_decref(f->view.report);
    json_decref(f->view.before);
    layout_free(&f->layout);
}

/* Each picture has its size, and nothing that a terminal would take for an order. */
static void draw(struct fixture *f, unsigned columns, unsigned lines) {
    const struct frame *frame = &f->layout.frame;
    layout_make(&f->layout, &f->scene, columns, lines);
    size_t used = 0;
    if (lines != 0)
        assert_in_range(frame->count,
                        lines < LAYOUT_LINES_MIN || columns < LAYOUT_COLUMNS_MIN ? 1 : lines,
                        lines);
    for (unsigned i = 0; i < frame->count; i++) {
        const struct frame_line *line = &frame->lines[i];
        assert_true(line->length <= columns && strlen(line->text) == line->length);
        for (unsigned c = 0; c < line->length; c++)
            assert_in_range(line->text[c], ' ', '~');
        used += (size_t)snprintf(f->text + used, sizeof f->text - used, "%s\n", line->text);
    }
}

static void expect(const struct fixture *f, const char *part) {
    if (strstr(f->text, part) == NULL)
        fail_msg("no '%s' in:\n%s", part, f->text);
}

static void expect_not(const struct fixture *f, const char *part) {
    if (strstr(f->text, part) != NULL)
        fail_msg("'%s' in:\n%s", part, f->text);
}

/* Lines of a picture; NULL: any. */
static void expect_lines(const struct fixture *f, const char *const *lines, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (lines[i] != NULL)
            assert_string_equal(f->layout.frame.lines[i].text, lines[i]);
    }
}
#define LINES_ARE(f, ...)                                                                          \
    expect_lines(f, (const char *const[]){__VA_ARGS__},                                            \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- three sizes */

static void a_smallest_terminal_has_what_matters(void **state) {
    (void)state;
    struct fixture *f = begin(2);
    made_set(f->view.report, "capture.kernel_drops", 300);
    made_set(f->view.report, "workers.1.backlog", 5000);
    made_set(f->view.report, "workers.1.max_backlog", 9999);
    draw(f, 40, 10);
    LINES_ARE(
        f, "sensor  running 1:02:03  998k/s 8.00Mb/s", "! kernel drops 300/s (0%): its buffer is",
        "lost/s capture 300 rings 0 workers 0", "   # state    pkts/s ring fill  wait p99",
        ">  0 ready     50.0k [        ]    400us", "   1 ready         0 [####   |]    400us",
        NULL, NULL, NULL, "q quit  h help           +1 note  1-6/14");
    finish(f);
}

static void a_usual_terminal_has_the_ledger_by_stage(void **state) {
    (void)state;
    struct fixture *f = begin(2);
    made_set(f->view.report, "ledger.dropped.ring_full", 1200);
    made_set(f->view.report, "ledger.quarantined", 3);
    made_set(f->view.before, "ledger.quarantined", 3);
    draw(f, 80, 24);
    expect(f, "capture      per s in all rings        per s in all workers      per s in all\n");
    expect(f, "received      998k  1.00M in flight               0 inspected        0  2.00k\n");
    expect(f, "kernel drops     0      0 ring full    1.20k  1.20k abandoned        0      0\n");
    expect(f, "iface drops      0      0 no worker        0      0 quarantined      0      3\n");
    expect(f, "flows 400 of 1.00M (<0.1%), 0 new/s  pages: rings thp, flows thp\n");
    expect(f, "interface         state pkts/s kdrop/s idrop/s\n");
    expect(f, "  eth0            up         0       0       0\n");
    expect(f, "      0      17  ids.alerts\n");
    expect(f, "by number  1-");
    finish(f);
}

static void a_large_terminal_has_every_column(void **state) {
    (void)state;
    struct fixture *f = begin(2);
    made_set_json(f->view.report, "workers.0.inspection", "{'samples':10,'sum_s':0.00002}");
    draw(f, 200, 50);
    static const char *const titles[] = {
        "# ",       "state",    "pkts/s",  "bits/s",   "share", "waiting", "ring fill", "wait p50",
        "wait p99", "time/pkt", "dropped", "restarts", "hangs", "flows",   "pid",       "cpu node"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        expect(f, titles[i]);
    expect(f, "2.0us"); /* time/pkt */
    expect(f, "Enter detail");
    finish(f);
}

/* A number that does not fit would be another one. */
static void losses_that_do_not_fit_are_told_with_shorter_words(void **state) {
    (void)state;
    struct fixture *f = begin(2);
    made_set(f->view.report, "capture.kernel_drops", 12345);
    made_set(f->view.report, "ledger.dropped.ring_full", 23456);
    made_set(f->view.report, "ledger.quarantined", 34567);
    draw(f, 40, 12);
    expect(f, "\nlost/s cap 12.3k ring 23.5k work 34.6k\n");
    draw(f, 60, 12);
    expect(f, "\nlost/s capture 12.3k rings 23.5k workers 34.6k  all 70.4k\n");
    finish(f);
}

static void every_size_is_drawn(void **state) {
    (void)state;
    struct fixture *f = begin(12);
    made_set(f->view.report, "capture.kernel_drops", 300);
    made_set_text(f->view.report, "workers.3.state", "lost");
    for (unsigned columns = 1; columns < 300; columns += columns < 90 ? 1 : 13) {
        for (unsigned lines = 1; lines < 60; lines += lines < 30 ? 1 : 7) {
            for (unsigned page = PAGE_ALL; page <= PAGE_HELP; page++) {
                f->scene.settings.page = page;
                draw(f, columns, lines);
            }
        }
    }
    draw(f, 39, 24);
    LINES_ARE(f, "this terminal has 39x24, and 40x10 are", "needed");
    finish(f);
}

static void text_has_all_lines_and_no_keys(void **state) {
    (void)state;
    struct fixture *f = begin(256);
    draw(f, 100, 0);
    expect(f, " 255 ready");
    expect(f, "ids.alerts");
    expect_not(f, "q quit");
    expect_not(f, ">");
    finish(f);
}

/* ---- parts */

static void what_newer_dispatchers_tell_is_shown_where_it_is(void **state) {
    (void)state;
    struct fixture *f = begin(1);
    draw(f, 80, 50);
    expect_not(f, "largest flows");
    expect_not(f, "pairs");
    expect(f, "dispatch to inspection");
    expect_not(f, "time/pkt");
    made_set_json(f->view.report, "largest_flows",
                  "[{'flow':1,'src_ip':'2001:db8::1','src_port':5001,'dest_ip':'2001:db8::2',"
                  "'dest_port':443,'proto':'TCP','worker':0,'packets':1500,'share':0.25,"
                  "'ended':true},"
                  "{'src_ip':'10.0.0.1','dest_ip':'10.0.0.2','proto':'ICMP','worker':null},"
                  "{'src_mac':'02:00:00:00:00:01','dest_mac':'02:00:00:00:00:02','worker':3,"
                  "'proto':'ethertype 0x0806'},{'proto':'unknown','worker':0}]");
    made_set_json(f->view.report, "busiest_flows",
                  "[{'src_ip':'10.0.0.1','src_port':53,'dest_ip':'10.0.0.2','dest_port':1053,"
                  "'proto':'UDP','worker':2,'packets_per_s':12345}]");
    made_set_json(f->view.report, "capture.pairs",
                  "[{'forward':'eth0','reverse':'eth1','flows':9,'one_sided':2,'guessed':1},"
                  "{'forward':'eth2','reverse':null,'flows':5,'one_sided':5,'guessed':0}]");
    made_set_json(f->view.report, "delays",
                  "{'capture_to_dispatch':{'samples':9,'p50_us':900.0,'p99_us':7000.0},"
                  "'dispatch_to_inspection':{'samples':9,'p50_us':12.0,'p99_us':80.0},"
                  "'inspection':{'samples':9,'p50_us':1.0,'p99_us':3.0}}");
    draw(f, 80, 50);
    expect(f, "  1.50k   25%       0  [2001:db8::1]:5001 > [2001:db8::2]:443 TCP ended\n");
    expect(f, "      0    0%       -  10.0.0.1 > 10.0.0.2 ICMP\n");
    expect(f, "       3  02:00:00:00:00:01 > 02:00:00:00:00:02 ethertype 0x0806\n");
    expect(f, "       0  unknown\n");
    expect(f, "  12.3k       2  10.0.0.1:53 > 10.0.0.2:1053 UDP\n");
    expect(f, "  eth0 eth1: 9 flows, 2 one-sided, 1 guessed\n");
    expect(f, "  eth2 alone: 5 flows, 5 one-sided, 0 guessed\n");
    expect(f, "  900us   7.0ms  capture to dispatch\n");
    expect(f, "   12us    80us  dispatch to inspection\n");
    expect(f, "  1.0us   3.0us  inspection\n");
    finish(f);
}

static void the_bar_shows_what_waits_and_the_most_that_did(void **state) {
    (void)state;
    static const struct {
        double waiting, most;
        const char *bar;
    } bars[] = {
        {0, 0, "[        ]"},      {1, 1, "[|       ]"},       {1, 5000, "[-   |   ]"},
        {700, 9999, "[=      |]"}, {5000, 9999, "[####   |]"}, {10000, 10000, "[########]"},
        {1e9, 1e9, "[#######|]"},
    };
    for (size_t i = 0; i < sizeof bars / sizeof *bars; i++) {
        struct fixture *f = begin(1);
        made_set(f->view.report, "workers.0.backlog", bars[i].waiting);
        made_set(f->view.report, "workers.0.max_backlog", bars[i].most);
        draw(f, 40, 20);
        expect(f, bars[i].bar);
        finish(f);
    }
}

static void detail_is_of_one_worker(void **state) {
    (void)state;
    struct fixture *f = begin(3);
    f->scene.settings.page = PAGE_WORKER;
    f->scene.settings.worker = 2;
    made_set(f->view.report, "workers.2.packets", 3000);
    made_set_json(f->view.report, "workers.2.inspectors", "{'ids':{'alerts':7}}");
    draw(f, 80, 60);
    expect(f, "worker 2\n");
    expect(f, "  process        1002\n");
    expect(f, "  inspected      3,000  (2.00k/s)\n");
    expect(f, "  wait           p50 20us  p99 400us  of the run; at most 900us\n");
    expect(f, "  ids.alerts     7\n");
    expect_not(f, "  cpu"); /* it has none of its own */
    f->scene.settings.worker = 9;
    draw(f, 80, 60);
    expect(f, "  it is gone\n");
    finish(f);
}

static void notes_that_have_no_room_are_below(void **state) {
    (void)state;
    struct fixture *f = begin(1);
    made_set(f->view.report, "capture.kernel_drops", 300);
    made_set_text(f->view.report, "hugepages.down", "mixed");
    draw(f, 40, 10);
    expect(f, "+2 notes");
    f->scene.settings.cursor = 100;
    draw(f, 40, 10);
    expect(f, "* some rings have huge pages");
    draw(f, 100, 50);
    expect_not(f, "notes");
    expect(f, "* some rings have huge pages");
    finish(f);
}

/* ---- scrolling */

static void the_title_stays_above_what_is_scrolled(void **state) {
    (void)state;
    struct fixture *f = begin(256);
    f->scene.settings.cursor = 100;
    draw(f, 80, 24);
    unsigned from = f->layout.seen_from;
    assert_non_null(strstr(f->layout.frame.lines[from].text, "# state"));
    assert_int_equal(f->layout.worker, 99);
    assert_non_null(strstr(f->text, "> 99 ready"));
    assert_int_equal(f->layout.frame.lines[from + f->layout.page - 1].worker, 99);
    f->scene.settings.offset = 99;
    draw(f, 80, 24);
    assert_non_null(strstr(f->layout.frame.lines[from].text, "# state"));
    assert_int_equal(f->layout.frame.lines[from + 1].worker, 99);
    finish(f);
}

/* ---- coming and going */

static void an_instance_that_is_not_there_is_waited_for(void **state) {
    (void)state;
    struct fixture *f = &fixture;
    *f = (struct fixture){.view = {.name = "sensor"}};
    f->scene.view = &f->view;
    f->scene.absent_s = 4;
    draw(f, 80, 24);
    expect(f, "instance 'sensor' is not running: waiting for it (0:04)\n");
    expect(f, "q quit\n");
    f->scene.trouble = "/dev/shm/sensor.ctl has another layout";
    draw(f, 80, 24);
    expect(f, "instance 'sensor' cannot be looked at: tried again (0:04)\n");
    expect(f, "/dev/shm/sensor.ctl has another layout\n");
    finish(f);
}

static void the_last_picture_of_one_that_ended_says_so(void **state) {
    (void)state;
    struct fixture *f = begin(2);
    f->scene.running = false;
    f->scene.absent_s = 3;
    f->scene.settings.paused = true;
    draw(f, 80, 24);
    expect(f, "sensor  ENDED ");
    expect(f, "! ended 0:03 ago: the last picture stays until the instance runs again\n");
    f->scene.running = true;
    draw(f, 80, 24);
    expect(f, "sensor  PAUSED ");
    finish(f);
}

static void a_first_look_has_no_rates(void **state) {
    (void)state;
    struct fixture *f = begin(1);
    json_decref(f->view.before);
    f->view.before = NULL;
    draw(f, 80, 24);
    expect(f, "- packets/s  - bits/s to workers");
    expect(f, "received         -  1.00M");
    finish(f);
}

/* ---- what is in shared memory may be anything */

static void nothing_that_a_report_says_gets_out_of_its_line(void **state) {
    (void)state;
    static const char *const paths[] = {"instance",
                                        "version",
                                        "policy",
                                        "dispatcher.state",
                                        "workers.0.state",
                                        "hugepages.down",
                                        "hugepages.flow_table",
                                        "capture.interfaces.0.name",
                                        "capture.interfaces.0.state",
                                        "options.buffer-size",
                                        "violations",
                                        "flows",
                                        "geometry",
                                        "workers",
                                        "ledger",
                                        "latency",
                                        "busiest_flows",
                                        "largest_flows"};
    char hostile[600] = "\x1b[2J\x1b]0;x\x07\r\n\t\x7f\xc2\x9b"
                        "31m%s%n";
    memset(hostile + strlen(hostile), 'A', sizeof hostile - strlen(hostile) - 1);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct fixture *f = begin(1);
        made_set_json(f->view.report, "busiest_flows",
                      "[{'src_ip':'\\u001b[2J','dest_ip':'\\u009b1m','proto':'\\r\\n'},{},7]");
        made_set_text(f->view.report, paths[i], hostile);
        for (unsigned page = PAGE_ALL; page <= PAGE_HELP; page++) {
            f->scene.settings.page = page;
            draw(f, 80, 24);
            draw(f, 40, 10);
            draw(f, 200, 0);
        }
        finish(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_smallest_terminal_has_what_matters),
        cmocka_unit_test(a_usual_terminal_has_the_ledger_by_stage),
        cmocka_unit_test(a_large_terminal_has_every_column),
        cmocka_unit_test(losses_that_do_not_fit_are_told_with_shorter_words),
        cmocka_unit_test(every_size_is_drawn),
        cmocka_unit_test(text_has_all_lines_and_no_keys),
        cmocka_unit_test(what_newer_dispatchers_tell_is_shown_where_it_is),
        cmocka_unit_test(the_bar_shows_what_waits_and_the_most_that_did),
        cmocka_unit_test(detail_is_of_one_worker),
        cmocka_unit_test(notes_that_have_no_room_are_below),
        cmocka_unit_test(the_title_stays_above_what_is_scrolled),
        cmocka_unit_test(an_instance_that_is_not_there_is_waited_for),
        cmocka_unit_test(the_last_picture_of_one_that_ended_says_so),
        cmocka_unit_test(a_first_look_has_no_rates),
        cmocka_unit_test(nothing_that_a_report_says_gets_out_of_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
