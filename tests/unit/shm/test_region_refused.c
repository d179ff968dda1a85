/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/region.c: what is left, taken for another, or accepted where it should be refused. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "flow_balancer/region.h"

#define MB ((size_t)1 << 20)

static struct caught caught;

static bool is_left(const char *name) {
    DIR *dir = opendir(FB_SHM_DIR);
    bool found = false;
    EXPECT(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        found = found || strstr(entry->d_name, name) != NULL;
    closedir(dir);
    return found;
}

static void make_too_large(void *arg) {
    const char *name = arg;
    const struct rlimit limit = {.rlim_cur = MB, .rlim_max = MB};
    const struct fb_region_config config = {.instance = name,
                                            .kind = FB_KIND_DOWN,
                                            .size = 3 * MB,
                                            .hugepages = FB_HUGEPAGES_NEVER,
                                            .node = -1};
    struct fb_region region;
    signal(SIGXFSZ, SIG_IGN);
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    catch_begin(&caught);
    int error = fb_region_create(&region, &config);
    EXPECT(lines_of(catch_end(&caught)) == 1);
    EXPECT(error == -EFBIG);
    EXPECT(!is_left(name)); /* under any name */
}

static void an_object_that_cannot_get_its_size_is_not_left_behind(void **state) {
    char name[FB_NAME_MAX + 1];
    (void)state;
    snprintf(name, sizeof name, "test-refused-%ld", (long)getpid());
    in_child(make_too_large, name);
}

/* The first file of each has the same inode number. */
static void name_on_another_file_system(void *arg) {
    struct stat one, other;
    (void)arg;
    private_shm("size=4M");
    EXPECT(mkdir(FB_SHM_DIR "/a", 0700) == 0 && mkdir(FB_SHM_DIR "/b", 0700) == 0);
    EXPECT(mount("none", FB_SHM_DIR "/a", "tmpfs", 0, NULL) == 0);
    EXPECT(mount("none", FB_SHM_DIR "/b", "tmpfs", 0, NULL) == 0);
    int fd = open(FB_SHM_DIR "/a/x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && close(open(FB_SHM_DIR "/b/x", O_RDWR | O_CREAT | O_CLOEXEC, 0600)) == 0);
    EXPECT(fstat(fd, &one) == 0 && stat(FB_SHM_DIR "/b/x", &other) == 0);
    if (one.st_ino != other.st_ino)
        child_skip("inode numbers are unique over tmpfs mounts here");
    EXPECT(fb_region_named(FB_SHM_DIR "/a/x", fd) == 1);
    EXPECT(fb_region_named(FB_SHM_DIR "/b/x", fd) == 0);
}

static void the_same_inode_of_another_file_system_is_not_ours(void **state) {
    (void)state;
    if (geteuid() != 0)
        SKIP("only root can mount file systems of its own");
    in_child(name_on_another_file_system, NULL);
}

static void require_what_is_not_to_be_had(void *arg) {
    struct fb_region region = {.fd = -1};
    (void)arg;
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        child_skip("transparent huge pages cannot be switched off for a process");
    catch_begin(&caught);
    int error = fb_region_private(&region, 8 * MB, FB_HUGEPAGES_REQUIRE, true);
    const char *text = catch_end(&caught);
    if (error == 0 && region.page_kind == FB_PAGES_HUGETLBFS)
        child_skip("huge pages are reserved on this machine");
    EXPECT(error == -ENOMEM && region.base == NULL);
    EXPECT(lines_of(text) == 1 && strstr(text, "flow table") != NULL);
}

static void a_flow_table_without_the_huge_pages_that_are_required_is_refused(void **state) {
    (void)state;
    in_child(require_what_is_not_to_be_had, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_that_cannot_get_its_size_is_not_left_behind),
        cmocka_unit_test(the_same_inode_of_another_file_system_is_not_ours),
        cmocka_unit_test(a_flow_table_without_the_huge_pages_that_are_required_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
