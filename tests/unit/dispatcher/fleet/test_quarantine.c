/* SPDX-License-Identifier: BSD-2-Clause */
/* dispatcher/fleet/quarantine.c: quarantine files, read back with libpcap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
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
static char said[512]; /* the last error */

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

static const char *const names[] = {"bad.pcap", "bad-RAW.pcap", "bad-EN10MB.pcap", "bad-147.pcap",
                                    "plain",    "plain-RAW",    "plain-LINUX_SLL", "other"};

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

/* The link types that a run knows at its start; none: those of pipes. */
static const int both[] = {DLT_EN10MB, DLT_RAW};
enum { UNKNOWN, ETHERNET, ETHERNET_AND_RAW };

static int start(const char *name, unsigned known) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    fb_log_keep(said, sizeof said);
    *said = '\0';
    int error = quarantine_open(&quarantine, path, both, known);
    fb_log_keep(NULL, 0);
    return error;
}

/* Whether the packet is kept; if not, one is lost. */
static bool add(uint64_t time_ns, uint32_t caplen, int dlt) {
    const struct quarantined packet = {.time_ns = time_ns,
                                       .frame = 1,
                                       .caplen = caplen,
                                       .wirelen = caplen + 5,
                                       .dlt = dlt,
                                       .bytes = bytes};
    uint64_t lost = quarantine.lost;
    fb_log_keep(said, sizeof said);
    *said = '\0';
    const char *words = quarantine_keep(&quarantine, &packet);
    fb_log_keep(NULL, 0);
    bool kept = *words == '\0';
    assert_string_equal(words, kept ? "" : " and could not be kept");
    assert_int_equal(quarantine.lost, lost + !kept);
    return kept;
}

static void said_of(const char *name, const char *what) {
    if (strstr(said, in_folder(name)) == NULL || strstr(said, what) == NULL)
        fail_msg("not of %s: %s: '%s'", name, what, said);
}

static bool is_there(const char *name) {
    return access(in_folder(name), F_OK) == 0;
}

/* ---- files of others */

static void write_file(const char *name, const void *content, size_t size) {
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A file has these bytes and no more. */
static void file_is(const char *name, const void *content, size_t size) {
    char found[256];
    FILE *file = fopen(in_folder(name), "r");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof found, file), size);
    assert_memory_equal(found, content, size);
    fclose(file);
}

#define NOTES "these are somebody's notes\n"
#define US 0xa1b2c3d4u
#define NS 0xa1b23c4du
#define V2_4 (4u << 16 | 2u) /* as a little-endian machine reads the two halves */

/* A capture without a packet, or with the first bytes of one. */
struct capture_of {
    uint32_t words[6];
    uint32_t part[2];
    const char *what; /* is said of it */
    size_t size;
};

static const struct capture_of misfits[] = {
    {{US, V2_4, 0, 0, 262144, 1}, {0}, "is a capture in microseconds", 24},
    {{0xd4c3b2a1u, 0x02000400u, 0, 0, 0x400u, 0x1000000u}, {0}, "of the other byte order", 24},
    {{0x4d3cb2a1u, 0x02000400u, 0, 0, 0x400u, 0x1000000u}, {0}, "of the other byte order", 24},
    {{0x0a0d0d0au, 28, 0x1a2b3c4du, 1, ~0u, ~0u}, {28}, "in the pcapng format", 28},
    {{NS, 3u << 16 | 2u, 0, 0, 262144, 1}, {0}, "is a capture of another version", 24},
    {{NS, V2_4, 0, 0, 65535, 1}, {0}, "with a smaller snapshot length", 24},
    {{NS, V2_4, 0, 0, 262144, 101}, {0}, "is a capture of another link type", 24},
    {{NS, V2_4, 0, 0, 262144, 1}, {1, 2}, "is a capture that ends inside a packet", 32},
};
#define MISFITS (sizeof misfits / sizeof *misfits)

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

/* ---- what is kept */

static void packets_are_kept_with_nanoseconds_and_their_lengths(void **state) {
    (void)state;
    for (unsigned known = UNKNOWN; known <= ETHERNET; known++) {
        assert_int_equal(start("bad.pcap", known), 0);
        for (unsigned i = 0; i < 3; i++) {
            assert_true(add(stamps[i], caplens[i], DLT_EN10MB));
            /* Immediately, not at the close. */
            file_holds("bad.pcap", DLT_EN10MB, stamps, caplens, i + 1);
        }
        struct stat st;
        assert_int_equal(stat(in_folder("bad.pcap"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        clean(NULL);
    }
}

static void each_link_type_has_a_file_of_its_own(void **state) {
    (void)state;
    static const struct {
        const char *path, *first, *second;
        int dlt;
        unsigned known;
    } cases[] = {
        {"bad.pcap", "bad.pcap", "bad-RAW.pcap", DLT_RAW, ETHERNET_AND_RAW},
        {"bad.pcap", "bad.pcap", "bad-RAW.pcap", DLT_RAW, UNKNOWN},
        {"bad.pcap", "bad.pcap", "bad-147.pcap", DLT_USER0, ETHERNET},
        {"plain", "plain", "plain-LINUX_SLL", DLT_LINUX_SLL, ETHERNET},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(start(cases[i].path, cases[i].known), 0);
        assert_true(add(stamps[0], 60, DLT_EN10MB));
        assert_true(add(stamps[1], 60, cases[i].dlt));
        assert_true(add(stamps[2], 60, DLT_EN10MB));
        quarantine_close(&quarantine);
        const uint64_t of_first[] = {stamps[0], stamps[2]};
        const uint32_t lengths[] = {60, 60};
        file_holds(cases[i].first, DLT_EN10MB, of_first, lengths, 2);
        file_holds(cases[i].second, cases[i].dlt, &stamps[1], lengths, 1);
        clean(NULL);
    }
}

/* The path is for the first type that the run knows, whichever comes first. */
static void the_path_is_kept_for_the_first_type_that_is_known(void **state) {
    (void)state;
    assert_int_equal(start("bad.pcap", ETHERNET_AND_RAW), 0);
    assert_true(add(stamps[1], 60, DLT_RAW));
    assert_true(add(stamps[0], 60, DLT_EN10MB));
    file_holds("bad.pcap", DLT_EN10MB, &stamps[0], caplens, 1);
    file_holds("bad-RAW.pcap", DLT_RAW, &stamps[1], caplens, 1);
}

static void a_file_of_an_earlier_run_is_appended_to(void **state) {
    (void)state;
    /* The second has another number in files than in libpcap. */
    for (unsigned t = 0; t < 2; t++) {
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(quarantine_open(&quarantine, in_folder("bad.pcap"), &both[t], 1), 0);
            assert_true(add(stamps[i], caplens[i], both[t]));
            quarantine_close(&quarantine);
        }
        file_holds("bad.pcap", both[t], stamps, caplens, 3);
        clean(NULL);
    }
}

static void a_file_that_was_emptied_gets_its_header_again(void **state) {
    (void)state;
    assert_int_equal(start("bad.pcap", ETHERNET), 0);
    assert_true(add(stamps[0], 60, DLT_EN10MB));
    assert_int_equal(truncate(in_folder("bad.pcap"), 0), 0);
    assert_true(add(stamps[1], 60, DLT_EN10MB));
    file_holds("bad.pcap", DLT_EN10MB, &stamps[1], caplens, 1);
}

static void a_file_that_was_deleted_is_made_again(void **state) {
    (void)state;
    for (unsigned known = UNKNOWN; known <= ETHERNET; known++) {
        assert_int_equal(start("bad.pcap", known), 0);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(unlink(in_folder("bad.pcap")), 0);
            assert_true(add(stamps[i], 60, DLT_EN10MB));
            file_holds("bad.pcap", DLT_EN10MB, &stamps[i], caplens, 1);
        }
        clean(NULL);
    }
}

static void without_a_path_nothing_is_kept(void **state) {
    (void)state;
    assert_int_equal(quarantine_open(&quarantine, NULL, both, 1), 0);
    assert_string_equal(quarantine_keep(&quarantine, NULL),
                        " and not kept; --quarantine FILE.pcap keeps such packets");
    assert_int_equal(quarantine.lost, 0);
    quarantine_close(&quarantine);
}

/* ---- what is there already */

static void a_capture_that_does_not_fit_stays_and_packets_go_beside_it(void **state) {
    (void)state;
    for (unsigned known = UNKNOWN; known <= ETHERNET; known++) {
        for (unsigned i = 0; i < MISFITS; i++) {
            write_file("bad.pcap", misfits[i].words, misfits[i].size);
            assert_int_equal(start("bad.pcap", known), 0);
            assert_true(is_there("bad-EN10MB.pcap") == (known != UNKNOWN));
            assert_true(add(stamps[0], 60, DLT_EN10MB));
            assert_true(add(stamps[1], 2000, DLT_EN10MB));
            quarantine_close(&quarantine);
            file_is("bad.pcap", misfits[i].words, misfits[i].size);
            file_holds("bad-EN10MB.pcap", DLT_EN10MB, stamps, caplens, 2);
            clean(NULL);
        }
    }
}

static void where_the_file_beside_it_does_not_fit_the_run_does_not_begin(void **state) {
    (void)state;
    for (unsigned i = 0; i < MISFITS; i++) {
        write_file("bad.pcap", misfits[0].words, misfits[0].size);
        write_file("bad-EN10MB.pcap", misfits[i].words, misfits[i].size);
        assert_int_equal(start("bad.pcap", ETHERNET), -EINVAL);
        said_of("bad-EN10MB.pcap", misfits[i].what);
        quarantine_close(&quarantine);
        file_is("bad.pcap", misfits[0].words, misfits[0].size);
        file_is("bad-EN10MB.pcap", misfits[i].words, misfits[i].size);
    }
}

static void where_that_shows_with_the_first_packet_it_is_not_kept(void **state) {
    (void)state;
    write_file("bad.pcap", misfits[0].words, misfits[0].size);
    write_file("bad-EN10MB.pcap", misfits[0].words, misfits[0].size);
    assert_int_equal(start("bad.pcap", UNKNOWN), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(add(stamps[0], 60, DLT_EN10MB));
        said_of("bad-EN10MB.pcap", misfits[0].what);
    }
    file_is("bad.pcap", misfits[0].words, misfits[0].size);
    file_is("bad-EN10MB.pcap", misfits[0].words, misfits[0].size);
    /* The user may do as it says. */
    assert_int_equal(unlink(in_folder("bad-EN10MB.pcap")), 0);
    assert_true(add(stamps[0], 60, DLT_EN10MB));
    file_holds("bad-EN10MB.pcap", DLT_EN10MB, stamps, caplens, 1);
}

/* A second link type has no other file to go to. */
static void the_file_of_a_second_link_type_is_looked_at_as_well(void **state) {
    (void)state;
    write_file("bad-RAW.pcap", misfits[0].words, misfits[0].size);
    assert_int_equal(start("bad.pcap", ETHERNET_AND_RAW), -EINVAL);
    said_of("bad-RAW.pcap", misfits[0].what);
    quarantine_close(&quarantine);
    assert_false(is_there("bad.pcap"));
    assert_int_equal(start("bad.pcap", ETHERNET), 0);
    assert_false(add(stamps[0], 60, DLT_RAW));
    said_of("bad-RAW.pcap", misfits[0].what);
    file_is("bad-RAW.pcap", misfits[0].words, misfits[0].size);
}

static void a_capture_for_longer_packets_is_appended_to(void **state) {
    (void)state;
    static const uint32_t lengths[] = {262144, 524288, 0}; /* 0: without a bound */
    for (unsigned i = 0; i < 3; i++) {
        const uint32_t header[6] = {NS, V2_4, 0, 0, lengths[i], 1};
        write_file("bad.pcap", header, sizeof header);
        assert_int_equal(start("bad.pcap", ETHERNET), 0);
        assert_true(add(stamps[0], 60, DLT_EN10MB));
        file_holds("bad.pcap", DLT_EN10MB, stamps, caplens, 1);
        clean(NULL);
    }
}

static void where_a_file_is_no_capture_the_run_does_not_begin(void **state) {
    (void)state;
    static const size_t sizes[] = {sizeof NOTES - 1, 3}; /* long enough for a header, and not */
    for (unsigned known = UNKNOWN; known <= ETHERNET; known++) {
        for (unsigned i = 0; i < 2; i++) {
            write_file("plain", NOTES, sizes[i]);
            assert_int_equal(start("plain", known), -EINVAL);
            said_of("plain", "is not a capture: move it away, or give another file");
            quarantine_close(&quarantine);
            file_is("plain", NOTES, sizes[i]);
        }
    }
}

static void where_nothing_can_be_written_the_run_does_not_begin(void **state) {
    (void)state;
    assert_int_equal(start("none/bad.pcap", ETHERNET), -ENOENT);
    assert_int_equal(start("", ETHERNET), -EISDIR);
    assert_int_equal(quarantine_open(&quarantine, "", both, 1), -ENOENT);
    assert_int_equal(mkfifo(in_folder("plain"), 0600),
                     0); /* no process reads it: that must not wait */
    assert_int_equal(start("plain", ETHERNET), -EINVAL);
    said_of("plain", "is not a regular file: give one");
    assert_true(is_there("plain"));
    if (geteuid() == 0)
        return; /* may write anywhere */
    write_file("bad.pcap", "", 0);
    assert_int_equal(chmod(in_folder("bad.pcap"), 0400), 0);
    assert_int_equal(start("bad.pcap", ETHERNET), -EACCES);
}

/* The name that a long path would have if it were cut is another file's. */
static void a_name_that_is_too_long_is_refused(void **state) {
    (void)state;
    static char path[PATH_MAX + 200];
    memset(path, '/', sizeof path - 1);
    memcpy(path, folder, strlen(folder));
    memcpy(path + sizeof path - 6, "plain", 5);
    for (size_t skipped = 0; skipped < 200; skipped += 100) {
        char shorter[sizeof path];
        snprintf(shorter, sizeof shorter, "%s%s", folder, path + strlen(folder) + skipped);
        assert_int_equal(quarantine_open(&quarantine, shorter, both, 1), -ENAMETOOLONG);
    }
}

/* ---- links */

static void a_symbolic_link_is_not_followed(void **state) {
    (void)state;
    for (unsigned known = UNKNOWN; known <= ETHERNET; known++) {
        assert_int_equal(symlink("plain", in_folder("bad.pcap")), 0);
        assert_int_equal(start("bad.pcap", known), -ELOOP);
        said_of("bad.pcap", "is a symbolic link, which is not followed: give the file itself");
        assert_false(is_there("plain"));
        write_file("plain", "", 0);
        assert_int_equal(start("bad.pcap", known), -ELOOP);
        file_is("plain", "", 0);
        clean(NULL);
    }
}

static void nor_is_one_in_the_place_of_a_file_beside_it(void **state) {
    (void)state;
    write_file("plain", "", 0);
    assert_int_equal(symlink("plain", in_folder("bad-RAW.pcap")), 0);
    assert_int_equal(start("bad.pcap", ETHERNET_AND_RAW), -ELOOP);
    said_of("bad-RAW.pcap", "is a symbolic link");
    quarantine_close(&quarantine);
    assert_int_equal(start("bad.pcap", ETHERNET), 0);
    assert_false(add(stamps[0], 60, DLT_RAW));
    said_of("bad-RAW.pcap", "is a symbolic link");
    quarantine_close(&quarantine);
    write_file("bad.pcap", misfits[0].words, misfits[0].size);
    assert_int_equal(symlink("plain", in_folder("bad-EN10MB.pcap")), 0);
    assert_int_equal(start("bad.pcap", ETHERNET), -ELOOP);
    said_of("bad-EN10MB.pcap", "is a symbolic link");
    file_is("plain", "", 0);
}

static void what_takes_the_name_during_the_run_gets_no_packet(void **state) {
    (void)state;
    for (unsigned known = UNKNOWN; known <= ETHERNET; known++) {
        write_file("plain", "", 0);
        assert_int_equal(start("bad.pcap", known), 0);
        assert_int_equal(rename(in_folder("bad.pcap"), in_folder("other")), 0);
        assert_int_equal(symlink("plain", in_folder("bad.pcap")), 0);
        assert_true(add(stamps[0], 60, DLT_EN10MB));
        file_is("plain", "", 0);
        file_holds("other", DLT_EN10MB, stamps, caplens, 1);
        clean(NULL);
    }
}

/* ---- the end */

static void a_run_that_quarantines_nothing_leaves_nothing_behind(void **state) {
    (void)state;
    for (unsigned known = UNKNOWN; known <= ETHERNET_AND_RAW; known++) {
        assert_int_equal(start("bad.pcap", known), 0);
        assert_true(is_there("bad.pcap"));
        assert_true(is_there("bad-RAW.pcap") == (known == ETHERNET_AND_RAW));
        quarantine_close(&quarantine);
        assert_false(is_there("bad.pcap"));
        assert_false(is_there("bad-RAW.pcap"));
    }
    /* Nor where one packet was all that there was to keep, and could not be. */
    assert_int_equal(start("bad.pcap", ETHERNET_AND_RAW), 0);
    assert_true(add(stamps[0], 60, DLT_RAW));
    quarantine_close(&quarantine);
    assert_false(is_there("bad.pcap"));
    file_holds("bad-RAW.pcap", DLT_RAW, stamps, caplens, 1);
}

static void what_others_left_is_not_removed(void **state) {
    (void)state;
    write_file("plain", "", 0);
    assert_int_equal(start("plain", ETHERNET), 0);
    quarantine_close(&quarantine);
    assert_true(is_there("plain"));
    assert_int_equal(start("plain", ETHERNET), 0);
    assert_true(add(stamps[0], 60, DLT_EN10MB));
    quarantine_close(&quarantine);
    for (unsigned i = 0; i < 2; i++) { /* a file with a packet stays as it is */
        file_holds("plain", DLT_EN10MB, stamps, caplens, 1);
        assert_int_equal(start("plain", ETHERNET), 0);
        quarantine_close(&quarantine);
    }
    /* What has taken the name of a file that the run made. */
    assert_int_equal(start("bad.pcap", ETHERNET), 0);
    assert_int_equal(rename(in_folder("bad.pcap"), in_folder("other")), 0);
    write_file("bad.pcap", "", 0);
    quarantine_close(&quarantine);
    assert_true(is_there("bad.pcap"));
    assert_true(is_there("other"));
}

/* room: bytes that the file may have while one packet is to be written */
static bool add_to_a_full_disk(rlim_t room, uint64_t time_ns, uint32_t caplen) {
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit little = {.rlim_cur = room, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    bool kept = add(time_ns, caplen, DLT_EN10MB);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    return kept;
}

static void a_full_disk_is_told_and_the_file_stays_readable(void **state) {
    (void)state;
    static const uint64_t kept_stamps[] = {1, 2};
    static const uint32_t kept_caplens[] = {60, 0};
    static const rlim_t rooms[] = {0, 24, 24 + 16, 24 + 16 + 59};
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        assert_int_equal(start("bad.pcap", ETHERNET), 0);
        assert_false(add_to_a_full_disk(rooms[i], 99, 60));
        said_of("bad.pcap", rooms[i] == 0 ? strerror(EFBIG) : "room for a part of it only");
        struct stat st;
        assert_int_equal(stat(in_folder("bad.pcap"), &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_true(add(1, 60, DLT_EN10MB)); /* there is room again */
        assert_false(add_to_a_full_disk(24 + 16 + 60 + rooms[i], 99, 2000));
        file_holds("bad.pcap", DLT_EN10MB, kept_stamps, kept_caplens, 1);
        assert_true(add(2, 0, DLT_EN10MB));
        file_holds("bad.pcap", DLT_EN10MB, kept_stamps, kept_caplens, 2);
        clean(NULL);
    }
    /* Nothing stays of a packet that was all that there was. */
    assert_int_equal(start("bad.pcap", ETHERNET), 0);
    assert_false(add_to_a_full_disk(50, 99, 60));
    quarantine_close(&quarantine);
    assert_false(is_there("bad.pcap"));
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(packets_are_kept_with_nanoseconds_and_their_lengths),
        TEST(each_link_type_has_a_file_of_its_own),
        TEST(the_path_is_kept_for_the_first_type_that_is_known),
        TEST(a_file_of_an_earlier_run_is_appended_to),
        TEST(a_file_that_was_emptied_gets_its_header_again),
        TEST(a_file_that_was_deleted_is_made_again),
        TEST(without_a_path_nothing_is_kept),
        TEST(a_capture_that_does_not_fit_stays_and_packets_go_beside_it),
        TEST(where_the_file_beside_it_does_not_fit_the_run_does_not_begin),
        TEST(where_that_shows_with_the_first_packet_it_is_not_kept),
        TEST(the_file_of_a_second_link_type_is_looked_at_as_well),
        TEST(a_capture_for_longer_packets_is_appended_to),
        TEST(where_a_file_is_no_capture_the_run_does_not_begin),
        TEST(where_nothing_can_be_written_the_run_does_not_begin),
        TEST(a_name_that_is_too_long_is_refused),
        TEST(a_symbolic_link_is_not_followed),
        TEST(nor_is_one_in_the_place_of_a_file_beside_it),
        TEST(what_takes_the_name_during_the_run_gets_no_packet),
        TEST(a_run_that_quarantines_nothing_leaves_nothing_behind),
        TEST(what_others_left_is_not_removed),
        TEST(a_full_disk_is_told_and_the_file_stays_readable),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
