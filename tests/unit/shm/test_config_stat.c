/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/child.h"

#include "tests/lib/option_names.h"

/* The program itself, for its static option table and what reads it. */
int flow_stat_main(int argc, char **argv);
#define main flow_stat_main
#include "shm/flow_stat.c"
#undef main

static char path[] = "/tmp/test_config_stat.XXXXXX";
static struct caught caught;

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    static const char text[] = "json = no\nworkers = 2\nname = first\nname = sensor\njson = yes\n";
    return fd < 0 || write(fd, text, sizeof text - 1) < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void the_table_and_the_list_of_keys_agree(void **state) {
    (void)state;
    static const char *const keys[] = {FB_STAT_KEYS(NAME) NULL};
    expect_agreement(table, FB_PROGRAM_STAT, keys);
}

/* The name, which the caller frees, or NULL if the options are refused; *json as parsed. */
static char *name_of(const char *const *args, bool *json) {
    const char *argv[16] = {"flow-stat"};
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = args[argc - 1];
    poptContext context = poptGetContext("flow-stat", argc, argv, table, 0);
    struct options options = {0};
    bool ok = parse_options(context, &options);
    poptFreeContext(context);
    *json = options.json;
    if (!ok) {
        free(options.name);
        return NULL;
    }
    return options.name;
}

#define NAME_OF(json, ...) name_of((const char *const[]){__VA_ARGS__, NULL}, json)

static void wrong_options_are_refused(void **state) {
    (void)state;
    bool json;
    catch_begin(&caught);
    char *name = NAME_OF(&json, "-n", "x", "--config", "/nonexistent");
    expect_one_line(catch_end(&caught), "'/nonexistent'");
    assert_null(name);
    catch_begin(&caught);
    name = NAME_OF(&json, "--config", path, "-n", "a b");
    expect_one_line(catch_end(&caught), "'a b'");
    assert_null(name);
}

static void the_command_line_wins_over_the_file(void **state) {
    (void)state;
    bool json;
    char *name = NAME_OF(&json, "--config", path);
    assert_string_equal(name, "sensor");
    assert_true(json);
    free(name);
    name = NAME_OF(&json, "-n", "other", "--config", path);
    assert_string_equal(name, "other");
    free(name);
}

int main(void) {
    fb_log_init("test_config_stat", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_and_the_list_of_keys_agree),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(the_command_line_wins_over_the_file),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
