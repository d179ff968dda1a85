/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_live.c and dispatcher/capture/capture_install.c: another filter for
 * interfaces, in a network namespace of its own. Skipped where that is not permitted.
 */
#include "tests/lib/interface.h"
#include "tests/lib/live_capture.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what the kernel refuses; libpcap's calls come here too */

static unsigned refused_attach; /* of a filter: the how manieth from now on is refused */
static bool refuses_all;        /* and all before it */
static unsigned failing_recvs;

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    if (level == SOL_SOCKET && name == SO_ATTACH_FILTER && refused_attach > 0 &&
        (refuses_all || --refused_attach == 0)) {
        refused_attach -= refuses_all;
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

ssize_t recv(int fd, void *to, size_t size, int flags) {
    if (failing_recvs > 0) {
        failing_recvs--;
        errno = ENETDOWN;
        return -1;
    }
    return recvfrom(fd, to, size, flags, NULL, NULL);
}

static void filter_that_is_replaced_holds_for_what_comes_then(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();

    need_namespace(f);
    set_interface_up("lo", true);
    config.direction = CAPTURE_IN;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_int_equal(set_filter(f->capture, "udp dst port 5555"), 0);
    send_datagram(4444);
    send_datagram(5555);
    take_at_least(f, 1);
    assert_int_equal(f->taken.frames[0].data[37], 5555 & 0xff);
    catch_begin(&f->log);
    assert_int_equal(set_filter(f->capture, "udp dst"), -EINVAL);
    assert_non_null(strstr(catch_end(&f->log), "filter \"udp dst\" does not fit lo: "));
    send_datagram(4444);
    send_datagram(5555);
    take_at_least(f, 2);
    assert_int_equal(f->taken.frames[1].data[37], 5555 & 0xff);
    assert_int_equal(set_filter(f->capture, NULL), 0);
    send_datagram(4444);
    take_at_least(f, 3);
    assert_int_equal(f->taken.frames[2].data[37], 4444 & 0xff);
    capture_close(f->capture);
}

static void filter_that_one_interface_refuses_is_in_force_on_none(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"lo", "last0"};
    struct capture_config config = config_of_lo();
    int tap, err;

    need_namespace(f);
    set_interface_up("lo", true);
    tap = open_tap("last0");
    config.interfaces = names;
    config.interface_count = 2;
    config.direction = CAPTURE_IN;
    config.by_libpcap = true;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    catch_begin(&f->log);
    refused_attach = 2; /* that of last0, and then libpcap finds errors on its socket */
    failing_recvs = 2;
    err = set_filter(f->capture, "udp dst port 5555");
    expect_one_line(catch_end(&f->log), "filter \"udp dst port 5555\" is refused by last0: ");
    assert_int_equal(err, -EINVAL);
    assert_int_equal(refused_attach + failing_recvs, 0);
    send_datagram(5555);
    send_datagram(4444);
    take_at_least(f, 1);
    assert_int_equal(f->taken.frames[0].data[37], 4444 & 0xff);
    assert_int_equal(set_filter(f->capture, "udp dst port 5555"), 0);
    send_datagram(4444);
    send_datagram(5555);
    take_at_least(f, 2);
    assert_int_equal(f->taken.frames[1].data[37], 5555 & 0xff);
    capture_close(f->capture);
    close(tap);
}

/* Without libpcap it takes a kernel that refuses even the program that takes everything. */
static void ring_that_refuses_every_filter_keeps_the_one_it_has(void **state) {
    struct capture_fixture *f = *state;
    struct capture_config config = config_of_lo();
    int err;

    need_namespace(f);
    set_interface_up("lo", true);
    config.direction = CAPTURE_IN;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    catch_begin(&f->log);
    refused_attach = 2;
    refuses_all = true;
    err = set_filter(f->capture, "udp dst port 5555");
    expect_one_line(catch_end(&f->log), "filter \"udp dst port 5555\" is refused by lo: Cannot "
                                        "allocate memory: give another");
    refuses_all = false;
    assert_int_equal(refused_attach, 0);
    assert_int_equal(err, -EINVAL);
    send_datagram(5555);
    send_datagram(4444);
    take_at_least(f, 1);
    assert_int_equal(f->taken.frames[0].data[37], 4444 & 0xff);
    assert_int_equal(f->taken.count, 1);
    capture_close(f->capture);
}

/* Its handle is closed; that of the thread is not. */
static void interface_may_go_away_while_a_filter_is_compiled(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"gone3", "lo"};
    struct capture_config config = {.interfaces = names, .interface_count = 2, .loops = 1};
    int tap, err;

    need_namespace(f);
    tap = open_tap("gone3");
    set_interface_up("lo", true);
    config.direction = CAPTURE_IN;
    assert_int_equal(capture_open(&f->capture, &config), 0);
    assert_int_equal(capture_begin_filter(f->capture, "udp dst port 5555"), 0);
    close(tap);
    catch_begin(&f->log);
    for (unsigned waits = 0; waits < 100 && state_of_interface(f, 0) != FB_INTERFACE_IS_GONE;
         waits++)
        take_until_idle(f->capture, &f->taken, 5);
    catch_end(&f->log);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_GONE);
    while ((err = capture_poll_filter(f->capture)) == -EINPROGRESS)
        usleep(100);
    assert_int_equal(err, 0);
    f->taken.count = 0;
    send_datagram(4444);
    send_datagram(5555);
    take_at_least(f, 1);
    assert_int_equal(f->taken.frames[0].data[37], 5555 & 0xff);
    capture_close(f->capture);
}

/* Changing a filter must not take from the socket what says so. */
static void filter_changes_while_an_interface_goes_down_or_away(void **state) {
    struct capture_fixture *f = *state;
    static const char *const names[] = {"gone2"};
    struct capture_config config = {.interfaces = names, .interface_count = 1, .loops = 1};
    enum capture_status status;
    int tap, errors[2];

    need_namespace(f);
    tap = open_tap("gone2");
    assert_int_equal(capture_open(&f->capture, &config), 0);
    catch_begin(&f->log);
    set_interface_up("gone2", false);
    errors[0] = set_filter(f->capture, "udp");
    set_interface_up("gone2", true);
    close(tap);
    errors[1] = set_filter(f->capture, "tcp");
    state_of_interface(f, 0);
    status = take_until_idle(f->capture, &f->taken, 50);
    assert_non_null(strstr(catch_end(&f->log),
                           "interface gone2 failed: The interface disappeared: no "
                           "interface is left, so the run ends: start again once it is back"));
    assert_int_equal(errors[0], 0);
    assert_int_equal(errors[1], 0);
    assert_int_equal(status, CAPTURE_END);
    assert_int_equal(state_of_interface(f, 0), FB_INTERFACE_IS_GONE);
    assert_true(capture_failed(f->capture));
    capture_close(f->capture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(filter_that_is_replaced_holds_for_what_comes_then),
        CAPTURE_TEST(filter_that_one_interface_refuses_is_in_force_on_none),
        CAPTURE_TEST(ring_that_refuses_every_filter_keeps_the_one_it_has),
        CAPTURE_TEST(interface_may_go_away_while_a_filter_is_compiled),
        CAPTURE_TEST(filter_changes_while_an_interface_goes_down_or_away),
    };
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
