// Traces: the list with search, and one trace with its spans.

import { h, put, ago, button, dialog, duration, empty, errorBox, facts, field, linkOut, num, parsed, plural, pretty, select, status, tagList, toast } from "./dom.js";
import { get3, post3, send, session } from "./api.js";
import { go, link } from "./router.js";
import { searchBox } from "./search.js";
import { virtualTable } from "./table.js";
import { clientLines } from "./experiments.js";

const seconds = (text) => Number.parseFloat(text) * 1000;
const usage = (info) => parsed(info.trace_metadata?.["mlflow.trace.tokenUsage"]) || {};
const cost = (info) => parsed(info.trace_metadata?.["mlflow.trace.cost"]) || {};
const judged = (a) => {
    const value = a.feedback ? a.feedback.error ? `error: ${a.feedback.error.error_message || a.feedback.error.error_code || "failed"}` : a.feedback.value
        : a.expectation?.serialized_value ? parsed(a.expectation.serialized_value.value, a.expectation.serialized_value.value) : a.expectation?.value;
    return value === true ? "yes" : value === false ? "no" : typeof value === "string" ? value : JSON.stringify(value) ?? "";
};

// --- The list ---

/** Traces of an experiment, or of one run of it. */
export async function tracesTab(view, experiment, run) {
    const linked = view.query.selectedEvaluationId || view.query.selectedTraceId || view.query.selectedTraceID;
    if (linked) {
        location.replace(link("experiments", experiment, "traces", linked));
        return;
    }
    view.root.classList.add("fixed");
    let rows = [], token, busy = false, done = false, epoch = 0, order = view.query.sort || "timestamp_ms DESC";
    const keys = new Set(), problem = h("div"), actions = h("div.row"), area = h("div.stack.grow"), count = h("span.quiet", { "aria-live": "polite" });
    area.style.minHeight = "0";
    const runFilter = run ? `attributes.run_id = '${run}'` : "";

    const table = virtualTable({
        label: "Traces", key: (t) => t.trace_id, name: (t) => t.trace_id, select: true, more: () => load(),
        open: (t) => go("experiments", experiment, "traces", t.trace_id), onselect: showActions,
        sort(column) {
            order = `${column.sort} ${order === `${column.sort} DESC` ? "ASC" : "DESC"}`;
            view.set({ sort: order });
            restart();
        },
    });
    const columns = () => {
        const names = [...new Set(rows.flatMap((t) => (t.assessments || []).map((a) => a.assessment_name)))].slice(0, 6);
        return [
            { id: "timestamp_ms", sort: "timestamp_ms", sortable: true, label: "Time", width: 120, cell: (t) => ago(t.request_time) },
            { id: "request", label: "Request", width: 320, cell: (t) => h("a", { href: link("experiments", experiment, "traces", t.trace_id) }, (t.request_preview || t.tags?.["mlflow.traceName"] || t.trace_id).slice(0, 300)) },
            { id: "response", label: "Response", width: 320, cell: (t) => (t.response_preview || "").slice(0, 300) },
            { id: "name", sort: "name", label: "Name", width: 150, cell: (t) => t.tags?.["mlflow.traceName"] || "" },
            { id: "status", sort: "status", sortable: true, label: "State", width: 100, cell: (t) => status(t.state) },
            { id: "execution_time_ms", sort: "execution_time_ms", sortable: true, label: "Duration", width: 100, numeric: true, cell: (t) => duration(seconds(t.execution_duration)) },
            { id: "tokens", label: "Tokens", width: 90, numeric: true, cell: (t) => num(usage(t).total_tokens) },
            ...names.map((name) => ({ id: `a.${name}`, label: name, group: "Assessment", width: 130, cell: (t) => (t.assessments || []).filter((a) => a.assessment_name === name && a.valid !== false).map(judged).join(", ") })),
            { id: "tags", label: "Tags", width: 240, cell: (t) => tagList(t.tags || {}) },
        ];
    };
    let known = "";

    async function load() {
        if (busy || done) return;
        busy = true;
        const mine = epoch;
        try {
            const filter = [runFilter, view.query.filter].filter(Boolean).join(" AND ");
            const page = await post3("traces/search", { locations: [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } }],
                filter, max_results: rows.length ? 500 : 100, order_by: [order], page_token: token }, view.signal);
            if (mine !== epoch) return;
            rows.push(...(page.traces || []));
            for (const t of page.traces || []) {
                Object.keys(t.tags || {}).forEach((k) => keys.add(`tags.${/^\w+$/.test(k) ? k : `\`${k}\``}`));
                Object.keys(t.trace_metadata || {}).forEach((k) => keys.add(`metadata.\`${k}\``));
                (t.assessments || []).forEach((a) => keys.add(`feedback.\`${a.assessment_name}\``));
            }
            token = page.next_page_token;
            done = !token;
            box.fail(null);
            put(problem);
            show();
        } catch (error) {
            if (error.name === "AbortError" || mine !== epoch) return;
            done = true;
            table.setRows(rows, "");
            if (error.status === 400) box.fail(error);
            else put(problem, errorBox(error, restart));
        } finally {
            if (mine === epoch) busy = false;
        }
    }

    function show() {
        put(count, rows.length ? `${rows.length.toLocaleString("en")}${token ? "+" : ""} traces` : "");
        if (!rows.length && !view.query.filter) {
            put(area, empty(run ? "No traces of this run" : "No traces yet", h("p", "A function that is traced sends its calls here:"),
                clientLines(`python -c "import mlflow; mlflow.set_experiment(experiment_id='${experiment}'); mlflow.trace(lambda x: x + 1)(1)"`)));
            return;
        }
        if (table.el.parentNode !== area) put(area, table.el);
        const list = columns(), text = list.map((c) => c.id).join() + order;
        if (text !== known) table.setColumns(list, { id: order.split(" ")[0], descending: order.endsWith("DESC") });
        known = text;
        table.setRows(rows, token ? "Loading…" : rows.length ? null : "No trace fits. Change or clear the search.");
    }

    function restart() {
        epoch++;
        rows = [];
        token = undefined;
        busy = done = false;
        table.el.scrollTop = 0;
        load();
    }

    function showActions() {
        const ids = [...table.selected];
        put(actions, ids.length > 0 && [h("span", `${ids.length} selected`), button("Delete", () => dialog(`Delete ${plural(ids.length, "trace")}?`,
            h("p", "Traces cannot be brought back."), "Delete", async () => {
                for (let i = 0; i < ids.length; i += 100) await post3("traces/delete-traces", { experiment_id: experiment, request_ids: ids.slice(i, i + 100) });
                table.clearSelection();
                restart();
            }, { danger: true }))]);
    }

    const box = searchBox({ label: "Search traces", value: view.query.filter, placeholder: "status = 'ERROR' AND span.type = 'LLM'",
        keys: () => ["status", "name", "timestamp_ms", "execution_time_ms", "trace_id", "run_id", "text", "span.name", "span.type", "span.status", "span.content", ...keys],
        submit(text) {
            view.set({ filter: text });
            table.clearSelection();
            restart();
        } });
    view.search = box.input;
    Object.assign(view.keys, table.keys);
    put(view.body, h("div.row", box.el, count), actions, problem, area);
    await load();
}

// --- One trace ---

/** The value of an attribute of OTLP as JavaScript has it; what MLflow's clients write is JSON in a text. */
function plain(value) {
    if (!value || typeof value !== "object") return value;
    const [kind, inner] = Object.entries(value)[0] || [];
    const name = kind?.replace(/_(\w)/g, (_, c) => c.toUpperCase());
    if (name === "arrayValue") return (inner.values || []).map(plain);
    if (name === "kvlistValue") return Object.fromEntries((inner.values || []).map((kv) => [kv.key, plain(kv.value)]));
    if (name === "stringValue") return parsed(inner, inner);
    return inner;
}

function spanOf(raw) {
    const attributes = Object.fromEntries((raw.attributes || []).map((a) => [a.key, plain(a.value)]));
    const code = String(raw.status?.code || "");
    return { id: raw.span_id, parent: raw.parent_span_id || "", name: raw.name || "unnamed", from: Number(raw.start_time_unix_nano || 0) / 1e6, to: Number(raw.end_time_unix_nano || 0) / 1e6,
        attributes, type: String(attributes["mlflow.spanType"] || ""), bad: code.includes("ERROR") || code === "2", message: raw.status?.message, events: raw.events || [], children: [] };
}

function tree(spans) {
    const byId = new Map(spans.map((span) => [span.id, span])), roots = [], order = [];
    for (const span of spans) (byId.get(span.parent) && span.parent !== span.id ? byId.get(span.parent).children : roots).push(span);
    const seen = new Set();
    const walk = (list, depth) => {
        for (const span of [...list].sort((a, b) => a.from - b.from)) {
            if (seen.has(span)) continue;
            seen.add(span);
            order.push({ span, depth });
            walk(span.children, depth + 1);
        }
    };
    walk(roots, 0);
    // Spans that are their own ancestors hang from no root.
    walk(spans.filter((span) => !seen.has(span)), 0);
    return order;
}

const textOf = (content) => (Array.isArray(content) ? content.map((part) => part?.text ?? part?.input_text ?? `[${part?.type || "part"}]`).join("\n") : typeof content === "string" ? content : content === null || content === undefined ? "" : JSON.stringify(content, null, 2));

/** Messages of a chat in what a span took or gave, as OpenAI, Anthropic and others write them; null if there are none. */
function messagesOf(value) {
    const list = Array.isArray(value) ? value : value?.messages || value?.choices?.map((c) => c.message) || (value?.role && "content" in value ? [value] : null);
    if (!Array.isArray(list) || !list.length || !list.every((m) => m && typeof m === "object" && (m.role || m.type) && ("content" in m || m.tool_calls))) return null;
    return list;
}

function content(title, value) {
    if (value === undefined || value === null) return null;
    const messages = messagesOf(value);
    const raw = () => h("pre.text", { tabindex: 0, "aria-label": title }, pretty(value));
    if (!messages) return h("section.card", h("h2", title), raw());
    return h("section.card", h("h2", title), messages.map((m) => {
        const role = String(m.role || m.type);
        return h(`div.message.${{ user: "user", human: "user", assistant: "assistant", ai: "assistant", tool: "tool" }[role] || "other"}`, h("small", role), h("pre", textOf(m.content)),
            (m.tool_calls || []).map((c) => h("pre.mono", `${c.function?.name || c.name}(${textOf(c.function?.arguments ?? c.args)})`)));
    }), h("details", h("summary", "As JSON"), raw()));
}

export async function tracePage(view) {
    const { experiment, trace: id } = view.params;
    const { trace } = await get3("traces/get", { trace_id: id, allow_partial: true }, view.signal);
    const info = trace.trace_info, spans = (trace.spans || []).map(spanOf), order = tree(spans);
    view.title(info.tags?.["mlflow.traceName"] || id);
    const start = spans.reduce((low, span) => Math.min(low, span.from), Infinity), end = spans.reduce((high, span) => Math.max(high, span.to), -Infinity), whole = Math.max(end - start, 0.001);
    const detail = h("div.stack", { "aria-live": "polite" });
    const tokens = usage(info), money = cost(info);

    const buttons = order.slice(0, 5000).map(({ span, depth }) => {
        const left = Math.max(0, ((span.from - start) / whole) * 100), width = Math.max(0, ((span.to - span.from) / whole) * 100);
        return h(`button.span${span.bad ? ".bad" : ""}`, { type: "button", "data-id": span.id, onclick: () => show(span) },
            h("span.name", { style: { paddingLeft: `${Math.min(depth, 24) * 14}px` } }, span.name, span.type && h("small", span.type.toLowerCase())),
            h("span.lane", { "aria-hidden": "true" }, h("i", { style: { left: `${Math.min(left, 99.5)}%`, width: `${Math.min(width, 100 - left)}%` } })),
            h("span.time", duration(span.to - span.from)));
    });

    function show(span) {
        view.set({ span: span.id });
        for (const b of buttons) {
            if (b.dataset.id === span.id) b.setAttribute("aria-current", "true");
            else b.removeAttribute("aria-current");
        }
        const a = span.attributes, used = a["mlflow.chat.tokenUsage"] || {};
        const rest = Object.entries(a).filter(([key]) => !["mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType", "mlflow.traceRequestId", "mlflow.chat.tokenUsage"].includes(key));
        put(detail, h("div.head", h("h2.grow", span.name), span.bad && status("error")),
            facts([["Type", span.type], ["Began", `+${duration(span.from - start) || "0 ms"}`], ["Duration", duration(span.to - span.from)],
                ["Tokens", used.total_tokens !== undefined && `${num(used.input_tokens)} in, ${num(used.output_tokens)} out`], ["Error", span.message]]),
            content("Inputs", a["mlflow.spanInputs"]), content("Outputs", a["mlflow.spanOutputs"]),
            span.events.length > 0 && h("section.card", h("h2", "Events"), span.events.map((e) => h("details", h("summary", e.name || "event", " ", h("small", `+${duration(Number(e.time_unix_nano) / 1e6 - start) || "0 ms"}`)),
                h("pre.text", { tabindex: 0 }, (e.attributes || []).map((x) => `${x.key}: ${pretty(plain(x.value))}`).join("\n"))))),
            rest.length > 0 && h("details", h("summary", `Attributes (${rest.length})`), h("pre.text", { tabindex: 0 }, rest.map(([k, v]) => `${k}: ${pretty(v)}`).join("\n"))));
    }

    const setTag = async (key, value) => {
        await send("PATCH", `3.0/mlflow/traces/${encodeURIComponent(id)}/tags`, { key, value });
        view.again();
    };
    const removeTag = async (key) => {
        await send("DELETE", `3.0/mlflow/traces/${encodeURIComponent(id)}/tags`, { key });
        view.again();
        toast(`Removed the tag ${key}.`, "Undo", () => setTag(key, info.tags[key]));
    };
    const run = info.trace_metadata?.["mlflow.sourceRun"];
    put(view.root, h("div.head", h("div.grow", h("div.crumbs", h("a", { href: link("experiments", experiment, "traces") }, `Traces of experiment ${experiment}`)), h("div.row", h("h1", info.tags?.["mlflow.traceName"] || "Trace"), status(info.state)))),
        facts([["Trace id", h("span.mono", info.trace_id)], ["Time", ago(info.request_time)], ["Duration", duration(seconds(info.execution_duration))], ["Spans", spans.length],
            ["Tokens", tokens.total_tokens !== undefined && `${num(tokens.total_tokens)} (${num(tokens.input_tokens)} in, ${num(tokens.output_tokens)} out)`],
            ["Cost", money.total_cost !== undefined && `$${num(money.total_cost)}`], ["Run", run && h("a.mono", { href: link("experiments", experiment, "runs", run) }, run.slice(0, 8))],
            ["User", info.trace_metadata?.["mlflow.trace.user"]], ["Session", info.trace_metadata?.["mlflow.trace.session"]], ["Source", linkOut(info.trace_metadata?.["mlflow.source.name"] || "")]]),
        tagList(info.tags || {}, setTag, removeTag), assessments(),
        spans.length ? [h("div.spans", { role: "group", "aria-label": "Spans" }, buttons), order.length > 5000 && h("p.quiet", `The first 5,000 of ${order.length} spans are shown.`), detail]
            : [h("p.quiet", "The spans of this trace have not come yet."), content("Request", info.request_preview), content("Response", info.response_preview)]);
    const move = (step) => {
        const i = order.findIndex(({ span }) => span.id === view.query.span), next = order[Math.max(0, Math.min(order.length - 1, i + step))];
        if (!next) return;
        show(next.span);
        buttons[order.indexOf(next)]?.scrollIntoView({ block: "nearest" });
    };
    Object.assign(view.keys, { j: () => move(1), k: () => move(-1), a: () => addAssessment() });
    const first = order.find(({ span }) => span.id === view.query.span) || order[0];
    if (first) show(first.span);

    function assessments() {
        const list = info.assessments || [];
        return h("section.card", { "aria-label": "Assessments" }, h("div.row", h("h2.grow", `Assessments (${list.length})`), button("Assess", addAssessment, { class: "small" })),
            list.map((a) => h("div.row", h("b", a.assessment_name), h("span", judged(a)), h("small", `${a.expectation ? "expected, " : ""}${String(a.source?.source_type || "").toLowerCase().replace("_", " ")} ${a.source?.source_id || ""}`), a.valid === false && h("small", "overridden"),
                a.rationale && h("span.quiet", a.rationale), h("span.grow"), button("Remove", () => dialog("Remove the assessment?", h("p", `${a.assessment_name}: ${judged(a)}`), "Remove", async () => {
                    await send("DELETE", `3.0/mlflow/traces/${encodeURIComponent(id)}/assessments/${encodeURIComponent(a.assessment_id)}`);
                    view.again();
                }, { danger: true }), { class: "small" }))));
    }

    function addAssessment() {
        dialog("Assess this trace", [
            field("What is judged", h("input", { name: "name", required: true, value: "correctness" })),
            field("Kind", select([["feedback", "feedback: how it was"], ["expectation", "expectation: how it should have been"]], "feedback", null, { name: "kind" })),
            field("Value", h("input", { name: "value", required: true }), "true, false, a number, or a text"),
            field("Why", h("textarea", { name: "rationale" })),
        ], "Add", async (form) => {
            const value = parsed(form.value, form.value);
            await post3(`traces/${encodeURIComponent(id)}/assessments`, { assessment: { assessment_name: form.name, trace_id: id, source: { source_type: "HUMAN", source_id: session.user?.username || "page" },
                rationale: form.rationale || undefined, ...(form.kind === "feedback" ? { feedback: { value } } : { expectation: { value } }) } });
            view.again();
        });
    }
}
