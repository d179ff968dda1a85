/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/child.h"

#include "flow_balancer/common/config.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option_names.h"

/* The reading of a --config file, for a program with a few of the dispatcher's options. */
enum { CODE_READ = 1, CODE_WORKERS, CODE_BPF, CODE_PRELOAD, CODE_CONFIG };

static const struct poptOption some[] = {
    {"read", 'r', POPT_ARG_STRING, NULL, CODE_READ, NULL, NULL},
    {"workers", 'w', POPT_ARG_STRING, NULL, CODE_WORKERS, NULL, NULL},
    {"bpf", '\0', POPT_ARG_STRING, NULL, CODE_BPF, NULL, NULL},
    {"preload", '\0', POPT_ARG_NONE, NULL, CODE_PRELOAD, NULL, NULL},
    {"config", '\0', POPT_ARG_STRING, NULL, CODE_CONFIG, NULL, NULL},
    POPT_TABLEEND,
};

static char path[] = "/tmp/test_config.XXXXXX";
static char taken[4096]; /* "code=value;" of each line taken */
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
static bool note(void *arg, int code, const char *value, bool on) {
    (void)arg;
    size_t used = strlen(taken);
    snprintf(taken + used, sizeof taken - used, "%d=%s;", code,
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
    bool ok = fb_config_read(path, FB_PROGRAM_DISPATCHER, some, note, NULL);
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
        bool ok = fb_config_read(paths[i], FB_PROGRAM_DISPATCHER, some, note, NULL);
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

static void what_belongs_to_one_call_is_refused_in_a_file(void **state) {
    (void)state;
#define REFUSED(name) expect_refusal("workers = 1\n" name " = yes\n", 2, "'" name "'");
    FB_COMMAND_LINE_ONLY(REFUSED)
}

static void a_wrong_value_is_refused_with_its_line_and_ends_the_reading(void **state) {
    (void)state;
    expect_refusal("workers = 4\n\nworkers = wrong\nwokers = 3\nworkers = 5\n", 3, "'wrong'");
    assert_string_equal(taken, "2=4;2=wrong;");
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
    expect_taken("read = a\n[dispatcher]\n", "1=a;");
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
            assert_string_equal(taken, "1=a;");
        } else {
            assert_true(read_bytes(text, strlen(text)));
            assert_int_equal(strlen(taken), strlen("1=a;3=;1=b;") + (size_t)filter);
        }
    }
    snprintf(text, sizeof text, "#%0600d\n ; %0300d\nread = b\n", 0, 0);
    expect_taken(text, "1=b;");
}

static void a_nul_byte_is_refused_with_its_line(void **state) {
    (void)state;
    static const char text[] = "read = a\nread = b\0c\nread = d\n";
    assert_false(read_bytes(text, sizeof text - 1));
    expect_one_line(caught.text, ":2: ");
    assert_string_equal(taken, "1=a;");
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
    expect_taken("inspector = wrong\nread = a\njson = perhaps\nwait = never\n", "1=a;");
}

static void lines_are_taken_in_their_order(void **state) {
    (void)state;
    expect_taken("", "");
    expect_taken("workers = 3\nread = a\nworkers = 4\nread = b\n", "2=3;1=a;2=4;1=b;");
    expect_taken("preload = yes\npreload=no\npreload: true\npreload =false\npreload= on\n"
                 "preload\t=\toff",
                 "4=(on);4=(off);4=(on);4=(off);4=(on);4=(off);");
}

static void white_space_comments_and_marks_are_as_users_write_them(void **state) {
    (void)state;
    expect_taken("\xef\xbb\xbfread = a\r\n  workers = 3\t\r\n\r\n", "1=a;2=3;");
    expect_taken("  # indented\nread = a b;c #d ; comment\nread = x=y:z\n", "1=a b;c #d;1=x=y:z;");
    expect_taken("read =\nread = \"q\"\n", "1=;1=\"q\";");
}

static void the_place_is_gone_after_the_reading(void **state) {
    (void)state;
    expect_refusal("wokers = 3\n", 1, "'wokers'");
    expect_taken("workers = 3\n", "2=3;");
    catch_begin(&caught);
    fb_error("plain");
    assert_string_equal(catch_end(&caught), "test_config: error: plain\n");
}

static void a_scan_marks_what_is_given_and_leaves_the_command_line_as_it_was(void **state) {
    (void)state;
    const char *argv[] = {"program", "--config=a", "-w", "3", "--config", "b", "rest", NULL};
    bool given[CODE_CONFIG + 1] = {false};
    poptContext context = poptGetContext("program", 7, argv, some, 0);
    char *found = fb_config_scan(context, CODE_CONFIG, given);
    assert_string_equal(found, "b");
    free(found);
    assert_true(given[CODE_WORKERS] && given[CODE_CONFIG]);
    assert_false(given[CODE_READ] || given[CODE_BPF] || given[CODE_PRELOAD]);
    static const struct {
        int code;
        const char *text;
    } expected[] = {{CODE_CONFIG, "a"}, {CODE_WORKERS, "3"}, {CODE_CONFIG, "b"}};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(poptGetNextOpt(context), expected[i].code);
        char *text = poptGetOptArg(context);
        assert_string_equal(text, expected[i].text);
        free(text);
    }
    assert_int_equal(poptGetNextOpt(context), -1);
    assert_string_equal(poptGetArg(context), "rest");
    poptFreeContext(context);
}

int main(void) {
    fb_log_init("test_config", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_key_that_no_program_has_is_refused_with_its_line),
        cmocka_unit_test(what_belongs_to_one_call_is_refused_in_a_file),
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
        cmocka_unit_test(a_scan_marks_what_is_given_and_leaves_the_command_line_as_it_was),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
