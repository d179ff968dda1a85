/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/region.c: shared and private memory, and its pages. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/vm_flags.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/region.h"

#define MB ((size_t)1 << 20)
#define NR_HUGEPAGES "/proc/sys/vm/nr_hugepages"
#define NOBODY 65534u
#define HUGE FB_SHM_DIR "/huge" /* in a child's own /dev/shm */

/* A name of our own, and the huge pages that a test reserves; tear down gives all back. */
struct fixture {
    char name[FB_NAME_MAX + 1];
    int pages_fd;        /* of NR_HUGEPAGES, with its lock held, or -1 */
    unsigned long pages; /* reserved by us */
    struct fb_region region;
    struct caught caught;
};

static unsigned long read_pages(int fd) {
    char text[32] = "";
    return pread(fd, text, sizeof text - 1, 0) > 0 ? strtoul(text, NULL, 10) : 0;
}

static void write_pages(int fd, unsigned long pages) {
    char text[32];
    int n = snprintf(text, sizeof text, "%lu\n", pages);
    if (pwrite(fd, text, (size_t)n, 0) != n)
        print_message("cannot write %s\n", NR_HUGEPAGES);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    snprintf(f->name, sizeof f->name, "test-region-%ld", (long)getpid());
    f->pages_fd = -1;
    f->region.fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    if (f->region.base != NULL && f->region.path[0] != '\0')
        unlink(f->region.path);
    if (f->region.hidden[0] != '\0')
        unlink(f->region.hidden);
    fb_region_close(&f->region);
    if (f->pages_fd >= 0) {
        unsigned long now = read_pages(f->pages_fd);
        write_pages(f->pages_fd, now > f->pages ? now - f->pages : 0);
        close(f->pages_fd);
    }
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, f->name, FB_KIND_DOWN, 0);
    int left = unlink(path) == 0;
    free(f);
    return left;
}

static void need_root(void) {
    if (geteuid() != 0)
        SKIP("mounts and huge pages need root");
}

/* Reserves huge pages; only one such test runs on a machine at a time. */
static void reserve_pages(struct fixture *f, unsigned long pages) {
    need_root();
    f->pages_fd = open(NR_HUGEPAGES, O_RDWR | O_CLOEXEC);
    if (f->pages_fd < 0)
        SKIP("%s cannot be written: %s", NR_HUGEPAGES, strerror(errno));
    assert_int_equal(flock(f->pages_fd, LOCK_EX), 0);
    unsigned long before = read_pages(f->pages_fd);
    write_pages(f->pages_fd, before + pages);
    unsigned long now = read_pages(f->pages_fd);
    f->pages = now > before ? now - before : 0;
    if (f->pages < pages)
        SKIP("the kernel gave %lu of %lu huge pages", f->pages, pages);
}

static unsigned long free_pages(void) {
    int fd = open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", O_RDONLY | O_CLOEXEC);
    unsigned long pages = fd >= 0 ? read_pages(fd) : 0;
    close(fd);
    return pages;
}

static struct fb_region_config config_of(const struct fixture *f, size_t size,
                                         enum fb_hugepages mode) {
    return (struct fb_region_config){
        .instance = f->name, .kind = FB_KIND_DOWN, .size = size, .hugepages = mode, .node = -1};
}

static int create(struct fixture *f, size_t size, enum fb_hugepages mode) {
    const struct fb_region_config config = config_of(f, size, mode);
    int error = fb_region_create(&f->region, &config);
    return error != 0 ? error : fb_region_place(&f->region, &config);
}

/* Takes the region off again, file and all. */
static void discard(struct fixture *f) {
    unlink(f->region.path);
    fb_region_close(&f->region);
}

/* As the kernel says it, of the file: whatever `page_kind` says. */
static bool on_hugetlbfs(const struct fb_region *region) {
    struct statfs fs;
    return fstatfs(region->fd, &fs) == 0 && fs.f_type == 0x958458f6;
}

static bool zero_and_writable(const struct fb_region *region) {
    unsigned char *bytes = region->base;
    for (size_t i = 0; i < region->size; i += 512) {
        if (bytes[i] != 0)
            return false;
        bytes[i] = 1;
    }
    return true;
}

static bool shm_has(const struct fixture *f) {
    char path[FB_PATH_MAX];
    struct stat st;
    fb_object_path(path, FB_SHM_DIR, f->name, FB_KIND_DOWN, 0);
    return lstat(path, &st) == 0;
}

/* ---- refusals */

static void an_object_that_is_there_already_is_refused_and_left_alone(void **state) {
    struct fixture *f = *state;
    assert_int_equal(create(f, 4096, FB_HUGEPAGES_NEVER), 0);
    strcpy(f->region.base, "precious");
    const struct fb_region_config config = config_of(f, 8192, FB_HUGEPAGES_NEVER);
    struct fb_region second;
    catch_begin(&f->caught);
    int made = fb_region_create(&second, &config);
    int error = fb_region_place(&second, &config);
    expect_one_line(catch_end(&f->caught), "a file of uid");
    assert_int_equal(made, 0);
    assert_int_equal(error, -EEXIST);
    assert_null(second.base);
    assert_int_equal(access(second.hidden, F_OK), -1);
    assert_string_equal(f->region.base, "precious");
    assert_true(shm_has(f));
}

static void a_symbolic_link_in_its_place_is_refused_and_its_target_not_made(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX], target[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, f->name, FB_KIND_DOWN, 0);
    snprintf(target, sizeof target, "/tmp/%s", f->name);
    assert_int_equal(symlink(target, path), 0);
    catch_begin(&f->caught);
    int created = create(f, 4096, FB_HUGEPAGES_NEVER);
    expect_one_line(catch_end(&f->caught), "a symbolic link of uid");
    catch_begin(&f->caught);
    int opened = fb_region_open(&f->region, path, false, 1, (unsigned)geteuid());
    const char *text = catch_end(&f->caught);
    unlink(path);
    assert_int_equal(created, -EEXIST);
    assert_int_equal(opened, -ELOOP);
    expect_one_line(text, "cannot open");
    assert_int_equal(access(target, F_OK), -1);
}

static void open_fifo(void *arg) {
    struct fixture *f = arg;
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, f->name, FB_KIND_DOWN, 0);
    catch_begin(&f->caught);
    int error = fb_region_open(&f->region, path, false, 1, (unsigned)geteuid());
    const char *text = catch_end(&f->caught);
    EXPECT(error == -EPERM && lines_of(text) == 1 && strstr(text, "is no file") != NULL);
}

static void a_fifo_in_its_place_is_refused_without_waiting_for_a_writer(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, f->name, FB_KIND_DOWN, 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    int status = child_wait(child_start(open_fifo, f));
    unlink(path);
    assert_int_equal(status, 0);
}

static void an_object_that_is_missing_or_still_too_short_is_not_there_yet(void **state) {
    struct fixture *f = *state;
    char path[FB_PATH_MAX];
    fb_object_path(path, FB_SHM_DIR, f->name, FB_KIND_DOWN, 0);
    struct fb_region other;
    catch_begin(&f->caught);
    int missing = fb_region_open(&other, path, false, 1, 0);
    int made = create(f, 4096, FB_HUGEPAGES_NEVER);
    int shorter = fb_region_open(&other, path, false, 4097, 0);
    const char *text = catch_end(&f->caught);
    assert_int_equal(missing, -ENOENT);
    assert_int_equal(made, 0);
    assert_int_equal(shorter, -EAGAIN);
    assert_null(other.base);
    assert_int_equal(other.fd, -1);
    assert_string_equal(text, "");
}

static void open_as_another(void *arg) {
    struct fixture *f = arg;
    EXPECT(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    struct fb_region other;
    catch_begin(&f->caught);
    /* Mode 0600, so not even root's, which would be welcome. */
    int error = fb_region_open(&other, f->region.path, false, 1, NOBODY);
    EXPECT(strstr(catch_end(&f->caught), "run as the user that started the dispatcher") != NULL);
    EXPECT(error == -EACCES);
}

static void an_object_of_another_user_is_refused(void **state) {
    struct fixture *f = *state;
    need_root();
    assert_int_equal(create(f, 4096, FB_HUGEPAGES_NEVER), 0);
    in_child(open_as_another, f);
    struct fb_region other;
    assert_int_equal(fchown(f->region.fd, NOBODY, NOBODY), 0);
    catch_begin(&f->caught);
    int error = fb_region_open(&other, f->region.path, false, 1, 0);
    expect_one_line(catch_end(&f->caught), "65534");
    assert_int_equal(error, -EPERM);
    assert_null(other.base);
    /* But an owner that was named is trusted. */
    assert_int_equal(fb_region_open(&other, f->region.path, false, 1, NOBODY), 0);
    fb_region_close(&other);
}

static void fill_small_shm(void *arg) {
    struct fixture *f = arg;
    private_shm("size=1M");
    for (enum fb_hugepages mode = FB_HUGEPAGES_AUTO; mode <= FB_HUGEPAGES_NEVER; mode++) {
        catch_begin(&f->caught);
        int error = create(f, 3 * MB, mode);
        const char *text = catch_end(&f->caught);
        EXPECT(error == -ENOSPC);
        EXPECT(lines_of(text) == 1 && strstr(text, "--ring-bytes") != NULL);
        EXPECT(f->region.base == NULL && f->region.fd == -1 && !shm_has(f));
    }
    /* 600 KB fit, though a whole huge page does not. */
    EXPECT(create(f, 600 << 10, FB_HUGEPAGES_AUTO) == 0);
    EXPECT(f->region.page_kind == FB_PAGES_4K && zero_and_writable(&f->region));
    discard(f);
}

static void a_small_shm_is_a_refusal_that_leaves_nothing_and_never_a_sigbus(void **state) {
    need_root();
    in_child(fill_small_shm, *state);
}

static void require_without_huge_pages(void *arg) {
    struct fixture *f = arg;
    private_shm("size=16M,huge=never");
    catch_begin(&f->caught);
    int error = create(f, 3 * MB, FB_HUGEPAGES_REQUIRE);
    const char *text = catch_end(&f->caught);
    EXPECT(error == -ENOMEM);
    EXPECT(lines_of(text) == 1 && strstr(text, "sysctl vm.nr_hugepages=2") != NULL);
    EXPECT(strstr(text, "remount,huge=advise /dev/shm") != NULL);
    EXPECT(f->region.base == NULL && !shm_has(f));
}

static void require_without_huge_pages_is_refused_with_the_command_that_gets_them(void **state) {
    need_root();
    in_child(require_without_huge_pages, *state);
}

/* ---- the ladder of shared memory */

static void climb_hugetlbfs(void *arg) {
    struct fixture *f = arg;
    private_shm("size=16M,huge=never");
    EXPECT(mkdir(HUGE, 0700) == 0);
    EXPECT(mount("hugetlbfs", HUGE, "hugetlbfs", 0, "pagesize=2M") == 0);
    catch_begin(&f->caught);
    int error = create(f, 3 * MB, FB_HUGEPAGES_REQUIRE);
    catch_end(&f->caught);
    if (error != 0 && free_pages() < 2) {
        child_skip("another process took the huge pages that this test reserved");
    }
    EXPECT(error == 0 && f->region.page_kind == FB_PAGES_HUGETLBFS && on_hugetlbfs(&f->region));
    EXPECT(f->region.size == 4 * MB && fb_region_huge_bytes(&f->region) == 4 * MB);
    EXPECT(strncmp(f->region.path, HUGE, strlen(HUGE)) == 0 && !shm_has(f));
    EXPECT(zero_and_writable(&f->region));
    struct fb_region reader;
    EXPECT(fb_region_open(&reader, f->region.path, false, 4 * MB, 0) == 0);
    EXPECT(((char *)reader.base)[512] == 1);
    fb_region_close(&reader);
    discard(f);
    /* Switched off, and with fewer pages than it takes, the next kinds are taken. */
    EXPECT(create(f, 3 * MB, FB_HUGEPAGES_NEVER) == 0);
    EXPECT(f->region.page_kind == FB_PAGES_4K && !on_hugetlbfs(&f->region) && shm_has(f));
    discard(f);
    EXPECT(umount(HUGE) == 0);
    EXPECT(mount("hugetlbfs", HUGE, "hugetlbfs", 0, "pagesize=2M,size=2M") == 0);
    EXPECT(create(f, 3 * MB, FB_HUGEPAGES_AUTO) == 0);
    EXPECT(f->region.page_kind == FB_PAGES_4K && !on_hugetlbfs(&f->region));
    discard(f);
    char left[FB_PATH_MAX];
    fb_object_path(left, HUGE, f->name, FB_KIND_DOWN, 0);
    EXPECT(access(left, F_OK) != 0);
}

static void pages_of_a_hugetlbfs_mount_are_the_first_kind(void **state) {
    struct fixture *f = *state;
    reserve_pages(f, 4);
    in_child(climb_hugetlbfs, f);
}

static void climb_thp(void *arg) {
    struct fixture *f = arg;
    private_shm("size=16M,huge=advise");
    EXPECT(create(f, 3 * MB, FB_HUGEPAGES_REQUIRE) == 0);
    EXPECT(f->region.page_kind == FB_PAGES_THP && f->region.size == 4 * MB);
    EXPECT(fb_region_huge_bytes(&f->region) == 4 * MB && (uintptr_t)f->region.base % (2 * MB) == 0);
    EXPECT(zero_and_writable(&f->region));
    discard(f);
    EXPECT(create(f, 3 * MB, FB_HUGEPAGES_AUTO) == 0 && f->region.page_kind == FB_PAGES_THP);
    discard(f);
    EXPECT(create(f, 3 * MB, FB_HUGEPAGES_NEVER) == 0);
    EXPECT(f->region.page_kind == FB_PAGES_4K && fb_region_huge_bytes(&f->region) == 0);
    discard(f);
}

static void need_thp(void) {
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0)
        SKIP("no transparent huge pages in this kernel, or no /sys to tell");
}

static void shared_memory_mounted_with_huge_advise_is_the_second_kind(void **state) {
    need_root();
    need_thp();
    in_child(climb_thp, *state);
}

static void climb_4k(void *arg) {
    struct fixture *f = arg;
    private_shm("size=16M");
    EXPECT(create(f, 3 * MB, FB_HUGEPAGES_AUTO) == 0);
    EXPECT(f->region.page_kind == FB_PAGES_4K && fb_region_huge_bytes(&f->region) == 0);
    EXPECT(zero_and_writable(&f->region));
    discard(f);
}

static void ordinary_pages_are_the_last_kind_and_said_to_be(void **state) {
    need_root();
    in_child(climb_4k, *state);
}

static void mount_deep(void *arg) {
    (void)arg;
    private_shm("size=1M");
    char deep[FB_PATH_MAX + 64] = FB_SHM_DIR "/", path[FB_PATH_MAX];
    memset(deep + strlen(deep), 'x', 200);
    EXPECT(mkdir(deep, 0700) == 0);
    strcat(deep, "/0123456789012345678901234567890123456789012345678901234567890");
    EXPECT(strlen(deep) >= FB_PATH_MAX && mkdir(deep, 0700) == 0 && mkdir(HUGE, 0700) == 0);
    if (mount("hugetlbfs", deep, "hugetlbfs", 0, "pagesize=2M") != 0)
        child_skip("this kernel has no huge pages of 2 MB");
    EXPECT(!fb_hugetlbfs_mount(0, path));
    EXPECT(mount("hugetlbfs", HUGE, "hugetlbfs", 0, "pagesize=2M") == 0);
    EXPECT(fb_hugetlbfs_mount(0, path) && strcmp(path, HUGE) == 0);
    EXPECT(!fb_hugetlbfs_mount(1, path));
}

static void a_mount_point_too_long_for_a_path_hides_no_other(void **state) {
    need_root();
    in_child(mount_deep, *state);
}

/* ---- private memory */

static void private_memory_takes_huge_pages_that_are_free(void **state) {
    struct fixture *f = *state;
    reserve_pages(f, 4);
    assert_int_equal(fb_region_private(&f->region, 3 * MB, FB_HUGEPAGES_REQUIRE, true), 0);
    if (f->region.page_kind != FB_PAGES_HUGETLBFS && free_pages() < 2)
        SKIP("another process took the huge pages that this test reserved");
    assert_int_equal(f->region.page_kind, FB_PAGES_HUGETLBFS);
    assert_int_equal(f->region.size, 4 * MB);
    assert_int_equal(fb_region_huge_bytes(&f->region), 4 * MB);
    assert_true(zero_and_writable(&f->region));
    struct fb_region plain;
    assert_int_equal(fb_region_private(&plain, 3 * MB, FB_HUGEPAGES_NEVER, true), 0);
    assert_int_equal(plain.page_kind, FB_PAGES_4K);
    assert_int_equal(fb_region_huge_bytes(&plain), 0);
    fb_region_close(&plain);
}

static void private_memory_without_reserved_pages_takes_transparent_ones(void **state) {
    struct fixture *f = *state;
    need_thp();
    char text[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    if (strstr(text, "[never]") != NULL)
        SKIP("transparent huge pages are switched off");
    /* More than anybody has reserved here. */
    assert_int_equal(fb_region_private(&f->region, 32 * MB, FB_HUGEPAGES_AUTO, true), 0);
    if (f->region.page_kind == FB_PAGES_HUGETLBFS)
        SKIP("the machine has huge pages reserved, which come first");
    assert_int_equal(f->region.page_kind, FB_PAGES_THP);
    assert_true(fb_region_huge_bytes(&f->region) >= 16 * MB);
    assert_int_equal((uintptr_t)f->region.base % FB_HUGEPAGE_BYTES, 0);
}

static void private_memory_can_do_without_huge_pages(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fb_region_private(&f->region, 3 * MB, FB_HUGEPAGES_NEVER, true), 0);
    assert_int_equal(f->region.page_kind, FB_PAGES_4K);
    assert_int_equal(fb_region_huge_bytes(&f->region), 0);
    assert_int_equal(f->region.size, 4 * MB);
    assert_true(zero_and_writable(&f->region));
}

static size_t resident_kb(void) {
    size_t pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &ignored, &pages), 2);
    fclose(file);
    return pages * 4;
}

static void
private_memory_that_is_not_populated_costs_nothing_before_its_first_touch(void **state) {
    struct fixture *f = *state;
    size_t before = resident_kb();
    assert_int_equal(fb_region_private(&f->region, 512 * MB, FB_HUGEPAGES_NEVER, false), 0);
    assert_true(resident_kb() < before + 65536);
    ((char *)f->region.base)[511 * MB] = 1;
}

static void want_of_private_memory_is_a_refusal(void **state) {
    struct fixture *f = *state;
    catch_begin(&f->caught);
    int error = fb_region_private(&f->region, (size_t)1 << 60, FB_HUGEPAGES_AUTO, false);
    expect_one_line(catch_end(&f->caught), "--max-flows");
    assert_int_equal(error, -ENOMEM);
    assert_null(f->region.base);
}

static void touch(void *arg) {
    *(volatile char *)arg = 2;
}

static void private_memory_is_not_given_to_a_child(void **state) {
    struct fixture *f = *state;
    for (unsigned populate = 0; populate < 2; populate++) {
        assert_int_equal(fb_region_private(&f->region, 2 * MB, FB_HUGEPAGES_NEVER, populate != 0),
                         0);
        *(char *)f->region.base = 1;
        int status = child_wait(child_start(touch, f->region.base));
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        assert_int_equal(*(char *)f->region.base, 1);
        fb_region_close(&f->region);
    }
}

/* ---- shared objects */

static void an_object_is_zero_of_mode_0600_and_read_by_others_as_it_is_written(void **state) {
    struct fixture *f = *state;
    mode_t mask = umask(0);
    int error = create(f, 5000, FB_HUGEPAGES_NEVER);
    umask(mask);
    assert_int_equal(error, 0);
    assert_int_equal(f->region.size, 8192);
    struct stat st;
    assert_int_equal(stat(f->region.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 8192);
    assert_int_equal(st.st_blocks * 512, 8192); /* populated */
    assert_true(fcntl(f->region.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(zero_and_writable(&f->region));
    struct fb_region reader;
    assert_int_equal(fb_region_open(&reader, f->region.path, false, 8192, 0), 0);
    assert_memory_equal(reader.base, f->region.base, 8192);
    int status = child_wait(child_start(touch, reader.base));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV); /* read-only */
    fb_region_close(&reader);
    struct fb_region writer;
    assert_int_equal(fb_region_open(&writer, f->region.path, true, 8192, 0), 0);
    ((char *)writer.base)[4096] = 42;
    assert_int_equal(((char *)f->region.base)[4096], 42);
    fb_region_close(&writer);
}

static void an_object_that_holds_packets_is_left_out_of_core_dumps(void **state) {
    struct fixture *f = *state;
    assert_int_equal(create(f, 4096, FB_HUGEPAGES_NEVER), 0);
    assert_false(has_vm_flag(f->region.base, "dd"));
    discard(f);
    struct fb_region_config config = config_of(f, 4096, FB_HUGEPAGES_NEVER);
    config.secret = true;
    assert_int_equal(fb_region_create(&f->region, &config), 0);
    assert_true(has_vm_flag(f->region.base, "dd"));
}

static void closing_twice_and_closing_nothing_is_harmless(void **state) {
    struct fixture *f = *state;
    assert_int_equal(create(f, 4096, FB_HUGEPAGES_NEVER), 0);
    discard(f);
    fb_region_close(&f->region);
    assert_null(f->region.base);
    assert_int_equal(f->region.fd, -1);
    struct fb_region nothing = {.fd = -1};
    fb_region_close(&nothing);
}

#define REGION_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    fb_log_init("test_region", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        REGION_TEST(an_object_that_is_there_already_is_refused_and_left_alone),
        REGION_TEST(a_symbolic_link_in_its_place_is_refused_and_its_target_not_made),
        REGION_TEST(a_fifo_in_its_place_is_refused_without_waiting_for_a_writer),
        REGION_TEST(an_object_that_is_missing_or_still_too_short_is_not_there_yet),
        REGION_TEST(an_object_of_another_user_is_refused),
        REGION_TEST(a_small_shm_is_a_refusal_that_leaves_nothing_and_never_a_sigbus),
        REGION_TEST(require_without_huge_pages_is_refused_with_the_command_that_gets_them),
        REGION_TEST(pages_of_a_hugetlbfs_mount_are_the_first_kind),
        REGION_TEST(shared_memory_mounted_with_huge_advise_is_the_second_kind),
        REGION_TEST(ordinary_pages_are_the_last_kind_and_said_to_be),
        REGION_TEST(a_mount_point_too_long_for_a_path_hides_no_other),
        REGION_TEST(private_memory_takes_huge_pages_that_are_free),
        REGION_TEST(private_memory_without_reserved_pages_takes_transparent_ones),
        REGION_TEST(private_memory_can_do_without_huge_pages),
        REGION_TEST(private_memory_that_is_not_populated_costs_nothing_before_its_first_touch),
        REGION_TEST(want_of_private_memory_is_a_refusal),
        REGION_TEST(private_memory_is_not_given_to_a_child),
        REGION_TEST(an_object_is_zero_of_mode_0600_and_read_by_others_as_it_is_written),
        REGION_TEST(an_object_that_holds_packets_is_left_out_of_core_dumps),
        REGION_TEST(closing_twice_and_closing_nothing_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
