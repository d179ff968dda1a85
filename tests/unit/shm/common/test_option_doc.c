/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm/common/option_doc.c: what is made of the list of options when the programs
 * are built: completion for bash and zsh, and the lists in the man pages. All of
 * it is in the folder above that of the tests.
 */
#include "tests/lib/unit.h"

#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/option.h"

static char build[PATH_MAX];

static int find_build(void **state) {
    (void)state;
    ssize_t length = readlink("/proc/self/exe", build, sizeof build - 1);
    if (length <= 0)
        return -1;
    build[length] = '\0';
    memmove(build, dirname(dirname(build)), strlen(build) + 1);
    return 0;
}

/* What a shell command prints on either stream, in static memory; its status is 0. "$B" is the
 * folder of what is built. */
static const char *printed_by(const char *command) {
    static char text[1 << 17];
    setenv("B", build, 1);
    FILE *out = popen(command, "re");
    assert_non_null(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    int status = pclose(out);
    if (status != 0)
        fail_msg("%s: wait status 0x%x: %s", command, (unsigned)status, text);
    return text;
}

static bool has_program(const char *name) {
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null", name);
    return system(command) == 0;
}

/* ---- bash */

/* Completes the words as bash does at their end, and prints what is offered. */
#define BASH_TRY                                                                                   \
    "bash -c 'set -u; source \"$B/completion/flow-balancer.bash\"; COMP_WORDS=(\"$@\"); "          \
    "COMP_CWORD=$(($# - 1)); COMPREPLY=(); last=${!#}; [[ $last != = ]] || last=; "                \
    "_flow_balancer \"$1\" \"$last\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; echo -n "                  \
    "\"${COMPREPLY[*]}\"' - "

static void bash_offers_options_values_and_commands(void **state) {
    (void)state;
    static const struct {
        const char *words, *offered;
    } cases[] = {
        {"flow-dispatcher --sna", "--snapshot-length"},
        {"/usr/bin/flow-dispatcher --sna", "--snapshot-length"},
        {"flow-dispatcher --on-full ''", "block drop"},
        {"flow-dispatcher --on-full = ''", "block drop"},
        {"flow-dispatcher --on-full =", "block drop"},
        {"flow-dispatcher --on-full = d", "drop"},
        {"flow-dispatcher -r x -Q i", "in inout"},
        {"flow-dispatcher --failover ''", "never"},
        {"flow-dispatcher --workers ''", ""},
        {"flow-dispatcher --worker", "--workers"},
        {"flow-dispatcher -r /proc/self/mountinf", "/proc/self/mountinfo"},
        {"flow-worker --wor", "--worker"},
        {"flow-worker --wait s", "spin"},
        {"flow-stat --j", "--json"},
        {"flow-balancer ''", "run start stop status top list add drain restart reload attach"},
        {"flow-balancer st", "start stop status"},
        {"flow-balancer --", "--help --version"},
        {"flow-balancer run --worker", "--workers --worker-cpu"},
        {"flow-balancer start -r x --sna", "--snapshot-length"},
        {"flow-balancer run --cle", ""}, /* says what one call of flow-dispatcher is */
        {"flow-balancer stop --", "--name --timeout --now --config --runtime-dir --help"},
        {"flow-balancer status --j", "--json"},
        {"flow-balancer top --int", "--interval"},
        {"flow-balancer list -", "--json --help"},
        {"flow-balancer add -", "--name --config --runtime-dir --help"},
        {"flow-balancer restart ''", "all"},
        {"flow-balancer restart -n x --c", "--config"},
        {"flow-balancer drain -n x --co", "--config"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[1024];
        snprintf(command, sizeof command, BASH_TRY "%s 2>&1", cases[i].words);
        const char *offered = printed_by(command);
        if (strcmp(offered, cases[i].offered) != 0)
            fail_msg("%s<TAB>: '%s', not '%s'", cases[i].words, offered, cases[i].offered);
    }
}

static void bash_offers_every_option_of_each_program(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum fb_reader reader;
    } programs[] = {{"flow-dispatcher", FB_DISPATCHER},
                    {"flow-worker", FB_WORKER},
                    {"flow-stat", FB_STAT},
                    {"flow-balancer run", FB_RUN}};
    for (size_t p = 0; p < sizeof programs / sizeof *programs; p++) {
        for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
            const struct fb_option_line *line = fb_option_line(i);
            char command[1024], offered[4096], wanted[64];
            if ((line->readers & programs[p].reader) == 0)
                continue;
            snprintf(command, sizeof command, BASH_TRY "%s %s 2>&1", programs[p].name,
                     line->spelled);
            snprintf(offered, sizeof offered, " %s ", printed_by(command));
            snprintf(wanted, sizeof wanted, " %s ", line->spelled);
            if (strstr(offered, wanted) == NULL)
                fail_msg("%s %s<TAB>: '%s'", programs[p].name, line->spelled, offered);
        }
    }
}

/* As bash-completion does it: by the name of the command, when it is first completed. */
static void bash_completion_finds_the_file_by_the_name_of_the_program(void **state) {
    (void)state;
    if (access("/usr/share/bash-completion/bash_completion", R_OK) != 0)
        SKIP("bash-completion is not installed");
    assert_string_equal(printed_by("d=$(mktemp -d) && mkdir $d/completions && "
                                   "cp \"$B/completion/flow-balancer.bash\" "
                                   "$d/completions/flow-balancer && "
                                   "ln -s flow-balancer $d/completions/flow-stat && "
                                   "BASH_COMPLETION_USER_DIR=$d bash -c '"
                                   ". /usr/share/bash-completion/bash_completion; "
                                   "_completion_loader flow-stat; complete -p flow-stat'; "
                                   "rm -r $d"),
                        "complete -F _flow_balancer flow-stat\n");
}

/* ---- zsh */

static void zsh_takes_the_completion_and_its_options(void **state) {
    (void)state;
    if (!has_program("zsh"))
        SKIP("zsh is not installed");
    printed_by("zsh -n \"$B/completion/_flow-balancer\" 2>&1");
    /* The arrays that are handed to _arguments, a line each. */
    const char *specs =
        printed_by("zsh -f -c 'service=x; _arguments() { }; "
                   ". \"$B/completion/_flow-balancer\" && "
                   "_flow_balancer_specs run && print -l $subcommands $specs' 2>&1");
    assert_non_null(strstr(specs, "\nrestart:Replace the process of a worker"));
    assert_non_null(strstr(specs, "\n*-Q+[Capture incoming frames"));
    assert_non_null(strstr(specs, "]:in|out|inout:(in out inout)\n"));
    assert_non_null(strstr(specs, "\n*--worker-cpu=[Run each worker"));
    assert_non_null(strstr(specs, "\n*--read=[Read packets"));
    assert_non_null(strstr(specs, "]:FILE:_files\n"));
    assert_null(strstr(specs, "\n*--clean["));
}

/* ---- man pages */

/* "SIZE|auto" in a page is "Ar SIZE | Cm auto". */
static void a_list_for_a_page_has_each_option_with_its_argument(void **state) {
    (void)state;
    const char *list = printed_by("\"$B/option-doc\" mdoc dispatcher 2>&1");
    static const char *const parts[] = {
        ".Bl -tag -width Ds\n.It Fl r , Fl -read Ar FILE\nRead packets",
        "\n.It Fl -ring-bytes Ar SIZE | Cm auto\n",
        "\n.It Fl -fanout Ar GROUP Ns Op : Ns Ar MODE\n",
        "\n.It Fl p , Fl -no-promiscuous-mode\nDo not put the interfaces into promiscuous mode.\n",
        "\n.It Fl -loop Ar N\nRead all files this many times (default: 1).\n",
        "\nadded (default: twice \\-\\-workers, at least 4 more).\n",
        ".\n.El\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(list, parts[i]) == NULL)
            fail_msg("not in the list: '%s'", parts[i]);
    }
}

static void every_option_is_in_the_man_page_of_its_program(void **state) {
    (void)state;
    static const struct {
        const char *page;
        unsigned readers;
    } pages[] = {{"flow-dispatcher.1", FB_DISPATCHER},
                 {"flow-worker.1", FB_WORKER},
                 {"flow-stat.1", FB_STAT},
                 {"flow-balancer.1", FB_SCRIPT}};
    unsigned found = 0;
    for (size_t p = 0; p < sizeof pages / sizeof *pages; p++) {
        char command[64];
        snprintf(command, sizeof command, "cat \"$B/man/%s\" 2>/dev/null || true", pages[p].page);
        const char *text = printed_by(command);
        if (*text == '\0')
            continue;
        found++;
        assert_null(strstr(text, "@OPTIONS"));
        for (enum fb_option i = FB_OPT_NONE + 1; i < FB_OPTIONS; i++) {
            const struct fb_option_line *line = fb_option_line(i);
            char item[80];
            snprintf(item, sizeof item, "Fl -%s%c", line->name,
                     line->argument != NULL ? ' ' : '\n');
            if ((line->readers & pages[p].readers) != 0 && strstr(text, item) == NULL)
                fail_msg("--%s is not in %s", line->name, pages[p].page);
        }
    }
    if (found == 0)
        SKIP("there are no man pages");
}

static void mandoc_finds_nothing_wrong_in_the_pages(void **state) {
    (void)state;
    if (!has_program("mandoc"))
        SKIP("mandoc is not installed");
    for (const char *const *p =
             (const char *const[]){"dispatcher", "worker", "stat", "script", NULL};
         *p != NULL; p++) {
        char command[256];
        snprintf(command, sizeof command,
                 "{ printf '.Dd January 1, 2026\\n.Dt X 1\\n.Os\\n.Sh NAME\\n.Nm x\\n.Nd x\\n"
                 ".Sh OPTIONS\\n'; \"$B/option-doc\" mdoc %s; } | mandoc -T lint -W warning 2>&1",
                 *p);
        assert_string_equal(printed_by(command), "");
    }
}

static void wrong_calls_of_the_generator_fail(void **state) {
    (void)state;
    static const char *const calls[] = {"", "mdoc", "mdoc flow-stat", "list more", "sh"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char command[128];
        snprintf(command, sizeof command, "! \"$B/option-doc\" %s 2>&1 >/dev/null", calls[i]);
        assert_string_not_equal(printed_by(command), "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bash_offers_options_values_and_commands),
        cmocka_unit_test(bash_offers_every_option_of_each_program),
        cmocka_unit_test(bash_completion_finds_the_file_by_the_name_of_the_program),
        cmocka_unit_test(zsh_takes_the_completion_and_its_options),
        cmocka_unit_test(a_list_for_a_page_has_each_option_with_its_argument),
        cmocka_unit_test(every_option_is_in_the_man_page_of_its_program),
        cmocka_unit_test(mandoc_finds_nothing_wrong_in_the_pages),
        cmocka_unit_test(wrong_calls_of_the_generator_fail),
    };
    return cmocka_run_group_tests(tests, find_build, NULL);
}
