/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/report.h"

#include <string.h>

#include "shm/report/report_delays.h"
#include "shm/report/report_flows.h"
#include "shm/report/report_inspectors.h"
#include "shm/report/report_pairs.h"
#include "shm/report/report_table.h"
#include "shm/report/report_text.h"

/* ---- counts */

static void print_count(FILE *out, json_int_t count, const char *name, const char *sentence) {
    fprintf(out, "%15s  %-*s%s\n", report_grouped(count).text, sentence[0] != '\0' ? 21 : 0, name,
            sentence);
}

/* A line with a sum whose parts follow, if there are any. */
static void print_total(FILE *out, json_int_t total, const char *name) {
    fprintf(out, "%15s  %s%s\n", report_grouped(total).text, name, total != 0 ? ", of these" : "");
}

/* What one counter of a row has: of the run, or of all rings together. */
static json_int_t part_of(const json_t *report, enum report_list_id list, const char *name) {
    if (list == REPORT_RUN)
        return report_number(json_object_get(report, "run"), name);
    json_int_t sum = 0;
    size_t i;
    const json_t *worker;
    json_array_foreach(json_object_get(report, "workers"), i, worker) {
        sum = report_add(sum, report_number(worker, name));
    }
    return sum;
}

static void print_parts(FILE *out, const json_t *report, const char *object, const char *key) {
    for (unsigned list = 0; list < REPORT_LISTS; list++) {
        for (unsigned i = 0; i < report_lists[list].count; i++) {
            const struct fb_counter_text *text = &report_lists[list].texts[i];
            const char *own = report_key(object, list, i);
            json_int_t part =
                own == NULL || strcmp(own, key) != 0 ? 0 : part_of(report, list, text->name);
            if (part != 0)
                print_count(out, part, text->name, text->text);
        }
    }
}

static unsigned always_shown(const struct report_section *section) {
    unsigned count = 0;
    while (section->always != NULL && section->always[count] != NULL)
        count++;
    return count;
}

static void print_title(FILE *out, const json_t *report, const struct report_section *section) {
    if (strcmp(section->object, "ledger") != 0)
        fprintf(out, "%s:\n", section->title);
    else if (fb_report_balanced(report))
        fprintf(out, "ledger: BALANCED\n");
    else
        fprintf(out, "ledger: NOT BALANCED, %s packets are accounted for\n",
                report_grouped(report_number(json_object_get(report, "ledger"), "accounted")).text);
}

static void print_row(FILE *out, const json_t *report, const char *object,
                      const struct report_row *row, json_int_t value) {
    if (row->counters == 1) {
        print_count(out, value, row->key, row->text->text);
        return;
    }
    print_total(out, value, row->key);
    print_parts(out, report, object, row->key);
}

/* The sum of all rows of a section. */
static json_int_t total_of(const json_t *object, const struct report_row *rows, unsigned count) {
    json_int_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total = report_add(total, report_number(object, rows[i].key));
    return total;
}

static void print_section(FILE *out, const json_t *report, const struct report_section *section) {
    struct report_row rows[REPORT_ROWS_MAX];
    const json_t *object = report_object(report, section->object, strlen(section->object));
    unsigned count = report_rows(section, NULL, rows), always = always_shown(section);
    bool titled = section->title == NULL;
    if (section->total != NULL)
        print_total(out, total_of(object, rows, count), section->total);
    for (unsigned i = 0; i < count; i++) {
        json_int_t value = report_number(object, rows[i].key);
        if (value == 0 && i >= always)
            continue;
        if (!titled)
            print_title(out, report, section);
        titled = true;
        print_row(out, report, section->object, &rows[i], value);
    }
}

/* ---- what is not counted */

/* The time counts from the first packet: of a run without any it would be nothing. */
static void print_head(FILE *out, const json_t *report) {
    const json_t *dispatcher = json_object_get(report, "dispatcher");
    if (strcmp(report_word(dispatcher, "state"), "died") == 0)
        fprintf(out,
                "the last snapshot of a dispatcher that died (pid %" JSON_INTEGER_FORMAT
                "), %.3f s old: what came after it is not counted\n",
                report_number(dispatcher, "pid"), report_real(dispatcher, "heartbeat_age_s"));
    const json_t *hugepages = json_object_get(report, "hugepages");
    bool quiet = report_number(json_object_get(report, "ledger"), "received") == 0;
    fprintf(out, "flow-balancer %s, instance '%s', policy %s, %s%.3f s\n",
            report_word(report, "version"), report_word(report, "instance"),
            report_word(report, "policy"), quiet ? "no packet in " : "",
            report_real(report, quiet ? "running_s" : "elapsed_s"));
    fprintf(out, "pages: %s for rings, %s for flows\n", report_word(hugepages, "down"),
            report_word(hugepages, "flow_table"));
}

static void print_interfaces(FILE *out, const json_t *report) {
    const json_t *interfaces = report_object(report, "capture.interfaces", 18), *each;
    size_t i;
    if (json_array_size(interfaces) == 0)
        return;
    fprintf(out, "%15s  %-5s", "interface", "state");
    for (unsigned c = 0; c < FB_INTERFACE_COUNT; c++)
        fprintf(out, " %15s", fb_interface_texts[c].name);
    json_array_foreach(interfaces, i, each) {
        fprintf(out, "\n%15s  %-5s", report_word(each, "name"), report_word(each, "state"));
        for (unsigned c = 0; c < FB_INTERFACE_COUNT; c++)
            fprintf(out, " %15s",
                    report_grouped(report_number(each, fb_interface_texts[c].name)).text);
    }
    fputc('\n', out);
}

/* Where the dispatcher's time went, in hundredths of all of it. */
static void print_spent_time(FILE *out, const json_t *report) {
    static const struct {
        const char *key, *what;
    } parts[] = {{"idle_s", "waiting for frames"},
                 {"reading_s", "reading"},
                 {"dispatching_s", "dispatching"},
                 {"blocked_s", "waiting for workers"}};
    const json_t *dispatcher = json_object_get(report, "dispatcher");
    double all = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        all += report_real(dispatcher, parts[i].key);
    if (all <= 0)
        return;
    fputs("dispatcher's time:", out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fprintf(out, "%s %.0f %% %s", i == 0 ? "" : ",",
                100 * report_real(dispatcher, parts[i].key) / all, parts[i].what);
    fputc('\n', out);
}

void fb_report_print(FILE *out, const json_t *report) {
    print_head(out, report);
    for (const struct report_section *each = report_sections; each->object != NULL; each++) {
        print_section(out, report, each);
        if (strcmp(each->object, "capture") == 0)
            print_interfaces(out, report);
        if (strcmp(each->object, "flows.ended") == 0)
            report_print_pairs(out, report);
    }
    report_print_inspectors(out, report);
    report_print_flows(out, report);
    print_spent_time(out, report);
    report_print_delays(out, report);
    report_print_workers(out, report);
    report_print_nodes(out, report);
    report_print_differences(out, report);
}
