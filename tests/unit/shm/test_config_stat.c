/* SPDX-License-Identifier: BSD-2-Clause */
/* shm/flow_stat.c: its command line, and its --config file. */
#include "tests/lib/caught.h"
#include "tests/lib/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/help_options.h"

/* The program itself, for what reads its options. */
int flow_stat_main(int argc, char **argv);
#define main flow_stat_main
#include "shm/flow_stat.c"
#undef main

static char path[] = "/tmp/test_config_stat.XXXXXX";
static struct caught caught;

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    static const char text[] = "json = no\nworkers = 2\nname = first\n"
                               "html = of-the-run.html\nname = sensor\njson = yes\n";
    return fd < 0 || write(fd, text, sizeof text - 1) < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* How the reading ends; the caller frees options->line. */
static enum fb_command_line_end parse_line(struct view_options *o, const char *const *args) {
    const char *argv[16] = {"flow-stat"};
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = args[argc - 1];
    *o = (struct view_options){.json = false};
    return fb_command_line_read(&o->line, &program, argc, argv, take, o);
}

#define PARSE(o, ...) parse_line(o, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refusal(const char *line, const char *const *args) {
    struct view_options o;
    catch_begin(&caught);
    enum fb_command_line_end end = parse_line(&o, args);
    expect_one_line(catch_end(&caught), line);
    assert_int_equal(end, FB_COMMAND_LINE_WRONG);
    fb_command_line_free(&o.line);
}

#define REFUSED(line, ...) expect_refusal(line, (const char *const[]){__VA_ARGS__, NULL})

static void wrong_options_are_refused(void **state) {
    (void)state;
    REFUSED("'/nonexistent'", "-n", "x", "--config", "/nonexistent");
    REFUSED("--name 'a b'", "--config", path, "-n", "a b");
    REFUSED("--name '--json': its value is missing", "-n", "--json");
    REFUSED("'more': not an option: see --help", "more");
    REFUSED("--ring '256': give a whole number from 0 to 255", "--ring", "256");
    REFUSED("--interval '0.05': give at least 0.1 seconds", "--interval", "0.05");
    REFUSED("--interval '3600.1'", "--interval", "3600.1");
    REFUSED("--interval 'often'", "--interval", "often");
}

static void help_lists_the_options(void **state) {
    (void)state;
    struct view_options o;
    struct caught output;
    catch_begin_of(STDOUT_FILENO, &output);
    enum fb_command_line_end end = PARSE(&o, "--help");
    expect_help_lists(catch_end_of(STDOUT_FILENO, &output), FB_STAT);
    assert_int_equal(end, FB_COMMAND_LINE_PRINTED);
    fb_command_line_free(&o.line);
}

static void the_command_line_wins_over_the_file(void **state) {
    (void)state;
    struct view_options o;
    assert_int_equal(PARSE(&o, "--config", path), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(o.name, "sensor");
    assert_true(o.json);
    assert_null(o.html); /* that of the file is for the end of the run */
    fb_command_line_free(&o.line);
    assert_int_equal(PARSE(&o, "-n", "other", "--config", path, "--html", "x.html"),
                     FB_COMMAND_LINE_TAKEN);
    assert_string_equal(o.name, "other");
    assert_string_equal(o.html, "x.html");
    fb_command_line_free(&o.line);
}

static void metrics_go_where_the_options_say(void **state) {
    (void)state;
    struct view_options o;
    assert_int_equal(PARSE(&o, "--prometheus", "--output", "a.prom", "--every", "2.5", "--check",
                           "--parent", "7", "--log-level", "error"),
                     FB_COMMAND_LINE_TAKEN);
    assert_true(o.prometheus && o.check && !o.list);
    assert_string_equal(o.output, "a.prom");
    assert_null(o.listen);
    assert_true(o.every_ns == UINT64_C(2500000000));
    assert_true(o.parent == 7);
    assert_int_equal(o.log_level, FB_LOG_ERROR);
    fb_command_line_free(&o.line);
    REFUSED("--every 'x'", "--prometheus", "--every", "x");
    REFUSED("--output ''", "--prometheus", "--output", "");
}

static void without_options_it_is_the_default_instance_as_text(void **state) {
    (void)state;
    struct view_options o;
    static const char *const nothing[] = {NULL};
    assert_int_equal(parse_line(&o, nothing), FB_COMMAND_LINE_TAKEN);
    assert_string_equal(o.name, "flow-balancer");
    assert_false(o.json);
    assert_int_equal(o.interval_ns, 1000000000);
    assert_ptr_equal(choose(&o), view_text);
    fb_command_line_free(&o.line);
}

static void expect_choice(view_show *view, const char *const *args) {
    struct view_options o;
    assert_int_equal(parse_line(&o, args), FB_COMMAND_LINE_TAKEN);
    assert_ptr_equal(choose(&o), view);
    fb_command_line_free(&o.line);
}

#define CHOSEN(view, ...) expect_choice(view, (const char *const[]){__VA_ARGS__, NULL})

static void options_choose_the_view(void **state) {
    (void)state;
    CHOSEN(view_watch, "--watch");
    CHOSEN(view_watch, "--watch", "--config", path); /* in which there is json = yes */
    CHOSEN(view_once, "-1", "--interval", "0.1");
    CHOSEN(view_once, "--watch", "--once", "--interval", "3600");
    CHOSEN(view_ring, "--ring", "0");
    CHOSEN(view_ring, "--ring", "255", "--json");
    catch_begin(&caught);
    CHOSEN(NULL, "--watch", "--ring", "1");
    expect_one_line(catch_end(&caught), "--watch and --ring exclude each other");
    catch_begin(&caught);
    CHOSEN(NULL, "-1", "--json");
    expect_one_line(catch_end(&caught), "--json: it goes with");
    catch_begin(&caught);
    CHOSEN(NULL, "--interval", "5");
    expect_one_line(catch_end(&caught), "--interval: it goes with --watch or -1");
}

int main(void) {
    fb_log_init("test_config_stat", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(help_lists_the_options),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(metrics_go_where_the_options_say),
        cmocka_unit_test(options_choose_the_view),
        cmocka_unit_test(without_options_it_is_the_default_instance_as_text),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
