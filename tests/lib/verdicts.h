/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_VERDICTS_H
#define TESTS_LIB_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What nDPI says of each flow: of the inspector `ndpi`, from its records, and of ndpiReader, from
 * its table. Two flows with the same ends are told apart by nothing here.
 */
struct verdict {
    char ends[128];      /* protocol number, and both ends, as ndpiReader writes them */
    char proto[32];      /* "TLS.Google"; "Unknown" */
    char host[80];       /* "": none */
    char ja3[40];        /* of the client, "": none */
    char confidence[24]; /* of the inspector only */
    uint64_t flow;       /* likewise: the id */
    bool is_inspected;   /* false: the library was given no packet */
    bool is_excepted;    /* in a tunnel, or in fragments: ndpiReader has other flows there */
    bool is_matched;
};

struct verdicts {
    struct verdict *rows; /* sorted by ends */
    size_t count, room;
};

/*
 * Adds the records in a file of lines, and marks those of which the inspector `record` saw a
 * fragment, with its lines in the other file. They fail the test if a line is none.
 */
void verdicts_add_records(struct verdicts *v, const char *eve, const char *record);

/* Reads what ndpiReader wrote with -C and -v 3. False if that is not there. */
bool verdicts_read_table(struct verdicts *v, const char *path);

void verdicts_sort(struct verdicts *v);
void verdicts_free(struct verdicts *v);

/*
 * Matches each flow of ours that counts with one of theirs that says the same. `differs` is called
 * for each that has none, with theirs that has the same ends and is matched with none, or NULL.
 * Returns how many flows count. Both are sorted.
 */
size_t verdicts_compare(struct verdicts *ours, struct verdicts *theirs,
                        void (*differs)(void *arg, const struct verdict *mine,
                                        const struct verdict *its),
                        void *arg);

#endif
