/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/stamps.h"

#include <ctype.h>
#include <string.h>

static bool fits(char form, char c) {
    if (form == '0')
        return isdigit((unsigned char)c) != 0;
    return form == '+' ? c == '+' || c == '-' : c == form;
}

bool is_stamped(const char *line) {
    const char *form = STAMP_FORM;
    while (*form != '\0' && fits(*form, *line))
        form++, line++;
    return *form == '\0';
}

char *without_stamps(char *text) {
    for (char *line = text; *line != '\0';) {
        if (is_stamped(line))
            memmove(line, line + STAMP_BYTES, strlen(line + STAMP_BYTES) + 1);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return text;
}
