/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/quarantine.c: quarantine files, read back with libpcap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dispatcher/fleet/quarantine.h"
#include "flow_balancer/common/log.h"

static char folder[] = "/tmp/fb-quarantine-XXXXXX";
static struct quarantine quarantine;
static uint8_t bytes[2000];

static int make_folder(void **state) {
    (void)state;
    fb_log_set_level(FB_LOG_ERROR);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    return mkdtemp(folder) == NULL;
}

static const char *in_folder(const char *name) {
    static char paths[4][200];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *const names[] = {"bad.pcap", "bad-RAW.pcap", "plain", "plain-LINUX_SLL"};

static int clean(void **state) {
    (void)state;
    quarantine_close(&quarantine);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails where a test has left anything else */
}

static struct quarantined packet_of(uint64_t time_ns, uint32_t caplen, unsigned link, int dlt) {
    return (struct quarantined){.time_ns = time_ns,
                                .frame = 1,
                                .caplen = caplen,
                                .wirelen = caplen + 5,
                                .link = link,
                                .dlt = dlt,
                                .bytes = bytes};
}

static int add(uint64_t time_ns, uint32_t caplen, unsigned link, int dlt) {
    const struct quarantined packet = packet_of(time_ns, caplen, link, dlt);
    return quarantine_add(&quarantine, &packet);
}

static bool is_there(const char *name) {
    return access(in_folder(name), F_OK) == 0;
}

/* A file holds packets with these stamps, whole, and nothing else. */
static void file_holds(const char *name, int dlt, const uint64_t *stamps, const uint32_t *caplens,
                       unsigned count) {
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    pcap_t *pcap =
        pcap_open_offline_with_tstamp_precision(in_folder(name), PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == NULL)
        fail_msg("%s", error);
    assert_int_equal(pcap_datalink(pcap), dlt);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pcap_next_ex(pcap, &header, &data), 1);
        assert_int_equal((uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec,
                         stamps[i]);
        assert_int_equal(header->caplen, caplens[i]);
        assert_int_equal(header->len, caplens[i] + 5);
        assert_memory_equal(data, bytes, caplens[i]);
    }
    assert_int_equal(pcap_next_ex(pcap, &header, &data), PCAP_ERROR_BREAK);
    pcap_close(pcap);
}

static const uint64_t stamps[] = {UINT64_C(1700000000123456789), UINT64_C(1700000001999999999), 0};
static const uint32_t caplens[] = {60, 2000, 0};

static void packets_are_kept_with_nanoseconds_and_their_lengths(void **state) {
    (void)state;
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(add(stamps[i], caplens[i], 0, DLT_EN10MB), 0);
        file_holds("bad.pcap", DLT_EN10MB, stamps, caplens, i + 1); /* already, not at the close */
    }
    struct stat st;
    assert_int_equal(stat(in_folder("bad.pcap"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void each_link_type_has_a_file_of_its_own(void **state) {
    (void)state;
    static const struct {
        const char *path, *first, *second;
        int dlt;
    } cases[] = {
        {"bad.pcap", "bad.pcap", "bad-RAW.pcap", DLT_RAW},
        {"plain", "plain", "plain-LINUX_SLL", DLT_LINUX_SLL},
    };
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(quarantine_open(&quarantine, in_folder(cases[i].path)), 0);
        assert_int_equal(add(stamps[0], 60, 0, DLT_EN10MB), 0);
        assert_int_equal(add(stamps[1], 60, 1, cases[i].dlt), 0);
        assert_int_equal(add(stamps[2], 60, 0, DLT_EN10MB), 0);
        quarantine_close(&quarantine);
        const uint64_t of_first[] = {stamps[0], stamps[2]};
        const uint32_t lengths[] = {60, 60};
        file_holds(cases[i].first, DLT_EN10MB, of_first, lengths, 2);
        file_holds(cases[i].second, cases[i].dlt, &stamps[1], lengths, 1);
        clean(NULL);
    }
}

static void a_file_of_an_earlier_run_is_appended_to(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
        assert_int_equal(add(stamps[i], caplens[i], 0, DLT_EN10MB), 0);
        quarantine_close(&quarantine);
    }
    file_holds("bad.pcap", DLT_EN10MB, stamps, caplens, 3);
}

static void a_file_of_another_link_type_is_refused_and_stays_as_it_is(void **state) {
    (void)state;
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
    assert_int_equal(add(stamps[0], 60, 0, DLT_EN10MB), 0);
    quarantine_close(&quarantine);
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(add(stamps[1], 60, 0, DLT_RAW), -EIO);
    quarantine_close(&quarantine);
    file_holds("bad.pcap", DLT_EN10MB, stamps, caplens, 1);
}

static void a_file_that_is_no_capture_is_refused_and_stays_as_it_is(void **state) {
    (void)state;
    char text[40] = "";
    const char line[] = "these are somebody's notes\n";
    FILE *file = fopen(in_folder("plain"), "w");
    assert_non_null(file);
    fputs(line, file);
    fclose(file);
    assert_int_equal(quarantine_open(&quarantine, in_folder("plain")), 0);
    assert_int_equal(add(stamps[0], 60, 0, DLT_EN10MB), -EIO);
    quarantine_close(&quarantine);
    file = fopen(in_folder("plain"), "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text - 1, file), strlen(line));
    fclose(file);
    assert_string_equal(text, line);
}

static void where_nothing_can_be_written_the_run_does_not_begin(void **state) {
    (void)state;
    assert_int_equal(quarantine_open(&quarantine, in_folder("none/bad.pcap")), -ENOENT);
    assert_int_equal(quarantine_open(&quarantine, folder), -EISDIR);
    assert_int_equal(quarantine_open(&quarantine, ""), -ENOENT);
    assert_int_equal(mkfifo(in_folder("plain"), 0600),
                     0); /* no process reads it: that must not wait */
    assert_int_equal(quarantine_open(&quarantine, in_folder("plain")), -ENXIO);
    int reader = open(in_folder("plain"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(quarantine_open(&quarantine, in_folder("plain")), -EINVAL);
    close(reader);
    assert_true(is_there("plain"));
    if (geteuid() == 0)
        return; /* may write anywhere */
    FILE *file = fopen(in_folder("bad.pcap"), "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(chmod(in_folder("bad.pcap"), 0400), 0);
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), -EACCES);
}

static void without_a_path_nothing_is_kept(void **state) {
    (void)state;
    assert_int_equal(quarantine_open(&quarantine, NULL), 0);
    assert_int_equal(add(stamps[0], 60, 0, DLT_EN10MB), 0);
    quarantine_close(&quarantine);
}

static void a_run_that_quarantines_nothing_leaves_nothing_behind(void **state) {
    (void)state;
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
    assert_false(is_there("bad.pcap"));
    quarantine_close(&quarantine);
    assert_false(is_there("bad.pcap"));
    /* Nor does it harm what others left. */
    int empty = open(in_folder("plain"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(empty >= 0);
    close(empty);
    assert_int_equal(quarantine_open(&quarantine, in_folder("plain")), 0);
    quarantine_close(&quarantine);
    assert_true(is_there("plain"));
    assert_int_equal(quarantine_open(&quarantine, in_folder("plain")), 0);
    assert_int_equal(add(stamps[0], 60, 0, DLT_EN10MB), 0);
    quarantine_close(&quarantine);
    file_holds("plain", DLT_EN10MB, stamps, caplens, 1);
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
    assert_int_equal(add(stamps[0], 60, 0, DLT_EN10MB), 0);
    quarantine_close(&quarantine);
    assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
    quarantine_close(&quarantine);
    file_holds("bad.pcap", DLT_EN10MB, stamps, caplens, 1);
}

/* room: bytes that the file may have while one packet is to be written */
static int add_to_a_full_disk(rlim_t room, uint64_t time_ns, uint32_t caplen) {
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit little = {.rlim_cur = room, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    int error = add(time_ns, caplen, 0, DLT_EN10MB);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    return error;
}

static void a_full_disk_is_told_and_the_file_stays_readable(void **state) {
    (void)state;
    static const uint64_t kept_stamps[] = {1, 2};
    static const uint32_t kept_caplens[] = {60, 0};
    static const rlim_t rooms[] = {0, 24, 24 + 16, 24 + 16 + 59};
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap")), 0);
        assert_int_equal(add_to_a_full_disk(rooms[i], 99, 60), -EIO);
        assert_int_equal(add(1, 60, 0, DLT_EN10MB), 0); /* there is room again */
        assert_int_equal(add_to_a_full_disk(24 + 16 + 60 + rooms[i], 99, 2000), -EIO);
        assert_int_equal(add(2, 0, 0, DLT_EN10MB), 0);
        file_holds("bad.pcap", DLT_EN10MB, kept_stamps, kept_caplens, 2);
        clean(NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(packets_are_kept_with_nanoseconds_and_their_lengths, clean),
        cmocka_unit_test_teardown(each_link_type_has_a_file_of_its_own, clean),
        cmocka_unit_test_teardown(a_file_of_an_earlier_run_is_appended_to, clean),
        cmocka_unit_test_teardown(a_file_of_another_link_type_is_refused_and_stays_as_it_is, clean),
        cmocka_unit_test_teardown(a_file_that_is_no_capture_is_refused_and_stays_as_it_is, clean),
        cmocka_unit_test_teardown(where_nothing_can_be_written_the_run_does_not_begin, clean),
        cmocka_unit_test_teardown(without_a_path_nothing_is_kept, clean),
        cmocka_unit_test_teardown(a_run_that_quarantines_nothing_leaves_nothing_behind, clean),
        cmocka_unit_test_teardown(a_full_disk_is_told_and_the_file_stays_readable, clean),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
