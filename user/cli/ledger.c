// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* LEDGER() of the contract header, spelled once for all who show it. */
#include <string.h>
#include "cli/ledger.h"

const struct ledger_row ledger_rows[LEDGER_COUNTERS] = {
#define LEDGER_ROW(suffix, name, meaning) [LEDGER_##suffix] = { name, LEDGER_SELF_PREFIX name, meaning },
	LEDGER(LEDGER_ROW)
#undef LEDGER_ROW
};

uint64_t ledger_sum(const struct ledger *ledger, const char *part)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		if (strstr(ledger_rows[i].name, part))
			sum += ledger->n[i];
	return sum;
}
