/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/pcap.c and worker/records/output_folder.c: files, their names, and a full
 * disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/directory.h"
#include "worker/inspectors/inspectors.h"

#define BEGIN_S 1700000000u /* 2023-11-14 22:13:20 */

static uint8_t bytes[1 << 16];
static const struct fb_instance instance = {.name = "test", .worker = 4, .incarnation = 2};

static void *begin(const char *folder, const char *limits) {
    char args[256];
    snprintf(args, sizeof args, "%s%s", folder, limits);
    struct fb_setup setup = {.args = args};
    assert_int_equal(inspect_pcap_ops.open(&setup), 0);
    assert_int_equal(inspect_pcap_ops.claimed(setup.self, &instance), 0);
    return setup.self;
}

static int give(void *self, int32_t link_type, uint64_t us, uint32_t size) {
    const struct fb_packet packet = {.time_ns = (BEGIN_S * UINT64_C(1000000) + us) * 1000,
                                     .data = bytes,
                                     .caplen = size,
                                     .wirelen = size,
                                     .link_type = link_type};
    return inspect_pcap_ops.packet(self, NULL, &packet);
}

static int no_dots(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* "NAME SIZE, NAME SIZE" of what is in a folder, by name. */
static const char *files_in(const char *folder) {
    static char text[2048];
    struct dirent **names;
    int count = scandir(folder, &names, no_dots, alphasort);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        char path[512];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        stat(path, &st);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s %lld", i == 0 ? "" : ", ", names[i]->d_name,
                 (long long)st.st_size);
        free(names[i]);
    }
    free(names);
    return text;
}

static void each_link_type_has_a_file_named_by_its_first_packet(void **state) {
    struct directory *d = *state;
    void *self = begin(path_in(d, "a/b"), "");
    assert_int_equal(give(self, 1, 5, 60), 0);
    assert_int_equal(give(self, 12, 1000000, 10), 0);
    assert_int_equal(give(self, 1, 2000000, 60), 0);
    assert_string_equal(files_in(path_in(d, "a/b")),
                        "worker-4-2-1-20231114T221320.000005.pcap 176, "
                        "worker-4-2-101-20231114T221321.000000.pcap 50");
    inspect_pcap_ops.close(self);
}

static void a_file_is_no_larger_than_it_may_be_but_for_one_packet(void **state) {
    struct directory *d = *state;
    void *self = begin(path_in(d, "a"), ",size=4K");
    assert_int_equal(give(self, 1, 1, 4040), 0); /* 24 and 4,056 */
    assert_int_equal(give(self, 1, 2, 0), 0);    /* 4,096 */
    assert_int_equal(give(self, 1, 3, 0), 0);
    assert_int_equal(give(self, 1, 4, 5000), 0);
    assert_int_equal(give(self, 1, 5, 1), 0);
    assert_string_equal(files_in(path_in(d, "a")), "worker-4-2-1-20231114T221320.000001.pcap 4096, "
                                                   "worker-4-2-1-20231114T221320.000003.pcap 40, "
                                                   "worker-4-2-1-20231114T221320.000004.pcap 5040, "
                                                   "worker-4-2-1-20231114T221320.000005.pcap 41");
    uint64_t stats[FB_STATS_MAX] = {0};
    inspect_pcap_ops.stats(self, stats);
    assert_int_equal(stats[0], 5);
    assert_int_equal(stats[1], 4);
    inspect_pcap_ops.close(self);
}

static void a_file_is_no_longer_than_it_may_be_by_the_packets_time(void **state) {
    struct directory *d = *state;
    void *self = begin(path_in(d, "a"), ",seconds=2,size=1M");
    assert_int_equal(give(self, 1, 10, 0), 0);
    assert_int_equal(give(self, 1, 2000009, 0), 0);
    assert_int_equal(give(self, 1, 0, 0), 0); /* one that is late */
    assert_int_equal(give(self, 1, 2000010, 0), 0);
    assert_string_equal(files_in(path_in(d, "a")), "worker-4-2-1-20231114T221320.000010.pcap 72, "
                                                   "worker-4-2-1-20231114T221322.000010.pcap 40");
    inspect_pcap_ops.close(self);
}

/* Of a run before, say, of the same packets. */
static void what_is_there_stays(void **state) {
    struct directory *d = *state;
    for (unsigned i = 0; i < 3; i++) {
        void *self = begin(path_in(d, "a"), "");
        assert_int_equal(give(self, 1, 1, i), 0);
        inspect_pcap_ops.close(self);
    }
    assert_string_equal(files_in(path_in(d, "a")), "worker-4-2-1-20231114T221320.000001-2.pcap 41, "
                                                   "worker-4-2-1-20231114T221320.000001-3.pcap 42, "
                                                   "worker-4-2-1-20231114T221320.000001.pcap 40");
}

static void a_time_that_no_calendar_has_is_a_number(void **state) {
    struct directory *d = *state;
    void *self = begin(path_in(d, "a"), "");
    const struct fb_packet packet = {.time_ns = UINT64_MAX, .data = bytes, .link_type = 1};
    assert_int_equal(inspect_pcap_ops.packet(self, NULL, &packet), 0);
    assert_non_null(strstr(files_in(path_in(d, "a")), "worker-4-2-1-25540721T233433.709551.pcap"));
    inspect_pcap_ops.close(self);
}

/* More link types than files that are open: one is closed for another, and has a further file. */
static void there_may_be_any_number_of_link_types(void **state) {
    struct directory *d = *state;
    void *self = begin(path_in(d, "a"), "");
    for (int32_t round = 0; round < 2; round++)
        for (int32_t link = 150; link < 170; link++)
            assert_int_equal(give(self, link, (uint64_t)(100 * round + link), 0), 0);
    uint64_t stats[FB_STATS_MAX] = {0};
    inspect_pcap_ops.stats(self, stats);
    assert_int_equal(stats[0], 40);
    assert_in_range(stats[1], 20, 40);
    inspect_pcap_ops.close(self);
}

static void wrong_arguments_are_one_line(void **state) {
    struct directory *d = *state;
    static const struct {
        const char *args, *part;
    } rows[] = {{NULL, "the directory is missing"},
                {"", "the directory is missing"},
                {",size=1M", "the directory is missing"},
                {"a,size=1", "pcap: size '1'"},
                {"a,size=1X", "pcap: size '1X'"},
                {"a,size=", "pcap: size ''"},
                {"a,seconds=0", "pcap: seconds '0'"},
                {"a,seconds=1.5", "pcap: seconds '1.5'"},
                {"a,b", "'b' is none of size=SIZE and seconds=S"},
                {"a,", "'' is none of"},
                {"/proc/x", "cannot make or use the directory"},
                {"/etc/passwd", "cannot make or use the directory"}};
    assert_int_equal(chdir(d->path), 0);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct caught caught;
        struct fb_setup setup = {.args = rows[i].args};
        catch_begin(&caught);
        int error = inspect_pcap_ops.open(&setup);
        expect_one_line(catch_end(&caught), rows[i].part);
        assert_true(error < 0);
        if (i < 10)
            assert_int_equal(error, -EINVAL);
    }
    assert_int_equal(chdir("/"), 0);
}

/* ---- a full disk */

#define DISK "/mnt/disk"

static void fill_disk(void) {
    int file = open(DISK "/filler", O_WRONLY | O_CREAT, 0600);
    while (write(file, bytes, 4096) == 4096)
        ;
    close(file);
}

/* Nothing of a packet stays that could not be written, and of a file without any nothing at all. */
static void fill_it_up(void *arg) {
    (void)arg;
    static struct caught caught;
    private_mounts("/mnt");
    EXPECT(mount("tmpfs", "/mnt", "tmpfs", 0, NULL) == 0);
    EXPECT(mkdir(DISK, 0700) == 0);
    EXPECT(mount("tmpfs", DISK, "tmpfs", 0, "size=128K") == 0);
    struct fb_setup setup = {.args = DISK "/a,size=64K"};
    EXPECT(inspect_pcap_ops.open(&setup) == 0);
    EXPECT(inspect_pcap_ops.claimed(setup.self, &instance) == 0);
    EXPECT(give(setup.self, 1, 1, 3000) == 0);
    fill_disk();
    catch_begin(&caught);
    for (unsigned i = 0; i < 3; i++) /* in the file that there is */
        EXPECT(give(setup.self, 1, 2, 30000) == FB_OUTPUT_FAILED);
    EXPECT(strcmp(files_in(DISK "/a"), "worker-4-2-1-20231114T221320.000001.pcap 3040") == 0);
    for (unsigned i = 0; i < 3; i++) /* in one that is begun */
        EXPECT(give(setup.self, 12, 3, 30000) == FB_OUTPUT_FAILED);
    EXPECT(strcmp(files_in(DISK "/a"), "worker-4-2-1-20231114T221320.000001.pcap 3040") == 0);
    EXPECT(unlink(DISK "/filler") == 0);
    EXPECT(give(setup.self, 12, 3, 30000) == 0);
    EXPECT(give(setup.self, 1, 2, 30000) == 0);
    const char *said = catch_end(&caught);
    EXPECT(lines_of(said) == 1); /* the level of the second one is not shown */
    EXPECT(strstr(said,
                  "cannot write " DISK "/a/worker-4-2-1-20231114T221320.000001.pcap: No space "
                  "left on device: the worker waits until it can") != NULL);
    EXPECT(strcmp(files_in(DISK "/a"), "worker-4-2-1-20231114T221320.000001.pcap 33056, "
                                       "worker-4-2-101-20231114T221320.000003.pcap 30040") == 0);
    inspect_pcap_ops.close(setup.self);
}

static void a_full_disk_holds_the_packet_and_cuts_what_was_written_of_it(void **state) {
    (void)state;
    if (geteuid() != 0)
        SKIP("only root can make a small disk");
    in_child(fill_it_up, NULL);
}

#define PCAP_TEST(name) cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PCAP_TEST(each_link_type_has_a_file_named_by_its_first_packet),
        PCAP_TEST(a_file_is_no_larger_than_it_may_be_but_for_one_packet),
        PCAP_TEST(a_file_is_no_longer_than_it_may_be_by_the_packets_time),
        PCAP_TEST(what_is_there_stays),
        PCAP_TEST(a_time_that_no_calendar_has_is_a_number),
        PCAP_TEST(there_may_be_any_number_of_link_types),
        PCAP_TEST(wrong_arguments_are_one_line),
        cmocka_unit_test(a_full_disk_holds_the_packet_and_cuts_what_was_written_of_it),
    };
    fb_log_set_level(FB_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
