#!/usr/bin/python3
# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""A small shop that reports what it does through the statsd client, to a port where nobody listens."""
import os
import random
import time

import statsd

PAGES = ("home", "search", "product", "cart", "checkout")


def serve(shop, page):
    with shop.timer(f"page.{page}"):
        time.sleep(random.uniform(0.002, 0.02))
    shop.incr(f"requests.{page}")
    shop.set("visitors", f"user{random.randrange(200)}")
    if page == "checkout":
        shop.incr("orders", random.randrange(1, 4))
    shop.gauge("queue.length", random.randrange(50))


def main():
    port = int(os.environ.get("STATSD_PORT", "8125"))
    shop = statsd.StatsClient("127.0.0.1", port, prefix="shop")
    started = time.monotonic()
    while True:
        serve(shop, random.choices(PAGES, weights=(8, 5, 4, 2, 1))[0])
        shop.gauge("uptime", round(time.monotonic() - started))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
