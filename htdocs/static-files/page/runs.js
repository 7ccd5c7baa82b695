// The table of runs.

import { h, put, ago, button, csv, dialog, download, duration, empty, errorBox, field, grid, linkOut, num, plural, status, toast } from "./dom.js";
import { post } from "./api.js";
import { go, link } from "./router.js";
import { searchBox } from "./search.js";
import { virtualTable } from "./table.js";
import { clientLines } from "./experiments.js";

const PAGE = 200;
const GROUP_LIMIT = 10000;

/** A run of the API as a row: what is looked up often stands in plain objects. */
export function toRow({ info, data = {}, inputs }) {
    const row = { id: info.run_id, info, m: {}, p: {}, t: {}, inputs };
    for (const x of data.metrics || []) row.m[x.key] = x.value;
    for (const x of data.params || []) row.p[x.key] = x.value;
    for (const x of data.tags || []) row.t[x.key] = x.value;
    row.metrics = data.metrics || [];
    row.name = info.run_name || info.run_id.slice(0, 8);
    return row;
}

const quoted = (key) => (/^[A-Za-z_][\w.]*$/.test(key) ? key : `\`${key}\``);
export const runTime = (info) => (info.end_time ? info.end_time - info.start_time : info.status === "RUNNING" ? Date.now() - info.start_time : NaN);

const ATTRIBUTES = {
    name: ["Run", 220, (r) => h("a", { href: link("experiments", r.info.experiment_id, "runs", r.id) }, r.name), "attributes.run_name"],
    created: ["Started", 120, (r) => ago(r.info.start_time), "attributes.start_time"],
    duration: ["Duration", 110, (r) => duration(runTime(r.info))],
    status: ["Status", 110, (r) => status(r.info.status), "attributes.status"],
    user: ["User", 120, (r) => r.info.user_id || r.t["mlflow.user"], "attributes.user_id"],
    source: ["Source", 180, (r) => linkOut(r.t["mlflow.source.name"] || ""), "tags.`mlflow.source.name`"],
    dataset: ["Dataset", 160, (r) => (r.inputs?.dataset_inputs || []).map((d) => d.dataset.name).join(", ")],
    experiment: ["Experiment", 110, (r) => r.info.experiment_id],
    id: ["Run id", 270, (r) => h("span.mono", r.id)],
};

const KINDS = { m: ["metrics", "Metric"], p: ["params", "Param"], t: ["tags", "Tag"] };

function columnOf(id) {
    const kind = id[0], key = id.slice(2);
    if (kind === "a" && ATTRIBUTES[key]) {
        const [label, width, cell, sort] = ATTRIBUTES[key];
        return { id, label, width, cell, sort, sortable: Boolean(sort), value: (r) => (key === "name" ? r.name : key === "created" ? r.info.start_time : key === "duration" ? runTime(r.info) : key === "status" ? r.info.status : key === "id" ? r.id : "") };
    }
    if (!KINDS[kind]) return null;
    const value = (r) => r[kind][key];
    return { id, label: key, group: KINDS[kind][1], width: kind === "m" ? 120 : 140, numeric: kind === "m", sortable: true,
        sort: `${KINDS[kind][0]}.\`${key}\``, value, cell: kind === "m" ? (r) => num(value(r)) : (r) => value(r) ?? "" };
}

export async function runsTab(view, experiment) {
    view.root.classList.add("fixed");
    const ids = [experiment, ...(view.query.with ? view.query.with.split(",") : [])];
    let rows = [], token, busy = false, done = false, epoch = 0, order = view.query.sort || "a.created desc";
    let chosen = view.query.cols ? view.query.cols.split(",").map(decodeURIComponent) : null;
    const found = { m: new Set(), p: new Set(), t: new Set() };
    const problem = h("div"), actions = h("div.row"), area = h("div.stack.grow"), count = h("span.quiet", { "aria-live": "polite" });
    area.style.minHeight = "0";
    const deleted = () => view.query.deleted === "1";

    const defaults = () => ["a.name", "a.created", "a.duration", "a.status", ...(ids.length > 1 ? ["a.experiment"] : []),
        ...[...found.m].slice(0, 5).map((k) => `m.${k}`), ...[...found.p].slice(0, 5).map((k) => `p.${k}`)];
    const columns = () => (chosen || defaults()).map(columnOf).filter(Boolean);

    const table = virtualTable({
        label: "Runs", key: (r) => r.id, name: (r) => r.name, select: true, more: () => load(),
        open: (r) => go("experiments", r.info.experiment_id, "runs", r.id),
        rowClass: (r) => r.info.lifecycle_stage === "deleted" && "gone",
        onselect: showActions,
        sort(column) {
            order = `${column.id} ${order === `${column.id} desc` ? "asc" : "desc"}`;
            view.set({ sort: order });
            restart();
        },
    });

    let shownColumns = "";
    function showColumns() {
        const list = columns(), at = order.lastIndexOf(" ");
        const text = list.map((c) => c.id).join("\n") + order;
        if (text === shownColumns) return;
        shownColumns = text;
        table.setColumns(list, { id: order.slice(0, at), descending: order.endsWith("desc") });
    }

    function body(more) {
        const at = order.lastIndexOf(" "), column = columnOf(order.slice(0, at));
        return { experiment_ids: ids, filter: view.query.filter || "", run_view_type: deleted() ? "DELETED_ONLY" : "ACTIVE_ONLY",
            order_by: column?.sort ? [`${column.sort} ${order.endsWith("desc") ? "DESC" : "ASC"}`] : [], ...more };
    }

    function add(runs) {
        for (const run of runs) {
            const row = toRow(run);
            for (const kind of "mpt") for (const key in row[kind]) if (kind !== "t" || !key.startsWith("mlflow.")) found[kind].add(key);
            rows.push(row);
        }
    }

    async function load(size) {
        if (busy || done) return;
        busy = true;
        const mine = epoch;
        try {
            const page = await post("runs/search", body({ max_results: size || (rows.length ? 500 : PAGE), page_token: token }), view.signal);
            if (mine !== epoch) return;
            add(page.runs || []);
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
        put(count, rows.length ? `${rows.length.toLocaleString("en")}${token ? "+" : ""} runs` : "");
        if (!rows.length && !view.query.filter && !deleted() && !view.query.group) {
            put(area, empty("No runs yet", h("p", "Point a client at this server and log one:"),
                clientLines(`python -c "import mlflow; mlflow.set_experiment(experiment_id='${experiment}'); mlflow.log_metric('loss', 0.1)"`)));
            return;
        }
        if (view.query.group) return showGroups();
        if (table.el.parentNode !== area) put(area, table.el);
        showColumns();
        const last = token ? "Loading…" : rows.length ? null : deleted() ? "No deleted runs." : "No run fits. Change or clear the search.";
        table.setRows(rows, last);
    }

    function restart() {
        epoch++;
        rows = [];
        token = undefined;
        busy = done = false;
        shownColumns = "";
        table.el.scrollTop = 0;
        return load();
    }

    // --- Groups ---

    async function showGroups() {
        const mine = epoch, by = columnOf(view.query.group);
        while (token && rows.length < GROUP_LIMIT && mine === epoch) {
            put(area, h("p.loading", { role: "status" }, `Reading runs: ${rows.length}…`));
            busy = true;
            const page = await post("runs/search", body({ max_results: 2000, page_token: token }), view.signal);
            busy = false;
            if (mine !== epoch) return;
            add(page.runs || []);
            token = page.next_page_token;
            done = !token;
        }
        const groups = new Map();
        for (const row of rows) {
            const key = by.value(row) ?? "";
            if (!groups.has(key)) groups.set(key, []);
            groups.get(key).push(row);
        }
        const metrics = (chosen || [...found.m].slice(0, 8).map((k) => `m.${k}`)).filter((c) => c.startsWith("m.")).map(columnOf);
        const mean = (list, column) => {
            const values = list.map(column.value).filter((v) => v !== undefined && Number.isFinite(Number(v))).map(Number);
            return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
        };
        const list = [...groups].sort((a, b) => b[1].length - a[1].length);
        put(area, h("p.quiet", `Means over ${plural(rows.length, "run")}${token ? `, the first of more: narrow the search for all of them` : ""}.`),
            grid("Groups of runs", [by.label, "Runs", ...metrics.map((m) => m.label), ""], list.map(([key, group]) => [
                String(key) === "" ? h("i", "none") : key, group.length, ...metrics.map((m) => num(mean(group, m))),
                button("Compare", () => compare(group.map((r) => r.id), { group: view.query.group }), { class: "small", disabled: group.length < 2 }),
            ])));
        put(count, `${rows.length.toLocaleString("en")}${token ? "+" : ""} runs`);
    }

    // --- What is done with runs ---

    const compare = (list, more) => {
        if (list.length < 2) return toast("Select two runs or more to compare them: x selects the current row.");
        return go("compare", { runs: list.slice(0, 200).join(","), ...more });
    };

    async function change(list, what) {
        for (const id of list) await post(`runs/${what}`, { run_id: id });
        table.clearSelection();
        restart();
        if (what === "delete") toast(`Deleted ${plural(list.length, "run")}.`, "Undo", () => change(list, "restore"));
        else toast(`Restored ${plural(list.length, "run")}.`);
    }

    function showActions() {
        const list = [...table.selected];
        put(actions, list.length > 0 && [
            h("span", `${list.length} selected`),
            button("Compare", () => compare(list), { class: "primary", disabled: list.length < 2, title: "c" }),
            list.length === 1 && button("Rename", () => {
                const row = rows.find((r) => r.id === list[0]);
                dialog("Rename the run", field("Name", h("input", { name: "name", value: row.name, required: true })), "Rename", async (form) => {
                    await post("runs/update", { run_id: row.id, run_name: form.name });
                    restart();
                });
            }),
            button("Tag", () => dialog(`Tag ${plural(list.length, "run")}`, [field("Key", h("input", { name: "key", required: true })), field("Value", h("input", { name: "value" }))], "Set", async (form) => {
                for (const id of list) await post("runs/set-tag", { run_id: id, key: form.key, value: form.value });
                restart();
            })),
            button(deleted() ? "Restore" : "Delete", () => change(list, deleted() ? "restore" : "delete")),
        ]);
    }

    function chooseColumns() {
        const now = new Set(chosen || defaults());
        const groups = [["Attributes", Object.keys(ATTRIBUTES).map((k) => [`a.${k}`, ATTRIBUTES[k][0]])],
            ...["m", "p", "t"].map((kind) => [`${KINDS[kind][1]}s`, [...found[kind]].sort().map((k) => [`${kind}.${k}`, k])])];
        const filter = h("input", { type: "search", "aria-label": "Filter columns", placeholder: "Filter", oninput: () => {
            const text = filter.value.toLowerCase();
            for (const label of lists.querySelectorAll("label")) label.hidden = !label.textContent.toLowerCase().includes(text);
        } });
        const lists = h("div.stack", groups.filter(([, list]) => list.length).map(([name, list]) => h("fieldset.choices", h("legend", name), list.map(([id, label]) =>
            h("label", { title: label }, h("input", { type: "checkbox", checked: now.has(id), onchange: (e) => (e.target.checked ? now.add(id) : now.delete(id)) }), ` ${label}`)))));
        dialog("Columns", [filter, lists], "Show", () => {
            chosen = now.size ? [...now] : null;
            view.set({ cols: chosen && chosen.map(encodeURIComponent).join(",") });
            if (view.query.group) show();
            else showColumns();
        }, { wide: true });
    }

    const groupMenu = h("select", { "aria-label": "Group by", onfocus: () => fillGroups(), onchange: (e) => {
        view.set({ group: e.target.value });
        if (!e.target.value) put(area, table.el);
        show();
    } });
    function fillGroups() {
        const options = [["", "No groups"], ["a.status", "By status"], ...["p", "t"].flatMap((kind) => [...found[kind]].sort().map((k) => [`${kind}.${k}`, `By ${KINDS[kind][1].toLowerCase()} ${k}`]))];
        if (view.query.group && !options.some(([k]) => k === view.query.group)) options.push([view.query.group, `By ${view.query.group.slice(2)}`]);
        put(groupMenu, options.map(([k, text]) => h("option", { value: k, selected: k === (view.query.group || "") }, text)));
    }
    fillGroups();

    const box = searchBox({ label: "Search runs", value: view.query.filter, placeholder: "metrics.loss < 0.2 AND params.model = 'tree'",
        keys: () => [...[...found.m].map((k) => `metrics.${quoted(k)}`), ...[...found.p].map((k) => `params.${quoted(k)}`), ...[...found.t].map((k) => `tags.${quoted(k)}`),
            ...["run_name", "status", "start_time", "end_time", "user_id", "run_id", "artifact_uri"].map((k) => `attributes.${k}`), "datasets.name", "datasets.digest", "datasets.context"],
        submit(text) {
            view.set({ filter: text });
            table.clearSelection();
            restart();
        } });
    view.search = box.input;
    Object.assign(view.keys, table.keys, { c: () => compare([...table.selected]) });

    put(view.body, h("div.row", box.el, groupMenu, button("Columns", chooseColumns),
        button("CSV", () => {
            const list = columns();
            download("runs.csv", csv([["run_id", ...list.map((c) => c.label)], ...rows.map((r) => [r.id, ...list.map((c) => c.value(r))])]), "text/csv");
        }, { title: "What is loaded, as CSV" }),
        h("label.check", h("input", { type: "checkbox", checked: deleted(), onchange: (e) => {
            view.set({ deleted: e.target.checked ? "1" : null });
            table.clearSelection();
            restart();
        } }), "Deleted"), count), actions, problem, area);

    view.every(4000, async () => {
        if (busy || view.query.group) return;
        const live = rows.filter((r) => r.info.status === "RUNNING" || r.info.status === "SCHEDULED").slice(0, 100);
        if (!live.length) return;
        const mine = epoch;
        try {
            const page = await post("runs/search", { experiment_ids: ids, filter: `attributes.run_id IN (${live.map((r) => `'${r.id}'`).join(",")})`, max_results: 100, run_view_type: "ALL" }, view.signal);
            if (mine !== epoch) return;
            for (const run of page.runs || []) {
                const old = live.find((r) => r.id === run.info.run_id);
                if (old) table.replaceRow(old, toRow(run));
            }
        } catch {
            // The next turn tries again.
        }
    });
    await load();
}
