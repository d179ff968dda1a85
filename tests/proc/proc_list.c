/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/view/list.c: the instances of the machine, those that run and what else has their names. */
#include "tests/lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/object.h"

#define OTHER 65534u
#define DISPATCHER "flow-dispatcher -r - -w 1 -n"

static void become_other(const struct test *t) {
    (void)t;
    if (setgid(OTHER) != 0 || setuid(OTHER) != 0)
        _exit(1);
}

/* The row of an instance of this test, in a list that the test has then; NULL: there is none. */
static const json_t *row_of(struct test *t, const char *name) {
    struct process *p = process_start(t, "flow-stat --list --json");
    process_expect(t, p, EXIT_DONE);
    assert_string_equal(process_errors(t, p), "");
    json_decref(t->report);
    t->report = json_loads(process_output(t, p), 0, NULL);
    process_forget(t, p);
    assert_true(json_is_array(t->report));
    size_t i;
    const json_t *row;
    json_array_foreach(t->report, i, row) {
        if (strcmp(text_at(row, "name"), name) == 0)
            return row;
    }
    return NULL;
}

static const char *state_in_list(struct test *t, const char *name) {
    const json_t *row = row_of(t, name);
    return row == NULL ? "" : text_at(row, "state");
}

static const char *path_of(const char *name) {
    static char path[FB_PATH_MAX];
    assert_true(fb_object_path(path, FB_SHM_DIR, name, FB_KIND_CTL, 0));
    return path;
}

static void each_instance_has_a_row_that_says_how_it_is(void **state) {
    struct test *t = *state;
    char second[FB_NAME_MAX + 8];
    snprintf(second, sizeof second, "%s-2", t->name);
    struct process *run = process_start_piped(t, "flow-balancer run -n @ -r - -w 2");
    struct process *alone = process_start_piped(t, DISPATCHER " %s", second);
    UNTIL(t, worker_is(t, t->name, 0, "ready") && worker_is(t, t->name, 1, "ready"));
    UNTIL(t, strcmp(state_in_list(t, second), "starting") == 0); /* without a worker */
    UNTIL(t, strcmp(state_in_list(t, t->name), "running") == 0);
    const json_t *row = row_of(t, t->name);
    expect_number(row, "pid", process_of_dispatcher(t->name));
    expect_number(row, "workers_ready", 2);
    expect_number(row, "workers_wanted", 2);
    expect_number(row, "uid", (json_int_t)geteuid());
    assert_string_equal(text_at(row, "version"), FB_VERSION);
    assert_true(json_real_value(value_at(row, "packets_per_s")) == 0);
    process_signal(alone, SIGKILL);
    process_wait(t, alone);
    row = row_of(t, second);
    assert_string_equal(text_at(row, "state"), "stale");
    expect_number(row, "pid", alone->pid);
    assert_true(json_is_null(value_at(row, "packets_per_s")));
    assert_int_equal(process_run(t, "flow-dispatcher -n %s --clean", second), EXIT_DONE);
    assert_null(row_of(t, second));
    process_close_input(run);
    process_wait(t, run); /* an empty input is an error */
    assert_null(row_of(t, t->name));
}

static void as_text_it_is_a_line_for_each(void **state) {
    struct test *t = *state;
    struct process *dispatcher = process_start_piped(t, DISPATCHER " @");
    UNTIL(t, strcmp(state_in_list(t, t->name), "starting") == 0);
    struct process *list = process_start(t, "flow-balancer list");
    process_expect(t, list, EXIT_DONE);
    const char *text = process_output(t, list);
    assert_int_equal(strncmp(text, "NAME ", 5), 0);
    const char *row = strstr(text, t->name);
    assert_non_null(row);
    char word[32];
    assert_int_equal(sscanf(row + strlen(t->name), " %31s", word), 1);
    assert_string_equal(word, "starting");
    list = process_start(t, "flow-balancer list --json");
    process_expect(t, list, EXIT_DONE);
    assert_int_equal(process_output(t, list)[0], '[');
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

static void what_is_of_another_build_or_no_instance_at_all_is_told_apart(void **state) {
    struct test *t = *state;
    const uint64_t other = 0x4242;
    struct process *dispatcher = process_start_piped(t, DISPATCHER " @");
    UNTIL(t, strcmp(state_in_list(t, t->name), "starting") == 0);
    int fd = open(path_of(t->name), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &other, sizeof other, offsetof(struct fb_header, fingerprint)),
                     sizeof other);
    assert_string_equal(state_in_list(t, t->name), "other build");
    assert_int_equal(pwrite(fd, &other, sizeof other, offsetof(struct fb_header, magic)),
                     sizeof other);
    assert_null(row_of(t, t->name));
    assert_int_equal(close(fd), 0);
    process_signal(dispatcher, SIGKILL);
    process_wait(t, dispatcher);
    assert_int_equal(process_run(t, "flow-dispatcher -n @ --clean"), EXIT_DONE);
}

static void those_of_other_users_are_there_and_not_looked_into(void **state) {
    struct test *t = *state;
    if (geteuid() != 0)
        SKIP("only root can be another user");
    struct process *dispatcher = process_start_piped(t, DISPATCHER " @");
    UNTIL(t, strcmp(state_in_list(t, t->name), "starting") == 0);
    t->enter = become_other;
    const json_t *row = row_of(t, t->name);
    t->enter = NULL;
    assert_non_null(row);
    assert_string_equal(text_at(row, "state"), "no permission");
    assert_true(json_is_null(value_at(row, "pid")));
    expect_number(row, "uid", 0);
    process_signal(dispatcher, SIGTERM);
    process_wait(t, dispatcher);
}

/* Any user may put these there. */
static void a_pipe_a_link_and_a_short_file_are_no_instances(void **state) {
    struct test *t = *state;
    const char *path = path_of(t->name);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_null(row_of(t, t->name));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_null(row_of(t, t->name));
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    const uint64_t magic = FB_MAGIC;
    assert_int_equal(write(fd, &magic, 4), 4);
    assert_null(row_of(t, t->name));
    assert_int_equal(write(fd, (const char *)&magic + 4, 4), 4);
    assert_null(row_of(t, t->name)); /* the beginning of one, as while it is made */
    close(fd);
    assert_int_equal(unlink(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(each_instance_has_a_row_that_says_how_it_is),
        PROCESS_TEST(as_text_it_is_a_line_for_each),
        PROCESS_TEST(what_is_of_another_build_or_no_instance_at_all_is_told_apart),
        PROCESS_TEST(those_of_other_users_are_there_and_not_looked_into),
        PROCESS_TEST(a_pipe_a_link_and_a_short_file_are_no_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
