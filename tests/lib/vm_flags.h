/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_VM_FLAGS_H
#define TESTS_LIB_VM_FLAGS_H

#include <stdbool.h>

/*
 * Whether a mapping of this process that begins at base has a flag of proc_pid_smaps(5),
 * two letters: "dd" is left out of core dumps, "dc" is not handed to a child.
 */
bool has_vm_flag(const void *base, const char *flag);

#endif
