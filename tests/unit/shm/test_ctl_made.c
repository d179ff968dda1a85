/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/ctl.c: who may read a ctl, what is cleared with it, and where there is no room for it. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "flow_balancer/ctl.h"

static char name[FB_NAME_MAX + 1];

static void path_of_ctl(char path[FB_PATH_MAX]) {
    assert_true(fb_object_path(path, FB_SHM_DIR, name, FB_KIND_CTL, 0));
}

static void a_ctl_is_for_its_user_alone_whatever_the_umask_is(void **state) {
    (void)state;
    struct fb_ctl_handle ctl;
    char path[FB_PATH_MAX];
    struct stat st;
    mode_t mask = umask(0);
    int error = fb_ctl_create(&ctl, name);
    umask(mask);
    assert_int_equal(error, 0);
    path_of_ctl(path);
    assert_int_equal(stat(path, &st), 0);
    fb_ctl_destroy(&ctl);
    assert_int_equal(st.st_mode & 07777, 0600);
}

/* Its control socket lies in the runtime directory, here one of the test's own. */
static void be_killed_with_a_socket(void *arg) {
    struct fb_ctl_handle ctl;
    EXPECT(fb_ctl_create(&ctl, name) == 0);
    fb_ctl_format(&ctl);
    int fd = open(arg, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    EXPECT(fd >= 0);
    _exit(0); /* nothing is cleared */
}

static void the_socket_of_a_dead_dispatcher_is_cleared_with_the_rest(void **state) {
    (void)state;
    char dir[FB_PATH_MAX], path[FB_PATH_MAX + FB_NAME_MAX + 8];
    if (fb_runtime_dir(dir, true) != 0)
        SKIP("there is no runtime directory");
    snprintf(path, sizeof path, "%s/%s.sock", dir, name);
    unlink(path);
    int status = child_wait(child_start(be_killed_with_a_socket, path));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(fb_ctl_clean(name), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void find_no_room(void *arg) {
    static struct caught caught;
    static char junk[1 << 20];
    struct fb_ctl_handle ctl;
    (void)arg;
    private_shm("size=1M");
    int fd = open(FB_SHM_DIR "/junk", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && write(fd, junk, sizeof junk) == (ssize_t)sizeof junk);
    catch_begin(&caught);
    int error = fb_ctl_create(&ctl, name);
    const char *text = catch_end(&caught);
    EXPECT(error == -ENOSPC);
    EXPECT(lines_of(text) == 1 && strstr(text, "remount") != NULL);
}

static void where_there_is_no_room_for_a_ctl_a_line_says_so(void **state) {
    (void)state;
    if (geteuid() != 0)
        SKIP("only root can have a /dev/shm of its own");
    in_child(find_no_room, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ctl_is_for_its_user_alone_whatever_the_umask_is),
        cmocka_unit_test(the_socket_of_a_dead_dispatcher_is_cleared_with_the_rest),
        cmocka_unit_test(where_there_is_no_room_for_a_ctl_a_line_says_so),
    };
    snprintf(name, sizeof name, "test-ctl-made-%ld", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
