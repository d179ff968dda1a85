/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspection.c: events that inspectors write, which a call that is made again does not
 * write again. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"
#include "tests/unit/worker/records/eve_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/inspection.h"
#include "worker/records/eve.h"

#define LINES_MAX 64u

/* An inspector that writes some events a call, and says what came of them. */
struct writer {
    const struct fb_host *host;
    unsigned in_start, in_packet, in_end, in_tick;
};
static struct writer writers[2];

static struct inspection inspection;
static const struct fb_flow flow = {.id = 7};

static int writer_open(struct fb_setup *setup) {
    struct writer *writer = &writers[atoi(setup->args)];
    writer->host = setup->host;
    setup->self = writer;
    return 0;
}

static int write_events(const struct writer *writer, unsigned count, struct fb_host_event event) {
    int rc = 0;
    event.type = "mine";
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = writer->host->event(writer->host, &event);
    return rc;
}

static int writer_start(void *self, void *state, const struct fb_packet *packet) {
    const struct writer *writer = self;
    (void)state;
    return write_events(writer, writer->in_start, (struct fb_host_event){.packet = packet});
}

static int writer_packet(void *self, void *state, const struct fb_packet *packet) {
    const struct writer *writer = self;
    (void)state;
    return write_events(writer, writer->in_packet, (struct fb_host_event){.packet = packet});
}

static int writer_end(void *self, void *state, const struct fb_flow_end *end) {
    const struct writer *writer = self;
    (void)state;
    return write_events(writer, writer->in_end, (struct fb_host_event){.end = end});
}

static int writer_tick(void *self, uint64_t now_ns) {
    const struct writer *writer = self;
    (void)now_ns;
    return write_events(writer, writer->in_tick, (struct fb_host_event){.type = NULL});
}

static const struct fb_inspector writing = {
    FB_INSPECTOR_HEAD,          .name = "writing",       .open = writer_open,
    .flow_start = writer_start, .packet = writer_packet, .flow_end = writer_end,
    .tick = writer_tick,
};

static int set_up(void **state) {
    (void)state;
    memset(writers, 0, sizeof writers);
    memset(&inspection, 0, sizeof inspection);
    eve_lines_begin();
    inspection_watch_children(&inspection);
    assert_int_equal(inspection_add(&inspection, &writing, "0"), 0);
    assert_int_equal(inspection_add(&inspection, &writing, "1"), 0);
    return eve_claimed(&(struct fb_instance){.name = "x"}, 0);
}

static int tear_down(void **state) {
    (void)state;
    inspection_close(&inspection);
    eve_close();
    return 0;
}
#define EVENTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct fb_event packet_of(uint64_t frame, unsigned flags) {
    return (struct fb_event){
        .kind = FB_EVENT_PACKET,
        .packet = {.frame = frame, .flow = &flow, .flags = (uint16_t)flags, .time_ns = frame}};
}

/* As the loop does: until it succeeds. The sink takes the first `taken` lines, and one more at each
 * try. Returns how many it took. */
static unsigned lines_taken(struct fb_event event, unsigned taken) {
    unsigned all = 0;
    for (unsigned tries = 0; tries < LINES_MAX; tries++) {
        eve_lines.count = 0;
        eve_lines.takes = tries == 0 ? taken : 1;
        int rc = inspection_event(&inspection, &event);
        all += eve_lines.count < eve_lines.takes ? eve_lines.count : eve_lines.takes;
        if (rc == 0)
            return all;
        assert_int_equal(rc, FB_OUTPUT_FAILED);
    }
    fail_msg("it goes on for ever");
    return 0;
}

static void no_event_is_written_twice_or_lost(void **state) {
    (void)state;
    writers[0] =
        (struct writer){.host = writers[0].host, .in_start = 2, .in_packet = 3, .in_end = 2};
    writers[1] =
        (struct writer){.host = writers[1].host, .in_start = 1, .in_packet = 2, .in_end = 3};
    uint64_t frame = 1;
    struct caught caught;
    catch_begin(&caught); /* it says once that it waits */
    for (unsigned taken = 0; taken < 10; taken++) {
        struct fb_event end = {.kind = FB_EVENT_FLOW_END,
                               .end = {.flow = &flow, .frame = frame + 1, .time_ns = 1}};
        assert_int_equal(lines_taken(packet_of(frame++, FB_F_START), taken), 8);
        assert_int_equal(lines_taken(packet_of(frame++, 0), taken), 5);
        assert_int_equal(lines_taken(end, taken), 5);
    }
    expect_one_line(catch_end(&caught), "its output cannot be written");
}

static void the_same_of_one_inspector_alone(void **state) {
    (void)state;
    inspection.count = 1;
    writers[0].in_packet = 3;
    for (uint64_t frame = 1; frame < 9; frame++)
        assert_int_equal(lines_taken(packet_of(frame, 0), (unsigned)frame % 4), 3);
}

/* It waits here, and is written when there is room. */
static void an_event_of_no_flow_waits(void **state) {
    (void)state;
    writers[0].in_tick = 1;
    eve_lines.answer = FB_OUTPUT_FAILED;
    assert_int_equal(inspection_tick(&inspection, UINT64_MAX / 2), 0);
    eve_lines.answer = 0;
    eve_lines.count = 0;
    assert_int_equal(
        inspection_event(&inspection, &(struct fb_event){.kind = FB_EVENT_PACKET,
                                                         .packet = {.frame = 1, .flow = &flow}}),
        0);
    assert_int_equal(eve_lines.count, 0);
    writers[1].in_packet = 1;
    assert_int_equal(lines_taken(packet_of(2, 0), 9), 2);
}

static void a_wrong_event_is_one_line_that_names_the_inspector(void **state) {
    struct caught caught;
    (void)state;
    const struct fb_host *host = writers[0].host;
    catch_begin(&caught);
    int rc = host->event(host, &(struct fb_host_event){.type = "flow"});
    expect_one_line(catch_end(&caught),
                    "error: inspector writing: event 'flow': that name is the worker's own");
    assert_int_equal(rc, -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVENTS_TEST(no_event_is_written_twice_or_lost),
        EVENTS_TEST(the_same_of_one_inspector_alone),
        EVENTS_TEST(an_event_of_no_flow_waits),
        EVENTS_TEST(a_wrong_event_is_one_line_that_names_the_inspector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
