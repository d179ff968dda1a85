/* SPDX-License-Identifier: BSD-2-Clause */
/* The inspector that fails as it is told, by itself; with a dispatcher: proc_fault.c. */
#include "tests/lib/caught.h"
#include "tests/lib/child.h"
#include "tests/lib/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/sides.h"
#include "tests/tools/fault_rules.h"
#include "worker/inspectors/inspectors.h"

static const uint8_t bytes[] = {0xca, 0xfe, 0xba, 0xbe, 0x00, 0xff};

/* The inspector with these rules, claimed as worker 2. */
static void *opened(const char *directory, const char *rules) {
    const struct fb_inspector *ops = inspector_find("fault");
    char args[512];
    struct fb_setup setup = {.args = args};
    const struct fb_instance instance = {.worker = 2};
    snprintf(args, sizeof args, "%s,%s", directory, rules);
    if (ops == NULL || ops->open(&setup) != 0 || setup.state_bytes != 0 ||
        ops->claimed(setup.self, &instance) != 0)
        abort();
    return setup.self;
}

/* Hands packet `frame` to it. where: its descriptor, in a down side as its bytes are; or NULL. */
static int inspect(void *self, uint64_t frame, const struct fb_desc *where) {
    static const struct fb_flow flow;
    const struct fb_packet packet = {.frame = where != NULL ? where->frame : frame,
                                     .caplen = where != NULL ? where->caplen : sizeof bytes,
                                     .l3_off = FB_NO_OFFSET,
                                     .l4_off = FB_NO_OFFSET,
                                     .flow = &flow,
                                     .data = where != NULL ? (const uint8_t *)where : bytes};
    return inspector_find("fault")->packet(self, NULL, &packet);
}

/* The frames recorded, in one text. */
static const char *recorded(const char *directory) {
    static char text[256];
    char path[128], line[256];
    snprintf(path, sizeof path, "%s/worker-2.tsv", directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[0] = '\0';
    for (size_t n = 0; fgets(line, sizeof line, file) != NULL; n = strlen(text))
        snprintf(text + n, sizeof text - n, "%s ", strtok(line, "\t"));
    fclose(file);
    return text;
}

/* ---- rules */

static void the_list_has_those_of_tests_behind_those_of_the_worker(void **state) {
#define NAME(name) #name,
    static const char *const names[] = {INSPECTORS(NAME) "fault", "events", "lines"};
    const unsigned count = sizeof names / sizeof *names;
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        assert_string_equal(inspector_at(i)->name, names[i]);
        assert_ptr_equal(inspector_find(names[i]), inspector_at(i));
    }
    assert_null(inspector_at(count));
    assert_null(inspector_find("faul"));
}

static void rules_are_read(void **state) {
    static const struct {
        const char *text;
        struct fault_rule rule;
    } good[] = {
        {"crash@1", {.action = FAULT_CRASH, .packet = 1}},
        {"exit@%10", {.action = FAULT_EXIT, .number = 7, .packet = 10, .every = true}},
        {"exit=9@3!", {.action = FAULT_EXIT, .number = 9, .packet = 3, .once = true}},
        {"scribble=4294967295@%1!",
         {.action = FAULT_SCRIBBLE,
          .number = 4294967295,
          .packet = 1,
          .every = true,
          .once = true}},
        {"kill@=00fFa1!",
         {.action = FAULT_KILL, .once = true, .pattern = {0, 255, 0xa1}, .pattern_bytes = 3}},
        {"truncate=0@5", {.action = FAULT_TRUNCATE, .packet = 5}},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        struct fault_rule rule;
        memset(&rule, 0xff, sizeof rule);
        assert_true(fault_rule_parse(good[i].text, &rule));
        assert_int_equal(rule.action, good[i].rule.action);
        assert_int_equal(rule.number, good[i].rule.number);
        assert_int_equal(rule.packet, good[i].rule.packet);
        assert_int_equal(rule.every, good[i].rule.every);
        assert_int_equal(rule.once, good[i].rule.once);
        assert_int_equal(rule.pattern_bytes, good[i].rule.pattern_bytes);
        assert_memory_equal(rule.pattern, good[i].rule.pattern, rule.pattern_bytes);
    }
}

static void what_is_no_rule_is_refused_in_one_line_that_shows_it(void **state) {
    static const struct {
        const char *rules, *said;
    } bad[] = {
        {"", "nothing to do"},
        {",", "'': write ACTION"},
        {",crash", "'crash': write ACTION"},
        {",crash@1,", "'': write ACTION"},
        {",@1", "give one of crash, kill"},
        {",crush@1", "action of 'crush@1' 'crush': give one of crash, kill"},
        {",crash=1@1", "'crash=1@1': crash takes no number"},
        {",exit=@1", "number of 'exit=@1' ''"},
        {",exit=-1@1", "number of 'exit=-1@1' '-1'"},
        {",exit=x@1", "number of 'exit=x@1' 'x'"},
        {",kill@", "packet of 'kill@' ''"},
        {",kill@0", "packet of 'kill@0' '0'"},
        {",kill@%0", "packet of 'kill@%0' '0'"},
        {",kill@1x", "packet of 'kill@1x' '1x'"},
        {",kill@!", "packet of 'kill@!' ''"},
        {",kill@1!!", "packet of 'kill@1!!' '1!'"},
        {",kill@=", "the pattern '' must be 1 to 64 bytes"},
        {",kill@=abc", "the pattern 'abc' must"},
        {",kill@=0x", "the pattern '0x' must"},
        {",kill@=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728"
         "292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40",
         "must be 1 to 64 bytes"},
        {",stop@1,stop@2,stop@3,stop@4,stop@5,stop@6,stop@7,stop@8,stop@9,stop@10,stop@11,stop@12,"
         "stop@13,stop@14,stop@15,stop@16,stop@17",
         "'stop@17' is one rule too many: at most 16"},
    };
    const char *directory = *state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char args[512];
        struct fb_setup setup = {.args = args};
        struct caught caught;
        snprintf(args, sizeof args, "%s/made%s", directory, bad[i].rules);
        catch_begin(&caught);
        int rc = inspector_find("fault")->open(&setup);
        expect_one_line(catch_end(&caught), bad[i].said);
        assert_int_equal(rc, -EINVAL);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/made", directory);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_rule_is_due_at_its_packets_only(void **state) {
    static const struct {
        const char *text;
        bool due[6]; /* at packets 1 to 6 */
    } cases[] = {
        {"kill@3", {[2] = true}},
        {"kill@%2", {[1] = true, [3] = true, [5] = true}},
        {"kill@%1", {true, true, true, true, true, true}},
        {"kill@=feba", {true, true, true, true, true, true}},
        {"kill@=cafebabe00ff", {true, true, true, true, true, true}},
        {"kill@=00fe", {false}},
        {"kill@=00ff00", {false}},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault_rule rule;
        assert_true(fault_rule_parse(cases[i].text, &rule));
        for (unsigned p = 0; p < 6; p++)
            assert_int_equal(fault_rule_due(&rule, p + 1, bytes, sizeof bytes), cases[i].due[p]);
    }
    /* Not past the captured length. */
    struct fault_rule rule;
    assert_true(fault_rule_parse("kill@=00ff", &rule));
    assert_false(fault_rule_due(&rule, 1, bytes, sizeof bytes - 1));
}

/* ---- actions */

static void packets_are_recorded_when_their_faults_are_over(void **state) {
    void *self = opened(*state, "slow=1@2,slow=20000@3,kill@9");
    struct timespec begin, end;
    for (unsigned i = 1; i < 3; i++)
        assert_int_equal(inspect(self, i, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(inspect(self, 3, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true((end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec >= 20000000);
    assert_string_equal(recorded(*state), "1 2 3 ");
    inspector_find("fault")->close(self);
}

struct life {
    const char *directory, *rules;
};

/* Inspects packets 1 to 3. */
static void live(void *arg) {
    const struct life *life = arg;
    void *self = opened(life->directory, life->rules);
    for (unsigned i = 1; i <= 3; i++)
        EXPECT(inspect(self, i, NULL) == 0);
}

static void who_dies_does_so_as_told_and_leaves_the_packet_unrecorded(void **state) {
    static const struct {
        const char *rules;
        int status; /* of an exit, or - signal */
        const char *recorded;
    } cases[] = {
        {"crash@2", -SIGSEGV, "1 "},   {"kill@3", -SIGKILL, "1 1 2 "}, {"exit@1", 7, "1 1 2 "},
        {"exit=9@=cafe", 9, "1 1 2 "}, {"exit@4", 0, "1 1 2 1 2 3 "},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct life life = {*state, cases[i].rules};
        int status = child_wait(child_start(live, &life));
        assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                         cases[i].status);
        assert_string_equal(recorded(*state), cases[i].recorded);
    }
}

static void a_fault_asked_for_once_happens_once_in_a_directory(void **state) {
    struct life life = {*state, "slow@1,exit@2!"};
    int status = child_wait(child_start(live, &life));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = child_wait(child_start(live, &life));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(recorded(*state), "1 1 2 3 ");
}

static void who_stops_goes_on_with_the_packet_when_continued(void **state) {
    struct life life = {*state, "stop@2"};
    int status;
    pid_t pid = child_start(live, &life);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    assert_string_equal(recorded(*state), "1 ");
    kill(pid, SIGCONT);
    status = child_wait(pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(recorded(*state), "1 2 3 ");
}

static void who_forks_leaves_a_child_that_holds_on(void **state) {
    void *self = opened(*state, "fork=20@1");
    char path[128];
    int pid = 0;
    assert_int_equal(inspect(self, 1, NULL), 0);
    snprintf(path, sizeof path, "%s/child", (const char *)*state);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    child_kill(pid);
    assert_string_equal(recorded(*state), "1 ");
    inspector_find("fault")->close(self);
}

static void packets_are_copied_behind_each_other(void **state) {
    uint8_t found[64], wanted[2 * (4 + sizeof bytes)];
    char path[128];
    void *self = opened(*state, "copy@%2");
    for (uint64_t frame = 1; frame <= 4; frame++)
        assert_int_equal(inspect(self, frame, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        const uint32_t length = sizeof bytes;
        memcpy(wanted + i * (4 + sizeof bytes), &length, 4);
        memcpy(wanted + i * (4 + sizeof bytes) + 4, bytes, sizeof bytes);
    }
    snprintf(path, sizeof path, "%s/packets", (const char *)*state);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof found, file), sizeof wanted);
    fclose(file);
    assert_memory_equal(found, wanted, sizeof wanted);
    assert_string_equal(recorded(*state), "1 2 3 4 ");
    inspector_find("fault")->close(self);
}

static void *shared_pages(size_t bytes_wanted) {
    void *base =
        mmap(NULL, bytes_wanted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(base != MAP_FAILED);
    return base;
}

struct lie {
    const char *rules;
    uint64_t consumed, cursor;
    uint32_t status;
};

/* A worker that is busy with packet 60 of a burst from 50 on, of 70. */
static void tell(void *arg) {
    static const struct lie lies[] = {
        {"consumed-ahead@1", 1070, 121, 2}, {"consumed-ahead=1@1", 71, 121, 2},
        {"consumed-back=3@1", 47, 121, 2},  {"consumed-back=51@1", UINT64_MAX, 121, 2},
        {"consumed-all@1", 70, 121, 2},     {"cursor-ahead=1@1", 50, 143, 2},
        {"cursor-back=1@1", 50, 99, 2},     {"status=17@1", 50, 121, 17},
        {"consumed-ahead@2", 50, 121, 2},
    };
    struct fb_up *up = shared_pages(fb_up_footprint());
    struct fb_down *down = shared_pages(65536);
    struct fb_desc *desc = (struct fb_desc *)(void *)((char *)down + 32768);
    *desc = (struct fb_desc){.frame = 1, .l3_off = FB_NO_OFFSET, .l4_off = FB_NO_OFFSET};
    atomic_store(&down->published, 70);
    EXPECT(mprotect(down, 65536, PROT_READ) == 0);
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        atomic_store(&up->consumed, 50);
        atomic_store(&up->cursor, 121);
        atomic_store(&up->worker_status, 2);
        EXPECT(inspect(opened(arg, lies[i].rules), 1, desc) == 0);
        EXPECT(atomic_load(&up->consumed) == lies[i].consumed);
        EXPECT(atomic_load(&up->cursor) == lies[i].cursor);
        EXPECT(atomic_load(&up->worker_status) == lies[i].status);
    }
}

static void lies_are_told_in_the_word_that_they_name(void **state) {
    in_child(tell, *state);
}

static void scribble(void *arg) {
    uint64_t *shared = shared_pages(8192), *first = malloc(8192);
    const uint64_t *private_pages =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(inspect(opened(arg, "scribble=5@1"), 1, NULL) == 0);
    for (unsigned i = 0; i < 1024; i++)
        EXPECT(shared[i] != 0 && private_pages[i] == 0);
    memcpy(first, shared, 8192);
    EXPECT(inspect(opened(arg, "scribble=6@1"), 1, NULL) == 0);
    EXPECT(memcmp(first, shared, 8192) != 0);
    EXPECT(inspect(opened(arg, "scribble=5@1"), 1, NULL) == 0);
    EXPECT(memcmp(first, shared, 8192) == 0);
}

static void scribbling_fills_what_is_shared_the_same_for_the_same_seed(void **state) {
    in_child(scribble, *state);
}

static void cut(void *arg) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/up", (const char *)arg);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && ftruncate(fd, 12288) == 0);
    EXPECT(mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
    EXPECT(inspect(opened(arg, "truncate=4096@1"), 1, NULL) == 0);
    EXPECT(fstat(fd, &st) == 0 && st.st_size == 4096);
    EXPECT(inspect(opened(arg, "truncate@1"), 1, NULL) == 0);
    EXPECT(fstat(fd, &st) == 0 && st.st_size == 0);
}

static void cutting_the_up_side_leaves_as_many_bytes_as_told(void **state) {
    in_child(cut, *state);
}

static void a_lie_without_sides_fails_in_one_line(void **state) {
    void *self = opened(*state, "consumed-all@1");
    struct caught caught;
    catch_begin(&caught);
    int rc = inspect(self, 1, NULL);
    expect_one_line(catch_end(&caught), "not in /proc/self/maps");
    assert_int_equal(rc, -ENOENT);
    assert_string_equal(recorded(*state), "");
    inspector_find("fault")->close(self);
}

#define IN_DIRECTORY(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_has_those_of_tests_behind_those_of_the_worker),
        cmocka_unit_test(rules_are_read),
        IN_DIRECTORY(what_is_no_rule_is_refused_in_one_line_that_shows_it),
        cmocka_unit_test(a_rule_is_due_at_its_packets_only),
        IN_DIRECTORY(packets_are_recorded_when_their_faults_are_over),
        IN_DIRECTORY(who_dies_does_so_as_told_and_leaves_the_packet_unrecorded),
        IN_DIRECTORY(a_fault_asked_for_once_happens_once_in_a_directory),
        IN_DIRECTORY(who_stops_goes_on_with_the_packet_when_continued),
        IN_DIRECTORY(packets_are_copied_behind_each_other),
        IN_DIRECTORY(who_forks_leaves_a_child_that_holds_on),
        IN_DIRECTORY(lies_are_told_in_the_word_that_they_name),
        IN_DIRECTORY(scribbling_fills_what_is_shared_the_same_for_the_same_seed),
        IN_DIRECTORY(cutting_the_up_side_leaves_as_many_bytes_as_told),
        IN_DIRECTORY(a_lie_without_sides_fails_in_one_line),
    };
    fb_log_init("test_fault_inspector", FB_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
