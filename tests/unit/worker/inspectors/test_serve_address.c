/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/serve_address.c: addresses that are taken, and those that are not. */
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/inspectors/serve_address.h"

static void addresses_are_taken_apart(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
        bool waits;
    } rows[] = {{"57000", "127.0.0.1:57000", false},
                {"57000,wait", "127.0.0.1:57000", true},
                {":57000", "127.0.0.1:57000", false},
                {":1,wait", "127.0.0.1:1", true},
                {"0.0.0.0:65535", "0.0.0.0:65535", false},
                {"10.1.2.3:80,wait", "10.1.2.3:80", true},
                {"[::1]:57000", "[::1]:57000", false},
                {"[::]:5,wait", "[::]:5", true},
                {"[2001:DB8:0::7]:9", "[2001:db8::7]:9", false}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        union serve_address address;
        char printed[SERVE_NAME_BYTES];
        bool waits = !rows[i].waits;
        const char *problem = serve_address_parse(rows[i].text, &address, &waits);
        if (problem != NULL)
            fail_msg("%s: %s", rows[i].text, problem);
        serve_address_print(&address, printed);
        assert_string_equal(printed, rows[i].printed);
        assert_int_equal(waits, rows[i].waits);
        assert_int_equal(serve_address_size(&address), rows[i].printed[0] == '['
                                                           ? sizeof(struct sockaddr_in6)
                                                           : sizeof(struct sockaddr_in));
    }
}

static void what_is_no_address_is_told(void **state) {
    (void)state;
    static const char *const rows[][2] = {{"", "port is missing"},
                                          {"1.2.3.4", "port is missing"},
                                          {"localhost", "port is missing"},
                                          {"0", "PORT is no"},
                                          {"65536", "PORT is no"},
                                          {",wait", "port is missing"},
                                          {":", "PORT is no"},
                                          {":0", "PORT is no"},
                                          {":65536", "PORT is no"},
                                          {":-1", "PORT is no"},
                                          {":5x", "PORT is no"},
                                          {": 5", "PORT is no"},
                                          {":x,wait", "PORT is no"},
                                          {":5,", "not 'wait'"},
                                          {":5,waits", "not 'wait'"},
                                          {":5,wait,wait", "not 'wait'"},
                                          {"localhost:5", "names are not looked up"},
                                          {"1.2.3:5", "no IPv4 address"},
                                          {"::1:5", "in brackets"},
                                          {"[::1:5", "in brackets"},
                                          {"[]:5", "no IPv6 address"},
                                          {"[1.2.3.4]:5", "no IPv6 address"},
                                          {"[::1%lo]:5", "no IPv6 address"}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        union serve_address address;
        bool waits;
        const char *problem = serve_address_parse(rows[i][0], &address, &waits);
        if (problem == NULL || strstr(problem, rows[i][1]) == NULL)
            fail_msg("'%s': %s", rows[i][0], problem != NULL ? problem : "taken");
    }
    char longest[200];
    union serve_address address;
    bool waits;
    memset(longest, '1', sizeof longest);
    strcpy(longest + 190, ":5");
    assert_string_equal(serve_address_parse(longest, &address, &waits), "ADDR is too long");
}

static void each_worker_has_a_port_while_there_are_ports(void **state) {
    (void)state;
    static const char *const texts[] = {":65530", "[::1]:65530"};
    for (unsigned i = 0; i < 2; i++) {
        union serve_address address, again;
        char printed[SERVE_NAME_BYTES];
        bool waits;
        assert_null(serve_address_parse(texts[i], &address, &waits));
        again = address;
        assert_true(serve_address_add(&address, 5));
        serve_address_print(&address, printed);
        assert_non_null(strstr(printed, ":65535"));
        assert_false(serve_address_add(&again, 6));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(what_is_no_address_is_told),
        cmocka_unit_test(each_worker_has_a_port_while_there_are_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
