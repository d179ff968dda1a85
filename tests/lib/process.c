/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/hidden.h"

#include "tests/lib/stamps.h"

#define LEAVE_S 20.0 /* for what a test started to end by itself */
#define WORDS_MAX 64

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

const char *file_in(const struct test *t, const char *name) {
    static char paths[4][PROCESS_PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", t->directory, name);
    return path;
}

bool file_exists(const struct test *t, const char *name) {
    return access(file_in(t, name), F_OK) == 0;
}

static const char *read_text(struct test *t, const char *path) {
    FILE *file = fopen(path, "re");
    size_t n = file == NULL ? 0 : fread(t->text, 1, sizeof t->text - 1, file);
    t->text[n] = '\0';
    if (file != NULL)
        fclose(file);
    return t->text;
}

const char *process_output(struct test *t, const struct process *p) {
    return read_text(t, p->output);
}

const char *process_errors(struct test *t, const struct process *p) {
    read_text(t, p->errors);
    return without_stamps(t->text);
}

const char *process_read_unread(struct test *t) {
    char part[PIPE_BUF];
    size_t used = 0;
    for (ssize_t n; (n = read(t->unread[0], part, sizeof part)) > 0;) {
        for (ssize_t i = 0; i < n && used < sizeof t->text - 1; i++) {
            if (part[i] != '\0') /* what filled it */
                t->text[used++] = part[i];
        }
    }
    t->text[used] = '\0';
    return without_stamps(t->text);
}

/* ---- processes below this one */

/* Calls see for each process below this one; returns how many there are. */
static unsigned each_descendant(pid_t of, void (*see)(pid_t pid, void *arg), void *arg) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)of, (int)of);
    FILE *list = fopen(path, "re");
    if (list == NULL)
        return 0;
    unsigned count = 0;
    for (int pid; fscanf(list, "%d", &pid) == 1; count++) {
        count += each_descendant(pid, see, arg);
        see(pid, arg);
    }
    fclose(list);
    return count;
}

/* The words of a process, each followed by a blank; empty for one that has ended. */
static void read_words(pid_t pid, char *words, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(path, "re");
    size_t n = file == NULL ? 0 : fread(words, 1, size - 1, file);
    words[n] = '\0';
    for (size_t i = 0; i < n; i++)
        words[i] = words[i] == '\0' ? ' ' : words[i];
    if (file != NULL)
        fclose(file);
}

struct search {
    const char *program, *instance, *number;
    pid_t found;
};

static void match(pid_t pid, void *arg) {
    struct search *search = arg;
    char words[2048], name[FB_NAME_MAX + 8];
    read_words(pid, words, sizeof words);
    snprintf(name, sizeof name, "-n %s ", search->instance);
    char *end = strchr(words, ' ');
    if (end == NULL || strstr(end, name) == NULL || strstr(end, search->number) == NULL)
        return;
    *end = '\0';
    size_t length = strlen(words), wanted = strlen(search->program);
    if (length >= wanted && strcmp(words + length - wanted, search->program) == 0)
        search->found = pid;
}

pid_t process_of_worker(const char *instance, unsigned worker) {
    char number[16];
    snprintf(number, sizeof number, " -k %u ", worker);
    struct search search = {.program = "/flow-worker", .instance = instance, .number = number};
    each_descendant(getpid(), match, &search);
    return search.found;
}

pid_t process_of_dispatcher(const char *instance) {
    struct search search = {.program = "/flow-dispatcher", .instance = instance, .number = ""};
    each_descendant(getpid(), match, &search);
    return search.found;
}

static void print_words(pid_t pid, void *arg) {
    (void)arg;
    char words[512];
    read_words(pid, words, sizeof words);
    print_error("  running: %d %s\n", (int)pid, words);
}

static void kill_one(pid_t pid, void *arg) {
    (void)arg;
    kill(pid, SIGKILL);
}

/* Takes note of every child that has ended, adopted ones too. False: there is none any more. */
static bool reap(struct test *t) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < t->count; i++) {
            struct process *p = &t->processes[i];
            if (p->pid != pid || p->ended)
                continue;
            p->ended = true;
            p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
    return pid == 0;
}

/* What went on when the test failed. */
void processes_print(struct test *t) {
    for (unsigned i = 0; i < t->count; i++) {
        const struct process *p = &t->processes[i];
        if (p->command[0] == '\0')
            continue;
        const char *said = process_errors(t, p);
        size_t length = strlen(said);
        print_error("%s: ", p->command);
        if (p->ended)
            print_error("status %d\n", p->status);
        else
            print_error("runs\n");
        fputs(length > 2000 ? said + length - 2000 : said, stderr); /* cmocka cuts at 1,024 */
    }
    each_descendant(getpid(), print_words, NULL);
}

/* Whether a process refused its options, or was not found: then no wait comes to a good end. */
static bool misspelt(const struct test *t) {
    for (unsigned i = 0; i < t->count; i++) {
        int status = t->processes[i].ended ? t->processes[i].status : EXIT_DONE;
        if (status == EXIT_WRONG_USAGE || status == 126 || status == 127)
            return true;
    }
    return false;
}

void pause_or_fail(struct test *t, double end, const char *what) {
    if (seconds_now() > end || misspelt(t)) {
        processes_print(t);
        fail_msg("did not come, within %.0f s or at all: %s", PROCESS_DEADLINE_S, what);
    }
    reap(t);
    pause_ms(2);
}

/* ---- one process */

static unsigned split(struct test *t, char *command, char *words[WORDS_MAX]) {
    unsigned count = 0;
    for (char *word; (word = strsep(&command, " ")) != NULL;) {
        if (*word == '\0') /* an option that was left empty */
            continue;
        assert_in_range(count, 0, WORDS_MAX - 2);
        words[count++] = strcmp(word, "@") == 0 ? t->name : word;
    }
    words[count] = NULL;
    return count;
}

static void redirect(const char *path, int target) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, target) < 0)
        _exit(126);
    close(fd);
}

/* errors: its standard error, or -1: its file. */
_Noreturn static void become(struct test *t, const struct process *p, char *const words[],
                             int input, int errors, pid_t parent) {
    char path[2 * PROCESS_PATH_MAX];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(input, STDIN_FILENO) < 0 || chdir(t->directory) != 0)
        _exit(126);
    redirect(p->output, STDOUT_FILENO);
    if (errors < 0)
        redirect(p->errors, STDERR_FILENO);
    else if (dup2(errors, STDERR_FILENO) < 0 || setenv("TERM", "xterm", 1) != 0)
        _exit(126);
    if (t->enter != NULL)
        t->enter(t);
    const char *where = strcmp(words[0], "flow-balancer") == 0 ? t->scripts : t->programs;
    if (words[0][0] == '/')
        snprintf(path, sizeof path, "%s", words[0]);
    else
        snprintf(path, sizeof path, "%s/%s", where, words[0]);
    execv(path, words);
    dprintf(STDERR_FILENO, "%s: %s: set FB_BUILD to where the programs are\n", path,
            strerror(errno));
    _exit(127);
}

static void open_terminal(int *screen, int *terminal) {
    struct winsize size = {.ws_row = 24, .ws_col = 100};
    if (openpty(screen, terminal, NULL, NULL, &size) != 0)
        SKIP("no pseudo-terminal to be had: is /dev/pts mounted?");
    fcntl(*screen, F_SETFD, FD_CLOEXEC);
    fcntl(*terminal, F_SETFD, FD_CLOEXEC);
    fcntl(*screen, F_SETFL, O_NONBLOCK);
}

/* A pipe without room; writes to it wait. */
static void open_unread(struct test *t) {
    static const char zeros[PIPE_BUF] = {0};
    assert_int_equal(pipe2(t->unread, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(t->unread[1], zeros, sizeof zeros) > 0)
        ;
    assert_int_equal(fcntl(t->unread[1], F_SETFL, 0), 0);
}

enum streams { FILES, PIPED, ON_TERMINAL, UNREAD };

static struct process *next_process(struct test *t) {
    unsigned free = 0;
    while (free < t->count && t->processes[free].command[0] != '\0')
        free++;
    assert_in_range(free, 0, PROCESSES_MAX - 1);
    t->count += free == t->count;
    struct process *p = &t->processes[free];
    *p = (struct process){.input = -1, .screen = -1};
    char name[32];
    snprintf(name, sizeof name, "out.%u", t->started);
    snprintf(p->output, sizeof p->output, "%s", file_in(t, name));
    snprintf(name, sizeof name, "err.%u", t->started++);
    snprintf(p->errors, sizeof p->errors, "%s", file_in(t, name));
    return p;
}

static void start_words(struct test *t, struct process *p, enum streams streams,
                        char *const words[]) {
    int ends[2], terminal = -1;
    if (streams == ON_TERMINAL)
        open_terminal(&p->screen, &terminal);
    if (streams == UNREAD && t->unread[0] < 0)
        open_unread(t);
    if (streams != FILES) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        p->input = ends[1];
    } else {
        ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    assert_true(ends[0] >= 0);
    pid_t parent = getpid();
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        become(t, p, words, ends[0], streams == UNREAD ? t->unread[1] : terminal, parent);
    close(ends[0]);
    if (terminal >= 0)
        close(terminal);
}

static struct process *start(struct test *t, enum streams streams, const char *format,
                             va_list args) {
    struct process *p = next_process(t);
    int n = vsnprintf(p->command, sizeof p->command, format, args);
    assert_in_range(n, 1, sizeof p->command - 1);
    char command[sizeof p->command];
    char *words[WORDS_MAX];
    memcpy(command, p->command, sizeof command);
    split(t, command, words);
    start_words(t, p, streams, words);
    return p;
}

struct process *process_start_words(struct test *t, const char *const words[]) {
    struct process *p = next_process(t);
    size_t used = 0;
    for (unsigned i = 0; words[i] != NULL; i++) {
        used += (size_t)snprintf(p->command + used, sizeof p->command - used, "'%s' ", words[i]);
        assert_in_range(used, 1, sizeof p->command - 1);
    }
    start_words(t, p, FILES, (char *const *)(uintptr_t)words);
    return p;
}

struct process *process_start_with(struct test *t, const char *command, const char *option,
                                   const char *value) {
    char text[sizeof t->processes[0].command], *words[WORDS_MAX];
    snprintf(text, sizeof text, "%s", command);
    unsigned count = split(t, text, words);
    assert_in_range(count, 1, WORDS_MAX - 3);
    words[count] = (char *)(uintptr_t)option;
    words[count + 1] = (char *)(uintptr_t)value;
    words[count + 2] = NULL;
    return process_start_words(t, (const char *const *)words);
}

struct process *process_start(struct test *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct process *p = start(t, FILES, format, args);
    va_end(args);
    return p;
}

struct process *process_start_piped(struct test *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct process *p = start(t, PIPED, format, args);
    va_end(args);
    return p;
}

struct process *process_start_on_terminal(struct test *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct process *p = start(t, ON_TERMINAL, format, args);
    va_end(args);
    return p;
}

struct process *process_start_unread(struct test *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct process *p = start(t, UNREAD, format, args);
    va_end(args);
    return p;
}

int process_run(struct test *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct process *p = start(t, FILES, format, args);
    va_end(args);
    return process_wait(t, p);
}

bool process_ended(struct test *t, struct process *p) {
    reap(t);
    return p->ended;
}

int process_wait(struct test *t, struct process *p) {
    UNTIL(t, process_ended(t, p));
    return p->status;
}

void process_expect(struct test *t, struct process *p, int status) {
    if (process_wait(t, p) == status)
        return;
    processes_print(t);
    fail_msg("status %d, not %d: %s", p->status, status, p->command);
}

void process_signal(const struct process *p, int signo) {
    assert_false(p->ended);
    assert_int_equal(kill(p->pid, signo), 0);
}

bool process_feed(struct process *p, const void *bytes, size_t size) {
    const char *next = bytes;
    while (size != 0) {
        ssize_t written = write(p->input, next, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        next += written;
        size -= (size_t)written;
    }
    return true;
}

void process_close_input(struct process *p) {
    if (p->input >= 0)
        close(p->input);
    p->input = -1;
}

static void close_ends(struct process *p) {
    process_close_input(p);
    if (p->screen >= 0)
        close(p->screen);
    p->screen = -1;
}

void process_forget(struct test *t, struct process *p) {
    assert_true(process_ended(t, p));
    close_ends(p);
    unlink(p->output);
    unlink(p->errors);
    *p = (struct process){.input = -1, .screen = -1, .ended = true};
    while (t->count != 0 && t->processes[t->count - 1].command[0] == '\0')
        t->count--;
}

void processes_forget(struct test *t) {
    for (unsigned i = t->count; i-- > 0;)
        if (t->processes[i].command[0] != '\0')
            process_forget(t, &t->processes[i]);
}

void expect_said(struct test *t, const struct process *p, const char *part) {
    if (strstr(process_errors(t, p), part) == NULL)
        fail_msg("%s: '%s' is not in: %s", p->command, part, t->text);
}

void expect_one_line_with(struct test *t, const struct process *p, const char *part) {
    expect_said(t, p, part);
    if (strcspn(t->text, "\n") + 1 != strlen(t->text))
        fail_msg("%s: not one line: %s", p->command, t->text);
}

/* ---- one test */

unsigned objects_of(const char *instance) {
    DIR *entries = opendir(FB_SHM_DIR);
    assert_non_null(entries);
    unsigned count = 0;
    size_t length = strlen(instance);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += (strncmp(entry->d_name, instance, length) == 0 && entry->d_name[length] == '.') ||
                 fb_hidden_is(entry->d_name, instance);
    closedir(entries);
    return count;
}

/* Removes what is in dir and begins with the instance's name, and says so unless quiet, or it ends
 * like one of the words in spared. */
static unsigned clear_names(const struct test *t, const char *dir, const char *spared, bool quiet) {
    DIR *entries = opendir(dir);
    unsigned left = 0;
    if (entries == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        size_t length = strlen(t->name);
        const char *file = entry->d_name + (entry->d_name[0] == '.'); /* a hidden one too */
        if (strncmp(file, t->name, length) != 0 || (file[length] != '.' && file[length] != '-'))
            continue;
        const char *suffix = strrchr(entry->d_name, '.');
        if (!quiet && (suffix == NULL || strstr(spared, suffix) == NULL)) {
            print_error("left: %s/%s\n", dir, entry->d_name);
            left++;
        }
        unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
    return left;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int processes_set_up(void **state) {
    struct test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    const char *build = getenv("FB_BUILD");
    const char *place = getenv("TMPDIR");
    char path[PROCESS_PATH_MAX];
    static unsigned tests;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    t->unread[0] = t->unread[1] = -1;
    snprintf(t->name, sizeof t->name, "proc-test-%d-%u", (int)getpid(), tests++);
    snprintf(path, sizeof path, "%s/%s", place != NULL ? place : "/tmp", t->name);
    assert_true(strlen(path) < sizeof t->directory);
    memcpy(t->directory, path, sizeof t->directory);
    assert_int_equal(mkdir(t->directory, 0700), 0);
    char *found = realpath(build != NULL ? build : "build", NULL);
    assert_non_null(found);
    snprintf(t->programs, sizeof t->programs, "%s", found);
    setenv("FB_BUILD", found, 1);
    free(found);
    found = realpath("scripts", NULL);
    if (found == NULL)
        fail_msg("run this from the top of the checkout: scripts/ is not here");
    snprintf(t->scripts, sizeof t->scripts, "%s", found);
    free(found);
    *state = t;
    return 0;
}

int processes_tear_down(void **state) {
    struct test *t = *state;
    unsigned left = 0;
    bool failed = false;
    for (unsigned i = 0; i < t->count; i++) {
        close_ends(&t->processes[i]);
        failed = failed || !process_ended(t, &t->processes[i]);
    }
    /* A test that broke off leaves what it started; one that ended must have seen it end. */
    for (double end = seconds_now() + LEAVE_S; !failed && reap(t) && seconds_now() < end;)
        pause_ms(2);
    if (reap(t)) {
        left += failed ? 0 : each_descendant(getpid(), print_words, NULL);
        for (double end = seconds_now() + LEAVE_S; reap(t) && seconds_now() < end; pause_ms(2))
            each_descendant(getpid(), kill_one, NULL);
    }
    for (unsigned i = 0; i < 2 && t->unread[i] >= 0; i++)
        close(t->unread[i]);
    char run_time[FB_PATH_MAX];
    left += clear_names(t, FB_SHM_DIR, "", failed);
    if (fb_runtime_dir(run_time, false) == 0)
        left += clear_names(t, run_time, ".log .status .json", failed);
    nftw(t->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    json_decref(t->report);
    free(t);
    return left == 0 ? 0 : -1;
}
