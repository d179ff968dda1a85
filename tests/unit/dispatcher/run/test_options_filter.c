/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/run/options_filter.c: the filter that is read again from where it came, while
 * the run goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dispatcher/run/options.h"

static struct options options;
static char file[] = "/tmp/test_options_filter.XXXXXX",
            config[] = "/tmp/test_options_filter.XXXXXX";
static char said[256], *filter;

static void write_file(const char *path, const char *text) {
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int make_files(void **state) {
    (void)state;
    close(mkstemp(file));
    close(mkstemp(config));
    fb_log_init("tester", FB_LOG_ERROR);
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    unlink(file);
    unlink(config);
    return 0;
}

static int forget(void **state) {
    (void)state;
    free(filter);
    filter = NULL;
    options_free(&options);
    memset(&options, 0, sizeof options);
    return 0;
}

#define START(...) start((const char *[]){"flow-dispatcher", "-r", "x", __VA_ARGS__, NULL})
static void start(const char *words[]) {
    int count = 0;
    while (words[count] != NULL)
        count++;
    assert_int_equal(options_parse(&options, count, words), OPTIONS_RUN);
}

static int reread(void) {
    free(filter);
    filter = NULL;
    said[0] = '\0';
    fb_log_keep(said, sizeof said);
    int error = options_reread_filter(&options, &filter);
    fb_log_keep(NULL, 0);
    return error;
}

static void the_file_of_the_command_line_is_read_again(void **state) {
    (void)state;
    write_file(file, "tcp");
    write_file(config, "bpf = icmp\n"); /* which the command line replaces */
    START("-F", file, "--config", config);
    assert_string_equal(options.filter, "tcp");
    write_file(file, "udp");
    assert_int_equal(reread(), 0);
    assert_string_equal(filter, "udp");
    assert_string_equal(options.filter, "tcp");
    unlink(file);
    assert_int_equal(reread(), -EIO);
    assert_null(filter);
    assert_non_null(strstr(said, "cannot read the filter file"));
}

static void the_config_is_read_again_whatever_has_the_filter_now(void **state) {
    (void)state;
    char line[128];
    write_file(config, "workers = 2\nbpf = tcp\n");
    START("--config", config);
    assert_string_equal(options.filter, "tcp");
    write_file(config, "workers = 9\nbpf = udp\nbpf = icmp\n");
    assert_int_equal(reread(), 0);
    assert_string_equal(filter, "icmp");
    assert_int_equal(options.workers, 2); /* nothing else is taken */
    write_file(file, "vlan");
    snprintf(line, sizeof line, "filter-file = %s\n", file);
    write_file(config, line);
    assert_int_equal(reread(), 0);
    assert_string_equal(filter, "vlan");
    write_file(config, "workers = 2\n");
    assert_int_equal(reread(), 0);
    assert_null(filter);
    snprintf(line, sizeof line, "bpf = tcp\nfilter-file = %s\n", file);
    write_file(config, line);
    assert_int_equal(reread(), -EINVAL);
    assert_null(filter);
    assert_non_null(strstr(said, ":2: --bpf and -F: give one filter"));
    write_file(config, "no such line");
    assert_int_equal(reread(), -EINVAL);
    write_file(config, "");
    forget(NULL);
    START("--config", config);
    assert_null(options.filter);
    write_file(config, "bpf = tcp\n"); /* one that is new */
    assert_int_equal(reread(), 0);
    assert_string_equal(filter, "tcp");
}

static void expect_filter(const char *expected) {
    if (expected == NULL)
        assert_null(options.filter);
    else
        assert_string_equal(options.filter, expected);
}

/* As a supervisor has it: what it started with is a copy, as the file was then. */
static void what_config_has_a_copy_of_is_read_again(void **state) {
    (void)state;
    write_file(config, "workers = 2\nbpf = udp\n");
    write_file(file, "workers = 3\nbpf = icmp\n");
    START("--config", config, "--reload-config", file);
    assert_string_equal(options.filter, "udp");
    assert_int_equal(reread(), 0);
    assert_string_equal(filter, "icmp");
    assert_int_equal(options.workers, 2);
    write_file(file, "no such line");
    assert_int_equal(reread(), -EINVAL);
    assert_non_null(strstr(said, file));
    forget(NULL);
    START("--config", config, "--reload-config", file, "--bpf", "tcp");
    assert_int_equal(reread(), -ENOENT);
}

/* A dispatcher that follows another one: what was read meanwhile is in force, the files may be
 * wrong or gone. */
static void a_run_is_resumed_with_its_filter_and_reads_its_file_again(void **state) {
    (void)state;
    static const char *const filters[] = {"icmp", ""};
    for (unsigned i = 0; i < 2; i++) {
        const char *expected = filters[i][0] != '\0' ? filters[i] : NULL;
        write_file(config, "bpf = udp\n");
        START("--config", config, "--resume-filter", filters[i]);
        expect_filter(expected);
        assert_int_equal(reread(), 0);
        assert_string_equal(filter, "udp");
        forget(NULL);
        START("-F", "/no/such/file", "--resume-filter", filters[i]);
        expect_filter(expected);
        assert_true(reread() < 0);
        forget(NULL);
        START("--resume-filter", filters[i], "--bpf", "tcp");
        expect_filter(expected);
        assert_int_equal(reread(), -ENOENT);
        forget(NULL);
    }
}

static void what_is_on_the_command_line_is_nowhere_to_be_read(void **state) {
    (void)state;
    write_file(config, "bpf = udp\n");
    START("--bpf", "tcp", "--config", config);
    assert_int_equal(reread(), -ENOENT);
    assert_null(filter);
    assert_string_equal(said, "there is no filter to read again: it is from the command line: "
                              "-F FILE or --config FILE can be");
    forget(NULL);
    START("-w", "1");
    assert_int_equal(reread(), -ENOENT);
    assert_non_null(strstr(said, "none was given"));
}

static void refuse_to_reread(const char *option) {
    char expected[128];
    alarm(10); /* where a pipe is waited for */
    assert_true(reread() < 0);
    alarm(0);
    snprintf(expected, sizeof expected, "%s '%s': it cannot be read again: ", option, file);
    assert_non_null(strstr(said, expected));
    assert_null(filter);
}

/* As -F <(...) is: the second time there is nothing in it, or no process writes. */
static void pipe_is_not_read_again(void **state) {
    (void)state;
    char line[128];
    unlink(file);
    assert_int_equal(mkfifo(file, 0600), 0);
    options.filter_file = file;
    refuse_to_reread("--filter-file");
    options.filter_config = file;
    refuse_to_reread("--config");
    snprintf(line, sizeof line, "filter-file = %s\n", file);
    write_file(config, line);
    options.filter_config = config;
    refuse_to_reread("--filter-file");
    unlink(file);
    write_file(file, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_file_of_the_command_line_is_read_again, forget),
        cmocka_unit_test_teardown(the_config_is_read_again_whatever_has_the_filter_now, forget),
        cmocka_unit_test_teardown(what_config_has_a_copy_of_is_read_again, forget),
        cmocka_unit_test_teardown(a_run_is_resumed_with_its_filter_and_reads_its_file_again,
                                  forget),
        cmocka_unit_test_teardown(what_is_on_the_command_line_is_nowhere_to_be_read, forget),
        cmocka_unit_test_teardown(pipe_is_not_read_again, forget),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
