// What the gateway's endpoints were used for: bars over time, and sums.

import { h, s, put, csv, download, button, duration, empty, field, grid, num, select } from "./dom.js";
import { get3 } from "./api.js";
import { link } from "./router.js";
import { changing } from "./blocks.js";
import { colour } from "./charts.js";

const HOUR = 3600e3;
const RANGES = { "1h": ["the last hour", HOUR, "minute"], "24h": ["the last day", 24 * HOUR, "hour"], "7d": ["the last 7 days", 168 * HOUR, "hour"], "30d": ["the last 30 days", 720 * HOUR, "day"], "90d": ["the last 90 days", 2160 * HOUR, "day"] };
const MEASURES = { calls: "Calls", errors: "Errors", tokens: "Tokens", duration: "Mean duration" };
const value = { calls: (row) => row.calls, errors: (row) => row.errors, tokens: (row) => row.input_tokens + row.output_tokens, duration: (row) => row.calls * row.mean_duration_ms };
const WIDTH = 900, HEIGHT = 220, LEFT = 60, BOTTOM = 24;
const MANY = 11;

/** Rows of equal key added up. */
function sums(rows, key) {
    const found = new Map();
    for (const row of rows) {
        const at = key(row);
        const sum = found.get(at) || { ...row, calls: 0, errors: 0, streamed: 0, input_tokens: 0, output_tokens: 0, cached_tokens: 0, total_ms: 0, max_duration_ms: 0 };
        for (const name of ["calls", "errors", "streamed", "input_tokens", "output_tokens", "cached_tokens"]) sum[name] += row[name] || 0;
        sum.total_ms += row.calls * (row.mean_duration_ms || 0);
        sum.max_duration_ms = Math.max(sum.max_duration_ms, row.max_duration_ms || 0);
        found.set(at, sum);
    }
    return [...found.values()];
}

/** Bars of the endpoints, one upon the other; mean durations are of all of them together. */
function bars(found, measure) {
    const { since, until, bucket_ms: width, usage } = found;
    const names = [...new Set(usage.map((row) => row.endpoint_name))].sort();
    const shown = measure === "duration" ? ["all endpoints"] : names.length > MANY ? [...names.slice(0, MANY), "others"] : names;
    const buckets = new Map();
    for (const row of usage) {
        const bucket = buckets.get(row.time) || buckets.set(row.time, { calls: 0, parts: {} }).get(row.time);
        const name = measure === "duration" ? shown[0] : shown.includes(row.endpoint_name) ? row.endpoint_name : "others";
        bucket.parts[name] = (bucket.parts[name] || 0) + (value[measure](row) || 0);
        bucket.calls += row.calls;
    }
    if (measure === "duration") for (const bucket of buckets.values()) bucket.parts[shown[0]] /= bucket.calls || 1;
    const total = (bucket) => Object.values(bucket.parts).reduce((a, b) => a + b, 0);
    const top = 2 * Math.ceil(Math.max(1, ...[...buckets.values()].map(total)) / 2); // even, so that the middle is a whole number
    const from = Math.floor(since / width) * width;
    const x = (time) => LEFT + (WIDTH - LEFT) * (time - from) / (until - from), y = (v) => (HEIGHT - BOTTOM) * (1 - v / top) + 8 * (v / top);
    const text = (v) => (measure === "duration" ? duration(v) : num(Math.round(v)));
    const stamp = new Intl.DateTimeFormat(undefined, width < 864e5 ? { dateStyle: "short", timeStyle: "short" } : { dateStyle: "medium", timeZone: "UTC" });
    const ink = { fill: "currentColor", "font-size": 11 };
    const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${MEASURES[measure]} over time; the table below has the sums` },
        [0, 0.5, 1].map((share) => [s("line", { x1: LEFT, x2: WIDTH, y1: y(top * share), y2: y(top * share), stroke: "currentColor", "stroke-opacity": 0.15 }),
            s("text", { x: LEFT - 6, y: y(top * share) + 4, "text-anchor": "end", ...ink }, text(top * share))]),
        [0, 0.5, 1].map((share) => s("text", { x: LEFT + (WIDTH - LEFT) * share, y: HEIGHT - 6, "text-anchor": ["start", "middle", "end"][share * 2], ...ink }, stamp.format(from + (until - from) * share))),
        [...buckets].map(([time, bucket]) => {
            let below = 0;
            return shown.filter((name) => bucket.parts[name]).map((name) => {
                const v = bucket.parts[name], bar = s("rect", { x: x(time), width: Math.max(1, x(time + width) - x(time) - 1), y: y(below + v), height: Math.max(0.5, y(below) - y(below + v)), fill: colour(shown.indexOf(name)) },
                    s("title", `${stamp.format(time)}, ${name}: ${text(v)}`));
                below += v;
                return bar;
            });
        }));
    return h("figure.chart", svg, h("figcaption.chips", shown.map((name, i) => h("span", h("i.swatch", { style: { background: colour(i) } }), name))));
}

export async function usage(view) {
    const range = RANGES[view.query.range] ? view.query.range : "24h", measure = MEASURES[view.query.measure] ? view.query.measure : "calls";
    const until = Date.now();
    const [found, known] = await Promise.all([
        get3("gateway/usage", { name: view.query.endpoint, since: until - RANGES[range][1], until, bucket: RANGES[range][2] }, view.signal),
        get3("gateway/endpoints/list", {}, view.signal),
    ]);
    const names = [...new Set([...(known.endpoints || []).map((one) => one.name), ...(view.query.endpoint ? [view.query.endpoint] : [])])].sort();
    const set = (name) => changing(view, (to) => view.set({ [name]: to }));
    const rows = sums(found.usage, (row) => JSON.stringify([row.endpoint_id, row.provider, row.model])).sort((a, b) => b.calls - a.calls);
    const heads = ["Endpoint", "Provider", "Model", "Calls", "Errors", "Streamed", "Tokens in", "cached", "Tokens out", "Mean", "Longest"];
    const cells = (row, time, count) => [row.endpoint_name, row.provider, row.model, count(row.calls), count(row.errors), count(row.streamed), count(row.input_tokens), count(row.cached_tokens), count(row.output_tokens),
        time(row.total_ms / (row.calls || 1)), time(row.max_duration_ms)];
    put(view.body, h("div.row", field("Time", select(Object.entries(RANGES).map(([key, [text]]) => [key, text]), range, set("range"))),
        field("Endpoint", select([["", "all"], ...names], view.query.endpoint || "", set("endpoint"))), field("Show", select(Object.entries(MEASURES), measure, set("measure"))),
        rows.length > 0 && button("CSV", () => download("gateway-usage.csv", csv([heads, ...rows.map((row) => cells(row, Math.round, (n) => n))]), "text/csv"), { class: "small" })),
    rows.length ? [bars(found, measure), grid("Sums", heads, rows.map((row) => cells(row, duration, num)))]
        : empty("No calls in this time", h("p", "Each call of an endpoint is counted. Choose a longer time, or ", h("a", { href: link("gateway", "playground") }, "try an endpoint"), ".")));
}
