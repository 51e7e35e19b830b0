/* SPDX-License-Identifier: Apache-2.0
 *
 * check - cmocka with what every test of assay needs: include this instead of cmocka.h. */
#ifndef ASSAY_TESTS_CHECK_H
#define ASSAY_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/msg.h"

/* Fails with the whole error where `err` is not what was expected ("" expects none). */
#define assert_err(err_ptr, expected_key)                                                                    \
	do {                                                                                                 \
		const struct err *seen_ = (err_ptr);                                                         \
		if (strcmp(seen_->key, (expected_key)) != 0)                                                 \
			fail_msg("expected error \"%s\", got \"%s\" (%s)", (expected_key), seen_->key,       \
				 seen_->args);                                                               \
	} while (0)

/* The call must succeed. */
#define assert_ok(call)                                                                                      \
	do {                                                                                                 \
		if ((call) != ERR_OK)                                                                        \
			fail_msg("%s: \"%s\" (%s)", #call, err.key, err.args);                               \
	} while (0)

/* Two doubles, within `tolerance`; needs math.h. */
#define assert_near(seen, expected, tolerance)                                                              \
	do {                                                                                                 \
		double seen_ = (seen), expected_ = (expected);                                               \
		if (!(fabs(seen_ - expected_) <= (tolerance)))                                               \
			fail_msg("%s is %.12g, expected %.12g", #seen, seen_, expected_);                    \
	} while (0)

#define assert_arg(err_ptr, name, expected)                                                                  \
	do {                                                                                                 \
		char value_[512] = "";                                                                       \
		(void)err_arg((err_ptr), (name), value_, sizeof(value_));                                    \
		assert_string_equal(value_, (expected));                                                     \
	} while (0)

#endif
