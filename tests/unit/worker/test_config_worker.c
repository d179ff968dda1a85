/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/child.h"

#include "tests/lib/option_names.h"

/* The program itself, for its static option table and what reads it. */
int worker_main(int argc, char **argv);
#define main worker_main
#include "worker/main.c"
#undef main

static char path[] = "/tmp/test_config_worker.XXXXXX";
static struct caught caught;

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    static const char text[] = "inspector = digest:7\nread = a.pcap\nwait = spin\nname = sensor\n"
                               "cpu = 1\ncpu = 2\n";
    return fd < 0 || write(fd, text, sizeof text - 1) < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void the_table_and_the_list_of_keys_agree(void **state) {
    (void)state;
    static const char *const keys[] = {FB_WORKER_KEYS(NAME) NULL};
    expect_agreement(table, FB_WORKER, keys);
}

static int parse_line(struct options *o, const char *const *args) {
    const char *argv[16] = {"flow-worker"};
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = args[argc - 1];
    return parse(o, poptGetContext("flow-worker", argc, argv, table, 0));
}

#define PARSE(o, ...) parse_line(o, (const char *const[]){__VA_ARGS__, NULL})

/* In a child, since the program keeps its texts to its end. */
static void parse_in_child(void *arg) {
    (void)arg;
    struct options o;
    catch_begin(&caught);
    EXPECT(PARSE(&o, "--config", "/nonexistent") == EXIT_USAGE);
    EXPECT(strstr(catch_end(&caught), "/nonexistent") != NULL);
    catch_begin(&caught);
    EXPECT(PARSE(&o, "--config", path, "--wait", "x") == EXIT_USAGE);
    EXPECT(strstr(catch_end(&caught), path) == NULL);
    EXPECT(PARSE(&o, "--config", path) == -1);
    EXPECT(strcmp(o.name, "sensor") == 0 && strcmp(o.inspector_args, "7") == 0);
    EXPECT(o.spin && o.place.cpus_given && fb_cpus_single(&o.place.cpus) == 2);
    EXPECT(PARSE(&o, "-n", "other", "--wait", "park", "--config", path, "--inspector", "count") ==
           -1);
    EXPECT(strcmp(o.name, "other") == 0 && o.inspector_args == NULL);
    EXPECT(!o.spin && o.place.cpus_given && fb_cpus_single(&o.place.cpus) == 2);
}

static void the_command_line_wins_over_the_file(void **state) {
    (void)state;
    in_child(parse_in_child, NULL);
}

int main(void) {
    fb_log_init("test_config_worker", FB_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_and_the_list_of_keys_agree),
        cmocka_unit_test(the_command_line_wins_over_the_file),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
