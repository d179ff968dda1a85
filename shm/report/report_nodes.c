/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/report_text.h"

#include <stdbool.h>

struct node_text {
    char text[32];
};

static struct node_text node_text(const json_t *object, const char *key) {
    struct node_text out = {"no single node"};
    json_int_t node = report_number(object, key);
    if (node >= 0)
        snprintf(out.text, sizeof out.text, "node %" JSON_INTEGER_FORMAT, node);
    return out;
}

static bool at_one_place(const json_t *a, const json_t *b) {
    return report_number(a, "numa_node") == report_number(b, "numa_node") &&
           report_number(a, "ring_numa_node") == report_number(b, "ring_numa_node");
}

void report_print_nodes(FILE *out, const json_t *report) {
    const json_t *dispatcher = json_object_get(report, "dispatcher");
    const json_t *workers = json_object_get(report, "workers");
    if (report_number(dispatcher, "numa_nodes") <= 1)
        return;
    fprintf(out, "NUMA: dispatcher on %s, flow table on %s\n",
            node_text(dispatcher, "numa_node").text,
            node_text(dispatcher, "flow_table_numa_node").text);
    size_t count = json_array_size(workers);
    for (size_t first = 0, next; first < count; first = next) {
        const json_t *worker = json_array_get(workers, first);
        next = first + 1;
        while (next < count && at_one_place(worker, json_array_get(workers, next)))
            next++;
        fprintf(out, "%6zu", first);
        if (next - first > 1)
            fprintf(out, " to %zu", next - 1);
        fprintf(out, ": worker on %s, ring on %s\n", node_text(worker, "numa_node").text,
                node_text(worker, "ring_numa_node").text);
    }
}
