/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/inspectors.c, the list; and the inspectors of
 * worker/inspectors/count.c, worker/inspectors/digest.c and worker/inspectors/record.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "worker/inspectors/inspectors.h"

/* A UDP packet of the Community ID specification, on Ethernet. */
static const uint8_t dns_query[] = {
    2,    0,   0, 0,  0, 1, 2, 0, 0,    0,    0, 2,  8, 0, /* Ethernet */
    0x45, 0,   0, 28, 0, 0, 0, 0, 64,   17,   0, 0,        /* IPv4 */
    192,  168, 1, 52, 8, 8, 8, 8, 0xd5, 0x39, 0, 53, 0, 8, 0, 0};

static struct fb_flow dns_flow = {.id = 42};

static struct fb_packet dns_packet(void) {
    return (struct fb_packet){.frame = 7,
                              .data = dns_query,
                              .flow = &dns_flow,
                              .flow_seq = 3,
                              .caplen = sizeof dns_query,
                              .wirelen = sizeof dns_query,
                              .link_type = 1,
                              .l3_off = 14,
                              .l4_off = 34,
                              .payload_off = 42,
                              .proto = 17};
}

static const struct fb_instance worker_5 = {.name = "test", .worker = 5};

static int open_with(const struct fb_inspector *ops, const char *args) {
    struct fb_setup setup = {.args = args};
    return ops->open(&setup);
}

/* A directory of its own for each test; removed with what the tests put there. */
static int make_directory(void **state) {
    static char path[64];
    snprintf(path, sizeof path, "/tmp/test_inspectors-XXXXXX");
    *state = mkdtemp(path);
    return *state == NULL;
}

static int remove_directory(void **state) {
    static const char *const made[] = {"worker-5.tsv", "a/b/worker-0.tsv", "a/b", "a", ""};
    char path[128];
    for (unsigned i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(path, sizeof path, "%s/%s", (const char *)*state, made[i]);
        remove(path);
    }
    return 0;
}

static char *read_file(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    return text;
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void *opened(const struct fb_inspector *ops, const char *args) {
    struct fb_setup setup = {.args = args};
    assert_int_equal(ops->open(&setup), 0);
    assert_non_null(setup.self);
    assert_int_equal(setup.state_bytes, 0);
    return setup.self;
}

#define ONE(name) +1
#define NAME(name) #name,

static void inspectors_are_found_by_name_and_listed(void **state) {
    static const char *const names[] = {INSPECTORS(NAME)};
    const unsigned count = 0 INSPECTORS(ONE);
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        const struct fb_inspector *ops = inspector_at(i);
        assert_non_null(ops);
        assert_string_equal(ops->name, names[i]);
        assert_ptr_equal(inspector_find(names[i]), ops);
        assert_non_null(ops->open);
        assert_non_null(ops->packet);
        /* The line of --help begins with what --inspector takes. */
        assert_memory_equal(ops->help, names[i], strlen(names[i]));
    }
    assert_null(inspector_at(count));
    assert_null(inspector_find("nothing"));
    assert_null(inspector_find(""));
    assert_null(inspector_find("record:x"));
}

/* Users rely on these: others may come. */
static void the_inspectors_that_are_promised_are_there(void **state) {
    static const char *const promised[] = {"count", "digest", "record"};
    (void)state;
    for (unsigned i = 0; i < sizeof promised / sizeof *promised; i++)
        assert_non_null(inspector_find(promised[i]));
}

static void count_counts_and_refuses_arguments(void **state) {
    const struct fb_inspector *ops = inspector_find("count");
    struct fb_packet packet = dns_packet();
    void *self;
    (void)state;
    assert_int_equal(open_with(ops, "x"), -EINVAL);
    self = opened(ops, NULL);
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    ops->close(self);
}

static void digest_takes_rounds_and_refuses_what_is_no_count(void **state) {
    static const char *const bad[] = {"0",  "-1", "x",          "",    " 5",
                                      "+5", "5x", "1000000001", "1e3", "99999999999999999999999"};
    static const char *const good[] = {NULL, "1", "100", "1000000000"};
    const struct fb_inspector *ops = inspector_find("digest");
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(open_with(ops, bad[i]), -EINVAL);
    }
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
        ops->close(opened(ops, good[i]));
}

static void digest_works_on_whole_and_empty_packets(void **state) {
    const struct fb_inspector *ops = inspector_find("digest");
    struct fb_packet packet = dns_packet();
    void *self = opened(ops, "3");
    (void)state;
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    packet.caplen = 0;
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    ops->close(self);
}

static void record_writes_one_line_a_packet(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    char path[128];
    char text[1024];
    void *self = opened(ops, *state);
    assert_int_equal(ops->claimed(self, &worker_5), 0);
    struct fb_packet packet = dns_packet();
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    packet.dir = 1;
    packet.deaths = 1;
    packet.flags = FB_F_START | FB_F_MID_STREAM | FB_F_END | FB_F_SKIP | 0xf000;
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    packet.l3_off = packet.l4_off = FB_NO_OFFSET;
    packet.proto = 0;
    packet.flags = 0xffff;
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    snprintf(path, sizeof path, "%s/worker-5.tsv", (const char *)*state);
    /* Read before close: a line has left the process when packet() returns. */
    assert_string_equal(read_file(path, text, sizeof text),
                        "7\t5\t1:d/FP5EW3wiY1vCndhwleRRKHowQ=\t42\t3\t0\t17\t-\n"
                        "7\t5\t1:d/FP5EW3wiY1vCndhwleRRKHowQ=\t42\t3\t1\t17\tstart,mid-stream\n"
                        "7\t5\t-\t42\t3\t1\t-\tstart,gap,redelivered,mid-stream,fragment,"
                        "truncated,tunnel,malformed,"
                        "icmp-error\n");
    ops->close(self);
}

static void record_holds_the_greatest_numbers(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    struct fb_packet packet = dns_packet();
    char path[128];
    char text[1024];
    packet.frame = dns_flow.id = UINT64_MAX;
    packet.flow_seq = UINT32_MAX;
    packet.proto = 255;
    packet.flags = 0xffff;
    void *self = opened(ops, *state);
    assert_int_equal(ops->claimed(self, &worker_5), 0);
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    ops->close(self);
    snprintf(path, sizeof path, "%s/worker-5.tsv", (const char *)*state);
    read_file(path, text, sizeof text);
    assert_non_null(strstr(text, "18446744073709551615\t4294967295\t0\t255\tstart,"));
    assert_string_equal(strchr(text, '\n'), "\n");
}

static void record_goes_on_after_the_last_whole_line(void **state) {
    static char long_half[10000];
    const struct fb_inspector *ops = inspector_find("record");
    const char *before[] = {"", "half", "whole\n", "whole\nhalf", long_half};
    const char *kept[] = {"", "", "whole\n", "whole\n", "whole\n"};
    char path[128];
    char text[128];
    memset(long_half, 'x', sizeof long_half - 1); /* longer than what is read at a time */
    memcpy(long_half, "whole\n", 6);
    snprintf(path, sizeof path, "%s/worker-5.tsv", (const char *)*state);
    for (unsigned i = 0; i < sizeof before / sizeof *before; i++) {
        write_file(path, before[i]);
        void *self = opened(ops, *state);
        assert_int_equal(ops->claimed(self, &worker_5), 0);
        assert_string_equal(read_file(path, text, sizeof text), kept[i]);
        ops->close(self);
    }
}

static void record_makes_its_directory(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/a/b", (const char *)*state);
    void *self = opened(ops, path);
    assert_int_equal(ops->claimed(self, &(struct fb_instance){.worker = 0}), 0);
    ops->close(self);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
}

static void record_refuses_what_is_no_directory(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    char path[128];
    assert_int_equal(open_with(ops, NULL), -EINVAL);
    assert_int_equal(open_with(ops, ""), -EINVAL);
    snprintf(path, sizeof path, "%s/worker-5.tsv", (const char *)*state);
    write_file(path, "");
    assert_int_equal(open_with(ops, path), -ENOTDIR);
}

static void record_follows_a_link_to_a_device_and_to_no_file(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    char path[128], target[128], text[32];
    snprintf(path, sizeof path, "%s/worker-5.tsv", (const char *)*state);
    snprintf(target, sizeof target, "%s/a", (const char *)*state);
    void *self = opened(ops, *state);
    write_file(target, "a file of somebody");
    assert_int_equal(symlink("a", path), 0);
    assert_int_equal(ops->claimed(self, &worker_5), -ELOOP);
    assert_string_equal(read_file(target, text, sizeof text), "a file of somebody");
    unlink(target);
    assert_int_equal(ops->claimed(self, &worker_5), -ENOENT);
    assert_int_not_equal(access(target, F_OK), 0);
    unlink(path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(ops->claimed(self, &worker_5), 0);
    ops->close(self);
}

static void record_that_cannot_write_asks_for_the_packet_again(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    struct fb_packet packet = dns_packet();
    struct rlimit before;
    void *self = opened(ops, *state);
    assert_int_equal(ops->claimed(self, &worker_5), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit none = {0, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    int rc = ops->packet(self, NULL, &packet);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, FB_OUTPUT_FAILED);
    assert_int_equal(ops->packet(self, NULL, &packet), 0);
    ops->close(self);
}

static void record_leaves_no_descriptor_to_children(void **state) {
    const struct fb_inspector *ops = inspector_find("record");
    bool before[64];
    unsigned opened_here = 0;
    for (int fd = 0; fd < 64; fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    void *self = opened(ops, *state);
    assert_int_equal(ops->claimed(self, &worker_5), 0);
    for (int fd = 0; fd < 64; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (before[fd] || flags < 0)
            continue;
        assert_int_equal(flags & FD_CLOEXEC, FD_CLOEXEC);
        opened_here++;
    }
    assert_int_equal(opened_here, 2);
    ops->close(self);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspectors_are_found_by_name_and_listed),
        cmocka_unit_test(the_inspectors_that_are_promised_are_there),
        cmocka_unit_test(count_counts_and_refuses_arguments),
        cmocka_unit_test(digest_takes_rounds_and_refuses_what_is_no_count),
        cmocka_unit_test(digest_works_on_whole_and_empty_packets),
        WITH_DIRECTORY(record_writes_one_line_a_packet),
        WITH_DIRECTORY(record_holds_the_greatest_numbers),
        WITH_DIRECTORY(record_goes_on_after_the_last_whole_line),
        WITH_DIRECTORY(record_makes_its_directory),
        WITH_DIRECTORY(record_refuses_what_is_no_directory),
        WITH_DIRECTORY(record_follows_a_link_to_a_device_and_to_no_file),
        WITH_DIRECTORY(record_that_cannot_write_asks_for_the_packet_again),
        WITH_DIRECTORY(record_leaves_no_descriptor_to_children),
    };
    fb_log_init("test_inspectors", FB_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
