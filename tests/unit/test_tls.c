// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What is said of files that TLS cannot use: which one it is, and why. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "sink/transport/tls.h"

static const struct {
	struct tls_options options;
	const char *wanted;
} cases[] = {
	{ { .ca_file = "/nope" }, "cannot read the authorities in /nope: No such file or directory" },
	{ { .ca_file = "/etc/hostname/x" },
	  "cannot read the authorities in /etc/hostname/x: Not a directory" },
	{ { .ca_file = "/dev/null" },
	  "cannot read the authorities in /dev/null: no certificate or crl found" },
	{ { .cert_file = "/nope" }, "cannot read the certificate in /nope: No such file or directory" },
	{ { .cert_file = "/dev/null" }, "cannot read the certificate in /dev/null: no start line" },
};

static void test_unusable_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {};

		assert_null(tls_new(&cases[i].options, "host", &error));
		assert_string_equal(error.text, cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unusable_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
