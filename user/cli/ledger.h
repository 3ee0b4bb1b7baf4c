/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The rows of the ledger as people and programs read them: names, meanings, families. */
#ifndef CLI_LEDGER_H
#define CLI_LEDGER_H

#include <stdint.h>
#include "kstatsd.h"

#define LEDGER_SELF_PREFIX "kstatsd."

struct ledger_row {
	const char *name;      /* "lines.rejected.value" */
	const char *self_name; /* "kstatsd.lines.rejected.value" */
	const char *meaning;
};

/* Indexed by enum ledger_counter. */
extern const struct ledger_row ledger_rows[LEDGER_COUNTERS];

/* The sum of the rows whose names hold `part`: ".lost.". */
uint64_t ledger_sum(const struct ledger *ledger, const char *part);

#endif /* CLI_LEDGER_H */
