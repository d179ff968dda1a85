/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wrong usage, of every option of every program: status 2, and one line that
 * says which option, which value, and what would be right. The tables below
 * are held against what --help prints, so that no new option is forgotten.
 */
#include "tests/lib/process.h"

#include <signal.h>
#include <unistd.h>

#define TOO_LONG "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddde" /* 65 */
#define INDENT_MOST 6 /* of an option in what popt prints; descriptions stand further right */

enum kind {
    FLAG,     /* takes no value */
    TEXT,     /* any text, even none */
    NAME,     /* of a file or such: not empty */
    WORD,     /* one of a list */
    POSITIVE, /* a whole number above 0 */
    WHOLE,    /* a whole number */
    SPAN,     /* a time: 0 and fractions too */
    FACTOR,   /* above 0, with fractions */
    SIZE,     /* bytes, with a unit */
};

struct option_row {
    const char *name;
    enum kind kind;
    const char *good;  /* the greatest that is taken, for numbers; NULL: not alone */
    const char *above; /* the least number that is not */
};

static const struct option_row dispatcher_options[] = {
    {"read", NAME, "t.pcap", NULL},
    {"pattern", TEXT, NULL, NULL},
    {"reconnect", FLAG, NULL, NULL},
    {"interface", NAME, NULL, NULL},
    {"filter-file", NAME, NULL, NULL},
    {"snapshot-length", WHOLE, "262144", "262145"},
    {"buffer-size", POSITIVE, "2097151", "2097152"},
    {"no-promiscuous-mode", FLAG, NULL, NULL},
    {"list-interfaces", FLAG, NULL, NULL},
    {"direction", WORD, "inout", NULL},
    {"capture", WORD, "libpcap", NULL},
    {"immediate", FLAG, NULL, NULL},
    {"tstamp-type", WORD, "adapter", NULL},
    {"merge-window", WHOLE, NULL, "10000001"},
    {"fanout", NAME, NULL, NULL},
    {"name", NAME, "a", NULL},
    {"workers", POSITIVE, "256", "257"},
    {"max-workers", POSITIVE, "256", "257"},
    {"policy", WORD, "hash", NULL},
    {"max-share", FACTOR, "1", "1.001"},
    {"on-full", WORD, "drop", NULL},
    {"bpf", TEXT, NULL, NULL},
    {"report", NAME, "out.json", NULL},
    {"html", NAME, "out.html", NULL},
    {"timeout", NAME, "all=31536000", NULL},
    {"max-flows", POSITIVE, "134217728", "134217729"},
    {"ring-depth", POSITIVE, "16777216", "16777217"},
    {"ring-bytes", SIZE, "64G", "65537M"},
    {"hugepages", WORD, "never", NULL},
    {"numa", NAME, "off", NULL},
    {"cpu", NAME, "1023", NULL},
    {"tunnel", WORD, "outer", NULL},
    {"tunnel-port", NAME, "vxlan=4789,65535", NULL},
    {"key-vlan", FLAG, NULL, NULL},
    {"key-tunnel", FLAG, NULL, NULL},
    {"fragment-timeout", FACTOR, "86400", "86401"},
    {"fragment-frames", POSITIVE, "16777216", "16777217"},
    {"fragment-bytes", SIZE, "4095M", "4G"},
    {"failover", SPAN, "86400000", "86400001"},
    {"hang", FACTOR, "86400", "86401"},
    {"quarantine", NAME, "bad.pcap", NULL},
    {"start-timeout", SPAN, "86400", "86401"},
    {"no-worker-timeout", SPAN, "86400", "86401"},
    {"drain-timeout", SPAN, "86400", "86401"},
    {"preload", FLAG, NULL, NULL},
    {"loop", POSITIVE, "1099511627776", "1099511627777"},
    {"speed", FACTOR, "1000000", "1000001"},
    {"log-level", WORD, "info", NULL},
    {"config", NAME, "good.conf", NULL},
    {"check", FLAG, NULL, NULL},
    {"last-report", FLAG, NULL, NULL},
    {"clean", FLAG, NULL, NULL},
    {"parent", POSITIVE, "2147483647", "2147483648"},
    {"runtime-dir", NAME, "/tmp", NULL},
    {"reload-config", NAME, "good.conf", NULL},
    {"resume-filter", TEXT, "tcp", NULL},
    {"list-options", FLAG, NULL, NULL},
    {"help", FLAG, NULL, NULL},
    {"version", FLAG, NULL, NULL},
    {NULL, FLAG, NULL, NULL},
};

static const struct option_row worker_options[] = {
    {"name", NAME, "a", NULL},
    {"worker", WHOLE, "255", "256"},
    {"inspector", WORD, "digest:1000000000", NULL},
    {"eve", NAME, "file:out-%k-%r-%n-%%", NULL},
    {"eve-wait", SPAN, "86400000", "86400001"},
    {"wait", WORD, "spin", NULL},
    {"cpu", NAME, "0", NULL}, /* where the test may run on it, as nearly everywhere */
    {"numa-node", WHOLE, "off", "1024"},
    {"drain-timeout", SPAN, "86400", "86401"},
    {"exec-timeout", SPAN, "86400", "86401"},
    {"exec-output", NAME, "out-%k-%r-%n-%l-%%", NULL},
    {"orphan-timeout", SPAN, "86400", "86401"},
    {"log-level", WORD, "info", NULL},
    {"config", NAME, "good.conf", NULL},
    {"check", FLAG, NULL, NULL},
    {"parent", POSITIVE, NULL, "2147483648"}, /* a good one is this process alone */
    {"help", FLAG, NULL, NULL},
    {"version", FLAG, NULL, NULL},
    {NULL, FLAG, NULL, NULL},
};

/* Those that count with --read only. */
static const struct option_row reading_options[] = {
    {"read", NAME, "t.pcap", NULL},
    {"pattern", TEXT, NULL, NULL},
    {"filter-file", NAME, NULL, NULL},
    {"snapshot-length", WHOLE, "262144", "262145"},
    {"bpf", TEXT, NULL, NULL},
    {"timeout", NAME, "all=31536000", NULL},
    {"max-flows", POSITIVE, "134217728", "134217729"},
    {"tunnel", WORD, "outer", NULL},
    {"tunnel-port", NAME, "vxlan=4789,65535", NULL},
    {"key-vlan", FLAG, NULL, NULL},
    {"key-tunnel", FLAG, NULL, NULL},
    {"fragment-timeout", FACTOR, "86400", "86401"},
    {"fragment-frames", POSITIVE, "16777216", "16777217"},
    {"fragment-bytes", SIZE, "4095M", "4G"},
    {"preload", FLAG, NULL, NULL},
    {"loop", POSITIVE, "1099511627776", "1099511627777"},
    {NULL, FLAG, NULL, NULL},
};

static const struct option_row stat_options[] = {
    {"name", NAME, NULL, NULL},        {"json", FLAG, NULL, NULL},
    {"watch", FLAG, NULL, NULL},       {"once", FLAG, NULL, NULL},
    {"ring", WHOLE, NULL, "256"},      {"interval", FACTOR, NULL, "3600.1"},
    {"why", FLAG, NULL, NULL},         {"html", NAME, NULL, NULL},
    {"history", FLAG, NULL, NULL},     {"history-file", NAME, NULL, NULL},
    {"last", POSITIVE, NULL, "86401"}, {"list", FLAG, NULL, NULL},
    {"prometheus", FLAG, NULL, NULL},  {"output", NAME, NULL, NULL},
    {"every", SPAN, NULL, "86401"},    {"listen", NAME, NULL, NULL},
    {"log-level", WORD, NULL, NULL},   {"config", NAME, NULL, NULL},
    {"check", FLAG, NULL, NULL},       {"parent", POSITIVE, NULL, "2147483648"},
    {"help", FLAG, NULL, NULL},        {"version", FLAG, NULL, NULL},
    {NULL, FLAG, NULL, NULL},
};

static const struct program {
    const char *name, *base[4]; /* the words that make it check its options and run nothing */
    const struct option_row *options;
} programs[] = {
    {"flow-dispatcher", {"--check", "--read", "t.pcap", NULL}, dispatcher_options},
    {"flow-worker", {"--check", NULL}, worker_options},
    {"flow-stat", {NULL}, stat_options},
    {"flow-worker", {"--check", "--read", "t.pcap", NULL}, reading_options},
};
#define PROGRAMS (sizeof programs / sizeof *programs)

static void make_files(struct test *t) {
    static const char *const texts[][2] = {
        {"good.conf", "log-level = info\n"},
        {"key.conf", "# first\nno-such-key = 1\n"},
        {"value.conf", "workers = 0\n"},
        {"worker.conf", "wait = long\n"},
        {"section.conf", "[dispatcher]\nworkers = 1\n"},
        {"line.conf", "workers\n"},
        {"flag.conf", "preload = perhaps\n"},
        {"sources.conf", "read = a\ninterface = lo\n"},
        {"cpu.conf", "workers = 1\nworker-cpu = 3-1\n"},
        {"attach.conf", "attach = x %H %k\n"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        FILE *file = fopen(file_in(t, texts[i][0]), "we");
        assert_non_null(file);
        fputs(texts[i][1], file);
        fclose(file);
    }
    assert_int_equal(process_run(t, "tracegen -o t.pcap --packets 10 --flows 5"), EXIT_DONE);
    processes_forget(t);
}

/* Runs the program's check with more words; expects this status and, unless it is 0, the line. */
static void check(struct test *t, const struct program *program, const char *const more[],
                  int status, const char *line) {
    const char *words[16] = {program->name};
    unsigned count = 1;
    for (unsigned i = 0; program->base[i] != NULL; i++)
        words[count++] = program->base[i];
    for (unsigned i = 0; more[i] != NULL; i++)
        words[count++] = more[i];
    struct process *p = process_start_words(t, words);
    process_expect(t, p, status);
    if (status == EXIT_DONE)
        assert_string_equal(process_errors(t, p), "");
    else
        expect_one_line_with(t, p, line);
    processes_forget(t);
}

/* One option with one wrong value: "PROGRAM: error: --OPTION 'VALUE'". */
static void expect_refused(struct test *t, const struct program *program, const char *option,
                           const char *value) {
    char word[64], line[256];
    snprintf(word, sizeof word, "--%s", option);
    snprintf(line, sizeof line, "%s: error: --%s '%s': ", program->name, option, value);
    check(t, program, (const char *[]){word, value, NULL}, EXIT_WRONG_USAGE, line);
}

static bool is_number(enum kind kind) {
    return kind >= POSITIVE;
}

static void refuse_numbers(struct test *t, const struct program *program,
                           const struct option_row *row) {
    static const char *const never[] = {
        "",
        "x",
        "-1",
        "10x",
        "1e3",
        "0x10",
        " 5",
        "5 ",
        "+5",
        ".",
        "nan",
        "inf",
        "1.2.3",
        "1,000",
        "\xd9\xa3",
        "--",
        "5 6",
        "18446744073709551616",
        "1000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        expect_refused(t, program, row->name, never[i]);
    expect_refused(t, program, row->name, row->above);
    if (row->kind != WHOLE && row->kind != SPAN)
        expect_refused(t, program, row->name, "0");
    if (row->kind != SPAN && row->kind != FACTOR)
        expect_refused(t, program, row->name, "0.5");
    if (row->kind == SIZE) {
        static const char *const sizes[] = {"1048575", "16m", "16MB",
                                            "16 M",    "M",   "99999999999999999G"};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            expect_refused(t, program, row->name, sizes[i]);
    } else {
        expect_refused(t, program, row->name, "1M");
    }
}

static void refuse_wrong_values(struct test *t, const struct program *program,
                                const struct option_row *row) {
    char word[64];
    if (row->kind == FLAG) {
        snprintf(word, sizeof word, "--%s=x", row->name);
        check(t, program, (const char *[]){word, NULL}, EXIT_WRONG_USAGE, word);
        return;
    }
    snprintf(word, sizeof word, "--%s", row->name);
    check(t, program, (const char *[]){word, NULL}, EXIT_WRONG_USAGE, "missing argument");
    if (row->kind != TEXT)
        expect_refused(t, program, row->name, "");
    if (is_number(row->kind))
        refuse_numbers(t, program, row);
    if (row->kind == WORD) {
        expect_refused(t, program, row->name, "no-such-word");
        expect_refused(t, program, row->name, "0");
        expect_refused(t, program, row->name, " ");
    }
}

static void every_option_refuses_what_it_cannot_take(void **state) {
    struct test *t = *state;
    make_files(t);
    for (size_t i = 0; i < PROGRAMS; i++)
        for (const struct option_row *row = programs[i].options; row->name != NULL; row++)
            refuse_wrong_values(t, &programs[i], row);
}

static void the_script_names_the_option_that_lacks_its_value(void **state) {
    struct test *t = *state;
    make_files(t);
    for (const struct option_row *row = dispatcher_options; row->name != NULL; row++) {
        char word[64];
        if (row->kind == FLAG)
            continue;
        snprintf(word, sizeof word, "--%s", row->name);
        /* Behind the script's own options, and in front of one of them. */
        const char *const last[] = {"flow-balancer", "run", "-w", "1", "-r", "t.pcap", word, NULL};
        const char *const first[] = {"flow-balancer", "run", word, "-w", "1", "-p", NULL};
        for (unsigned i = 0; i < 2; i++) {
            struct process *p = process_start_words(t, i == 0 ? last : first);
            process_expect(t, p, EXIT_WRONG_USAGE);
            expect_one_line_with(t, p, word);
            processes_forget(t);
        }
    }
}

/* Given twice, each value is checked; the last one counts. */
static void every_option_may_be_repeated_and_the_last_counts(void **state) {
    struct test *t = *state;
    make_files(t);
    for (size_t i = 0; i < PROGRAMS; i++) {
        for (const struct option_row *row = programs[i].options; row->name != NULL; row++) {
            char word[64], line[128];
            snprintf(word, sizeof word, "--%s", row->name);
            if (row->good == NULL)
                continue;
            check(t, &programs[i], (const char *[]){word, row->good, word, row->good, NULL},
                  EXIT_DONE, NULL);
            if (row->kind < WORD)
                continue;
            snprintf(line, sizeof line, "--%s 'x'", row->name);
            check(t, &programs[i], (const char *[]){word, "x", word, row->good, NULL},
                  EXIT_WRONG_USAGE, line);
        }
    }
    const struct program *dispatcher = &programs[0], *stat = &programs[2];
    const char *const twice[] = {"--max-workers", "3", "-w", "4", "-w", "3", NULL};
    check(t, dispatcher, twice, EXIT_DONE, NULL);
    const char *const reversed[] = {"--max-workers", "3", "-w", "3", "-w", "4", NULL};
    check(t, dispatcher, reversed, EXIT_WRONG_USAGE, "--max-workers 3: give at least --workers, 4");
    const char *const filters[] = {"--bpf", "tcp", "--bpf", "udp", NULL};
    check(t, dispatcher, filters, EXIT_WRONG_USAGE, "--bpf and -F: give one filter");
    const char *const names[] = {"-n", "a", "-n", "proc-test-none", NULL};
    check(t, stat, names, EXIT_RUNTIME, "instance 'proc-test-none' is not running");
}

/* ---- nothing is forgotten */

/* Among all rows of a program, which may be in several tables; NULL: it has none. */
static const struct option_row *find_option(const char *program, const char *name, size_t length) {
    for (size_t i = 0; i < PROGRAMS; i++) {
        if (strcmp(programs[i].name, program) != 0)
            continue;
        for (const struct option_row *row = programs[i].options; row->name != NULL; row++)
            if (strncmp(row->name, name, length) == 0 && row->name[length] == '\0')
                return row;
    }
    return NULL;
}

static unsigned rows_of(const char *program) {
    unsigned rows = 0;
    for (size_t i = 0; i < PROGRAMS; i++)
        for (const struct option_row *row = programs[i].options; row->name != NULL; row++)
            rows += strcmp(programs[i].name, program) == 0;
    return rows;
}

/* The long name of the option that a line of --help begins with, or NULL. */
static const char *option_of_line(const char *line, size_t *length) {
    size_t indent = strspn(line, " ");
    if (indent == 0 || indent > INDENT_MOST || line[indent] != '-')
        return NULL;
    const char *name = line + indent;
    if (name[1] != '-') /* -x, --name */
        name += strlen("-x, ");
    if (strncmp(name, "--", 2) != 0)
        return NULL;
    *length = strcspn(name + 2, "=[ \n");
    return name + 2;
}

static void every_option_that_help_shows_has_its_row_here(void **state) {
    struct test *t = *state;
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct process *help = process_start(t, "%s --help", programs[i].name);
        process_expect(t, help, EXIT_DONE);
        unsigned shown = 0;
        for (const char *line = process_output(t, help); line != NULL; line = strchr(line, '\n')) {
            line += *line == '\n';
            size_t length;
            const char *name = option_of_line(line, &length);
            if (name == NULL)
                continue;
            const struct option_row *row = find_option(programs[i].name, name, length);
            if (row == NULL)
                fail_msg("%s --%.*s has no row here", programs[i].name, (int)length, name);
            bool value = name[length] == '=';
            if (value != (row->kind != FLAG))
                fail_msg("%s --%s takes %s value", programs[i].name, row->name, value ? "a" : "no");
            shown++;
        }
        assert_int_equal(shown, rows_of(programs[i].name));
    }
}

/* ---- what does not go by a rule */

static const struct wrong {
    const char *words[10];
    int status;
    const char *part, *fix;
} all_wrong[] = {
#define DISPATCHER "flow-dispatcher", "-r", "t.pcap"
#define WORKER "flow-worker", "--check"
    {{DISPATCHER, "--timeout", "udp"}, 2, "--timeout 'udp'", "CLASS=SECONDS"},
    {{DISPATCHER, "--timeout", "other=1,"}, 2, "--timeout 'other=1,'", "CLASS=SECONDS"},
    {{DISPATCHER, "--timeout", "udp=5"}, 2, "class \"udp\"", "use tcp-opening"},
    {{DISPATCHER, "--timeout", "Other=5"}, 2, "class \"Other\"", "use tcp-opening"},
    {{DISPATCHER, "--timeout", "other="}, 2, "\"\" of other", "give one, or never"},
    {{DISPATCHER, "--timeout", "other=0"}, 2, "\"0\" of other", "give one, or never"},
    {{DISPATCHER, "--timeout", "other=-1"}, 2, "\"-1\" of other", "give one, or never"},
    {{DISPATCHER, "--timeout", "other=1.5"}, 2, "\"1.5\" of other", "give one, or never"},
    {{DISPATCHER, "--timeout", "other=10x"}, 2, "\"10x\" of other", "give one, or never"},
    {{DISPATCHER, "--timeout", "other=31536001"}, 2, "\"31536001\"", "from 1 to 31536000"},
    {{DISPATCHER, "--timeout", "all=5,other=18446744073709551617"}, 2, "of other", "give one"},
    {{DISPATCHER, "-w", "2", "--max-share", "0.4"}, 2, "--max-share 0.4", "at least 0.500"},
    {{DISPATCHER, "-i", "lo"}, 2, "-r 't.pcap' and -i 'lo'", "not both"},
    {{DISPATCHER, "--numa", "0-"}, 2, "--numa '0-'", "give auto, off, or a list"},
    {{DISPATCHER, "--numa", "0,1023"}, 1, "--numa", "leave it out"},
    {{DISPATCHER, "--cpu", "1-0"}, 2, "--cpu '1-0'", "as a list, such as 0,2,4-6"},
    {{DISPATCHER, "--cpu", "1023"}, 1, "--cpu '1023'", "give some of "},
    {{DISPATCHER, "more.pcap"}, 2, "'more.pcap'", "given with -r"},
    {{DISPATCHER, "--no-such-option"}, 2, "--no-such-option", "see --help"},
    {{DISPATCHER, "-Z"}, 2, "-Z", "see --help"},
    {{DISPATCHER, "-F", "none"}, 2, "--filter-file 'none'", "No such file"},
    {{DISPATCHER, "-F", "."}, 2, "--filter-file '.'", "Is a directory"},
    {{"flow-dispatcher"}, 2, "nothing to read", "give -r FILE or -i IFACE"},
    {{"flow-dispatcher", "-r", "-w", "8"}, 2, "--read '-w': its value is missing", "give FILE"},
    {{DISPATCHER, "--bpf", "--preload"}, 2, "--bpf '--preload': its value is", "give EXPR"},
    {{"flow-dispatcher", "-i", "lo", "--preload"}, 2, "--preload", "leave them out"},
    {{"flow-dispatcher", "-i", "lo", "--fanout", "65536"}, 2, "--fanout '65536'", "0 to 65535"},
    {{"flow-dispatcher", "-i", "lo", "--fanout", "7:all"}, 2, "--fanout '7:all'", "hash, cpu or"},
    {{DISPATCHER, "--fanout", "7"}, 2, "--fanout 7", "leave it out with -r 't.pcap'"},
    {{"flow-dispatcher", "-i", "a", "-i", "b", "--fanout", "65535"}, 2, "65536", "at most 65534"},
    {{DISPATCHER, "--config", "none"}, 2, "--config 'none'", "No such file"},
    {{DISPATCHER, "--config", "."}, 2, "--config '.'", "Is a directory"},
    {{DISPATCHER, "--config", "key.conf"}, 2, "key.conf:2: ", "no-such-key"},
    {{DISPATCHER, "--config", "value.conf"}, 2, "value.conf:1: ", "from 1 to 256"},
    {{DISPATCHER, "--config", "section.conf"}, 2, "section.conf:", "dispatcher"},
    {{DISPATCHER, "--config", "line.conf"}, 2, "line.conf:1: ", "key = value"},
    {{DISPATCHER, "--config", "flag.conf"}, 2, "flag.conf:1: ", "give one of yes, no"},
    {{"flow-dispatcher", "--config", "sources.conf"}, 2, "-r 'a' and -i 'lo'", "not both"},
    {{WORKER, "--inspector", "digest:"}, 2, "digest::", "from 1 to 1000000000"},
    {{WORKER, "--inspector", "digest:0"}, 2, "digest:0:", "from 1 to 1000000000"},
    {{WORKER, "--inspector", "digest:x"}, 2, "digest:x:", "from 1 to 1000000000"},
    {{WORKER, "--inspector", "digest:10x"}, 2, "digest:10x:", "from 1 to 1000000000"},
    {{WORKER, "--inspector", "digest:1000000001"}, 2, "1000000001:", "from 1 to 1000000000"},
    {{WORKER, "--inspector", "count:1"}, 2, "count:1:", "leave out"},
    {{WORKER, "--inspector", "record"}, 2, "the directory is missing", "write record:DIR"},
    {{WORKER, "--inspector", "record:"}, 2, "the directory is missing", "write record:DIR"},
    {{WORKER, "--inspector", "record:t.pcap"}, 1, "record:t.pcap: ", "give one that"},
    {{WORKER, "--inspector", "record:t.pcap/a"}, 1, "record:t.pcap/a: ", "give one that"},
    {{WORKER, "--eve", "eve.json"}, 2, "--eve 'eve.json'", "give file:PATTERN"},
    {{WORKER, "--eve", "file:%l"}, 2, "'%l' stands for nothing", "%k is the worker"},
    {{WORKER, "--cpu", "2,"}, 2, "--cpu '2,'", "as a list, such as 0,2,4-6"},
    {{WORKER, "--cpu", "1023"}, 1, "--cpu '1023'", "give some of "},
    {{WORKER, "--numa-node", "1023"}, 1, "--numa-node '1023'", "leave"},
    {{WORKER, "--config", "worker.conf"}, 2, "worker.conf:1: --wait 'long'", "give one of park"},
    {{WORKER, "more"}, 2, "'more'", "see --help"},
    {{WORKER, "--wait", "--cpu", "0"}, 2, "--wait '--cpu': its value is", "give park|spin"},
    {{"flow-stat", "-n", "--json"}, 2, "--name '--json': its value is missing", "give NAME"},
    {{"flow-stat", "more"}, 2, "'more'", "see --help"},
    {{"flow-stat", "--watch", "--json"}, 2, "--json: it goes with", "leave it out"},
    {{"flow-stat", "-1", "--ring", "0"}, 2, "--once and --ring exclude", "once for each"},
    {{"flow-stat", "--interval", "5"}, 2, "--interval: ", "--watch or -1"},
    {{"flow-stat", "--watch"}, 1, "--watch: ", "give -1"},
    {{"flow-balancer", "top", "x"}, 2, "'x'", "see --help"},
    {{"flow-stat", "-n", "proc-test-none"}, 1, "'proc-test-none' is not running", "start"},
    {{"flow-stat", "--prometheus", "--listen", "x"}, 2, "--listen 'x'", "give PORT, ADDRESS:PORT"},
    {{"flow-stat", "--listen", "9187"}, 2, "--listen: ", "give --prometheus as well"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--metrics", "a:0"}, 2, "'a:0'", "a port of 1 to"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--metrics", "no/x"}, 1, "no/x", "No such file"},
    {{"flow-balancer", "run", "-r", "t.pcap", "-w", ""}, 2, "''", "give a whole number"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--log-level", "x"}, 2, "'x'", "error, warning"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--wait", "x"}, 2, "--wait 'x'", "give one of park"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--config", "value.conf"}, 2, "value.conf:1", "256"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--inspector", "record:t.pcap"}, 1, "t.pcap", "give"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--worker-cpu", "3-1"}, 2, "'3-1'", "1,3,5"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--config", "cpu.conf"}, 2, "cpu.conf:2:", "1,3,5"},
    {{"flow-balancer", "stop", "--config", "line.conf"}, 2, "line.conf:1: ", "key = value"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--worker-cpu", "1023"}, 1, "'1023'", "give some of"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--attach", "x %z"}, 2, "'%z' in '%z'", "write %%"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--attach", "x"}, 2, "'x' does not", "give it %d"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--attach", "no %k"}, 2, "'no' cannot", "install it"},
    {{"flow-balancer", "run", "-r", "t.pcap", "--config", "attach.conf"}, 2, "attach.conf:1", "%%"},
    {{"flow-balancer", "attach", "-n", "x"}, 2, "attach needs a command", "write -- before it"},
    {{"flow-balancer", "run", "-r"}, 2, "-r needs a value", "write -r FILE"},
    {{"flow-balancer", "run", "-r", "--preload"}, 2, "-r needs a value", "write -r FILE"},
    {{"flow-balancer", "run", "-r", "t.pcap", "tcp", "port", "80"}, 2, "'tcp' is", "--bpf 'EXPR'"},
    {{"flow-balancer", "run", "t.pcap"}, 2, "'t.pcap' is a file", "write -r t.pcap"},
    {{"flow-balancer", "-r", "t.pcap"}, 2, "no command", "\"flow-balancer run -r t.pcap\""},
    {{"flow-balancer", "-n", "a", "stop"},
     2,
     "the command comes first",
     "\"flow-balancer stop -n a\""},
    {{"flow-balancer", "stop", "--timeout", "soon"}, 2, "'soon'", "give for example 40"},
    {{"flow-balancer", "stop", "more"}, 2, "'more'", "--help"},
};

static void what_cannot_be_meant_is_one_line_with_its_value_and_the_fix(void **state) {
    struct test *t = *state;
    make_files(t);
    for (size_t i = 0; i < sizeof all_wrong / sizeof *all_wrong; i++) {
        struct process *p = process_start_words(t, all_wrong[i].words);
        process_expect(t, p, all_wrong[i].status);
        expect_one_line_with(t, p, all_wrong[i].part);
        expect_one_line_with(t, p, all_wrong[i].fix);
        expect_said(t, p, ": error: ");
        processes_forget(t);
    }
}

/* The name is the last word. */
static void expect_name_refused(struct test *t, const char *const words[]) {
    unsigned last = 0;
    while (words[last + 1] != NULL)
        last++;
    struct process *p = process_start_words(t, words);
    process_expect(t, p, EXIT_WRONG_USAGE);
    expect_said(t, p, "letters, digits, '_' or '-'");
    expect_said(t, p, words[last]);
    processes_forget(t);
}

static void names_that_could_leave_dev_shm_are_refused(void **state) {
    struct test *t = *state;
    static const char *const names[] = {"",    ".",   "..",       "a/b",   "/a",
                                        "a b", "a\n", "\xc3\xa4", TOO_LONG};
    static const char *const commands[][5] = {
        {"flow-dispatcher", "--clean", NULL},
        {"flow-dispatcher", "-r", "t.pcap", NULL},
        {"flow-worker", NULL},
        {"flow-stat", NULL},
    };
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const char *words[8];
            unsigned count = 0;
            for (; commands[c][count] != NULL; count++)
                words[count] = commands[c][count];
            words[count] = "-n";
            words[count + 1] = names[i];
            words[count + 2] = NULL;
            expect_name_refused(t, words);
        }
    }
    /* The script has a rule of its own. */
    expect_name_refused(
        t, (const char *[]){"flow-balancer", "run", "-r", "t.pcap", "-n", "a\n", NULL});
    expect_name_refused(t, (const char *[]){"flow-balancer", "stop", "-n", "../a", NULL});
    expect_name_refused(t, (const char *[]){"flow-balancer", "status", "-n", TOO_LONG, NULL});
}

static void a_worker_number_beyond_the_instances_is_refused(void **state) {
    struct test *t = *state;
    struct process *dispatcher = process_start_piped(t, "flow-dispatcher -n @ -w 2 -r -");
    UNTIL(t, stat_of(t, t->name) != NULL);
    struct process *worker = process_start(t, "flow-worker -n @ -k 2");
    process_expect(t, worker, EXIT_RUNTIME);
    expect_one_line_with(t, worker, "worker number 2: instance '");
    expect_one_line_with(t, worker, "only once it is added: 'flow-balancer add -n ");
    worker = process_start(t, "flow-worker -n @ -k 6");
    process_expect(t, worker, EXIT_RUNTIME);
    expect_one_line_with(t, worker, "worker number 6: instance '");
    expect_one_line_with(t, worker, "has numbers 0 to 5");
    process_signal(dispatcher, SIGTERM);
    process_expect(t, dispatcher, EXIT_DONE);
    assert_int_equal(objects_of(t->name), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(every_option_that_help_shows_has_its_row_here),
        PROCESS_TEST(every_option_refuses_what_it_cannot_take),
        PROCESS_TEST(the_script_names_the_option_that_lacks_its_value),
        PROCESS_TEST(every_option_may_be_repeated_and_the_last_counts),
        PROCESS_TEST(what_cannot_be_meant_is_one_line_with_its_value_and_the_fix),
        PROCESS_TEST(names_that_could_leave_dev_shm_are_refused),
        PROCESS_TEST(a_worker_number_beyond_the_instances_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
