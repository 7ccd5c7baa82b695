// Curves of metrics by uPlot, and what goes with them: sampling, smoothing, colours, export.

import { h, s, put, csv, download, iconButton, num, errorBox, loading } from "./dom.js";
import { get } from "./api.js";
import { uplot, NO_CHARTS } from "./library.js";

const HUES = ["#0b7a99", "#d1612a", "#3f8f3f", "#8a5bb5", "#b88a00", "#c2457f", "#5671c9", "#5f7d6a", "#a3473c", "#3c9c93"];
export const colour = (i) => (i < HUES.length ? HUES[i] : `hsl(${(i * 137.5) % 360} 55% ${48 + (i % 3) * 8}%)`);
export const ink = () => {
    const style = getComputedStyle(document.documentElement);
    return { ink: style.getPropertyValue("--ink").trim(), quiet: style.getPropertyValue("--quiet").trim(), line: style.getPropertyValue("--line").trim(), paper: style.getPropertyValue("--raised").trim() };
};

/** Points of a metric for runs, sampled by the server: Map run id -> [{step, timestamp, value}]. */
export async function histories(runs, key, points, range, signal) {
    const found = new Map(runs.map((id) => [id, []]));
    // Several requests at a time, so that the server's processors share the work.
    const size = Math.min(100, Math.ceil(runs.length / 4)), parts = [];
    for (let i = 0; i < runs.length; i += size) parts.push(runs.slice(i, i + size));
    await Promise.all(parts.map(async (part) => {
        const page = await get("metrics/get-history-bulk-interval", { run_ids: part, metric_key: key, max_results: points, start_step: range?.[0], end_step: range?.[1] }, signal);
        for (const m of page.metrics || []) found.get(m.run_id)?.push({ step: Number(m.step), timestamp: Number(m.timestamp), value: Number(m.value) });
    }));
    return found;
}

/** Exponential moving average, without the pull towards the first value. */
export function smoothed(values, weight) {
    if (!(weight > 0)) return values;
    let last = 0, n = 0;
    return values.map((v) => {
        if (!Number.isFinite(v)) return v;
        last = last * weight + (1 - weight) * v;
        return last / (1 - weight ** ++n);
    });
}

export const SETTINGS = { x: "step", logx: "", logy: "", smooth: "0" };

/** [x values, y values] of one run's points, as the settings want them. */
export function curve(points, set) {
    const list = set.x === "step" ? points : [...points].sort((a, b) => a.timestamp - b.timestamp);
    const start = list.length ? list[0].timestamp : 0;
    const ys = smoothed(list.map((p) => p.value), Number(set.smooth));
    const xs = [], out = [];
    list.forEach((p, i) => {
        const x = set.x === "step" ? p.step : set.x === "time" ? p.timestamp / 1000 : (p.timestamp - start) / 1000;
        if ((set.logx && x <= 0) || (set.logy && !(ys[i] > 0))) return;
        if (xs.length && xs.at(-1) === x) out[out.length - 1] = ys[i];
        else {
            xs.push(x);
            out.push(Number.isFinite(ys[i]) ? ys[i] : null);
        }
    });
    return [xs, out];
}

export function sparkline(values) {
    const ok = values.filter(Number.isFinite), w = 96, height = 22;
    if (ok.length < 2) return null;
    const low = Math.min(...ok), span = Math.max(...ok) - low || 1;
    return s("svg", { class: "spark", width: w, height, viewBox: `0 0 ${w} ${height}`, "aria-hidden": "true" },
        s("polyline", { fill: "none", stroke: "var(--accent)", "stroke-width": 1.5, points: ok.map((v, i) => `${((i / (ok.length - 1)) * (w - 4) + 2).toFixed(1)},${(height - 3 - ((v - low) / span) * (height - 6)).toFixed(1)}`).join(" ") }));
}

export function saveSvg(name, svg) {
    const copy = svg.cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    download(`${name}.svg`, new XMLSerializer().serializeToString(copy), "image/svg+xml");
}

export function savePng(name, svg) {
    const copy = svg.cloneNode(true), box = svg.viewBox.baseVal, image = new Image();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
    image.onload = () => {
        const canvas = h("canvas", { width: box.width * 2, height: box.height * 2 }), pen = canvas.getContext("2d");
        pen.fillStyle = ink().paper;
        pen.fillRect(0, 0, canvas.width, canvas.height);
        pen.drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob((blob) => download(`${name}.png`, blob));
        URL.revokeObjectURL(url);
    };
    image.src = url;
}

export const exportMenu = (name, items) => h("details.menu", h("summary", { "aria-label": `Export ${name}` }, "Export"),
    h("div.row", items.map(([label, run]) => h("button.small", { type: "button", onclick: run }, label))));

/** Round numbers along an axis. */
export function ticks(low, high, count = 5) {
    const raw = (high - low || 1) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6 && out.length < 20; v += step) out.push(Number(v.toPrecision(12)));
    return out;
}

/** A picture with axes; the caller draws into it by x() and y(). */
export function frame(xs, ys, { xLabel, yLabel, width = 640, height = 360, logx, logy, pad = 0, label }) {
    const c = ink(), left = 64, bottom = 40, top = 12, right = 14;
    const scale = (values, log, from, to) => {
        const f = log ? Math.log10 : (v) => v;
        let low = Math.min(...values.map(f)), high = Math.max(...values.map(f));
        if (!(high > low)) [low, high] = [(low || 0) - 0.5, (high || 0) + 0.5];
        [low, high] = [low - (high - low) * pad, high + (high - low) * pad];
        const at = (v) => from + ((f(v) - low) / (high - low)) * (to - from);
        return [at, ticks(low, high).map((v) => (log ? 10 ** v : v))];
    };
    const [x, xTicks] = xs.length ? scale(xs, logx, left, width - right) : [null, []], [y, yTicks] = scale(ys, logy, height - bottom, top);
    const text = (tx, ty, value, anchor = "middle", more = {}) => s("text", { x: tx, y: ty, "text-anchor": anchor, "font-size": 11, "font-family": "sans-serif", fill: c.quiet, ...more }, value);
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
        yTicks.map((v) => [s("line", { x1: left, x2: width - right, y1: y(v), y2: y(v), stroke: c.line }), text(left - 6, y(v) + 4, num(v), "end")]),
        xTicks.map((v) => [s("line", { x1: x(v), x2: x(v), y1: top, y2: height - bottom, stroke: c.line }), text(x(v), height - bottom + 15, num(v))]),
        xLabel && text((left + width) / 2, height - 6, xLabel), yLabel && text(12, height / 2, yLabel, "middle", { transform: `rotate(-90 12 ${height / 2})` }));
    return { svg, x, y, text };
}

function asSvg(title, series, set) {
    const points = series.flatMap(({ xs, ys }) => xs.map((x, i) => [x, ys[i]])).filter(([, v]) => v !== null);
    const low = (k) => points.reduce((a, p) => Math.min(a, p[k]), Infinity), high = (k) => points.reduce((a, p) => Math.max(a, p[k]), -Infinity);
    const { svg, x, y } = frame([low(0), high(0)], [low(1), high(1)], { xLabel: set.x, yLabel: title, width: 900, height: 480, logx: set.logx, logy: set.logy, label: title });
    for (const line of series) {
        const d = line.xs.map((v, i) => (line.ys[i] === null ? "" : `${x(v).toFixed(1)},${y(line.ys[i]).toFixed(1)}`)).filter(Boolean).join(" ");
        svg.append(s("polyline", { fill: "none", stroke: line.colour, "stroke-width": 1.5, points: d }, s("title", line.label)));
    }
    return svg;
}

/**
 * A chart of one metric for runs [{id, name}]. It asks for its points when it comes into sight, and again for a range
 * that is zoomed into. set: SETTINGS; signal ends it.
 */
export function metricChart(key, runs, set, signal, height = 220) {
    const plot = h("div.plot", { role: "img", "aria-label": `Chart of ${key}` });
    const el = h("section.chart", { "aria-label": key });
    let series = [], chart = null, range = null, points = null;

    const exports = exportMenu(key, [
        ["CSV", () => download(`${key}.csv`, csv([["run_id", "run", set.x, key], ...series.flatMap((l) => l.xs.map((x, i) => [l.id, l.label, x, l.ys[i]]))]), "text/csv")],
        ["PNG", () => savePng(key, asSvg(key, series, set))],
        ["SVG", () => saveSvg(key, asSvg(key, series, set))],
    ]);
    put(el, h("header", h("h3", { title: key }, key), iconButton("⤢", `Enlarge ${key}`, () => el.dispatchEvent(new CustomEvent("enlarge", { bubbles: true, detail: key }))), exports), plot);

    async function fetchPoints() {
        uplot();
        const wide = runs.length > 20 ? 120 : runs.length > 4 ? 400 : 1000;
        points = await histories(runs.map((r) => r.id), key, wide, range, signal);
    }

    async function draw() {
        const U = await uplot();
        if (signal.aborted) return;
        series = runs.map((run, i) => {
            const [xs, ys] = curve(points.get(run.id) || [], set);
            return { id: run.id, label: run.name, colour: run.colour || colour(i), xs, ys };
        }).filter((line) => line.xs.length);
        chart?.destroy();
        chart = null;
        put(plot);
        plot.setAttribute("role", "img");
        if (!U) return put(plot, h("p.quiet", NO_CHARTS));
        if (!series.length) return put(plot, h("p.quiet", set.logx || set.logy ? "No values above zero, which a log scale needs." : "No values yet."));
        const single = series.every((l) => l.xs.length === 1);
        if (single && set.x === "step" && new Set(series.map((l) => l.xs[0])).size === 1) return bars();
        const data = U.join(series.map((l) => [l.xs, l.ys]));
        const c = ink(), axis = { stroke: c.quiet, grid: { stroke: c.line, width: 1 }, ticks: { stroke: c.line, width: 1 }, font: "11px system-ui, sans-serif" };
        const size = { width: Math.max(200, plot.clientWidth), height };
        chart = new U({
            ...size, padding: [8, 12, 0, 0],
            scales: { x: { time: set.x === "time", distr: set.logx ? 3 : 1 }, y: { distr: set.logy ? 3 : 1 } },
            axes: [{ ...axis, values: set.x === "time" ? undefined : (_, v) => v.map((one) => (one === null ? "" : num(one))) }, { ...axis, size: 62, values: (_, v) => v.map((one) => (one === null ? "" : num(one))) }],
            legend: { show: series.length <= 12, live: true },
            cursor: { focus: { prox: 24 }, drag: { x: true, y: false } }, focus: { alpha: 0.25 },
            series: [{ label: set.x }, ...series.map((l) => ({ label: l.label, stroke: l.colour, width: 1.5, spanGaps: true, points: { show: single || undefined, size: 5 }, value: (_, v) => (v === null || v === undefined ? "–" : num(v)) }))],
            hooks: { setSelect: [(u) => {
                if (set.x !== "step" || u.select.width < 4) return;
                const from = Math.floor(u.posToVal(u.select.left, "x")), to = Math.ceil(u.posToVal(u.select.left + u.select.width, "x"));
                if (to > from) zoom([from, to]);
            }] },
        }, data, plot);
        chart.over.addEventListener("dblclick", () => range && zoom(null));
        el.dataset.drawn = String(Number(el.dataset.drawn || 0) + 1);
    }

    /** Values without a history are lengths, not curves. */
    function bars() {
        const most = Math.max(...series.map((l) => Math.abs(l.ys[0] ?? 0))) || 1;
        plot.removeAttribute("role");
        put(plot, h("div.scroll", { tabindex: 0, role: "region", "aria-label": `Values of ${key}`, style: { maxHeight: `${height + 60}px` } }, h("table.plain.bars", h("tbody", series.map((l) => h("tr",
            h("th", { scope: "row" }, l.label), h("td.number", num(l.ys[0])), h("td", { "aria-hidden": "true" }, h("i", { style: { width: `${(Math.abs(l.ys[0] ?? 0) / most) * 100}%`, background: l.colour } }))))))));
        el.dataset.drawn = String(Number(el.dataset.drawn || 0) + 1);
    }

    async function zoom(next) {
        range = next;
        await refresh();
    }

    async function refresh() {
        try {
            await fetchPoints();
            await draw();
        } catch (error) {
            if (error.name !== "AbortError") put(plot, errorBox(error, refresh));
        }
    }

    const inSight = () => {
        const box = el.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
    };
    const seen = new IntersectionObserver((entries) => {
        if (!entries.some((e) => e.isIntersecting)) return;
        seen.disconnect();
        put(plot, loading());
        refresh();
    }, { rootMargin: "300px" });
    seen.observe(el);
    let width = 0;
    const resize = new ResizeObserver(() => {
        const now = plot.clientWidth;
        if (chart && now > 0 && now !== width) chart.setSize({ width: now, height });
        width = now;
    });
    resize.observe(plot);
    signal.addEventListener("abort", () => {
        seen.disconnect();
        resize.disconnect();
        chart?.destroy();
    });
    return { el, redraw: () => points && draw(), refresh: () => points && inSight() && refresh() };
}

/** The controls of charts; `changed` is told when a setting is another. They are kept in the address. */
export function chartControls(view, changed) {
    const set = Object.fromEntries(Object.entries(SETTINGS).map(([k, v]) => [k, view.query[k] ?? v]));
    const change = (name, value) => {
        set[name] = value;
        view.set({ [name]: value === SETTINGS[name] ? null : value });
        changed();
    };
    const box = (name, label) => h("label.check", h("input", { type: "checkbox", checked: Boolean(set[name]), onchange: (e) => change(name, e.target.checked ? "1" : "") }), label);
    const el = h("div.row", h("label.check", "x", h("select", { onchange: (e) => change("x", e.target.value) },
        [["step", "step"], ["time", "time"], ["relative", "relative time"]].map(([k, t]) => h("option", { value: k, selected: k === set.x }, t)))),
    box("logx", "log x"), box("logy", "log y"),
    h("label.check", "smoothing", h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: set.smooth, oninput: (e) => change("smooth", e.target.value) })));
    return { el, set };
}

/** Many charts below one another in columns, with a filter by name. */
export function chartPanel(view, keys, runs) {
    const list = [...keys].sort();
    let charts = [];
    const box = h("div.charts");
    const filter = h("input", { type: "search", placeholder: "Filter metrics", "aria-label": "Filter metrics", value: view.query.metrics || "", oninput: () => {
        view.set({ metrics: filter.value });
        fill();
    } });
    const controls = chartControls(view, () => charts.forEach((c) => c.redraw()));
    let stop = null;
    function fill() {
        stop?.abort();
        stop = new AbortController();
        view.signal.addEventListener("abort", () => stop.abort());
        const one = view.query.chart && list.includes(view.query.chart) ? view.query.chart : null;
        const shown = one ? [one] : list.filter((k) => k.toLowerCase().includes(filter.value.toLowerCase())).slice(0, 200);
        box.classList.toggle("one", Boolean(one));
        charts = shown.map((key) => metricChart(key, runs, controls.set, stop.signal, one ? 440 : 220));
        put(box, charts.map((c) => c.el), !shown.length && h("p.quiet", list.length ? "No metric has this in its name." : "No metrics yet."));
    }
    box.addEventListener("enlarge", (e) => {
        view.set({ chart: view.query.chart ? null : e.detail });
        fill();
    });
    fill();
    return { el: h("div.stack", h("div.row", list.length > 4 && filter, controls.el), box), refresh: () => charts.forEach((c) => c.refresh()) };
}
