/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_inspectors.h"

#include <string.h>

#include "shm/report/report_ids.h"
#include "shm/report/report_text.h"

/* The object of an inspector, made if it is new; NULL if memory ran out. */
static json_t *object_of(json_t *inspectors, const char *name) {
    json_t *object = json_object_get(inspectors, name);
    if (object != NULL)
        return object;
    object = json_object();
    return json_object_set_new(inspectors, name, object) == 0 ? object : NULL;
}

bool report_add_stats(json_t *inspectors, const struct fb_stats *stats) {
    for (unsigned i = 0; i < stats->count; i++) {
        char inspector[FB_STAT_NAME_BYTES];
        memcpy(inspector, stats->names[i], sizeof inspector);
        char *counter = strchr(inspector, '.'); /* a valid name has one */
        *counter++ = '\0';
        json_t *object = object_of(inspectors, inspector);
        json_int_t sum = report_add(report_number(object, counter), report_count(stats->values[i]));
        if (json_object_set_new(object, counter, json_integer(sum)) != 0)
            return false;
    }
    return true;
}

void report_print_inspectors(FILE *out, const json_t *report) {
    json_t *inspectors = json_object_get(report, "inspectors"), *counters, *value;
    const char *inspector, *counter;
    if (json_object_size(inspectors) != 0)
        fprintf(out, "inspectors, all together:\n");
    json_object_foreach(inspectors, inspector, counters) {
        json_object_foreach(counters, counter, value) {
            fprintf(out, "%15s  %s.%s\n", report_grouped(json_integer_value(value)).text, inspector,
                    counter);
        }
    }
}
