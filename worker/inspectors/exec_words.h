/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_INSPECTORS_EXEC_WORDS_H
#define WORKER_INSPECTORS_EXEC_WORDS_H

/* A command line without a shell: words as a shell parts them. */
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

#endif
