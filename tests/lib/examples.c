/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/examples.h"

#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/directory.h"

#define PYTHON "/usr/bin/python3" /* the one whose module path is in the installed tree */
#define LOG_SHOWN 4000u           /* bytes of a build that failed */

const struct example examples[EXAMPLES] = {
    {.name = "c", .plugin = "packet_log.so"},
    {.name = "cpp", .plugin = "packet_log_cpp.so"},
    {.name = "rust", .plugin = "packet_log_rs.so"},
    {.name = "program", .program = "@/packet_log_program"},
    {.name = "poll", .program = "@/packet_log_program -p"},
    {.name = "python", .program = PYTHON " @/packet_log.py"},
};

static struct directory folder;
static bool is_built;

const char *examples_folder(void) {
    return is_built ? folder.path : "";
}

/* Runs it in the shell; what it prints is shown if it fails. */
static bool run(const char *what, const char *command) {
    char line[4 * PATH_MAX], text[LOG_SHOWN + 1];
    snprintf(line, sizeof line, "{ %s; } >'%s' 2>&1", command, path_in(&folder, "log"));
    int status = system(line); /* NOLINT(cert-env33-c) */
    if (status == 0)
        return true;
    FILE *log = fopen(path_in(&folder, "log"), "re");
    size_t n = log != NULL ? fread(text, 1, LOG_SHOWN, log) : 0;
    text[n] = '\0';
    if (log != NULL)
        fclose(log);
    print_error("%s: status %d:\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    fputs(text, stderr);
    return false;
}

static bool has_rustc(void) {
    return system("rustc --version >/dev/null 2>&1") == 0; /* NOLINT(cert-env33-c) */
}

/* With both compilers, for they warn of different things; the last one's is run. */
static bool build(void) {
    static const char *const compilers[][2] = {{"clang", "clang++"}, {"gcc", "g++"}};
    char command[4 * PATH_MAX];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "export PKG_CONFIG_SYSROOT_DIR='%s/root' "
                 "PKG_CONFIG_PATH='%s/root/usr/lib/pkgconfig'; unset CPATH MAKEFLAGS; "
                 "command -v %s %s && make -B -f tests/examples/Makefile OUT='%s' CC=%s CXX=%s "
                 "CFLAGS='-O2 -Wall -Wextra -Werror' CXXFLAGS='-O2 -Wall -Wextra -Werror' %s",
                 folder.path, folder.path, compilers[i][0], compilers[i][1], folder.path,
                 compilers[i][0], compilers[i][1],
                 i == 1 && has_rustc() ? "all rust RUSTFLAGS='-D warnings'" : "all");
        if (!run("building the examples", command))
            return false;
    }
    return true;
}

int examples_set_up(void **state) {
    (void)state;
    char command[4 * PATH_MAX];
    const char *programs = getenv("FB_BUILD");
    directory_make(&folder);
    /* What is installed is what was built: -o build, or other flags would build it again here. */
    snprintf(command, sizeof command,
             "unset MAKEFLAGS; make -o build install BUILD='%s' DESTDIR='%s/root' PREFIX=/usr && "
             "cp tests/examples/packet_log.py '%s' && "
             "'%s/tracegen' -o '%s/t.pcap' --packets 100000 --flows 2000 --ipv6 0.3",
             programs != NULL ? programs : "build", folder.path, folder.path,
             programs != NULL ? programs : "build", folder.path);
    is_built = run("installing", command) && build();
    return 0; /* the tests fail, each with its name */
}

int examples_tear_down(void **state) {
    (void)state;
    directory_remove(&folder);
    return 0;
}

void example_or_skip(const struct example *example) {
    if (!is_built)
        fail_msg("the examples were not built: see above");
    if (strcmp(example->name, "rust") == 0 && !has_rustc())
        SKIP("no rustc in PATH: the example in Rust was not built");
    if (strcmp(example->name, "python") == 0 && access(PYTHON, X_OK) != 0)
        SKIP("no " PYTHON ": the example in Python was not run");
}

void examples_enter(const struct test *t) {
    char path[PATH_MAX];
    (void)t;
    snprintf(path, sizeof path, "%s/root/usr/lib", folder.path);
    setenv("LD_LIBRARY_PATH", path, 1);
    snprintf(path, sizeof path, "%s/root/usr/lib/python3/dist-packages", folder.path);
    setenv("PYTHONPATH", path, 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
}

/* The beginning of its command, with the folder in the place of @. */
static void put_folder(const char *program, char *command, size_t size) {
    const char *at = strchr(program, '@');
    assert_non_null(at);
    snprintf(command, size, "%.*s%s%s", (int)(at - program), program, folder.path, at + 1);
}

struct process *example_start(struct test *t, const struct example *example, unsigned worker,
                              const char *log) {
    char program[PATH_MAX];
    if (example->plugin != NULL)
        return process_start(t, "flow-worker -n @ -k %u --inspector %s/%s:%s", worker, folder.path,
                             example->plugin, log);
    put_folder(example->program, program, sizeof program);
    void (*enter)(const struct test *) = t->enter;
    t->enter = enter != NULL ? enter : examples_enter;
    struct process *p = process_start(t, "%s -n @ -k %u %s", program, worker, log);
    t->enter = enter;
    return p;
}

/* ---- what was logged */

void examples_expect_logged(struct test *t, const char *log, const char *trace_path, uint64_t last,
                            size_t suspects) {
    struct records records;
    struct trace trace;
    records_read_packet_log(&records, file_in(t, log));
    trace_read(&trace, trace_path);
    size_t again = records_drop_redelivered(&records);
    if (again > suspects)
        fail_msg("%zu packets came again, not at most %zu", again, suspects);
    expect_frames_once(&records, last);
    expect_flows_in_order(&records, false);
    expect_tuples_whole(&records, &trace);
    trace_free(&trace);
    records_free(&records);
}

/* Runs it in the shell, in the test's directory. */
static void in_shell(struct test *t, const char *command) {
    const char *const words[] = {"/bin/sh", "-c", command, NULL};
    struct process *p = process_start_words(t, words);
    process_expect(t, p, EXIT_DONE);
    process_forget(t, p);
}

void examples_expect_ends(struct test *t, const char *log, json_int_t flows, uint64_t packets) {
    char command[512], text[64] = "";
    snprintf(command, sizeof command,
             "cat %s/flows-*.tsv | awk -F '\\t' 'NF != 10 || seen[$2]++ { bad++ } "
             "{ packets += $9 } END { print NR, packets, bad + 0 }' >ends",
             log);
    in_shell(t, command);
    FILE *file = fopen(file_in(t, "ends"), "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%lld %llu 0\n", (long long)flows, (unsigned long long)packets);
    assert_string_equal(text, wanted);
}

void examples_expect_same(struct test *t, const char *log, const char *label) {
    char command[1024];
    snprintf(command, sizeof command,
             "export LC_ALL=C; sort -n %s/worker-*.tsv >packets; "
             "sort -n -k 2 %s/flows-*.tsv >flows; f='%s/%s'; "
             "if test -e $f.packets; then cmp packets $f.packets && cmp flows $f.flows; "
             "else cp packets $f.packets && cp flows $f.flows; fi >&2",
             log, log, folder.path, label);
    in_shell(t, command);
}
