/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/run/recorder.c and shm/report/history_build.c: a run is recorded, and read as JSON
 * while it goes on and when its dispatcher is gone. */
#include "tests/lib/caught.h"
#include "tests/lib/fleet_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"
#include "flow_balancer/history_report.h"

#include "dispatcher/run/recorder.h"

#define WORKERS 3u

static struct recorder recorder;
static struct fb_snapshot snapshot;
static struct caught caught;

static void begin(struct fleet_fixture *f) {
    make_fleet(f, WORKERS, 16, "backlog", SECOND);
    assert_int_equal(fb_guard_init(), 0);
    struct fb_ctl *ctl = f->ctl.ctl;
    ctl->interfaces = 1;
    strcpy(ctl->interface_names[0], "r0");
    memset(&snapshot, 0, sizeof snapshot);
    recorder_open(&recorder, ctl);
    assert_true(recorder.records);
}

static json_t *history_of(struct fleet_fixture *f) {
    json_t *history;
    assert_int_equal(fb_history_read(&f->seen, FB_HISTORY_ALL, &history), 0);
    assert_string_equal(json_string_value(json_object_get(history, "schema")), FB_HISTORY_SCHEMA);
    assert_string_equal(json_string_value(json_object_get(history, "instance")), f->ctl.ctl->name);
    return history;
}

static json_t *at(json_t *history, const char *list, size_t i) {
    json_t *found = json_array_get(json_object_get(history, list), i);
    assert_non_null(found);
    return found;
}

static void expect(const json_t *object, const char *key, json_int_t wanted) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) != wanted)
        fail_msg("%s is %lld, not %lld", key, (long long)json_integer_value(value),
                 (long long)wanted);
}

static void look(struct fleet_fixture *f, uint64_t after_ns) {
    f->now_ns += after_ns;
    recorder_look(&recorder, &f->fleet, &snapshot, f->now_ns);
}

static size_t samples_of(struct fleet_fixture *f) {
    json_t *history = history_of(f);
    size_t samples = json_array_size(json_object_get(history, "samples"));
    json_decref(history);
    return samples;
}

/* The time of day is set back a minute between the second sample and the third. */
static void times_go_on_where_the_clock_was_set(void **state) {
    struct fleet_fixture *f = *state;
    static struct fb_history_sample sample;
    begin(f);
    for (unsigned i = 0; i < 4; i++) {
        sample = (struct fb_history_sample){.mono_ns = (10 + i) * SECOND,
                                            .real_ns = (1000 + i - (i < 2 ? 0 : 60)) * SECOND};
        fb_history_add_sample(&recorder.writer, &sample);
    }
    const struct fb_run_event event = {
        .mono_ns = 11 * SECOND + 500 * MS, .real_ns = 1001 * SECOND + 500 * MS, .kind = 0};
    fb_history_add_event(&recorder.writer, &event);
    json_t *history = history_of(f);
    for (size_t i = 0; i < 4; i++)
        assert_true(json_real_value(json_object_get(at(history, "samples", i), "time")) ==
                    940.0 + (double)i);
    size_t last = json_array_size(json_object_get(history, "events")) - 1;
    assert_true(json_real_value(json_object_get(at(history, "events", last), "time")) == 941.5);
    json_decref(history);
    recorder_close(&recorder);
}

/* Its memory is gone, and only that. */
static void a_history_that_is_cut_short_is_told_and_kept_no_more(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    look(f, SECOND);
    assert_int_equal(truncate(recorder.region.path, 0), 0);
    look(f, SECOND); /* writes to what is not there */
    fb_log_set_level(FB_LOG_WARNING);
    catch_begin(&caught);
    look(f, SECOND);
    fb_log_set_level(FB_LOG_ERROR);
    expect_one_line(catch_end(&caught), "was cut short by another process");
    assert_false(recorder.records);
    look(f, SECOND);
}

static void a_sample_is_taken_once_a_second_and_none_for_the_time_that_was_missed(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    for (unsigned i = 0; i <= 50; i++)
        look(f, 100 * MS);
    assert_int_equal(samples_of(f), 6);
    look(f, 60 * SECOND);
    assert_int_equal(samples_of(f), 7);
    look(f, 900 * MS);
    assert_int_equal(samples_of(f), 7);
    look(f, 100 * MS);
    assert_int_equal(samples_of(f), 8);
    recorder_close(&recorder);
}

static void the_end_alone_has_one_sample_more_than_seconds(void **state) {
    struct fleet_fixture *f = *state;
    static const size_t wanted[] = {1, 2, 3, 4, 5, 5};
    begin(f);
    for (unsigned i = 0; i < 5; i++) {
        snapshot.run[FB_RUN_RECEIVED] = i;
        look(f, SECOND);
    }
    for (uint64_t seconds = 0; seconds < 6; seconds++) {
        json_t *history;
        assert_int_equal(fb_history_read(&f->seen, seconds, &history), 0);
        size_t count = json_array_size(json_object_get(history, "samples"));
        assert_int_equal(count, wanted[seconds]);
        expect(at(history, "samples", count - 1), "received", 4);
        json_decref(history);
    }
    recorder_close(&recorder);
}

static void a_sample_says_what_the_snapshot_said(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    worker_starts(f, 1);
    give_packets(f, 1, 5);
    fb_up_set_counter(f->hands[1].claim.up_region.base, FB_WORKER_PACKETS, 3);
    fb_up_set_cpu(f->hands[1].claim.up_region.base, 7);
    snapshot.run[FB_RUN_RECEIVED] = 100;
    snapshot.run[FB_RUN_PENDING] = 1;
    snapshot.run[FB_RUN_HELD] = 2;
    snapshot.run[FB_RUN_BYPASSED] = 4;
    snapshot.run[FB_RUN_KERNEL_DROPS] = 8;
    snapshot.run[FB_RUN_FLOWS_ACTIVE] = 16;
    snapshot.dropped[FB_DROP_NO_WORKER] = 32;
    snapshot.violations[FB_VIOLATION_FAULT] = 64;
    snapshot.lane[0][FB_LANE_INSPECTED] = 10;
    snapshot.lane[1][FB_LANE_INSPECTED] = 20;
    snapshot.lane[1][FB_LANE_WAITING] = 5;
    snapshot.interface[0][FB_INTERFACE_KERNEL_DROPS] = 8;
    snapshot.interface_state[0] = FB_INTERFACE_IS_DOWN;
    look(f, SECOND);
    json_t *history = history_of(f), *sample = at(history, "samples", 0);
    expect(sample, "received", 100);
    expect(sample, "inspected", 30);
    expect(sample, "in_flight", 8);
    expect(sample, "shunted", 4);
    expect(sample, "kernel_drops", 8);
    expect(sample, "flows_active", 16);
    expect(sample, "violations", 64);
    expect(json_object_get(sample, "dropped"), "no_worker", 32);
    expect(json_object_get(sample, "dropped"), "ring_full", 0);
    json_t *worker = at(sample, "workers", 1);
    expect(worker, "worker", 1);
    expect(worker, "packets", 20);
    expect(worker, "backlog", 5);
    expect(worker, "self_packets", 3);
    expect(worker, "cpu", 7);
    expect(worker, "pid", getpid());
    assert_string_equal(json_string_value(json_object_get(worker, "state")), "ready");
    assert_null(json_object_get(at(sample, "workers", 0), "cpu"));
    json_t *interface = at(sample, "interfaces", 0);
    expect(interface, "kernel_drops", 8);
    assert_string_equal(json_string_value(json_object_get(interface, "interface")), "r0");
    assert_string_equal(json_string_value(json_object_get(interface, "state")), "down");
    json_decref(history);
    recorder_close(&recorder);
}

static void what_happens_to_a_worker_is_recorded_in_order(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    catch_begin(&caught);
    worker_starts(f, 0);
    worker_dies(f, 0);
    poll_fleet(f);
    f->now_ns += 12 * MS;
    worker_starts(f, 0);
    fb_tell_event(FB_INTERFACE_EVENT(INTERFACE_DOWN, 0), "interface r0 is down");
    catch_end(&caught);
    static const char *const names[] = {"worker_claimed", "worker_ready",   "worker_died",
                                        "worker_offered", "worker_claimed", "worker_back",
                                        "interface_down"};
    json_t *history = history_of(f);
    assert_int_equal(json_array_size(json_object_get(history, "events")), 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(json_string_value(json_object_get(at(history, "events", i), "event")),
                            names[i]);
    json_t *died = at(history, "events", 2), *back = at(history, "events", 5);
    expect(died, "worker", 0);
    expect(died, "pid", getpid());
    assert_string_equal(json_string_value(json_object_get(died, "severity")), "warning");
    char line[128];
    snprintf(line, sizeof line, "worker 0 (pid %d) died; its flows wait for its next process",
             (int)getpid());
    assert_string_equal(json_string_value(json_object_get(died, "text")), line);
    assert_true(json_real_value(json_object_get(back, "duration_s")) == 0.012);
    json_t *interface = at(history, "events", 6);
    assert_string_equal(json_string_value(json_object_get(interface, "interface")), "r0");
    assert_null(json_object_get(interface, "worker"));
    json_decref(history);
    recorder_close(&recorder);
}

/* By the user that runs the dispatcher: what is recorded is lost, and the run goes on. */
static void an_object_that_is_cut_short_harms_neither_the_run_nor_who_reads(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    look(f, SECOND);
    assert_int_equal(truncate(recorder.region.path, 8192), 0);
    look(f, SECOND);
    fb_tell_event(FB_RUN_EVENT(RUN_RUNNING), "x");
    json_t *history;
    catch_begin(&caught);
    int error = fb_history_read(&f->seen, FB_HISTORY_ALL, &history);
    expect_one_line(catch_end(&caught), "expected kind 5, worker 0, at most 8192 bytes");
    assert_int_equal(error, -EPROTO);
    assert_null(history);
    assert_int_equal(truncate(recorder.region.path, 100), 0);
    catch_begin(&caught);
    error = fb_history_read(&f->seen, FB_HISTORY_ALL, &history);
    catch_end(&caught);
    assert_true(error < 0);
    look(f, SECOND);
    recorder_close(&recorder);
}

static void a_ctl_that_is_cut_short_harms_no_one_who_reads(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    look(f, SECOND);
    json_t *history;
    char copy[] = "/dev/shm/test-recorder-XXXXXX"; /* the dispatcher's own is not to be cut */
    int fd = mkstemp(copy);
    assert_int_equal(write(fd, f->ctl.ctl, f->ctl.region.size), (ssize_t)f->ctl.region.size);
    struct fb_ctl_handle cut = {.region = {.fd = fd, .size = f->ctl.region.size}};
    cut.region.base = mmap(NULL, cut.region.size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(cut.region.base, MAP_FAILED);
    cut.ctl = cut.region.base;
    assert_int_equal(fb_history_read(&cut, FB_HISTORY_ALL, &history), 0);
    json_decref(history);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_true(fb_history_read(&cut, FB_HISTORY_ALL, &history) < 0);
    assert_null(history);
    munmap(cut.region.base, cut.region.size);
    close(fd);
    unlink(copy);
    recorder_close(&recorder);
}

static void what_is_of_another_instance_is_not_read(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    json_t *history;
    struct fb_history *object = recorder.region.base;
    object->header.instance[0] ^= 1;
    assert_int_equal(fb_history_read(&f->seen, FB_HISTORY_ALL, &history), -ENOENT);
    object->header.instance[0] ^= 1;
    assert_int_equal(unlink(recorder.region.path), 0);
    assert_int_equal(fb_history_read(&f->seen, FB_HISTORY_ALL, &history), -ENOENT);
    recorder_close(&recorder);
}

static void where_it_cannot_be_made_there_is_one_line_and_a_run(void **state) {
    struct fleet_fixture *f = *state;
    begin(f);
    char path[FB_PATH_MAX];
    strcpy(path, recorder.region.path);
    recorder_close(&recorder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    fb_log_set_level(FB_LOG_WARNING);
    catch_begin(&caught);
    recorder_open(&recorder, f->ctl.ctl);
    expect_one_line(catch_end(&caught), "no history of this run is kept");
    assert_int_equal(rmdir(path), 0);
    assert_false(recorder.records);
    look(f, SECOND);
    fb_tell_event(FB_RUN_EVENT(RUN_RUNNING), "x");
    recorder_take(&recorder, &f->fleet, &snapshot);
    recorder_close(&recorder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(times_go_on_where_the_clock_was_set),
        FLEET_TEST(a_history_that_is_cut_short_is_told_and_kept_no_more),
        FLEET_TEST(a_sample_is_taken_once_a_second_and_none_for_the_time_that_was_missed),
        FLEET_TEST(the_end_alone_has_one_sample_more_than_seconds),
        FLEET_TEST(a_sample_says_what_the_snapshot_said),
        FLEET_TEST(what_happens_to_a_worker_is_recorded_in_order),
        FLEET_TEST(an_object_that_is_cut_short_harms_neither_the_run_nor_who_reads),
        FLEET_TEST(a_ctl_that_is_cut_short_harms_no_one_who_reads),
        FLEET_TEST(what_is_of_another_instance_is_not_read),
        FLEET_TEST(where_it_cannot_be_made_there_is_one_line_and_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
