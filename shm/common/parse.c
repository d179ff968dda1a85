/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"

/* strtoull alone would also take white space and a sign. */
bool fb_parse_digits(const char **text, uint64_t most, uint64_t *value) {
    if (**text < '0' || **text > '9')
        return false;
    char *end;
    errno = 0;
    *value = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0 && *value <= most;
}

bool fb_parse_count(const char *option, const char *text, uint64_t least, uint64_t most,
                    uint64_t *value) {
    const char *rest = text;
    if (fb_parse_digits(&rest, most, value) && *rest == '\0' && *value >= least)
        return true;
    fb_error("%s '%s': give a whole number from %" PRIu64 " to %" PRIu64, option, text, least,
             most);
    return false;
}

bool fb_parse_size(const char *option, const char *text, uint64_t least, uint64_t most,
                   uint64_t *bytes) {
    static const char units[] = "KMG";
    const char *rest = text;
    if (fb_parse_digits(&rest, most, bytes)) {
        const char *unit = *rest == '\0' ? NULL : strchr(units, *rest);
        unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);
        bool whole = *rest == '\0' || (unit != NULL && rest[1] == '\0');
        if (whole && *bytes <= most >> shift && *bytes << shift >= least) {
            *bytes <<= shift;
            return true;
        }
    }
    fb_error("%s '%s': give bytes from %" PRIu64 "K to %" PRIu64 "M, such as 16M", option, text,
             least >> 10, most >> 20);
    return false;
}

bool fb_parse_duration(const char *option, const char *text, uint64_t unit_ns, uint64_t most_ns,
                       uint64_t *ns) {
    char *end = NULL;
    double value = -1;
    /* strtod alone would also take hexadecimal, infinity and white space. */
    if (text[strspn(text, "0123456789.")] == '\0' && text[0] != '\0')
        value = strtod(text, &end);
    double most = (double)most_ns / (double)unit_ns;
    if (end != NULL && *end == '\0' && isfinite(value) && value >= 0 && value <= most) {
        *ns = (uint64_t)(value * (double)unit_ns);
        return true;
    }
    fb_error("%s '%s': give a number of %s from 0 to %.0f", option, text,
             unit_ns == 1000000 ? "milliseconds" : "seconds", most);
    return false;
}

bool fb_parse_word(const char *option, const char *text, const char *const *words,
                   unsigned *index) {
    char list[256] = "";
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *index = i;
            return true;
        }
        if (i > 0)
            strncat(list, ", ", sizeof list - strlen(list) - 1);
        strncat(list, words[i], sizeof list - strlen(list) - 1);
    }
    fb_error("%s '%s': give one of %s", option, text, list);
    return false;
}

bool fb_parse_flag(const char *option, const char *text, bool *flag) {
    static const char *const words[] = {"yes", "no", "true", "false", "on", "off", NULL};
    unsigned index;
    if (!fb_parse_word(option, text, words, &index))
        return false;
    *flag = index % 2 == 0;
    return true;
}
