/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_EXEC_WORDS_H
#define WORKER_INSPECTORS_EXEC_WORDS_H

#include <stdint.h>

/*
 * A command line without a shell: words as a shell parts them, and what % stands for in them.
 */
struct exec_words {
    char **word; /* ends with NULL */
    unsigned count;
    char *bytes; /* of all words */
};

/*
 * Parts a command into words, as sh(1) does: by blanks, with '...', "..." and backslashes. Nothing
 * is expanded, and what would be for a shell to do (pipes, redirection, variables) is refused.
 * Returns NULL, and the caller owns *words until exec_words_free(); or what is wrong, in words.
 */
const char *exec_words_split(struct exec_words *words, const char *command);

void exec_words_free(struct exec_words *words);

/* What %k, %r, %n and %l stand for; %% is one %. */
struct exec_values {
    unsigned worker;
    uint64_t incarnation;
    const char *instance;
    int32_t link_type; /* DLT_ value; %l is the number that capture files have for it */
};

/* The first % of a text that stands for nothing; NULL: there is none. */
const char *exec_pattern_problem(const char *text);

/* A text with the values filled in, which the caller frees; NULL: no memory. A % that stands for
 * nothing stays. */
char *exec_pattern_fill(const char *text, const struct exec_values *values);

#endif
