/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_buffer.c: what the kernel is asked for, and what is said
 * where it has less. In a network namespace of its own; skipped where that is not
 * permitted.
 */
#include "tests/lib/capture_fixture.h"
#include "tests/lib/interface.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NO_LIMIT UINT32_MAX

static unsigned version;         /* of the ring that was made last */
static struct tpacket_req3 ring; /* as it was made */
static unsigned most_blocks;     /* that the kernel of this test has memory for */
static bool by_libpcap;
static bool refuses_own; /* blocks shorter than libpcap's */

/*
 * libpcap's calls come here. With a ring of no blocks it gives up the one it has. One of a
 * single block is that of a handle that only compiles filters.
 */
int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    static unsigned next_version;
    if (level == SOL_PACKET && name == PACKET_VERSION && length == sizeof next_version)
        memcpy(&next_version, value, sizeof next_version);
    if (level == SOL_PACKET && name == PACKET_RX_RING && length >= sizeof(struct tpacket_req)) {
        struct tpacket_req3 wanted = {0};
        memcpy(&wanted, value, length < sizeof wanted ? length : sizeof wanted);
        if (refuses_own && wanted.tp_block_size < 256 << 10) {
            errno = EINVAL;
            return -1;
        }
        if (wanted.tp_block_nr > most_blocks) {
            errno = ENOMEM;
            return -1;
        }
        if (wanted.tp_block_nr > 1) {
            ring = wanted;
            version = next_version;
        }
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

/* Opens lo and closes it again; what was logged is left in f->log. */
static int open_lo(struct capture_fixture *f, int buffer_kib, bool immediate) {
    static const char *const names[] = {"lo"};
    const struct capture_config config = {.interfaces = names,
                                          .interface_count = 1,
                                          .loops = 1,
                                          .buffer_kib = buffer_kib,
                                          .by_libpcap = by_libpcap,
                                          .immediate = immediate};
    int err;
    need_own_network();
    catch_begin(&f->log);
    err = capture_open(&f->capture, &config);
    if (err == 0)
        capture_close(f->capture);
    return err;
}

#define STALL_MS 1500u /* of a dispatcher: to be survived */
#define WAIT_MS 20u    /* of a frame in the kernel, at most */
#define TICK_MS 10u    /* of the slowest kernels, which take one more */

static void default_buffer_holds_a_second_and_a_half_and_no_frame_for_long(void **state) {
    struct capture_fixture *f = *state;
    most_blocks = NO_LIMIT;
    assert_int_equal(open_lo(f, 0, false), 0);
    catch_end(&f->log);
    assert_int_equal(version, TPACKET_V3);
    assert_in_range(ring.tp_retire_blk_tov, 1, WAIT_MS - TICK_MS);
    assert_true(ring.tp_block_nr * ring.tp_retire_blk_tov >= STALL_MS);
    assert_in_range((uint64_t)ring.tp_block_nr * ring.tp_block_size, 1, 48u << 20);
}

/* The default, and with --capture libpcap. */
static void own_blocks_are_half_as_long_as_those_of_libpcap(void **state) {
    struct capture_fixture *f = *state;
    most_blocks = NO_LIMIT;
    assert_int_equal(open_lo(f, 4096, false), 0);
    catch_end(&f->log);
    assert_int_equal(ring.tp_block_size, 128 << 10);
    by_libpcap = true;
    assert_int_equal(open_lo(f, 4096, false), 0);
    by_libpcap = false;
    assert_non_null(strstr(catch_end(&f->log), "buffer 4096 KiB)"));
    assert_int_equal(version, TPACKET_V3);
    assert_int_equal(ring.tp_block_size, 256 << 10);
}

/* libpcap then gets one; what is said is one line. */
static void libpcap_reads_where_the_kernel_gives_no_ring(void **state) {
    struct capture_fixture *f = *state;
    const char *log;
    most_blocks = NO_LIMIT;
    refuses_own = true;
    assert_int_equal(open_lo(f, 4096, false), 0);
    refuses_own = false;
    log = catch_end(&f->log);
    assert_non_null(strstr(log,
                           "info: interface lo: the kernel gives no ring for --capture packet: "
                           "Invalid argument: libpcap reads it\n"));
    assert_non_null(
        strstr(log, "capturing on lo (EN10MB, snapshot length 262144, buffer 4096 KiB)"));
    assert_int_equal(ring.tp_block_size, 256 << 10);
}

static void size_is_that_of_whole_blocks(void **state) {
    struct capture_fixture *f = *state;
    most_blocks = NO_LIMIT;
    assert_int_equal(open_lo(f, 1000, false), 0);
    assert_non_null(strstr(catch_end(&f->log), "buffer 1024 KiB)"));
    assert_int_equal(ring.tp_block_nr, 8);
}

static void immediate_has_slots_and_no_blocks(void **state) {
    struct capture_fixture *f = *state;
    most_blocks = NO_LIMIT;
    assert_int_equal(open_lo(f, 8192, true), 0);
    assert_non_null(strstr(catch_end(&f->log), "--immediate: every frame takes the room"));
    assert_int_equal(version, TPACKET_V2);
}

static void less_memory_than_asked_for_is_said(void **state) {
    struct capture_fixture *f = *state;
    const char *log;
    most_blocks = 30;
    assert_int_equal(open_lo(f, 16384, false), 0);
    log = catch_end(&f->log);
    assert_in_range(ring.tp_block_nr, 20, 30);
    assert_non_null(strstr(log, "warning: interface lo: the kernel had memory for a buffer of "));
    assert_non_null(strstr(log, " KiB only, not 16384: "));
    assert_null(strstr(log, "buffer 16384 KiB)"));
}

static void no_memory_at_all_names_the_option(void **state) {
    struct capture_fixture *f = *state;
    const char *log;
    most_blocks = 0;
    assert_int_equal(open_lo(f, 0, false), -ENOMEM);
    log = catch_end(&f->log);
    assert_non_null(strstr(log, "cannot capture on lo: "));
    assert_non_null(strstr(log, "free some memory, or give a smaller buffer with -B"));
    assert_ptr_equal(strchr(log, '\n'), log + strlen(log) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(default_buffer_holds_a_second_and_a_half_and_no_frame_for_long),
        CAPTURE_TEST(own_blocks_are_half_as_long_as_those_of_libpcap),
        CAPTURE_TEST(libpcap_reads_where_the_kernel_gives_no_ring),
        CAPTURE_TEST(size_is_that_of_whole_blocks),
        CAPTURE_TEST(immediate_has_slots_and_no_blocks),
        CAPTURE_TEST(less_memory_than_asked_for_is_said),
        CAPTURE_TEST(no_memory_at_all_names_the_option),
    };
    return cmocka_run_group_tests(tests, enter_own_network, NULL);
}
