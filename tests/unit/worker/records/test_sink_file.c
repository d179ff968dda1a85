/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/records/sinks.c, worker/records/sink.c, worker/records/sink_file.c and
 * worker/records/file_limits.c: lines in files, and what becomes of them when they cannot be
 * written.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "tests/lib/caught.h"
#include "tests/lib/sinks_fixture.h"

static struct caught caught;

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static int no_dots(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* What is in all files of the working directory, in the order of their names; *files: how many. */
static const char *text_of_all(unsigned *files) {
    static char text[1 << 18];
    struct dirent **names;
    int count = scandir(".", &names, no_dots, alphasort);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        strcat(text, text_of(names[i]->d_name));
        free(names[i]);
    }
    free(names);
    *files = (unsigned)count;
    return text;
}

/* ---- lines */

static void a_line_is_in_the_file_when_it_is_taken(void **state) {
    struct sinks_fixture *f = *state;
    assert_false(sinks_any());
    add_sink(f, "file:a/%%n/b-%%k-%%r-%%%%.json");
    open_sinks(f, 0);
    assert_true(sinks_any());
    for (unsigned n = 1; n <= 5; n++) {
        assert_int_equal(give_line(n, n * 100), 0);
        assert_non_null(strstr(text_of("a/test/b-4-2-%.json"), n == 5 ? "line 5" : "line"));
    }
    assert_string_equal(sinks_name(0), "eve-file");
    expect_counted(0, 5, 0, 0);
    sinks_finish(0);
    assert_int_equal(give_line(6, 0), 0); /* the file is the next process's */
    expect_counted(0, 5, 1, 0);
}

static void an_unfinished_line_is_cut(void **state) {
    struct sinks_fixture *f = *state;
    write_text("eve.json", "line 1\nline 2\nlin");
    add_sink(f, "file:eve.json");
    open_sinks(f, 0);
    assert_int_equal(give_line(3, 0), 0);
    expect_lines(text_of("eve.json"), 1, 3, 0);
}

static void a_file_that_another_process_writes_is_refused(void **state) {
    struct sinks_fixture *f = *state;
    int file = open("eve.json", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(flock(file, LOCK_EX), 0);
    assert_int_equal(write(file, "half", 4), 4);
    add_sink(f, "file:eve.json");
    const struct fb_instance instance = {.name = "test"};
    assert_int_equal(sinks_open(&f->config), 0);
    catch_begin(&caught);
    int error = sinks_claimed(&instance);
    expect_one_line(catch_end(&caught), "another process writes eve.json: give each worker");
    assert_int_equal(error, -EWOULDBLOCK);
    assert_string_equal(text_of("eve.json"), "half");
    close(file);
    assert_int_equal(sinks_claimed(&instance), 0);
}

/* A limit counts for all files of a process, for what it says too: the one that is to be full is
 * long before, by its first line. */
#define LONG 65536

static void write_long(const char *path) {
    static char text[LONG + 1];
    memset(text, '0', LONG - 1);
    text[LONG - 1] = '\n';
    write_text(path, text);
}

static const char *text_behind(const char *path) {
    const char *text = text_of(path);
    assert_true(strlen(text) >= LONG);
    return text + LONG;
}

static const struct rlimit room_for_two = {LONG + 20, RLIM_INFINITY};
static const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

static void several_sinks_have_each_line_once(void **state) {
    struct sinks_fixture *f = *state;
    add_sink(f, "file:a");
    add_sink(f, "file:b");
    write_long("b");
    open_sinks(f, UINT64_MAX);
    fb_log_set_level(FB_LOG_ERROR);
    catch_begin(&caught);
    setrlimit(RLIMIT_FSIZE, &room_for_two);
    assert_int_equal(give_line(1, 0), 0);
    assert_int_equal(give_line(2, 0), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(give_line(3, 0), FB_OUTPUT_FAILED);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    for (unsigned n = 3; n <= 5; n++)
        assert_int_equal(give_line(n, 0), 0);
    expect_one_line(catch_end(&caught), "--eve file:b: cannot write: File too large: the worker "
                                        "waits until it can");
    expect_lines(text_of("a"), 1, 5, 0);
    expect_lines(text_behind("b"), 1, 5, 0);
    expect_counted(0, 5, 0, 0);
    expect_counted(1, 5, 0, 1);
    assert_string_equal(sinks_name(0), "eve-file-1");
    assert_string_equal(sinks_name(1), "eve-file-2");
}

/* ---- what cannot be written */

/* Two lines are written, and half of the third. */
static void fill_file(struct sinks_fixture *f, uint64_t wait_ms) {
    write_long("eve.json");
    add_sink(f, "file:eve.json");
    open_sinks(f, wait_ms);
    setrlimit(RLIMIT_FSIZE, &room_for_two);
    assert_int_equal(give_line(1, 0), 0);
    assert_int_equal(give_line(2, 0), 0);
}

static void what_was_written_of_a_line_is_taken_back(void **state) {
    fb_log_set_level(FB_LOG_INFO);
    catch_begin(&caught);
    fill_file(*state, UINT64_MAX);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(give_line(3, 0), FB_OUTPUT_FAILED);
        expect_lines(text_behind("eve.json"), 1, 2, 0);
    }
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(give_line(3, 0), 0);
    assert_int_equal(give_line(4, 0), 0);
    const char *said = catch_end(&caught);
    fb_log_set_level(FB_LOG_ERROR);
    assert_int_equal(lines_of(said), 2);
    assert_non_null(strstr(said, "error: worker 4: --eve file:eve.json: cannot write: File too "
                                 "large: the worker waits until it can"));
    assert_non_null(strstr(said, "--eve file:eve.json takes records again; 0 were dropped"));
    expect_lines(text_behind("eve.json"), 1, 4, 0);
    expect_counted(0, 4, 0, 1);
}

static void an_outage_holds_the_worker_once_and_then_drops(void **state) {
    fb_log_set_level(FB_LOG_INFO);
    catch_begin(&caught);
    uint64_t begin_ns = fb_now_ns(), held_ns;
    fill_file(*state, 100);
    while (give_line(3, 0) == FB_OUTPUT_FAILED)
        usleep(1000);
    held_ns = fb_now_ns() - begin_ns;
    for (unsigned n = 4; n <= 10; n++)
        assert_int_equal(give_line(n, 0), 0); /* none of these waits */
    expect_counted(0, 2, 8, 1);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(give_line(3, 0), 0);
    setrlimit(RLIMIT_FSIZE, &room_for_two);
    assert_int_equal(give_line(4, 0), FB_OUTPUT_FAILED); /* another outage */
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(give_line(4, 0), 0);
    const char *said = catch_end(&caught);
    fb_log_set_level(FB_LOG_ERROR);
    assert_in_range(held_ns, 100000000, 5000000000);
    assert_int_equal(lines_of(said), 4);
    assert_non_null(strstr(said, "the worker waits for at most 100 ms, then they are dropped"));
    assert_non_null(strstr(said, "takes records again; 8 were dropped"));
    assert_non_null(strstr(said, "takes records again; 0 were dropped"));
    expect_lines(text_behind("eve.json"), 1, 4, 0);
    expect_counted(0, 4, 8, 2);
}

static void a_line_that_is_not_given_again_is_dropped(void **state) {
    catch_begin(&caught);
    fill_file(*state, UINT64_MAX);
    assert_int_equal(give_line(3, 0), FB_OUTPUT_FAILED);
    assert_int_equal(give_line(3, 1), FB_OUTPUT_FAILED);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(give_line(3, 1), 0);
    assert_int_equal(give_line(3, 0), 0);
    catch_end(&caught);
    assert_string_equal(text_behind("eve.json"), "line 1\nline 2\nline 3x\nline 3\n");
    expect_counted(0, 4, 1, 2);
}

static void a_device_that_is_full_has_a_queue(void **state) {
    struct sinks_fixture *f = *state;
    add_sink(f, "file:/dev/full");
    catch_begin(&caught);
    open_sinks(f, 0);
    for (unsigned n = 1; n <= 1000; n++)
        assert_int_equal(give_line(n, 9000), 0);
    expect_one_line(catch_end(&caught), "cannot write: No space left on device: records are "
                                        "queued, then they are dropped until it can");
    uint64_t values[SINK_STATS];
    sinks_stats(0, values);
    assert_int_equal(values[SINK_WRITTEN], 0);
    assert_in_range(values[SINK_DROPPED], 530, 540); /* 4 MiB have room for 465 */
    assert_int_equal(values[SINK_RETRIED], 1000 - values[SINK_DROPPED]);
    catch_begin(&caught);
    sinks_finish(0);
    catch_end(&caught);
    expect_counted(0, 0, 1000, values[SINK_RETRIED]);
}

/* ---- other files */

static void a_file_is_no_larger_than_it_may_be_but_for_one_line(void **state) {
    struct sinks_fixture *f = *state;
    unsigned files;
    write_text("eve-4.json", "line 0\n");
    add_sink(f, "file:eve-%%k.json,size=4K");
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 4082), 0); /* 4,096 in all */
    assert_int_equal(give_line(2, 6000), 0); /* more than may be */
    assert_int_equal(give_line(3, 0), 0);
    assert_int_equal(give_line(4, 4082), 0);
    assert_int_equal(give_line(5, 0), 0);
    expect_counted(0, 5, 0, 0);
    const char *text = text_of_all(&files);
    assert_int_equal(files, 4);
    for (unsigned n = 0; n <= 5; n++) {
        char begin[16];
        snprintf(begin, sizeof begin, "line %u", n);
        text = strstr(text, begin); /* names sort by time */
        assert_non_null(text);
    }
    assert_string_equal(text_of("eve-4.json"), "line 5\n");
}

static void a_file_is_no_older_than_it_may_be(void **state) {
    struct sinks_fixture *f = *state;
    unsigned files;
    add_sink(f, "file:eve.json,seconds=1,size=1G");
    open_sinks(f, 0);
    tick_ms(1100); /* an empty one stays */
    uint64_t begin_ns = fb_now_ns();
    assert_int_equal(give_line(1, 0), 0);
    tick_ms(200);
    text_of_all(&files);
    if (fb_now_ns() - begin_ns < FB_NS_PER_S) /* else the machine has slept */
        assert_int_equal(files, 1);
    assert_int_equal(give_line(2, 0), 0);
    tick_ms(1000);
    assert_int_equal(give_line(3, 0), 0);
    expect_lines(text_of_all(&files), 1, 3, 0);
    assert_in_range(files, 2, 3);
    assert_string_equal(text_of("eve.json"), "line 3\n");
}

/* Without write access to the folder, which root always has: its name is gone instead. */
static void a_file_that_cannot_be_put_away_goes_on(void **state) {
    struct sinks_fixture *f = *state;
    add_sink(f, "file:a/eve.json,size=4K");
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 4000), 0);
    assert_int_equal(rename("a", "b"), 0);
    catch_begin(&caught);
    assert_int_equal(give_line(2, 4000), 0);
    assert_int_equal(give_line(3, 4000), 0); /* not tried each time */
    expect_one_line(catch_end(&caught), "cannot begin another file for a/eve.json: No such file");
    expect_lines(text_of("b/eve.json"), 1, 3, 4000);
}

static void reload_opens_what_was_renamed(void **state) {
    struct sinks_fixture *f = *state;
    add_sink(f, "file:a/eve.json");
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 0), 0);
    assert_int_equal(sinks_reload(), 0); /* the same */
    assert_int_equal(rename("a/eve.json", "a/eve.1"), 0);
    assert_int_equal(give_line(2, 0), 0);
    assert_int_equal(sinks_reload(), 0);
    assert_int_equal(give_line(3, 0), 0);
    expect_lines(text_of("a/eve.1"), 1, 2, 0);
    expect_lines(text_of("a/eve.json"), 3, 3, 0);
    assert_int_equal(rename("a", "b"), 0);
    catch_begin(&caught);
    assert_int_equal(sinks_reload(), 1);
    expect_one_line(catch_end(&caught), "--eve file:a/eve.json: cannot open a/eve.json: No such");
    assert_int_equal(give_line(4, 0), 0);
    expect_lines(text_of("b/eve.json"), 3, 4, 0);
}

/* logrotate's copytruncate */
static void a_file_that_others_make_empty_is_counted_from_there(void **state) {
    struct sinks_fixture *f = *state;
    unsigned files;
    add_sink(f, "file:eve.json,size=4K");
    open_sinks(f, 0);
    assert_int_equal(give_line(1, 4000), 0);
    assert_int_equal(truncate("eve.json", 0), 0);
    tick_ms(110);
    assert_int_equal(give_line(2, 4000), 0);
    expect_lines(text_of_all(&files), 2, 2, 4000);
    assert_int_equal(files, 1);
}

/* ---- wrong usage */

static void wrong_sinks_are_one_line(void **state) {
    struct sinks_fixture *f = *state;
    static const struct {
        const char *sink, *part;
        int error;
    } rows[] = {
        {"eve.json", "--eve 'eve.json': give file:PATTERN, unix:PATH, or -", -EINVAL},
        {"", "--eve '': give file:PATTERN", -EINVAL},
        {"-x", "--eve '-x': give file:PATTERN", -EINVAL},
        {"file:", "the name of the file is missing: write file:PATTERN", -EINVAL},
        {"file:a/", "the name of the file is missing", -EINVAL},
        {"file:,size=1G", "the name of the file is missing", -EINVAL},
        {"file:a%z", "'%z' stands for nothing: %k is the worker", -EINVAL},
        {"file:a%", "'%' stands for nothing", -EINVAL},
        {"file:%l", "'%l' stands for nothing", -EINVAL},
        {"file:a,size=1", "--eve file: size '1'", -EINVAL},
        {"file:a,seconds=0", "--eve file: seconds '0'", -EINVAL},
        {"file:a,b", "--eve file: 'b' is none of size=SIZE and seconds=S", -EINVAL},
        {"file:/proc/x/a", "--eve file:/proc/x/: cannot make or use the directory", -ENOENT},
        {"file:/etc/passwd/a", "cannot make or use the directory", -EEXIST}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        f->config.count = 0;
        add_sink(f, "%s", rows[i].sink);
        catch_begin(&caught);
        int error = sinks_open(&f->config);
        const char *said = catch_end(&caught);
        sinks_close();
        expect_one_line(said, rows[i].part);
        assert_true(rows[i].error == -EINVAL ? error == -EINVAL : error < 0 && error != -EINVAL);
    }
}

static void a_sink_that_is_given_again_is_not_another_one(void **state) {
    struct sinks_fixture *f = *state;
    add_sink(f, "file:a");
    add_sink(f, "file:b");
    add_sink(f, "file:a");
    open_sinks(f, 0);
    assert_int_equal(sinks_count(), 2);
    assert_int_equal(give_line(1, 0), 0);
    expect_lines(text_of("a"), 1, 1, 0);
    assert_string_equal(sinks_name(1), "eve-file-2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SINKS_TEST(a_line_is_in_the_file_when_it_is_taken),
        SINKS_TEST(an_unfinished_line_is_cut),
        SINKS_TEST(a_file_that_another_process_writes_is_refused),
        SINKS_TEST(several_sinks_have_each_line_once),
        SINKS_TEST(what_was_written_of_a_line_is_taken_back),
        SINKS_TEST(an_outage_holds_the_worker_once_and_then_drops),
        SINKS_TEST(a_line_that_is_not_given_again_is_dropped),
        SINKS_TEST(a_device_that_is_full_has_a_queue),
        SINKS_TEST(a_file_is_no_larger_than_it_may_be_but_for_one_line),
        SINKS_TEST(a_file_is_no_older_than_it_may_be),
        SINKS_TEST(a_file_that_cannot_be_put_away_goes_on),
        SINKS_TEST(reload_opens_what_was_renamed),
        SINKS_TEST(a_file_that_others_make_empty_is_counted_from_there),
        SINKS_TEST(wrong_sinks_are_one_line),
        SINKS_TEST(a_sink_that_is_given_again_is_not_another_one),
    };
    signal(SIGXFSZ, SIG_IGN);
    fb_log_set_level(FB_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
