/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/exec_words.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n"
#define NO_SHELL "|&;<>()$`" /* what a shell would act on, outside of quotes */

static const char shell_wanted[] =
    "there is no shell for an unquoted |, &, ;, <, >, (, ), $ or `: put it into single quotes, or "
    "run sh -c '...'";

/* Where a command is read, and where its words are written. */
struct splitter {
    const char *at;
    char *to;
};

/* What is between double quotes, up to the second one. */
static const char *take_double_quoted(struct splitter *s) {
    for (; *s->at != '"'; s->at++) {
        if (*s->at == '\0')
            return "a \" is not closed";
        if (*s->at == '$' || *s->at == '`')
            return shell_wanted;
        if (*s->at == '\\' && s->at[1] != '\0' && strchr("\\\"$`", s->at[1]) != NULL)
            s->at++;
        *s->to++ = *s->at;
    }
    s->at++;
    return NULL;
}

static const char *take_single_quoted(struct splitter *s) {
    const char *end = strchr(s->at, '\'');
    if (end == NULL)
        return "a ' is not closed";
    size_t n = (size_t)(end - s->at);
    memcpy(s->to, s->at, n);
    s->to += n;
    s->at = end + 1;
    return NULL;
}

/* One word, with the 0 that ends it. */
static const char *take_word(struct splitter *s) {
    const char *problem = NULL;
    while (problem == NULL && *s->at != '\0' && strchr(BLANKS, *s->at) == NULL) {
        char c = *s->at++;
        if (c == '\'')
            problem = take_single_quoted(s);
        else if (c == '"')
            problem = take_double_quoted(s);
        else if (strchr(NO_SHELL, c) != NULL)
            problem = shell_wanted;
        else if (c != '\\')
            *s->to++ = c;
        else if (*s->at == '\0')
            problem = "there is nothing behind its last \\";
        else
            *s->to++ = *s->at++;
    }
    *s->to++ = '\0';
    return problem;
}

const char *exec_words_split(struct exec_words *words, const char *command) {
    size_t length = strlen(command);
    /* A word takes no more than it had there with the blank behind it. */
    *words = (struct exec_words){.word = calloc(length / 2 + 2, sizeof *words->word),
                                 .bytes = malloc(length + 2)};
    struct splitter s = {.at = command, .to = words->bytes};
    const char *problem = NULL;
    if (words->word == NULL || words->bytes == NULL)
        problem = "there is no memory for it";
    while (problem == NULL) {
        s.at += strspn(s.at, BLANKS);
        if (*s.at == '\0')
            break;
        words->word[words->count++] = s.to;
        problem = take_word(&s);
    }
    if (problem == NULL && (words->count == 0 || *words->word[0] == '\0'))
        problem = "it names no program";
    if (problem != NULL)
        exec_words_free(words);
    return problem;
}

void exec_words_free(struct exec_words *words) {
    free(words->word);
    free(words->bytes);
    *words = (struct exec_words){.word = NULL};
}
