/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/inspectors/exec.c with tshark: the conversations that the children count add up to those
 * of the whole capture.
 */
#include "tests/lib/doors.h"
#include "tests/lib/samples.h"

#include <unistd.h>

#define TABLES "-q -z conv,ip -z conv,ipv6 -z conv,tcp -z conv,udp"
#define KEY_BYTES 192u

/* What went one way. tshark rounds bytes down to a unit, from 10,000 on. */
struct amount {
    uint64_t frames, least, most;
};

struct conversation {
    char key[KEY_BYTES]; /* the table, and both ends in the order of their names */
    struct amount there, back;
};

struct table {
    struct conversation *rows;
    size_t count, room;
};

static uint64_t unit_of(const char *unit) {
    return strcmp(unit, "bytes") == 0 ? 1 : strcmp(unit, "kB") == 0 ? 1000 : 1000000;
}

/* "12,345" */
static uint64_t number_in(const char *text) {
    uint64_t number = 0;
    for (; *text != '\0'; text++)
        if (*text != ',')
            number = 10 * number + (uint64_t)(*text - '0');
    return number;
}

static struct amount amount_of(uint64_t frames, const char *number, const char *unit) {
    uint64_t least = number_in(number) * unit_of(unit);
    return (struct amount){frames, least, least + unit_of(unit) - 1};
}

/* "A <-> B", frames and bytes from B to A, from A to B, of both, the begin, the duration. */
static bool take_line(struct conversation *row, const char *title, const char *line) {
    char a[80], b[80], number[2][24], unit[2][8];
    unsigned long long frames[2];
    if (sscanf(line, "%79s <-> %79s %llu %23s %7s %llu %23s %7s", a, b, &frames[0], number[0],
               unit[0], &frames[1], number[1], unit[1]) != 8)
        return false;
    bool is_turned = strcmp(a, b) > 0;
    snprintf(row->key, sizeof row->key, "%.12s %s %s", title, is_turned ? b : a, is_turned ? a : b);
    row->back = amount_of(frames[is_turned], number[is_turned], unit[is_turned]);
    row->there = amount_of(frames[!is_turned], number[!is_turned], unit[!is_turned]);
    return true;
}

static int by_key(const void *left, const void *right) {
    return strcmp(((const struct conversation *)left)->key,
                  ((const struct conversation *)right)->key);
}

static void add_amount(struct amount *sum, const struct amount *more) {
    sum->frames += more->frames;
    sum->least += more->least;
    sum->most += more->most;
}

/* Rows of one key become one. */
static void add_up(struct table *table) {
    size_t count = 0;
    qsort(table->rows, table->count, sizeof *table->rows, by_key);
    for (size_t i = 0; i < table->count; i++) {
        struct conversation *last = count == 0 ? NULL : &table->rows[count - 1];
        if (last == NULL || strcmp(last->key, table->rows[i].key) != 0) {
            table->rows[count++] = table->rows[i];
            continue;
        }
        add_amount(&last->there, &table->rows[i].there);
        add_amount(&last->back, &table->rows[i].back);
    }
    table->count = count;
}

static void read_tables(struct table *table, const char *path) {
    char line[512], title[64] = "";
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, " Conversations") != NULL)
            snprintf(title, sizeof title, "%.60s", line);
        if (table->count == table->room) {
            table->room = 2 * table->room + 1024;
            table->rows = realloc(table->rows, table->room * sizeof *table->rows);
            assert_non_null(table->rows);
        }
        table->count += take_line(&table->rows[table->count], title, line);
    }
    fclose(file);
}

static void expect_same_amount(const char *key, const struct amount *whole,
                               const struct amount *parts) {
    if (whole->frames != parts->frames)
        fail_msg("%s: %llu frames, those of the parts are %llu", key,
                 (unsigned long long)whole->frames, (unsigned long long)parts->frames);
    if (whole->least > parts->most || parts->least > whole->most)
        fail_msg("%s: %llu bytes or more, those of the parts are %llu", key,
                 (unsigned long long)whole->least, (unsigned long long)parts->least);
}

static void expect_same_tables(struct table *whole, struct table *parts) {
    add_up(whole);
    add_up(parts);
    for (size_t i = 0; i < whole->count && i < parts->count; i++) {
        assert_string_equal(whole->rows[i].key, parts->rows[i].key);
        expect_same_amount(whole->rows[i].key, &whole->rows[i].there, &parts->rows[i].there);
        expect_same_amount(whole->rows[i].key, &whole->rows[i].back, &parts->rows[i].back);
    }
    assert_int_equal(whole->count, parts->count);
}

/* The trace t.pcap through so many workers; returns how many conversations it has. */
static size_t expect_parts_add_up(struct test *t, unsigned workers) {
    struct table whole = {.rows = NULL}, parts = {.rows = NULL};
    char options[96];
    struct process *alone = process_start(t, "/usr/bin/tshark -n -r t.pcap " TABLES);
    process_expect(t, alone, EXIT_DONE);
    read_tables(&whole, alone->output);
    snprintf(options, sizeof options, "-w %u --exec-output conv-%u-%%k", workers, workers);
    struct process *run = start_door(t, "exec:/usr/bin/tshark -n -r - " TABLES, options);
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_balanced(report);
    expect_number(report, "ledger.inspected", number_at(report, "ledger.received"));
    assert_int_equal(counter_of(report, "exec.output_lost"), 0);
    for (unsigned k = 0; k < workers; k++) {
        char name[32];
        snprintf(name, sizeof name, "conv-%u-%u", workers, k);
        read_tables(&parts, file_in(t, name));
    }
    expect_same_tables(&whole, &parts);
    free(whole.rows);
    free(parts.rows);
    processes_forget(t);
    return whole.count;
}

static void need_tshark(void) {
    if (access("/usr/bin/tshark", X_OK) != 0)
        SKIP("tshark is not installed");
}

static void of_a_generated_trace(void **state) {
    struct test *t = *state;
    need_tshark();
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 6000 --flows 300 --ipv6 0.3 "
                                    "--udp 0.4 --size 60"),
                     EXIT_DONE);
    for (unsigned workers = 1; workers <= 4; workers += 3)
        assert_in_range(expect_parts_add_up(t, workers), 600, 100000);
}

/* Between the same two addresses are many flows, which are on several workers. */
static void of_captures(void **state) {
    struct test *t = *state;
    static const char *const captures[] = {"ndpi__1kxun.pcap", "nfstream__instagram.pcap",
                                           "mercury__emix.pcap"};
    need_tshark();
    for (unsigned i = 0; i < sizeof captures / sizeof *captures; i++) {
        char path[PROCESS_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", samples_folder(SAMPLES_CAPTURES), captures[i]);
        assert_int_equal(symlink(path, file_in(t, "t.pcap")), 0);
        assert_in_range(expect_parts_add_up(t, 2 + i), 20, 100000);
        assert_int_equal(unlink(file_in(t, "t.pcap")), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(of_a_generated_trace),
        PROCESS_TEST(of_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
