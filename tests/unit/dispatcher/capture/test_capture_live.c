/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_live.c, the states of dispatcher/capture/capture_interface.c,
 * and dispatcher/capture/capture_list.c: interfaces in a network namespace of its own.
 * Skipped where that is not permitted.
 */
#include "tests/lib/capture_fixture.h"
#include "tests/lib/interface.h"
#include "tests/lib/live_capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void loopback_gives_what_passes_the_filter(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();
    struct capture_progress progress = {.total_bytes = 1};
    struct capture_stats stats;

    need_namespace(f);
    set_interface_up("lo", true);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_true(capture_is_live(f->capture));
    assert_int_equal(take_until_idle(f->capture, &f->taken, 2), CAPTURE_IDLE);
    assert_int_equal(f->taken.count, 0);
    send_datagram(4443);
    send_datagram(4444);
    take_at_least(f, 1);
    assert_int_equal(f->taken.frames[0].wirelen, 14 + 20 + 8 + 4);
    assert_int_equal(f->taken.frames[0].dlt, 1);
    assert_true(f->taken.frames[0].new_source);
    assert_true(f->taken.frames[0].time_ns > UINT64_C(1500000000000000000));
    assert_memory_equal(f->taken.frames[0].data + 42, "live", 4);
    capture_progress(f->capture, &progress);
    assert_int_equal(progress.total_bytes, 0);
    capture_stats(f->capture, &stats);
    assert_true(stats.received >= f->taken.count);
    assert_int_equal(stats.kernel_drops, 0);
    assert_false(capture_failed(f->capture));
    capture_close(f->capture);
}

static void each_interface_is_named_once_all_are_open(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();

    need_namespace(f);
    set_interface_up("lo", true);
    config.snaplen = 200;
    config.buffer_kib = 4096;
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_string_equal(catch_end(&f->log), "flow-balancer: info: capturing on lo (EN10MB, "
                                            "snapshot length 200, buffer 4096 KiB)\n");
    capture_close(f->capture);
    config.interfaces = (const char *[]){"lo", "none0"};
    config.interface_count = 2;
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, &config), -ENODEV);
    assert_null(strstr(catch_end(&f->log), "capturing"));
}

static void snapshot_length_and_direction_hold(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();

    need_namespace(f);
    set_interface_up("lo", true);
    config.filter = "udp"; /* libpcap looks at the first block once more, cut: within the length */
    config.snaplen = 30;
    config.direction = CAPTURE_IN;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    for (unsigned i = 0; i < 5; i++)
        send_datagram(4444);
    take_at_least(f, 5);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 10), CAPTURE_IDLE);
    assert_int_equal(f->taken.count, 5);
    assert_int_equal(f->taken.frames[0].caplen, 30);
    assert_int_equal(f->taken.frames[0].wirelen, 46);
    capture_close(f->capture);
}

#define LONG_BYTES 65507u /* of the longest datagram */
static void send_long_datagram(void) {
    static const char payload[LONG_BYTES];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(4444), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int from = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(sendto(from, payload, sizeof payload, 0, (struct sockaddr *)&to, sizeof to),
                     sizeof payload);
    close(from);
}

/* What offload makes of many segments, as long as loopback lets it be. */
static void segments_of_64_kb_come_whole_in_either_mode(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();

    need_namespace(f);
    set_interface_up("lo", true);
    config.direction = CAPTURE_IN;
    config.buffer_kib = 16 << 10; /* both directions of all 20 */
    for (unsigned mode = 0; mode < 2; mode++) {
        memset(&f->taken, 0, sizeof f->taken);
        config.immediate = mode == 1;
        catch_begin(&f->log);
        assert_int_equal(capture_open(&f->capture, &config), 0);
        assert_int_equal(
            strstr(catch_end(&f->log), "--immediate: every frame takes the room") != NULL, mode);
        for (unsigned i = 0; i < 20; i++)
            send_long_datagram();
        take_at_least(f, 20);
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(f->taken.frames[i].caplen, 14 + 20 + 8 + LONG_BYTES);
            assert_int_equal(f->taken.frames[i].wirelen, f->taken.frames[i].caplen);
        }
        capture_close(f->capture);
    }
}

static void any_names_the_interface_of_each_frame(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"any"};
    struct capture_config config = config_of_lo();

    need_namespace(f);
    set_interface_up("lo", true);
    config.interfaces = names;
    config.promiscuous = true;
    config.direction = CAPTURE_IN;
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    send_datagram(4444);
    take_at_least(f, 1);
    assert_string_equal(catch_end(&f->log), "flow-balancer: info: capturing on any (LINUX_SLL2, "
                                            "snapshot length 262144, buffer 49152 KiB)\n");
    assert_int_equal(f->taken.frames[0].dlt, 276); /* LINUX_SLL2 */
    assert_int_equal(f->taken.frames[0].data[7], if_nametoindex("lo"));
    assert_int_equal(f->taken.frames[0].wirelen, 20 + 20 + 8 + 4);
    capture_close(f->capture);
}

static void drops_of_the_kernel_are_counted(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();
    struct capture_stats stats;

    need_namespace(f);
    set_interface_up("lo", true);
    config.direction = CAPTURE_IN;
    config.buffer_kib = 2048;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned n = 0; n < 100; n++) /* 13 MB, into a buffer of 2 */
            send_long_datagram();
        capture_stats(f->capture, &stats);
    }
    assert_in_range(stats.kernel_drops, 100, 400);
    assert_int_equal(stats.interfaces[0].counters[FB_INTERFACE_KERNEL_DROPS], stats.kernel_drops);
    assert_int_equal(stats.received, 400);
    capture_close(f->capture);
}

static void interface_that_goes_down_is_waited_for(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();

    need_namespace(f);
    set_interface_up("lo", true);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_UP);
    set_interface_up("lo", false);
    catch_begin(&f->log);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 20), CAPTURE_IDLE);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_DOWN);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_DOWN); /* and is said once */
    assert_string_equal(catch_end(&f->log),
                        "flow-balancer: warning: interface lo is down: the capture "
                        "waits for it: `ip link set lo up`\n");
    assert_false(capture_failed(f->capture));
    set_interface_up("lo", true);
    catch_begin(&f->log);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 20), CAPTURE_IDLE);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_UP);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_UP);
    assert_string_equal(catch_end(&f->log), "flow-balancer: info: interface lo is up again\n");
    send_datagram(4444);
    take_at_least(f, 1);
    capture_close(f->capture);
}

static void interface_that_is_gone_ends_and_the_others_go_on(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"gone0", "lo"};
    struct capture_config config = {.interfaces = names, .interface_count = 2, .loops = 1};
    struct capture_stats stats;
    int tap;

    need_namespace(f);
    tap = open_tap("gone0");
    set_interface_up("lo", true);
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 3), CAPTURE_IDLE);
    catch_begin(&f->log);
    close(tap);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 50), CAPTURE_IDLE);
    assert_non_null(strstr(catch_end(&f->log),
                           "interface gone0 failed: The interface disappeared: going "
                           "on without it, with 1 of 2: start again once it is back"));
    assert_true(capture_failed(f->capture));
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_GONE);
    assert_int_equal(state_of_interface(f, 1), FB_INTERFACE_IS_UP);
    f->taken.count = 0;
    send_datagram(4444);
    take_at_least(f, 1);
    capture_stats(f->capture, &stats);
    assert_true(stats.interfaces[1].counters[FB_INTERFACE_RECEIVED] >= 1);
    assert_int_equal(stats.interfaces[0].counters[FB_INTERFACE_RECEIVED] +
                         stats.interfaces[1].counters[FB_INTERFACE_RECEIVED],
                     stats.received);
    capture_close(f->capture);
}

static void last_interface_that_is_gone_ends_the_capture(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"gone1"};
    struct capture_config config = {.interfaces = names, .interface_count = 1, .loops = 1};
    int tap;

    need_namespace(f);
    tap = open_tap("gone1");
    assert_int_equal(capture_open(&f->capture, &config), 0);
    close(tap);
    catch_begin(&f->log);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 5000), CAPTURE_END);
    assert_non_null(strstr(catch_end(&f->log),
                           "no interface is left, so the run ends: start again once it is back"));
    assert_true(capture_failed(f->capture));
    capture_close(f->capture);
}

/* A frame that no host sends by itself, with a number in it. */
static void write_frame(int tap, uint8_t number) {
    uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, number};
    assert_int_equal(write(tap, frame, sizeof frame), sizeof frame);
}

static void expect_numbers(struct capture_fixture *f, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(f->taken.frames[i].data[14], i);
}

/* The first interface has the even numbers. */
static void expect_interfaces(const struct capture_fixture *f) {
    for (unsigned i = 0; i < f->taken.count; i++)
        assert_int_equal(f->taken.frames[i].interface, f->taken.frames[i].data[14] % 2);
}

static void every_frame_says_which_interface_it_came_in_by(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"one5", "two5"};
    struct capture_config config = {
        .interfaces = names, .interface_count = 2, .loops = 1, .filter = "ether proto 0x88b5"};
    int taps[2];

    need_namespace(f);
    taps[0] = open_tap("one5");
    taps[1] = open_tap("two5");
    assert_int_equal(capture_open(&f->capture, &config), 0);
    for (uint8_t i = 0; i < 10; i++)
        write_frame(taps[i % 2], i);
    take_at_least(f, 10);
    assert_int_equal(f->taken.count, 10);
    expect_interfaces(f);
    capture_close(f->capture);
    close(taps[0]);
    close(taps[1]);
}

/* As of a tap with one fibre per direction: request on one, reply on the other. */
static void frames_of_two_interfaces_come_in_order_of_their_stamps(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"one0", "two0"};
    struct capture_config config = {.interfaces = names,
                                    .interface_count = 2,
                                    .loops = 1,
                                    .filter = "ether proto 0x88b5",
                                    .merge_window_ns = UINT64_C(60000000000)};
    struct capture_stats stats;
    int taps[2];

    need_namespace(f);
    taps[0] = open_tap("one0");
    taps[1] = open_tap("two0");
    assert_int_equal(capture_open(&f->capture, &config), 0);
    for (uint8_t i = 0; i < 42; i++) /* the last of each is held: an earlier one might come */
        write_frame(taps[i % 2], i);
    take_at_least(f, 41);
    assert_int_equal(f->taken.count, 41);
    expect_numbers(f, 41);
    expect_interfaces(f);
    for (unsigned i = 1; i < 41; i++)
        assert_true(f->taken.frames[i].time_ns >= f->taken.frames[i - 1].time_ns);
    assert_int_equal(f->taken.new_sources, 1);
    assert_true(f->taken.frames[0].new_source);
    catch_begin(&f->log);
    close(taps[0]); /* nothing more comes from there */
    take_at_least(f, 42);
    catch_end(&f->log);
    expect_numbers(f, 42);
    capture_stats(f->capture, &stats);
    assert_int_equal(stats.merged_late, 0);
    assert_int_equal(stats.interfaces[0].counters[FB_INTERFACE_RECEIVED], 21);
    assert_int_equal(stats.interfaces[1].counters[FB_INTERFACE_RECEIVED], 21);
    catch_begin(&f->log);
    close(taps[1]);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 5000), CAPTURE_END);
    catch_end(&f->log);
    capture_close(f->capture);
}

/* Its buffers are not read any more; what waited for the window leaves. */
static void what_is_held_leaves_when_the_capture_does(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"one2", "two2"};
    struct capture_config config = {.interfaces = names,
                                    .interface_count = 2,
                                    .loops = 1,
                                    .filter = "ether proto 0x88b5",
                                    .merge_window_ns = UINT64_C(60000000000)};
    struct capture_stats stats;
    int taps[2];

    need_namespace(f);
    taps[0] = open_tap("one2");
    taps[1] = open_tap("two2");
    assert_int_equal(capture_open(&f->capture, &config), 0);
    write_frame(taps[0], 0);
    for (uint8_t i = 1; i < 5; i++)
        write_frame(taps[1], i);
    take_at_least(f, 1);
    assert_int_equal(f->taken.count, 1);
    for (unsigned waits = 0; waits < 50; waits++) {
        capture_wait(f->capture, 1000);
        assert_int_equal(take_until_idle(f->capture, &f->taken, 1), CAPTURE_IDLE);
    }
    capture_leave(f->capture);
    write_frame(taps[1], 5);
    capture_leave(f->capture);
    assert_int_equal(take_until_idle(f->capture, &f->taken, 100), CAPTURE_END);
    assert_int_equal(f->taken.count, 5);
    expect_numbers(f, 5);
    assert_false(capture_failed(f->capture));
    capture_stats(f->capture, &stats);
    assert_int_equal(stats.received, 5);
    assert_int_equal(stats.interfaces[1].state, FB_INTERFACE_IS_UP);
    capture_close(f->capture);
    close(taps[0]);
    close(taps[1]);
}

/* With 0 nothing is held: what one interface has does not wait for another. */
static void without_a_window_nothing_waits_for_another_interface(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"one1", "two1"};
    struct capture_config config = {
        .interfaces = names, .interface_count = 2, .loops = 1, .filter = "ether proto 0x88b5"};
    int taps[2];

    need_namespace(f);
    taps[0] = open_tap("one1");
    taps[1] = open_tap("two1");
    assert_int_equal(capture_open(&f->capture, &config), 0);
    for (uint8_t i = 0; i < 5; i++)
        write_frame(taps[0], i);
    take_at_least(f, 5);
    expect_numbers(f, 5);
    capture_close(f->capture);
    close(taps[0]);
    close(taps[1]);
}

static const char *only_raw_ip(void *context, int dlt) {
    (void)context;
    return dlt == 12 ? NULL : "which is not known";
}

static void assert_refused(struct capture_fixture *f, const struct capture_config *config, int err,
                           const char *reason) {
    catch_begin(&f->log);
    assert_int_equal(capture_open(&f->capture, config), err);
    assert_non_null(strstr(catch_end(&f->log), reason));
}

static void wrong_interfaces_and_filters_are_refused(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"nosuch0"},
                             *const twice[FB_MAX_INTERFACES + 1] = {"lo", "eth0", "lo"},
                             *const any[] = {"any", "lo"};
    struct capture_config config = config_of_lo();

    need_namespace(f);
    config.filter = "udp dst";
    assert_refused(f, &config, -EINVAL, "filter \"udp dst\" does not fit lo");
    config.filter = NULL;
    config.link_problem = only_raw_ip;
    assert_refused(f, &config, -EPROTONOSUPPORT, "lo has link type 1 (EN10MB)");
    config.interfaces = names;
    config.link_problem = NULL;
    assert_refused(f, &config, -ENODEV, "there is no interface nosuch0");
    config.interfaces = twice;
    config.interface_count = 3;
    assert_refused(f, &config, -EINVAL, "interface lo is given twice");
    config.interface_count = FB_MAX_INTERFACES + 1;
    assert_refused(f, &config, -EINVAL, "33 interfaces: -i takes at most 32");
    config.interfaces = any;
    config.interface_count = 2;
    assert_refused(f, &config, -EINVAL, "interface any has the frames of all others");
    config = config_of_lo();
    config.tstamp_type = "adapter";
    assert_refused(f, &config, -EINVAL,
                   "interface lo has no time stamps of type adapter: it has host\n");
    config.interfaces = any;
    assert_refused(f, &config, -EINVAL,
                   "interface any has no time stamps of type adapter: it has host\n");
    config.interfaces = names;
    assert_refused(f, &config, -ENODEV, "there is no interface nosuch0");
    config = config_of_lo();
    config.buffer_kib = INT32_MAX;
    assert_refused(f, &config, -ENOMEM, "-B 2147483647 for 1 interfaces is 2097151 MB, and ");
    config = config_of_lo();
    set_interface_up("lo", false);
    assert_refused(f, &config, -ENETDOWN, "interface lo is down: `ip link set lo up`");
    set_interface_up("lo", true);
}

static void missing_permission_names_the_capability(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();
    int status;
    pid_t child;

    fflush(NULL);
    catch_begin(&f->log);
    child = fork();
    if (child == 0)
        _exit((geteuid() == 0 && setuid(65534) < 0) ||
              capture_open(&f->capture, &config) != -EPERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_non_null(strstr(catch_end(&f->log), "setcap cap_net_raw+ep /"));
    assert_int_equal(status, 0);
}

static void interfaces_are_listed_as_tcpdump_lists_them(void **state) {
    struct capture_fixture *f = *state;
    const char *path = path_in(&f->directory, "list");
    char text[4096] = "";
    int file, kept = dup(STDOUT_FILENO);

    fflush(stdout);
    file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(file, STDOUT_FILENO);
    assert_int_equal(capture_list_interfaces(), 0);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    assert_true(pread(file, text, sizeof text - 1, 0) > 0);
    close(file);
    assert_int_equal(strncmp(text, "1.", 2), 0);
    assert_non_null(strstr(text, ".lo ["));
    assert_non_null(strstr(text, "Loopback"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(loopback_gives_what_passes_the_filter),
        CAPTURE_TEST(each_interface_is_named_once_all_are_open),
        CAPTURE_TEST(snapshot_length_and_direction_hold),
        CAPTURE_TEST(segments_of_64_kb_come_whole_in_either_mode),
        CAPTURE_TEST(any_names_the_interface_of_each_frame),
        CAPTURE_TEST(drops_of_the_kernel_are_counted),
        CAPTURE_TEST(interface_that_goes_down_is_waited_for),
        CAPTURE_TEST(interface_that_is_gone_ends_and_the_others_go_on),
        CAPTURE_TEST(last_interface_that_is_gone_ends_the_capture),
        CAPTURE_TEST(every_frame_says_which_interface_it_came_in_by),
        CAPTURE_TEST(frames_of_two_interfaces_come_in_order_of_their_stamps),
        CAPTURE_TEST(what_is_held_leaves_when_the_capture_does),
        CAPTURE_TEST(without_a_window_nothing_waits_for_another_interface),
        CAPTURE_TEST(wrong_interfaces_and_filters_are_refused),
        CAPTURE_TEST(missing_permission_names_the_capability),
        CAPTURE_TEST(interfaces_are_listed_as_tcpdump_lists_them),
    };
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
