/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_OPTION_NAMES_H
#define TESTS_LIB_OPTION_NAMES_H

#include <popt.h>
#include <string.h>

#include "flow_balancer/common/config.h"
#include "flow_balancer/common/option_names.h"

/* A popt table and the list of the program's names in option_names.h agree; the list ends with
 * NULL. */
static inline void expect_agreement(const struct poptOption *table, enum fb_reader reader,
                                    const char *const *keys) {
#define NAME(name) name,
    static const char *const only[] = {FB_COMMAND_LINE_ONLY(NAME) NULL};
    for (const struct poptOption *option = table; option->longName != NULL; option++) {
        unsigned found = fb_option_find_key(reader, option->longName) != FB_OPT_NONE ? 1 : 0;
        for (unsigned i = 0; only[i] != NULL; i++)
            found += strcmp(option->longName, only[i]) == 0;
        if (found != 1)
            fail_msg("--%s is in %u lists of option_names.h, not 1", option->longName, found);
    }
    for (; *keys != NULL; keys++) {
        const struct poptOption *option = table;
        while (option->longName != NULL && strcmp(option->longName, *keys) != 0)
            option++;
        if (option->longName == NULL)
            fail_msg("'%s' of option_names.h is no option", *keys);
    }
}

#endif
