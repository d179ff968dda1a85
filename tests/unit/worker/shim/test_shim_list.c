/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker/shim/shim_list.h, worker/shim/shim.map: each function of the libpcap that is installed is
 * in one list, and what libflowbalancer-pcap.so exports are those that are answered there.
 */
#include "tests/lib/unit.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/shim/shim_list.h"

enum list { OURS, USED, LEFT, RIGHTS };

static const struct {
    const char *name;
    enum list list;
} names[] = {
#define X(name) {"pcap_" #name, OURS},
    SHIM_OURS(X)
#undef X
#define X(name) {"pcap_" #name, USED},
        SHIM_USED(X)
#undef X
#define X(name) {"pcap_" #name, LEFT},
            SHIM_LEFT(X)
#undef X
#define X(name) {#name, RIGHTS},
                SHIM_RIGHTS(X)
#undef X
};
#define NAMES (sizeof names / sizeof names[0])

static unsigned listed(const char *name) {
    unsigned count = 0;
    for (unsigned i = 0; i < NAMES; i++)
        count += strcmp(names[i].name, name) == 0;
    return count;
}

/* Calls visit with the name of each symbol that a library exports. */
static unsigned each_export(const char *path, void (*visit)(const char *name)) {
    char command[512], line[256];
    unsigned count = 0;
    snprintf(command, sizeof command, "nm -D -P --defined-only '%s'", path);
    FILE *nm = popen(command, "re"); /* NOLINT(cert-env33-c) */
    assert_non_null(nm);
    while (fgets(line, sizeof line, nm) != NULL) {
        line[strcspn(line, " @\n")] = '\0';
        visit(line);
        count++;
    }
    assert_int_equal(pclose(nm), 0);
    return count;
}

static void expect_listed_once(const char *name) {
    if (strncmp(name, "pcap_", 5) == 0 && listed(name) != 1)
        fail_msg("%s is in %u lists of shim_list.h", name, listed(name));
}

static void each_function_of_libpcap_is_in_one_list(void **state) {
    (void)state;
    const struct link_map *map;
    void *handle = dlopen("libpcap.so.0.8", RTLD_LAZY);
    assert_non_null(handle);
    assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
    assert_true(each_export(map->l_name, expect_listed_once) > 80);
    dlclose(handle);
}

static void each_listed_function_is_libpcaps(void **state) {
    (void)state;
    void *handle = dlopen("libpcap.so.0.8", RTLD_LAZY);
    assert_non_null(handle);
    for (unsigned i = 0; i < NAMES; i++) {
        if (names[i].list != RIGHTS && dlsym(handle, names[i].name) == NULL)
            fail_msg("libpcap has no %s", names[i].name);
    }
    dlclose(handle);
}

static void expect_answered(const char *name) {
    for (unsigned i = 0; i < NAMES; i++) {
        if (strcmp(names[i].name, name) == 0 && (names[i].list == OURS || names[i].list == RIGHTS))
            return;
    }
    fail_msg("%s is exported, and in neither SHIM_OURS nor SHIM_RIGHTS", name);
}

static void nothing_else_is_put_before_a_programs_libraries(void **state) {
    (void)state;
    unsigned answered = 0;
    char path[PATH_MAX] = "";
    assert_true(readlink("/proc/self/exe", path, sizeof path - 64) > 0);
    for (unsigned i = 0; i < 2; i++) /* beside the folder of the tests */
        *strrchr(path, '/') = '\0';
    strcat(path, "/libflowbalancer-pcap.so");
    if (access(path, R_OK) != 0)
        SKIP("no %s: run make build", path);
    for (unsigned i = 0; i < NAMES; i++)
        answered += names[i].list == OURS || names[i].list == RIGHTS;
    assert_int_equal(each_export(path, expect_answered), answered);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_function_of_libpcap_is_in_one_list),
        cmocka_unit_test(each_listed_function_is_libpcaps),
        cmocka_unit_test(nothing_else_is_put_before_a_programs_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
