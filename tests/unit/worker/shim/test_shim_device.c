/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/shim/shim_device.c: names of devices, and what is said of an instance without a claim. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/ctl.h"
#include "worker/shim/shim_device.h"

struct fixture {
    struct fb_ctl_handle ctl;
    struct shim_device device;
    struct shim_look look;
};

static int set_up(void **state) {
    struct fixture *f = new_state(state, sizeof(struct fixture));
    f->ctl.region.fd = -1;
    f->device.worker = FB_WORKER_ANY;
    snprintf(f->device.instance, sizeof f->device.instance, "test-shim-%ld", (long)getpid());
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    if (f->ctl.region.fd >= 0)
        fb_ctl_destroy(&f->ctl);
    free(f);
    return 0;
}

/* An instance of two numbers, and a third one that has no ring yet. */
static void make_instance(struct fixture *f) {
    assert_int_equal(fb_ctl_create(&f->ctl, f->device.instance), 0);
    f->ctl.ctl->geometry.max_workers = 3;
    for (unsigned k = 0; k < 2; k++)
        fb_ctl_set_epoch(f->ctl.ctl, k, 1);
    fb_ctl_format(&f->ctl);
}

static int look(struct fixture *f) {
    return shim_look(&f->device, 0, &f->look);
}

/* ---- names */

static void only_names_with_the_prefix_are_ours(void **state) {
    (void)state;
    assert_true(shim_names_device("fb:x"));
    assert_true(shim_names_device("fb:"));
    assert_false(shim_names_device("fb"));
    assert_false(shim_names_device("eth0"));
    assert_false(shim_names_device("any:fb:x"));
    assert_false(shim_names_device(NULL));
}

static void names_are_an_instance_and_a_number(void **state) {
    (void)state;
    struct shim_device device;
    assert_true(shim_parse_device(&device, "fb:my-sensor_1"));
    assert_string_equal(device.instance, "my-sensor_1");
    assert_int_equal(device.worker, FB_WORKER_ANY);
    assert_true(shim_parse_device(&device, "fb:x:0"));
    assert_string_equal(device.instance, "x");
    assert_int_equal(device.worker, 0);
    assert_true(shim_parse_device(&device, "fb:x:255"));
    assert_int_equal(device.worker, 255);
}

static void other_names_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"fb:",      "fb::",    "fb::0",  "fb:x:",   "fb:x:-1",
                                        "fb:x:1:2", "fb:x: 1", "fb:x y", "fb:../x", "fb:x:1000"};
    struct shim_device device;
    char longest[FB_NAME_MAX + 8] = "fb:";
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (shim_parse_device(&device, wrong[i]))
            fail_msg("'%s' was taken", wrong[i]);
    }
    memset(longest + 3, 'x', FB_NAME_MAX);
    assert_true(shim_parse_device(&device, longest));
    longest[3 + FB_NAME_MAX] = 'x';
    assert_false(shim_parse_device(&device, longest));
}

/* ---- looks */

static void without_an_instance_there_is_no_device(void **state) {
    struct fixture *f = *state;
    assert_int_equal(look(f), PCAP_ERROR_NO_SUCH_DEVICE);
    assert_non_null(strstr(f->look.problem, "no dispatcher of instance 'test-shim-"));
}

static void a_free_number_is_found_and_the_link_type_of_the_first_source(void **state) {
    struct fixture *f = *state;
    make_instance(f);
    assert_int_equal(look(f), 0);
    assert_int_equal(f->look.link_type, -1);
    fb_ctl_add_link_type(f->ctl.ctl, 0, DLT_RAW);
    fb_ctl_add_link_type(f->ctl.ctl, 1, DLT_EN10MB);
    assert_int_equal(look(f), 0);
    assert_int_equal(f->look.link_type, DLT_RAW);
}

static void numbers_with_a_process_or_flows_are_not_free(void **state) {
    struct fixture *f = *state;
    make_instance(f);
    fb_ctl_set_state(f->ctl.ctl, 0, FB_STATE_READY);
    assert_int_equal(look(f), 0);
    fb_ctl_set_state(f->ctl.ctl, 1, FB_STATE_STARTING);
    assert_int_equal(look(f), PCAP_ERROR);
    assert_non_null(strstr(f->look.problem, "all 2 worker numbers"));
    fb_ctl_set_state(f->ctl.ctl, 1, FB_STATE_VACANT);
    assert_int_equal(look(f), PCAP_ERROR);
    assert_non_null(strstr(f->look.problem, "the flows of number 1 wait"));
    fb_ctl_set_state(f->ctl.ctl, 1, FB_STATE_LOST);
    assert_int_equal(look(f), 0);
}

static void a_number_may_be_taken_while_flows_wait_for_it(void **state) {
    struct fixture *f = *state;
    make_instance(f);
    f->device.worker = 1;
    fb_ctl_set_state(f->ctl.ctl, 1, FB_STATE_VACANT);
    assert_int_equal(look(f), 0);
    fb_ctl_set_state(f->ctl.ctl, 1, FB_STATE_DRAINING);
    fb_ctl_set_pid(f->ctl.ctl, 1, 4711);
    assert_int_equal(look(f), PCAP_ERROR);
    assert_non_null(strstr(f->look.problem, "(pid 4711)"));
}

static void a_number_without_a_ring_is_no_device(void **state) {
    struct fixture *f = *state;
    make_instance(f);
    f->device.worker = 2;
    assert_int_equal(look(f), PCAP_ERROR_NO_SUCH_DEVICE);
    assert_non_null(strstr(f->look.problem, "numbers 0 to 1"));
}

/* ---- all of them */

static void count_ours(const struct shim_instance *instance, void *arg) {
    const char *name = *(const char **)arg;
    if (strcmp(instance->name, name) != 0)
        return;
    assert_int_equal(instance->numbers, 2);
    assert_int_equal(instance->free, 1);
    *(const char **)arg = "found";
}

static void instances_that_run_are_listed_with_their_free_numbers(void **state) {
    struct fixture *f = *state;
    const char *name = f->device.instance;
    shim_each_instance(count_ours, &name);
    assert_string_not_equal(name, "found");
    make_instance(f);
    fb_ctl_set_state(f->ctl.ctl, 0, FB_STATE_READY);
    shim_each_instance(count_ours, &name);
    assert_string_equal(name, "found");
}

#define SHIM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_with_the_prefix_are_ours),
        cmocka_unit_test(names_are_an_instance_and_a_number),
        cmocka_unit_test(other_names_are_refused),
        SHIM_TEST(without_an_instance_there_is_no_device),
        SHIM_TEST(a_free_number_is_found_and_the_link_type_of_the_first_source),
        SHIM_TEST(numbers_with_a_process_or_flows_are_not_free),
        SHIM_TEST(a_number_may_be_taken_while_flows_wait_for_it),
        SHIM_TEST(a_number_without_a_ring_is_no_device),
        SHIM_TEST(instances_that_run_are_listed_with_their_free_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
