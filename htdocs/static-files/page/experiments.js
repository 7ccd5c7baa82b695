// The list of experiments, and an experiment with its parts.

import { h, put, ago, button, dialog, empty, code, errorBox, field, grid, mapOf, plural, status, tabs, tagList, toast } from "./dom.js";
import { all, get, post } from "./api.js";
import { go, link } from "./router.js";
import { searchBox } from "./search.js";
import { virtualTable } from "./table.js";
import { markdown } from "./markdown.js";

const address = () => new URL(".", location.href).href.replace(/\/$/, "");
export const clientLines = (...lines) => code(`export MLFLOW_TRACKING_URI=${address()}`, ...lines);

export function nameDialog(title, value, action, submit) {
    return dialog(title, field("Name", h("input", { name: "name", value: value || "", required: true, maxlength: 500 })), action, (form) => submit(form.name.trim()));
}

/** The note of a thing: markdown, with a way to change it. */
export function note(text, save) {
    const box = h("section.card", { "aria-label": "Note" });
    const show = () => {
        const edit = button(text ? "Edit" : "Add a note", () => {
            const area = h("textarea", { "aria-label": "Note, as markdown", value: text || "" });
            const problem = h("div");
            put(box, area, problem, h("div.actions", button("Cancel", show), button("Save", async () => {
                try {
                    await save(area.value);
                    text = area.value;
                    show();
                } catch (error) {
                    put(problem, errorBox(error));
                }
            }, { class: "primary" })));
            area.focus();
        }, { class: "small" });
        put(box, h("div.row", h("h2.grow", "Note"), edit), text ? markdown(text) : h("p.quiet", "No note yet."));
    };
    show();
    return box;
}

// --- All experiments ---

export async function experimentList(view) {
    view.title("Experiments");
    view.root.classList.add("fixed");
    let rows = [], token, busy = false, done = false, order = view.query.sort || "last_update_time DESC", epoch = 0;
    const [id, direction] = order.split(" ");
    const problem = h("div");
    const deleted = () => view.query.deleted === "1";

    const table = virtualTable({
        label: "Experiments", key: (e) => e.experiment_id, name: (e) => e.name, select: true, open: (e) => go("experiments", e.experiment_id),
        more: () => load(), rowClass: (e) => e.lifecycle_stage === "deleted" && "gone",
        sort(column) {
            order = `${column.id} ${order === `${column.id} DESC` ? "ASC" : "DESC"}`;
            view.set({ sort: order });
            view.again();
        },
        onselect: () => showActions(),
    });
    const actions = h("div.row");
    table.setColumns([
        { id: "name", label: "Name", width: 320, sortable: true, cell: (e) => h("a", { href: link("experiments", e.experiment_id) }, e.name) },
        { id: "experiment_id", label: "Id", width: 120, sortable: true, cell: (e) => e.experiment_id },
        { id: "creation_time", label: "Created", width: 130, sortable: true, cell: (e) => ago(e.creation_time) },
        { id: "last_update_time", label: "Updated", width: 130, sortable: true, cell: (e) => ago(e.last_update_time) },
        { id: "tags", label: "Tags", width: 320, cell: (e) => tagList(mapOf(e.tags)) },
    ], { id, descending: direction === "DESC" });

    function showActions() {
        const ids = [...table.selected];
        put(actions, ids.length > 0 && [
            button(deleted() ? `Restore ${ids.length}` : `Delete ${ids.length}`, () => change(ids, deleted() ? "restore" : "delete")),
            !deleted() && button("Runs of all", () => go("experiments", ids[0], "runs", { with: ids.slice(1).join(",") })),
        ]);
    }

    async function change(ids, what) {
        for (const one of ids) await post(`experiments/${what}`, { experiment_id: one });
        table.clearSelection();
        restart();
        if (what === "delete") toast(`Deleted ${plural(ids.length, "experiment")}.`, "Undo", () => change(ids, "restore"));
    }

    async function load() {
        if (busy || done) return;
        busy = true;
        const mine = epoch;
        try {
            const page = await post("experiments/search", { max_results: 500, page_token: token, filter: view.query.filter || "", order_by: [order],
                view_type: deleted() ? "DELETED_ONLY" : "ACTIVE_ONLY" }, view.signal);
            if (mine !== epoch) return;
            rows.push(...(page.experiments || []));
            token = page.next_page_token;
            done = !token;
            box.fail(null);
            put(problem);
            const nothing = !rows.length && (view.query.filter ? "No experiment fits. Shorten the search." : deleted() ? "Nothing is deleted." : "No experiments yet.");
            table.setRows(rows, token ? "Loading…" : nothing || null);
        } catch (error) {
            if (error.name === "AbortError") return;
            done = true;
            if (error.status === 400) box.fail(error);
            else put(problem, errorBox(error, restart));
        } finally {
            if (mine === epoch) busy = false;
        }
    }

    function restart() {
        epoch++;
        rows = [];
        token = undefined;
        busy = done = false;
        load();
    }

    const box = searchBox({ label: "Search experiments", value: view.query.filter, placeholder: "name LIKE '%vision%' AND tags.team = 'a'",
        keys: () => ["name", "creation_time", "last_update_time", "tags."],
        submit(text) {
            view.set({ filter: text });
            restart();
        } });
    view.search = box.input;
    Object.assign(view.keys, table.keys);
    put(view.root, h("div.head", h("h1.grow", "Experiments"), button("New experiment", () => nameDialog("New experiment", "", "Create", async (name) => {
        const made = await post("experiments/create", { name });
        go("experiments", made.experiment_id);
    }), { class: "primary" })), h("div.row", box.el, h("label.check", h("input", { type: "checkbox", checked: deleted(), onchange: (e) => {
        view.set({ deleted: e.target.checked ? "1" : null });
        table.clearSelection();
        restart();
    } }), "Deleted"), actions), problem, table.el);
    load();
}

// --- One experiment ---

export async function experimentPage(view) {
    const { experiment: id, tab } = view.params;
    const info = (await get("experiments/get", { experiment_id: id }, view.signal)).experiment;
    const tags = mapOf(info.tags);
    view.title(info.name);
    const setTag = async (key, value) => {
        await post("experiments/set-experiment-tag", { experiment_id: id, key, value });
        view.again();
    };
    const removeTag = async (key) => {
        await post("experiments/delete-experiment-tag", { experiment_id: id, key });
        view.again();
        toast(`Removed the tag ${key}.`, "Undo", () => setTag(key, tags[key]));
    };
    const state = async (what) => {
        await post(`experiments/${what}`, { experiment_id: id });
        view.again();
        if (what === "delete") toast("Deleted the experiment.", "Undo", () => state("restore"));
    };
    const gone = info.lifecycle_stage === "deleted";
    const body = h("div.stack.grow");
    body.style.minHeight = "0";
    view.body = body;
    put(view.root, h("div.head", h("h1", info.name), gone && status("deleted"), tagList(tags), h("span.grow"),
        button("Rename", () => nameDialog("Rename the experiment", info.name, "Rename", async (name) => {
            await post("experiments/update", { experiment_id: id, new_name: name });
            view.again();
        }), { class: "small" }),
        button(gone ? "Restore" : "Delete", () => state(gone ? "restore" : "delete"), { class: "small" })),
    tabs([["Runs", link("experiments", id), "runs"], ["Traces", link("experiments", id, "traces"), "traces"], ["Models", link("experiments", id, "models"), "models"],
        ["Datasets", link("experiments", id, "datasets"), "datasets"], ["About", link("experiments", id, "about"), "about"]], tab), body);
    view.experiment = info;
    if (tab === "runs") return (await import("./runs.js")).runsTab(view, id);
    if (tab === "traces") return (await import("./traces.js")).tracesTab(view, id);
    if (tab === "models") return loggedModels(view, id);
    if (tab === "datasets") return (await import("./datasets.js")).datasetsTab(view, id);
    if (tab === "about") {
        put(body, h("section.card", h("dl.facts", [["Id", id], ["Created", ago(info.creation_time)], ["Updated", ago(info.last_update_time)], ["Artifacts", info.artifact_location]]
            .map(([k, v]) => h("div", h("dt", k), h("dd", v)))), tagList(tags, setTag, removeTag)), note(tags["mlflow.note.content"], async (text) => {
            await post("experiments/set-experiment-tag", { experiment_id: id, key: "mlflow.note.content", value: text });
        }));
        return;
    }
    put(body, errorBox(Object.assign(new Error(`An experiment has no part “${tab}” here.`), { hint: "Choose one above." })));
}

async function loggedModels(view, id) {
    const list = await all((page_token) => post("logged-models/search", { experiment_ids: [id], max_results: 200, page_token }, view.signal), "models", 1000);
    if (!list.length) {
        put(view.body, empty("No logged models yet", h("p", "A model that is logged by a client of MLflow 3 stands here with its metrics."),
            clientLines("python -c \"import mlflow; mlflow.initialize_logged_model(name='first')\"")));
        return;
    }
    put(view.body, grid("Logged models", ["Name", "Status", "Type", "Created", "Run", "Metrics"], list.map(({ info, data }) => [
        h("a", { href: link("experiments", id, "models", info.model_id) }, info.name), status(String(info.status).replace("LOGGED_MODEL_", "")), info.model_type,
        ago(info.creation_timestamp_ms), info.source_run_id && h("a.mono", { href: link("experiments", id, "runs", info.source_run_id) }, info.source_run_id.slice(0, 8)),
        plural(data?.metrics?.length || 0, "value"),
    ])), list.more && h("p.quiet", `The first ${list.length} are shown.`));
}
