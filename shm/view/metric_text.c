/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/view/metric_text.h"

#include <inttypes.h>

#define PREFIX "flow_balancer_"
#define SECOND_NS 1000000000

struct metric_number metric_number(int64_t number) {
    struct metric_number made;
    snprintf(made.text, sizeof made.text, "%" PRId64, number);
    return made;
}

/* What would end a line, or the quotes of a label's value, is written as the format has it. */
static void put_escaped(FILE *out, const char *text, bool quoted) {
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || (*text == '"' && quoted))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

void metric_family(struct metric_text *text, const char *name, const char *kind, const char *help) {
    text->name = name;
    text->kind = kind;
    text->help = help;
    text->has_head = false;
}

static void put_head(struct metric_text *text) {
    fprintf(text->out, "# HELP " PREFIX "%s ", text->name);
    put_escaped(text->out, text->help, false);
    fprintf(text->out, "\n# TYPE " PREFIX "%s %s\n", text->name, text->kind);
    text->has_head = true;
}

static void put_label(FILE *out, const char *name, const char *value) {
    fprintf(out, "%s=\"", name);
    put_escaped(out, value != NULL ? value : "", true);
    fputc('"', out);
}

void metric_begin(struct metric_text *text, const char *suffix, const struct metric_label *labels) {
    if (!text->has_head)
        put_head(text);
    fprintf(text->out, PREFIX "%s%s{", text->name, suffix);
    put_label(text->out, "balancer", text->balancer);
    for (; labels->name != NULL; labels++) {
        fputc(',', text->out);
        put_label(text->out, labels->name, labels->value);
    }
    fputs("} ", text->out);
}

void metric_part(struct metric_text *text, const char *suffix, const struct metric_label *labels,
                 int64_t value) {
    metric_begin(text, suffix, labels);
    fprintf(text->out, "%" PRId64 "\n", value);
}

void metric_integer(struct metric_text *text, const struct metric_label *labels, int64_t value) {
    metric_part(text, "", labels, value);
}

void metric_nanoseconds(struct metric_text *text, const struct metric_label *labels, int64_t ns) {
    metric_begin(text, "", labels);
    fprintf(text->out, "%" PRId64 ".%09" PRId64 "\n", ns / SECOND_NS, ns % SECOND_NS);
}

void metric_sample(struct metric_text *text, const struct metric_label *labels,
                   const json_t *value) {
    if (json_is_boolean(value)) {
        metric_integer(text, labels, json_is_true(value));
    } else if (json_is_number(value)) {
        metric_begin(text, "", labels);
        json_dumpf(value, text->out, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        fputc('\n', text->out);
    }
}
