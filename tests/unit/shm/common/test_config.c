/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/common/config.c: the reading of a --config file, as the dispatcher does it. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/config.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option.h"

static char path[] = "/tmp/test_config.XXXXXX";
static char taken[8192]; /* "key=value;" of each line taken */
static struct caught caught;

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* The callback; refuses the value "wrong" as an option's parser does. */
static bool note(void *arg, enum fb_option option, const char *value, bool on) {
    (void)arg;
    size_t used = strlen(taken);
    snprintf(taken + used, sizeof taken - used, "%s=%s;", fb_option_line(option)->name,
             value != NULL ? value
             : on          ? "(on)"
                           : "(off)");
    if (value == NULL || strcmp(value, "wrong") != 0)
        return true;
    fb_error("--key '%s': give something else", value);
    return false;
}

static bool read_bytes(const char *text, size_t length) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    taken[0] = '\0';
    catch_begin(&caught);
    bool ok = fb_config_read(path, FB_DISPATCHER, note, NULL);
    catch_end(&caught);
    return ok;
}

/* One line is logged, with that line number of the file and those words. */
static void expect_refusal(const char *text, unsigned line, const char *words) {
    if (read_bytes(text, strlen(text)))
        fail_msg("taken: %s", text);
    char place[128];
    snprintf(place, sizeof place, "error: %s:%u: ", path, line);
    expect_one_line(caught.text, place);
    expect_one_line(caught.text, words);
}

static void expect_taken(const char *text, const char *expected) {
    if (!read_bytes(text, strlen(text)))
        fail_msg("refused: %s", caught.text);
    assert_string_equal(caught.text, "");
    assert_string_equal(taken, expected);
}

static void a_file_that_cannot_be_read_is_refused(void **state) {
    (void)state;
    static const char *const paths[] = {"/nonexistent/file", "/tmp", ""};
    for (unsigned i = 0; i < 3; i++) {
        char named[64];
        snprintf(named, sizeof named, "--config '%s': ", paths[i]);
        catch_begin(&caught);
        bool ok = fb_config_read(paths[i], FB_DISPATCHER, note, NULL);
        expect_one_line(catch_end(&caught), named);
        assert_false(ok);
    }
}

static void a_key_that_no_program_has_is_refused_with_its_line(void **state) {
    (void)state;
    expect_refusal("wokers = 3\n", 1, "'wokers'");
    expect_refusal("# one\n\n; three\nwokers = 3\nworkers = 4\n", 4, "'wokers'");
    assert_string_equal(taken, "");
    expect_refusal("workers = 4\r\n--workers = 4\r\n", 2, "'--workers'");
    expect_refusal("w = 4\n", 1, "'w'");
    expect_refusal("Workers = 4\n", 1, "'Workers'");
    expect_refusal("= 4\n", 1, "''");
    expect_refusal("worker s = 4\n", 1, "'worker s'");
}

/* What says how this one call is to be, or which process it belongs to. */
static bool is_of_one_call(const char *name) {
    static const char *const names[] = {"config",        "list-interfaces",
                                        "check",         "clean",
                                        "parent",        "now",
                                        "reload-config", "resume-filter",
                                        "runtime-dir",   "list-options",
                                        "help",          "version",
                                        "last-report",   "why",
                                        "watch",         "once",
                                        "ring",          "list",
                                        "prometheus",    "output",
                                        "every",         "listen"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* Every option of the list, with a value that note() takes. */
static void a_file_takes_every_option_but_those_of_one_call(void **state) {
    (void)state;
    for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
        const struct fb_option_line *line = fb_option_line(i);
        char text[128], named[128];
        snprintf(text, sizeof text, "workers = 1\n%s = yes\n", line->name);
        snprintf(named, sizeof named, "workers=1;%s=%s;", line->name,
                 line->argument != NULL ? "yes" : "(on)");
        bool ours = fb_option_find_key(FB_DISPATCHER, line->name) != FB_OPT_NONE;
        if (is_of_one_call(line->name))
            expect_refusal(text, 2, "is for the command line only");
        else
            expect_taken(text, ours ? named : "workers=1;");
    }
}

static void a_wrong_value_is_refused_with_its_line_and_ends_the_reading(void **state) {
    (void)state;
    expect_refusal("workers = 4\n\nworkers = wrong\nwokers = 3\nworkers = 5\n", 3, "'wrong'");
    assert_string_equal(taken, "workers=4;workers=wrong;");
    static const char *const flags[] = {"", "1", "YES", "yess", "no no", "null"};
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        char text[64], words[64];
        snprintf(text, sizeof text, "\npreload = %s\n", flags[i]);
        snprintf(words, sizeof words, "--preload '%s'", flags[i]);
        expect_refusal(text, 2, words);
    }
}

static void a_line_without_a_value_is_refused_with_its_line(void **state) {
    (void)state;
    expect_refusal("workers = 4\npreload\nread = a\n", 2, "key = value");
    expect_refusal("workers = 4\n[half\n", 2, "key = value");
    expect_refusal("read = a\n  b\n", 2, "key = value");
    expect_refusal("read = a\n\tb", 2, "key = value");
}

static void a_section_is_refused_at_its_first_key(void **state) {
    (void)state;
    expect_refusal("read = a\n[dispatcher]\nworkers = 4\n", 3, "[dispatcher]");
    expect_refusal("[stranger]\nstrange = 4\n", 2, "[stranger]");
    expect_taken("read = a\n[dispatcher]\n", "read=a;");
}

/* The library would take what does not fit for a line of its own. */
static void a_line_that_is_too_long_is_refused_and_one_that_just_fits_is_taken(void **state) {
    (void)state;
    char text[1024];
    for (int length = 150; length < 400; length++) {
        int filter = length - (int)strlen("bpf = ");
        snprintf(text, sizeof text, "read = a\nbpf = %0*d\nread = b\n", filter, 7);
        if (length > 198) {
            expect_refusal(text, 2, "filter-file");
            assert_string_equal(taken, "read=a;");
        } else {
            assert_true(read_bytes(text, strlen(text)));
            assert_int_equal(strlen(taken), strlen("read=a;bpf=;read=b;") + (size_t)filter);
        }
    }
    snprintf(text, sizeof text, "#%0600d\n ; %0300d\nread = b\n", 0, 0);
    expect_taken(text, "read=b;");
}

static void a_nul_byte_is_refused_with_its_line(void **state) {
    (void)state;
    static const char text[] = "read = a\nread = b\0c\nread = d\n";
    assert_false(read_bytes(text, sizeof text - 1));
    expect_one_line(caught.text, ":2: ");
    assert_string_equal(taken, "read=a;");
    static const char last[] = "read = a\0";
    assert_false(read_bytes(last, sizeof last - 1));
    expect_one_line(caught.text, ":1: ");
}

static void random_bytes_are_taken_or_refused_with_at_most_one_line(void **state) {
    (void)state;
    static const char letters[] = "read=workers preload:yes\n\n[];#\r\t \0\xff\xef\xbb\xbf\"'";
    uint32_t seed = 1;
    for (unsigned round = 0; round < 2000; round++) {
        char text[512];
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = letters[(seed >> 16) % sizeof letters];
        }
        bool ok = read_bytes(text, sizeof text);
        assert_int_equal(lines_of(caught.text), ok ? 0 : 1);
    }
}

static void keys_of_other_programs_are_passed_over(void **state) {
    (void)state;
    expect_taken("inspector = wrong\nread = a\njson = perhaps\nworker-cpu = x\n", "read=a;");
}

static void lines_are_taken_in_their_order(void **state) {
    (void)state;
    expect_taken("", "");
    expect_taken("workers = 3\nread = a\nworkers = 4\nread = b\n",
                 "workers=3;read=a;workers=4;read=b;");
    expect_taken(
        "preload = yes\npreload=no\npreload: true\npreload =false\npreload= on\n"
        "preload\t=\toff",
        "preload=(on);preload=(off);preload=(on);preload=(off);preload=(on);preload=(off);");
}

static void white_space_comments_and_marks_are_as_users_write_them(void **state) {
    (void)state;
    expect_taken("\xef\xbb\xbfread = a\r\n  workers = 3\t\r\n\r\n", "read=a;workers=3;");
    expect_taken("  # indented\nread = a b;c #d ; comment\nread = x=y:z\n",
                 "read=a b;c #d;read=x=y:z;");
    expect_taken("read =\nread = \"q\"\n", "read=;read=\"q\";");
}

static void the_place_is_gone_after_the_reading(void **state) {
    (void)state;
    expect_refusal("wokers = 3\n", 1, "'wokers'");
    expect_taken("workers = 3\n", "workers=3;");
    catch_begin(&caught);
    fb_error("plain");
    assert_string_equal(catch_end(&caught), "test_config: error: plain\n");
}

int main(void) {
    fb_log_init("test_config", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_key_that_no_program_has_is_refused_with_its_line),
        cmocka_unit_test(a_file_takes_every_option_but_those_of_one_call),
        cmocka_unit_test(a_wrong_value_is_refused_with_its_line_and_ends_the_reading),
        cmocka_unit_test(a_line_without_a_value_is_refused_with_its_line),
        cmocka_unit_test(a_section_is_refused_at_its_first_key),
        cmocka_unit_test(a_line_that_is_too_long_is_refused_and_one_that_just_fits_is_taken),
        cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
        cmocka_unit_test(random_bytes_are_taken_or_refused_with_at_most_one_line),
        cmocka_unit_test(keys_of_other_programs_are_passed_over),
        cmocka_unit_test(lines_are_taken_in_their_order),
        cmocka_unit_test(white_space_comments_and_marks_are_as_users_write_them),
        cmocka_unit_test(the_place_is_gone_after_the_reading),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
