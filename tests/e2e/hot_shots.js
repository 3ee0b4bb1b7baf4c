// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
// Drives the client hot-shots for test_clients.py, which sets NODE_PATH.
// usage: node hot_shots.js SCRIPT PORT     where SCRIPT is a key of `scripts`
"use strict";

const StatsD = require("hot-shots");

function everyType(client) {
	client.increment("clicks");
	client.increment("clicks", 41);
	client.decrement("clicks", 2);
	client.gauge("depth", 17.5);
	client.gaugeDelta("depth", -7.5);
	client.timing("load", 320);
	client.timing("load", 80);
	client.histogram("size", 1024);
	client.set("users", "alice");
	client.unique("users", "bob");
	client.set("users", "alice");
	client.increment(["one", "other"], 3);
}

const scripts = {
	plain: { options: { prefix: "web" }, run: everyType },
	tags: {
		options: { globalTags: { env: "prod" } },
		run(client) {
			client.increment("hits", 2, ["zone:eu", "beta"]);
			client.distribution("wait", 7, { zone: "eu" });
			client.gauge("level", 4, { tags: { zone: "eu" } });
			client.childClient({ prefix: "child.", globalTags: { part: "cart" } }).increment("hits");
		},
	},
	telegraf: {
		options: { telegraf: true, globalTags: { env: "prod" } },
		run(client) {
			client.increment("hits", 2, { zone: "eu" });
			client.timing("load", 30, { zone: "eu" });
			client.gauge("level", 4);
			client.set("users", "alice", { zone: "eu" });
		},
	},
	events: {
		options: {},
		run(client) {
			client.event("deployed", "version 3\nof the shop", { alert_type: "success", priority: "low" }, ["env:prod"]);
			client.event("only a title");
			client.check("db.up", client.CHECKS.OK, { hostname: "db1", message: "all is well" }, ["env:prod"]);
			client.check("db.up", client.CHECKS.CRITICAL);
		},
	},
	timestamps: {
		options: {},
		run(client) {
			client.gauge("level", 42, { timestamp: 1640995200 });
			client.increment("hits", 3, { timestamp: 1640995201, tags: ["a:b"] });
		},
	},
	datadog: {
		options: { datadog: true, containerID: "83c0a99c", cardinality: "low", includeDatadogTelemetry: false },
		run(client) {
			client.increment("hits", 2, ["a:b"]);
			client.timing("load", 30);
		},
	},
	buffered: {
		options: { maxBufferSize: 1400 },
		run(client) {
			for (let index = 0; index < 1000; index++) {
				client.increment("hits");
				client.timing("load", index);
			}
		},
	},
	aggregated: {
		options: { aggregation: true, maxBufferSize: 1400 },
		run(client) {
			for (let index = 0; index < 1000; index++) {
				client.increment("hits", 1, { zone: "eu" });
				client.gauge("level", index);
				client.set("users", `user${index % 7}`);
			}
		},
	},
	sampled: {
		options: {},
		run(client) {
			for (let index = 0; index < 400; index++) {
				client.increment("hits", 1, 0.5);
			}
		},
	},
};

const [name, port] = process.argv.slice(2);
const { options, run } = scripts[name];
const client = new StatsD({ host: "127.0.0.1", port: Number(port), errorHandler(error) { throw error; }, ...options });
run(client);
client.close(() => process.exit(0));
