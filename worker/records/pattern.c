/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/records/pattern.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 24u /* characters of a number, with the 0 that ends it */

const char *pattern_problem(const char *text, const char *letters) {
    for (const char *at = text; (at = strchr(at, '%')) != NULL; at += 2) {
        if (at[1] == '\0' || (at[1] != '%' && strchr(letters, at[1]) == NULL))
            return at;
    }
    return NULL;
}

/* What %c stands for; number is room for one. NULL: nothing. */
static const char *value_of(char c, const struct pattern_values *values, char number[VALUE_MAX]) {
    uint64_t value = values->worker;
    switch (c) {
    case '%':
        return "%";
    case 'n':
        return values->instance;
    case 'k':
        break;
    case 'r':
        value = values->incarnation;
        break;
    case 'l':
        value = values->link_type;
        break;
    default:
        return NULL;
    }
    snprintf(number, VALUE_MAX, "%" PRIu64, value);
    return number;
}

char *pattern_fill(const char *text, const struct pattern_values *values) {
    char *filled = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&filled, &size);
    if (out == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        char number[VALUE_MAX];
        const char *value = *text == '%' ? value_of(text[1], values, number) : NULL;
        if (value == NULL) {
            putc(*text, out);
            continue;
        }
        fputs(value, out);
        text++;
    }
    bool ok = ferror(out) == 0;
    if (fclose(out) == 0 && ok)
        return filled;
    free(filled);
    return NULL;
}
