/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_WELL_FORMED_H
#define TESTS_LIB_WELL_FORMED_H

/*
 * Fails the test unless a page is well-formed XML as far as these pages go: elements that are
 * nested and end, attributes between double quotes, entities that there are, no control
 * character. No comments and no sections of CDATA.
 */
void expect_well_formed(const char *page);

#endif
