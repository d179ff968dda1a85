/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_table.h"

#include <stdio.h>
#include <string.h>

const struct report_list report_lists[REPORT_LISTS] = {
    [REPORT_RUN] = {"run", fb_run_texts, FB_RUN_COUNT},
    [REPORT_RINGS] = {"rings", fb_lane_texts, FB_LANE_COUNT},
    [REPORT_SELF] = {"self", fb_worker_texts, FB_WORKER_COUNT},
    [REPORT_DROPPED] = {"ledger.dropped", fb_drop_texts, FB_DROP_COUNT},
    [REPORT_ENDED] = {"flows.ended", fb_end_texts, FB_END_COUNT},
    [REPORT_DECODE] = {"decode", fb_decode_texts, FB_DECODE_COUNT},
    [REPORT_FRAGMENTS] = {"fragments", fb_fragment_texts, FB_FRAGMENT_COUNT},
    [REPORT_VIOLATIONS] = {"violations", fb_violation_texts, FB_VIOLATION_COUNT},
};

static const char *const capture_first[] = {"received", "kernel_drops", "interface_drops", NULL};
static const char *const ledger_first[] = {"received",    "inspected", "shunted",
                                           "quarantined", "in_flight", NULL};
static const char *const flows_first[] = {"created", "active", "peak", NULL};

const struct report_section report_sections[] = {
    {"capture", "capture", NULL, capture_first, false},
    {"ledger", "ledger", NULL, ledger_first, false},
    {"ledger.dropped", NULL, "dropped", NULL, false},
    {"flows", "flows", NULL, flows_first, false},
    {"flows.ended", NULL, "ended", NULL, false},
    {"decode", "decoded", NULL, NULL, false},
    {"fragments", "fragments", NULL, NULL, false},
    {"run", "events", NULL, NULL, false},
    {"violations", "VIOLATIONS by workers", NULL, NULL, true},
    {"rings", "rings, all together", NULL, NULL, false},
    {"self", "workers by their own count, all together", NULL, NULL, false},
    {0},
};

const char *report_key(const char *object, enum report_list_id list, unsigned i) {
    const struct fb_counter_text *text = &report_lists[list].texts[i];
    if (text->path == NULL)
        return strcmp(report_lists[list].object, object) == 0 ? text->name : NULL;
    size_t length = strlen(object);
    bool here = strncmp(text->path, object, length) == 0 && text->path[length] == '.';
    return here ? text->path + length + 1 : NULL;
}

/* The row of a key, made if it is new; NULL if there is no room. */
static struct report_row *row_of(struct report_row *rows, unsigned *count, const char *key) {
    for (unsigned i = 0; i < *count; i++) {
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    }
    if (*count == REPORT_ROWS_MAX)
        return NULL;
    rows[*count] = (struct report_row){.key = key};
    return &rows[(*count)++];
}

unsigned report_rows(const struct report_section *section, const uint64_t *const *values,
                     struct report_row rows[REPORT_ROWS_MAX]) {
    unsigned count = 0;
    for (const char *const *key = section->always; key != NULL && *key != NULL; key++)
        row_of(rows, &count, *key);
    for (unsigned list = 0; list < REPORT_LISTS; list++) {
        for (unsigned i = 0; i < report_lists[list].count; i++) {
            const char *key = report_key(section->object, list, i);
            struct report_row *row = key == NULL ? NULL : row_of(rows, &count, key);
            if (row == NULL)
                continue;
            if (row->counters++ == 0)
                row->text = &report_lists[list].texts[i];
            row->value += values == NULL ? 0 : values[list][i];
        }
    }
    return count;
}

json_t *report_object(const json_t *report, const char *path, size_t length) {
    char copy[32];
    snprintf(copy, sizeof copy, "%.*s", (int)length, path);
    char *dot = strchr(copy, '.');
    if (dot != NULL)
        *dot = '\0';
    json_t *object = json_object_get(report, copy);
    return dot == NULL ? object : json_object_get(object, dot + 1);
}
