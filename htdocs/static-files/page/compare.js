// Two to two hundred runs beside one another.

import { h, s, put, ago, button, csv, download, duration, empty, grid, num, parsed, select, status, tabs } from "./dom.js";
import { get } from "./api.js";
import { link } from "./router.js";
import { toRow, runTime } from "./runs.js";
import { chartPanel, colour, exportMenu, frame, ink, savePng, saveSvg, ticks } from "./charts.js";

const MAX = 200;

/** The runs of an address: runs=a,b or, as in MLflow's links, runs=["a","b"]. */
const idsOf = (query) => [...new Set(parsed(query.runs) || (query.runs || "").split(","))].filter((id) => /^[\w-]+$/.test(id)).slice(0, MAX);

async function fetchRuns(ids, signal) {
    const found = new Map();
    // One that is deleted or may not be read is missing; the others are shown.
    const each = await Promise.all(ids.map((id) => get("runs/get", { run_id: id }, signal).then((page) => page.run, (error) => {
        if (error.name === "AbortError" || error.status === 401) throw error;
        return null;
    })));
    each.filter(Boolean).forEach((run) => found.set(run.info.run_id, toRow(run)));
    return ids.map((id) => found.get(id)).filter(Boolean);
}

export async function comparePage(view) {
    view.title("Compare");
    const ids = idsOf(view.query);
    if (ids.length < 2) {
        put(view.root, empty("Choose runs to compare", h("p", "Select two runs or more in an experiment's table (x selects the current row), then press c."), h("a", { href: "#/experiments" }, "To the experiments")));
        return;
    }
    const rows = await fetchRuns(ids, view.signal);
    const tab = view.query.tab || "curves";
    const names = new Map();
    for (const row of rows) names.set(row.name, (names.get(row.name) || 0) + 1);
    rows.forEach((row, i) => {
        row.colour = colour(i);
        row.label = names.get(row.name) > 1 ? `${row.name} ${row.id.slice(0, 5)}` : row.name;
    });
    const at = (key) => link("compare", { ...view.query, tab: key === "curves" ? null : key });
    const body = h("div.stack");
    const experiments = [...new Set(rows.map((r) => r.info.experiment_id))];
    put(view.root, h("div.head", h("div.grow", h("div.crumbs", experiments.map((id, i) => [i > 0 && ", ", h("a", { href: link("experiments", id) }, `Experiment ${id}`)])), h("h1", `${rows.length} runs`)),
        rows.length < ids.length && h("span.quiet", `${ids.length - rows.length} cannot be shown`)),
    tabs([["Curves", at("curves"), "curves"], ["Differences", at("diff"), "diff"], ["Scatter", at("scatter"), "scatter"], ["Parallel coordinates", at("parallel"), "parallel"], ["Box plot", at("box"), "box"]], tab), body);
    if (!rows.length) return put(body, empty("None of these runs can be shown"));
    const keys = (kind) => [...new Set(rows.flatMap((r) => Object.keys(r[kind])))].sort();
    function curves() {
        const shown = h("div.row", { role: "list", "aria-label": "Runs" }, rows.slice(0, 24).map((r) => h("a.chip", { role: "listitem", href: link("experiments", r.info.experiment_id, "runs", r.id) }, h("span.swatch", { style: { background: r.colour } }), r.label)), rows.length > 24 && h("span.quiet", `and ${rows.length - 24} more`));
        put(body, shown, chartPanel(view, keys("m"), rows.map((r) => ({ id: r.id, name: r.label, colour: r.colour }))).el);
    }

    // --- What differs ---

    function diff() {
        const everything = view.query.all === "1";
        const lines = [["Run", "Status", (r) => r.info.status, (r) => status(r.info.status)], ["Run", "Duration", (r) => Math.round(runTime(r.info) / 1000), (r) => duration(runTime(r.info))],
            ["Run", "Started", (r) => r.info.start_time, (r) => ago(r.info.start_time)], ["Run", "User", (r) => r.info.user_id],
            ...keys("p").map((k) => ["Param", k, (r) => r.p[k]]), ...keys("m").map((k) => ["Metric", k, (r) => r.m[k], (r) => num(r.m[k])]),
            ...keys("t").filter((k) => !k.startsWith("mlflow.") || k === "mlflow.source.git.commit").map((k) => ["Tag", k, (r) => r.t[k]])];
        const shown = lines.map((line) => ({ line, differs: new Set(rows.map((r) => String(line[2](r) ?? ""))).size > 1 })).filter((l) => everything || l.differs);
        put(body, h("div.row", h("label.check", h("input", { type: "checkbox", checked: everything, onchange: (e) => {
            view.set({ all: e.target.checked ? "1" : null });
            diff();
        } }), "Show also what is the same"), button("CSV", () => download("differences.csv", csv([["kind", "name", ...rows.map((r) => r.label)], ...shown.map(({ line }) => [line[0], line[1], ...rows.map((r) => line[2](r))])]), "text/csv"))),
        shown.length ? grid("Differences", ["", "Name", ...rows.map((r) => h("a", { href: link("experiments", r.info.experiment_id, "runs", r.id) }, r.label))],
            shown.map(({ line, differs }) => h(`tr${everything && differs ? ".differs" : ""}`, [h("span.quiet", line[0]), line[1], ...rows.map((r) => (line[3] || line[2])(r) ?? "")].map((c) => h("td", c))))) : h("p", "Nothing differs."));
    }

    // --- Values of a chosen column ---

    function columns() {
        return [...keys("m").map((k) => [`m.${k}`, `metric ${k}`]), ...keys("p").map((k) => [`p.${k}`, `param ${k}`])];
    }
    const value = (row, id) => (id[0] === "d" ? runTime(row.info) / 1000 : row[id[0]]?.[id.slice(2)]);
    const numeric = (v) => v !== undefined && v !== "" && Number.isFinite(Number(v));
    const pick = (name, otherwise, options, redraw) => {
        const now = view.query[name] && options.some(([k]) => k === view.query[name]) ? view.query[name] : otherwise;
        return [now, select(options, now, (v) => {
            view.set({ [name]: v });
            redraw();
        }, { "aria-label": name })];
    };
    const exporting = (name, svg, table) => exportMenu(name, [["CSV", () => download(`${name}.csv`, csv(table()), "text/csv")], ["PNG", () => savePng(name, svg)], ["SVG", () => saveSvg(name, svg)]]);
    const toggle = (name, text, redraw) => h("label.check", h("input", { type: "checkbox", checked: view.query[name] === "1", onchange: (e) => {
        view.set({ [name]: e.target.checked ? "1" : null });
        redraw();
    } }), text);

    function scatter() {
        const options = columns().filter(([id]) => rows.some((r) => numeric(value(r, id))));
        if (!options.length) return put(body, h("p", "These runs have no numbers."));
        const firstParam = options.find(([k]) => k[0] === "p") || options[1] || options[0];
        const [xId, xBox] = pick("sx", firstParam[0], options, scatter), [yId, yBox] = pick("sy", options[0][0], options, scatter);
        const logx = view.query.logx === "1", logy = view.query.logy === "1";
        const ok = rows.filter((r) => numeric(value(r, xId)) && numeric(value(r, yId)) && (!logx || Number(value(r, xId)) > 0) && (!logy || Number(value(r, yId)) > 0));
        const controls = h("div.row", h("label.check", "x", xBox), h("label.check", "y", yBox), toggle("logx", "log x", scatter), toggle("logy", "log y", scatter));
        if (!ok.length) return put(body, controls, h("p", "No run has both values."));
        const { svg, x, y } = frame(ok.map((r) => Number(value(r, xId))), ok.map((r) => Number(value(r, yId))), { xLabel: xId.slice(2), yLabel: yId.slice(2), width: 900, height: 460, logx, logy, pad: 0.04, label: `Scatter of ${yId.slice(2)} by ${xId.slice(2)}` });
        for (const r of ok) svg.append(s("circle", { cx: x(Number(value(r, xId))), cy: y(Number(value(r, yId))), r: 5, fill: r.colour, "fill-opacity": 0.8 }, s("title", `${r.label}: ${value(r, xId)}, ${value(r, yId)}`)));
        put(body, controls, h("section.chart", h("header", h("h3", `${yId.slice(2)} by ${xId.slice(2)}`), exporting("scatter", svg, () => [["run_id", xId, yId], ...ok.map((r) => [r.id, value(r, xId), value(r, yId)])])), svg));
    }

    function parallel() {
        const all = columns().filter(([id]) => new Set(rows.map((r) => value(r, id))).size > 1);
        const wanted = view.query.axes ? view.query.axes.split(",").map(decodeURIComponent) : [...all.filter(([k]) => k[0] === "p").slice(0, 5), ...all.filter(([k]) => k[0] === "m").slice(0, 3)].map(([k]) => k);
        const axes = wanted.filter((id) => all.some(([k]) => k === id));
        const boxes = h("details", h("summary", "Axes"), h("div.choices", all.map(([id, text]) => h("label", h("input", { type: "checkbox", checked: axes.includes(id), onchange: (e) => {
            const next = e.target.checked ? [...axes, id] : axes.filter((a) => a !== id);
            view.set({ axes: next.map(encodeURIComponent).join(",") });
            parallel();
            body.querySelector("details").open = true;
        } }), ` ${text}`))));
        if (axes.length < 2) return put(body, boxes, h("p", "Choose two axes or more."));
        const c = ink(), width = Math.max(700, axes.length * 150), height = 420, top = 50, bottom = 30;
        const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Parallel coordinates" });
        const text = (x, y, t, more) => s("text", { x, y, "font-size": 11, "font-family": "sans-serif", fill: c.quiet, "text-anchor": "middle", ...more }, t);
        const places = axes.map((id, i) => {
            const x = 60 + (i * (width - 120)) / (axes.length - 1), values = rows.map((r) => value(r, id)).filter((v) => v !== undefined);
            svg.append(s("line", { x1: x, x2: x, y1: top, y2: height - bottom, stroke: c.quiet }), text(x, 20, id.slice(2, 24), { fill: c.ink }));
            if (values.every(numeric)) {
                const low = Math.min(...values.map(Number)), span = Math.max(...values.map(Number)) - low || 1;
                const y = (v) => height - bottom - ((Number(v) - low) / span) * (height - bottom - top);
                ticks(low, low + span, 4).forEach((t) => svg.append(text(x - 5, y(t) + 4, num(t), { "text-anchor": "end" })));
                return { x, y };
            }
            const kinds = [...new Set(values)].sort();
            const y = (v) => height - bottom - ((kinds.indexOf(v) + 0.5) / kinds.length) * (height - bottom - top);
            if (kinds.length <= 20) kinds.forEach((k) => svg.append(text(x - 5, y(k) + 4, String(k).slice(0, 16), { "text-anchor": "end" })));
            return { x, y };
        });
        rows.forEach((r) => {
            const points = axes.map((id, i) => [value(r, id), places[i]]).filter(([v]) => v !== undefined).map(([v, p]) => `${p.x},${p.y(v)}`);
            if (points.length > 1) svg.append(s("polyline", { points: points.join(" "), fill: "none", stroke: r.colour, "stroke-width": 1.6, "stroke-opacity": rows.length > 40 ? 0.4 : 0.8 }, s("title", r.label)));
        });
        put(body, boxes, h("section.chart", h("header", h("h3", "Parallel coordinates"), exporting("parallel", svg, () => [["run_id", ...axes], ...rows.map((r) => [r.id, ...axes.map((id) => value(r, id))])])), h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Parallel coordinates, scrollable" }, svg)));
    }

    function box() {
        const metrics = keys("m").map((k) => [`m.${k}`, k]);
        if (!metrics.length) return put(body, h("p", "These runs have no metrics."));
        const groups = [["", "all together"], ["a.status", "status"], ...keys("p").map((k) => [`p.${k}`, `param ${k}`]), ...keys("t").filter((k) => !k.startsWith("mlflow.")).map((k) => [`t.${k}`, `tag ${k}`])];
        const [metric, metricBox] = pick("bm", metrics[0][0], metrics, box), [group, groupBox] = pick("group", "", groups, box);
        const sets = new Map();
        for (const r of rows) {
            const key = group === "" ? "all" : group === "a.status" ? r.info.status : value(r, group) ?? "none", v = value(r, metric);
            if (numeric(v)) sets.set(key, [...(sets.get(key) || []), Number(v)]);
        }
        const controls = h("div.row", h("label.check", "metric", metricBox), h("label.check", "by", groupBox));
        if (!sets.size) return put(body, controls, h("p", "No run has this metric."));
        const list = [...sets].sort((a, b) => String(a[0]).localeCompare(String(b[0]), undefined, { numeric: true })).slice(0, 40).map(([name, values]) => {
            values.sort((a, b) => a - b);
            const q = (p) => {
                const at = (values.length - 1) * p, low = Math.floor(at);
                return values[low] + (values[Math.min(low + 1, values.length - 1)] - values[low]) * (at - low);
            };
            const [q1, mid, q3] = [q(0.25), q(0.5), q(0.75)], reach = 1.5 * (q3 - q1);
            const inside = values.filter((v) => v >= q1 - reach && v <= q3 + reach);
            return { name, values, q1, mid, q3, low: inside[0], high: inside.at(-1), outside: values.filter((v) => v < inside[0] || v > inside.at(-1)) };
        });
        const { svg, y, text } = frame([], list.flatMap((b) => b.values), { yLabel: metric.slice(2), width: 900, height: 460, pad: 0.04, label: `Box plot of ${metric.slice(2)}` });
        const wide = (900 - 80) / list.length, c = ink();
        list.forEach((b, i) => {
            const x = 66 + wide * (i + 0.5), half = Math.min(36, wide * 0.35), fill = colour(i);
            svg.append(s("line", { x1: x, x2: x, y1: y(b.low), y2: y(b.high), stroke: c.quiet }),
                s("rect", { x: x - half, width: half * 2, y: y(b.q3), height: Math.max(1, y(b.q1) - y(b.q3)), fill, "fill-opacity": 0.35, stroke: fill }, s("title", `${b.name}: ${b.values.length} runs, median ${num(b.mid)}`)),
                s("line", { x1: x - half, x2: x + half, y1: y(b.mid), y2: y(b.mid), stroke: c.ink, "stroke-width": 2 }),
                b.outside.length ? s("g", b.outside.map((v) => s("circle", { cx: x, cy: y(v), r: 3, fill }))) : s("g"),
                text(x, 436, `${String(b.name).slice(0, Math.max(4, wide / 7))} (${b.values.length})`));
        });
        put(body, controls, h("section.chart", h("header", h("h3", metric.slice(2)), exporting("box", svg, () => [["group", "runs", "low", "q1", "median", "q3", "high"], ...list.map((b) => [b.name, b.values.length, b.low, b.q1, b.mid, b.q3, b.high])])), svg));
    }

    const views = { curves, diff, scatter, parallel, box };
    return (views[tab] || curves)();
}
