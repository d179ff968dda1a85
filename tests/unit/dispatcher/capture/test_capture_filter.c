/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_filter.c: programs for each kind of handle, and the thread that
 * compiles them; capture.c: the life of a change. The last tests leave threads that compile
 * for minutes.
 */
#include "dispatcher/capture/capture_filter.h"
#include "tests/lib/capture_fixture.h"
#include "tests/lib/interface.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTES_OF_HOSTS 3000u

static struct capture_filters filters;

static int begin(void **state) {
    (void)state;
    return capture_filters_init(&filters, "ip");
}

static int end(void **state) {
    (void)state;
    capture_filters_fini(&filters);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static struct capture_kind file_kind(int dlt, bool big_endian) {
    return (struct capture_kind){.dlt = dlt, .big_endian = big_endian};
}

static const struct capture_program *fits(struct capture_filter *filter, struct capture_kind kind) {
    const struct capture_program *program;
    assert_int_equal(capture_filter_fits(filter, kind, &program), CAPTURE_FITS);
    return program;
}

static void expect_same(const struct bpf_program *a, const struct bpf_program *b, bool same) {
    bool equal = a->bf_len == b->bf_len &&
                 memcmp(a->bf_insns, b->bf_insns, a->bf_len * sizeof *a->bf_insns) == 0;
    assert_int_equal(equal, same);
}

/* ---- programs */

static void a_kind_is_compiled_for_once(void **state) {
    (void)state;
    const struct capture_program *ethernet = fits(filters.present, file_kind(DLT_EN10MB, false));
    const struct capture_program *raw = fits(filters.present, file_kind(DLT_RAW, false));
    assert_ptr_not_equal(ethernet, raw);
    assert_ptr_equal(fits(filters.present, file_kind(DLT_EN10MB, false)), ethernet);
    assert_ptr_equal(fits(filters.present, file_kind(DLT_RAW, false)), raw);
}

/* DLT_NULL has a word in the byte order of the host that captured. */
static void the_byte_order_of_a_file_is_minded(void **state) {
    (void)state;
    expect_same(&fits(filters.present, file_kind(DLT_NULL, false))->bpf,
                &fits(filters.present, file_kind(DLT_NULL, true))->bpf, false);
    expect_same(&fits(filters.present, file_kind(DLT_EN10MB, false))->bpf,
                &fits(filters.present, file_kind(DLT_EN10MB, true))->bpf, true);
}

/* A kind gets what libpcap gives for a file itself; also those that libpcap numbers otherwise. */
static void programs_of_files_are_those_that_libpcap_makes_for_them(void **state) {
    static const int linktypes[] = {1, 101, 113, 107, 50, 0};
    struct capture_fixture *f;
    char reason[PCAP_ERRBUF_SIZE];
    assert_int_equal(capture_fixture_set_up((void **)&f), 0);
    (void)state;
    for (unsigned i = 0; i < sizeof linktypes / sizeof *linktypes; i++) {
        struct pcap_bytes b = {0};
        struct bpf_program direct;
        put_pcap_header(&b, 0xa1b2c3d4, (uint32_t)linktypes[i]);
        pcap_t *pcap = pcap_open_offline(save(f, "file", &b), reason);
        assert_non_null(pcap);
        assert_int_equal(pcap_compile(pcap, &direct, "ip", 1, PCAP_NETMASK_UNKNOWN), 0);
        expect_same(&fits(filters.present, capture_kind_of_file(pcap))->bpf, &direct, true);
        pcap_freecode(&direct);
        pcap_close(pcap);
    }
    capture_fixture_tear_down((void **)&f);
}

static void what_is_said_of_interfaces_only_does_not_fit_a_file(void **state) {
    struct capture_filter *filter = capture_filter_new("inbound");
    const struct capture_program *program;
    struct caught log;
    (void)state;
    filter->in_force = true;
    assert_int_equal(capture_filter_fits(filter, file_kind(DLT_EN10MB, false), &program),
                     CAPTURE_FITS_NOT);
    catch_begin(&log);
    capture_filter_say(filter, program, "standard input", "");
    expect_one_line(catch_end(&log), "filter \"inbound\" does not fit standard input: ");
    capture_filter_free(filter);
}

/* The kernel keeps VLAN tags apart from the frame: a program that did not know would find none. */
static void interfaces_are_compiled_for_as_their_own_handle_would(void **state) {
    char reason[PCAP_ERRBUF_SIZE];
    struct bpf_program direct;
    (void)state;
    if (unshare(CLONE_NEWNET) != 0)
        SKIP("no network namespace of our own (%s)", strerror(errno));
    set_interface_up("lo", true);
    pcap_t *active = pcap_open_live("lo", 2000, 0, 10, reason);
    assert_non_null(active);
    pcap_t *handle = capture_filters_handle(&filters, active, "lo", reason);
    assert_non_null(handle);
    assert_ptr_not_equal(handle, active);
    assert_ptr_equal(capture_filters_handle(&filters, active, "lo", reason), handle);
    struct capture_filter *filter = capture_filter_new("vlan 5 and ip");
    filter->in_force = true;
    assert_int_equal(pcap_compile(active, &direct, filter->text, 1, PCAP_NETMASK_UNKNOWN), 0);
    expect_same(&fits(filter, (struct capture_kind){.handle = handle})->bpf, &direct, true);
    pcap_freecode(&direct);
    capture_filter_free(filter);
    pcap_close(active);
}

/* ---- the thread */

static void await_end(void) {
    while (!capture_filter_has_ended(&filters))
        usleep(100);
}

static void what_a_filter_lacks_is_compiled_by_the_thread(void **state) {
    struct capture_filter *filter = capture_filter_new("ether host 2:0:0:0:0:1");
    const struct capture_program *program;
    (void)state;
    for (int dlt = DLT_EN10MB; dlt <= DLT_RAW; dlt += DLT_RAW - DLT_EN10MB) {
        filter->lacks = false;
        assert_int_equal(capture_filter_fits(filter, file_kind(dlt, false), &program),
                         CAPTURE_FIT_UNKNOWN);
        assert_null(program);
        assert_true(filter->lacks);
    }
    assert_int_equal(capture_filter_start(&filters, filter), 0);
    assert_int_equal(capture_filter_start(&filters, filter), -EBUSY);
    await_end();
    assert_false(filter->lacks);
    fits(filter, file_kind(DLT_EN10MB, false));
    assert_int_equal(capture_filter_fits(filter, file_kind(DLT_RAW, false), &program),
                     CAPTURE_FITS_NOT);
    assert_non_null(strstr(program->problem, "ether"));
    capture_filter_put_in_force(&filters, filter);
    fits(filter, file_kind(DLT_EN10MB, true)); /* from here on at once */
}

static void a_filter_that_is_abandoned_after_its_end_is_freed(void **state) {
    struct capture_filter *filter = capture_filter_new("tcp");
    const struct capture_program *program;
    (void)state;
    capture_filter_fits(filter, file_kind(DLT_EN10MB, false), &program);
    assert_int_equal(capture_filter_start(&filters, filter), 0);
    usleep(50000); /* most likely */
    capture_filter_abandon(&filters);
    capture_filter_abandon(&filters);
}

/* ---- changes of a capture */

static char *many_hosts(void) {
    char *text = malloc(MINUTES_OF_HOSTS * 32);
    size_t used = (size_t)sprintf(text, "host 10.0.0.1");
    for (unsigned i = 0; i < MINUTES_OF_HOSTS; i++)
        used += (size_t)sprintf(text + used, " or host 10.1.%u.%u", i / 250, i % 250);
    return text;
}

/* A capture of two files, of which the first is open, and a change that compiles for minutes. */
static void open_and_change(struct capture_fixture *f) {
    static const char *files[3];
    files[0] = saved_plain(f, "one", 300, 0);
    files[1] = saved_plain(f, "two", 1, 0);
    struct capture_config config = config_of(files);
    const struct frame *frames;
    unsigned count = 0;
    char *text = many_hosts();
    assert_int_equal(capture_open(&f->capture, &config), 0);
    while (count == 0)
        assert_int_equal(capture_burst(f->capture, 1, &frames, &count), CAPTURE_MORE);
    assert_int_equal(capture_begin_filter(f->capture, text), 0);
    free(text);
    assert_true(capture_changes_filter(f->capture));
}

static void frames_go_on_while_a_filter_is_compiled_and_no_other_begins(void **state) {
    struct capture_fixture *f = *state;
    open_and_change(f);
    catch_begin(&f->log);
    assert_int_equal(capture_begin_filter(f->capture, "ip"), -EBUSY);
    expect_one_line(catch_end(&f->log), "another one is being compiled");
    memset(&f->taken, 0, sizeof f->taken);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_END);
    assert_int_equal(f->taken.count, 300); /* by the filter before, which is none */
    assert_int_equal(capture_poll_filter(f->capture), -EINPROGRESS);
    capture_close(f->capture); /* and does not wait */
}

static void a_capture_that_is_left_drops_the_change_and_begins_none(void **state) {
    struct capture_fixture *f = *state;
    open_and_change(f);
    capture_leave(f->capture);
    assert_false(capture_changes_filter(f->capture));
    catch_begin(&f->log);
    assert_int_equal(capture_begin_filter(f->capture, "ip"), -ESHUTDOWN);
    expect_one_line(catch_end(&f->log), "the run is ending");
    capture_close(f->capture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_kind_is_compiled_for_once),
        TEST(the_byte_order_of_a_file_is_minded),
        TEST(programs_of_files_are_those_that_libpcap_makes_for_them),
        TEST(what_is_said_of_interfaces_only_does_not_fit_a_file),
        TEST(interfaces_are_compiled_for_as_their_own_handle_would),
        TEST(what_a_filter_lacks_is_compiled_by_the_thread),
        TEST(a_filter_that_is_abandoned_after_its_end_is_freed),
        CAPTURE_TEST(frames_go_on_while_a_filter_is_compiled_and_no_other_begins),
        CAPTURE_TEST(a_capture_that_is_left_drops_the_change_and_begins_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
