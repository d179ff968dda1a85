/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_SAMPLES_H
#define TESTS_LIB_SAMPLES_H

/* Folders of sample captures, which are not part of the tree: captures that others made, and small
 * ones that were read wrongly. */
#define SAMPLES_CAPTURES "FB_CAPTURES", "../shared/captures"
#define SAMPLES_FAULTS "FB_FAULTS", "../shared/faults"

/* The whole path of the folder that an environment variable names, else of the other one, good
 * until the next call. Skips the test if it is not there. */
const char *samples_folder(const char *variable, const char *otherwise);

#endif
