/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_pairs.h"

#include <string.h>

#include "flow_balancer/common/json_text.h"

#include "shm/report/report_ids.h"
#include "shm/report/report_table.h"
#include "shm/report/report_text.h"

#define ODD_SHARE 0.05 /* one-sided or guessed: the taps of a good line have less */
#define ODD_FLOWS 20   /* below, one flow would be one in twenty */

/* ---- as JSON */

static json_t *name_of(const struct fb_ctl *ctl, unsigned i) {
    const char *name = ctl->interface_names[i];
    return fb_json_text(name, strnlen(name, sizeof ctl->interface_names[i]));
}

static json_t *make_pair(json_t *forward, json_t *reverse, uint64_t one_sided,
                         const uint64_t *counts) {
    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "forward", forward, "reverse", reverse, "flows",
                     report_count(counts[FB_PAIR_FLOWS]), "one_sided", report_count(one_sided),
                     "guessed", report_count(counts[FB_PAIR_GUESSED]));
}

/* All that is in files. */
static int append_file(json_t *array, const struct fb_snapshot *s) {
    uint64_t counts[FB_PAIR_COUNT] = {0};
    for (unsigned i = 0; i < FB_PAIR_COUNT; i++)
        counts[i] = s->pairs[0][0][i] + s->pairs[0][FB_PAIR_ONE_SIDED][i];
    if (counts[FB_PAIR_FLOWS] == 0)
        return 0;
    return json_array_append_new(array,
                                 make_pair(json_string("file"), json_string("file"),
                                           s->pairs[0][FB_PAIR_ONE_SIDED][FB_PAIR_FLOWS], counts));
}

static int append_interfaces(json_t *array, const struct fb_ctl *ctl, const struct fb_snapshot *s) {
    int failed = 0;
    for (unsigned i = 0; i < ctl->interfaces && i < FB_MAX_INTERFACES; i++) {
        for (unsigned k = 0; k < FB_PAIR_REVERSES; k++) {
            const uint64_t *counts = s->pairs[i][k];
            bool one_sided = k == FB_PAIR_ONE_SIDED;
            if (counts[FB_PAIR_FLOWS] != 0)
                failed |= json_array_append_new(
                    array, make_pair(name_of(ctl, i), one_sided ? json_null() : name_of(ctl, k),
                                     one_sided ? counts[FB_PAIR_FLOWS] : 0, counts));
        }
    }
    return failed;
}

json_t *report_pairs(const struct fb_ctl *ctl, const struct fb_snapshot *snapshot) {
    json_t *array = json_array();
    int failed = array == NULL || (ctl->interfaces == 0 ? append_file(array, snapshot)
                                                        : append_interfaces(array, ctl, snapshot));
    if (failed == 0)
        return array;
    json_decref(array);
    return NULL;
}

/* ---- as text */

static json_int_t sum_of(const json_t *pairs, const char *key) {
    json_int_t sum = 0;
    size_t i;
    const json_t *pair;
    json_array_foreach(pairs, i, pair) {
        sum = report_add(sum, report_number(pair, key));
    }
    return sum;
}

static bool is_odd(const json_t *pairs) {
    json_int_t flows = sum_of(pairs, "flows");
    double most = ODD_SHARE * (double)flows;
    return flows >= ODD_FLOWS &&
           ((double)sum_of(pairs, "one_sided") > most || (double)sum_of(pairs, "guessed") > most);
}

void report_print_pairs(FILE *out, const json_t *report) {
    static const char *const columns[] = {"flows", "one_sided", "guessed"};
    const json_t *pairs = report_object(report, "capture.pairs", 13), *pair;
    size_t i;
    if (!is_odd(pairs))
        return;
    fprintf(out, "%15s  %-15s %15s %15s %15s\n", "TCP from", "answered from", "flows", "one-sided",
            "guessed");
    json_array_foreach(pairs, i, pair) {
        const char *reverse = report_word(pair, "reverse");
        fprintf(out, "%15s  %-15s", report_word(pair, "forward"),
                reverse[0] != '\0' ? reverse : "nowhere");
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            fprintf(out, " %15s", report_grouped(report_number(pair, columns[c])).text);
        fputc('\n', out);
    }
}
