/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/command_line.c: in which order options are taken, and which words are refused. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/command_line.h"
#include "flow_balancer/common/log.h"

static char path[] = "/tmp/test_command_line.XXXXXX";
static struct fb_command_line line;
static struct caught caught, output;
static char taken[8192]; /* "O name=value;" of each; O: Default, File, Words */

static void print_more_help(void) {
    puts("More help.");
}

static void print_version(void) {
    puts("flow-worker version");
}

static const struct fb_program program = {
    .reader = FB_WORKER,
    .file_readers = FB_WORKER | FB_STAT,
    .name = "flow-worker",
    .usage = "WORDS OF USE",
    .stray = "leave it out",
    .print_more_help = print_more_help,
    .print_version = print_version,
};

/* A fb_command_line_take; refuses the value "wrong". */
static bool take(void *arg, enum fb_option option, char *text, bool on, enum fb_origin origin) {
    assert_ptr_equal(arg, &line);
    size_t used = strlen(taken);
    snprintf(taken + used, sizeof taken - used, "%c %s=%s;", "DFW"[origin],
             fb_option_line(option) -> name,
             text != NULL ? text
             : on         ? "(on)"
                          : "(off)");
    if (text == NULL || strcmp(text, "wrong") != 0)
        return true;
    fb_error("wrong");
    return false;
}

static enum fb_command_line_end read_words(const char *const *words) {
    const char *argv[16] = {"flow-worker"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = words[argc - 1];
    fb_command_line_free(&line);
    taken[0] = '\0';
    catch_begin_of(STDOUT_FILENO, &output);
    catch_begin(&caught);
    enum fb_command_line_end end = fb_command_line_read(&line, &program, argc, argv, take, &line);
    catch_end(&caught);
    catch_end_of(STDOUT_FILENO, &output);
    return end;
}

#define READ(...) read_words((const char *const[]){__VA_ARGS__, NULL})

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    static const char text[] = "name = from-file\njson = no\nworkers = 3\nwait = spin\n";
    return fd < 0 || write(fd, text, sizeof text - 1) < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    fb_command_line_free(&line);
    return unlink(path);
}

#define DEFAULTS                                                                                   \
    "D snapshot-length=262144;D loop=1;D name=flow-balancer;D inspector=count;D eve-wait=1000;D "  \
    "wait=park;"                                                                                   \
    "D max-flows=1000000;D tunnel=inner;D fragment-timeout=30;D fragment-frames=4096;"             \
    "D fragment-bytes=4M;D drain-timeout=30;D exec-timeout=never;D orphan-timeout=30;D "           \
    "log-level=info;"

static void the_defaults_come_first_then_the_file_then_the_words(void **state) {
    (void)state;
    static const char *const nothing[] = {NULL};
    assert_int_equal(read_words(nothing), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(taken, DEFAULTS);
    assert_null(line.config);
    assert_int_equal(READ("-n", "a", "--config", path, "--check", "-nb"), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(taken, DEFAULTS "F name=from-file;F json=(off);F wait=spin;"
                                        "W name=a;W check=(on);W name=b;");
    assert_string_equal(line.config, path);
    assert_string_equal(caught.text, "");
}

static void what_is_given_is_known_before_the_file_is_read(void **state) {
    (void)state;
    assert_int_equal(READ("--config", "/nonexistent", "-n", "a", "--check"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "'/nonexistent'");
    assert_string_equal(taken, DEFAULTS);
    assert_true(line.given[FB_OPT_NAME] && line.given[FB_OPT_WORKER_CHECK] &&
                line.given[FB_OPT_CONFIG]);
    assert_false(line.given[FB_OPT_WAIT] || line.given[FB_OPT_LOG_LEVEL]);
}

static void the_last_file_is_read_alone(void **state) {
    (void)state;
    assert_int_equal(READ("--config=/nonexistent", "--config", path), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(line.config, path);
}

static void what_prints_and_ends_reads_no_file(void **state) {
    (void)state;
    assert_int_equal(READ("--config", "/nonexistent", "-h", "--nonsense"), FB_COMMAND_LINE_PRINTED);
    assert_non_null(strstr(output.text, "flow-worker WORDS OF USE\n"));
    assert_non_null(strstr(output.text, "-k, --worker=K "));
    assert_non_null(strstr(output.text, "More help.\n"));
    assert_int_equal(READ("--version", "--config", "/nonexistent"), FB_COMMAND_LINE_PRINTED);
    assert_string_equal(output.text, "flow-worker version\n");
    assert_string_equal(caught.text, "");
    assert_int_equal(READ("-n", "wrong", "--help"), FB_COMMAND_LINE_WRONG);
    assert_string_equal(output.text, "");
}

static void words_that_are_no_options_are_refused(void **state) {
    (void)state;
    assert_int_equal(READ("stray", "-n", "a"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "error: 'stray': not an option: leave it out");
    assert_int_equal(READ("--nonsense"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "error: --nonsense: unknown option: see --help");
    assert_int_equal(READ("--check=3"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "error: --check=3: ");
    assert_int_equal(READ("--workers", "3"), FB_COMMAND_LINE_WRONG); /* of the dispatcher */
    expect_one_line(caught.text, "error: --workers: ");
}

static void an_option_is_no_value_and_what_looks_like_one_is(void **state) {
    (void)state;
    assert_int_equal(READ("-n", "-k", "3"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text,
                    "error: --name '-k': its value is missing, -k is an option: give NAME");
    assert_string_equal(taken, DEFAULTS);
    assert_int_equal(READ("--wait", "--check"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "error: --wait '--check': its value is missing");
    assert_int_equal(READ("-k"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "error: -k: missing argument: see --help");
    assert_int_equal(READ("-n", "-w", "-n", "-k3", "-n", "--"), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(taken, DEFAULTS "W name=-w;W name=-k3;W name=--;");
}

static void the_first_refusal_ends_the_reading(void **state) {
    (void)state;
    assert_int_equal(READ("-n", "a", "-n", "wrong", "-n", "b"), FB_COMMAND_LINE_WRONG);
    expect_one_line(caught.text, "error: wrong");
    assert_string_equal(taken, DEFAULTS "W name=a;W name=wrong;");
}

int main(void) {
    fb_log_init("test_command_line", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_come_first_then_the_file_then_the_words),
        cmocka_unit_test(what_is_given_is_known_before_the_file_is_read),
        cmocka_unit_test(the_last_file_is_read_alone),
        cmocka_unit_test(what_prints_and_ends_reads_no_file),
        cmocka_unit_test(words_that_are_no_options_are_refused),
        cmocka_unit_test(an_option_is_no_value_and_what_looks_like_one_is),
        cmocka_unit_test(the_first_refusal_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
