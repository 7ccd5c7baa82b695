// The model registry: registered models, their versions; and models that runs have logged.

import { h, put, ago, button, dialog, facts, field, grid, linkOut, mapOf, num, plural, select, status, tagList, toast } from "./dom.js";
import { call, get, post } from "./api.js";
import { go, link } from "./router.js";
import { nameDialog, note } from "./experiments.js";
import { aliasChips, anew, crumbs, erase, eraser, named, pagedList, python, pythonLines, tagEditor } from "./blocks.js";

const PATH = "2.0/mlflow";
const STAGES = ["None", "Staging", "Production", "Archived"];
const versionLink = (name, version) => link("models", name, "versions", version);

const stage = (value) => value && value !== "None" && h("span.chip", value);

// --- All models ---

export function modelList(view) {
    view.title("Models");
    const create = () => nameDialog("New model", "", "Create", async (name) => {
        await post("registered-models/create", { name });
        go("models", name);
    });
    return pagedList(view, {
        label: "Models", field: "registered_models", order: "last_updated_timestamp DESC", key: (m) => m.name, open: (m) => go("models", m.name),
        fetch: (filter, order, page_token) => get("registered-models/search",
            { filter, order_by: order.replace("last_updated_timestamp", "timestamp"), max_results: 200, page_token }, view.signal),
        searchKeys: ["name", "tags."], placeholder: "a part of the name, or name LIKE 'fraud%' AND tags.team = 'a'",
        columns: [
            { id: "name", label: "Name", width: 320, sortable: true, cell: (m) => h("a", { href: link("models", m.name) }, m.name) },
            { id: "version", label: "Latest", width: 90, cell: (m) => {
                const newest = Math.max(0, ...(m.latest_versions || []).map((v) => Number(v.version)));
                return newest ? h("a", { href: versionLink(m.name, newest) }, `v${newest}`) : "";
            } },
            { id: "aliases", label: "Aliases", width: 220, cell: (m) => h("div.chips", (m.aliases || []).map((a) => h("span.chip.alias", `@${a.alias} → v${a.version}`))) },
            { id: "last_updated_timestamp", label: "Updated", width: 130, sortable: true, cell: (m) => ago(m.last_updated_timestamp) },
            { id: "tags", label: "Tags", width: 260, cell: (m) => tagList(mapOf(m.tags)) },
        ],
        head: button("New model", create, { class: "primary" }),
        nothing: ["No models yet", h("p", "A model that a run has logged is registered by its address:"),
            pythonLines('mlflow.register_model("runs:/RUN_ID/model", "my-model")')],
    });
}

// --- One model ---

export async function modelPage(view) {
    const { name } = view.params;
    const model = (await get("registered-models/get", { name }, view.signal)).registered_model;
    const tags = mapOf(model.tags);
    if (tags["mlflow.prompt.is_prompt"] === "true") {
        location.replace(link("prompts", name));
        return;
    }
    view.title(name);
    const setTag = (key, value) => post("registered-models/set-tag", { name, key, value });
    const removeTag = (key) => erase(`${PATH}/registered-models/delete-tag`, { name, key });
    const aliases = {};
    for (const { alias, version } of model.aliases || []) (aliases[version] ||= []).push(alias);

    const versions = h("div.stack");
    put(view.root, crumbs(h("a", { href: "#/models" }, "Models"), name),
        h("div.head", h("h1.grow", name),
            button("Rename", () => nameDialog("Rename the model", name, "Rename", async (new_name) => {
                await post("registered-models/rename", { name, new_name });
                go("models", new_name);
            }), { class: "small" }),
            eraser("model", `“${name}” and all its versions will be gone for good. The files of the runs stay.`, () => erase(`${PATH}/registered-models/delete`, { name }), ["models"])),
        h("section.card", facts([["Created", ago(model.creation_timestamp)], ["Updated", ago(model.last_updated_timestamp)]]),
            tagEditor(view, tags, setTag, removeTag)),
        note(model.description, (description) => call(`${PATH}/registered-models/update`, { method: "PATCH", body: { name, description } })),
        h("div.head", h("h2.grow", "Versions"), button("New version", () => dialog("New version", [
            field("Source", h("input", { name: "source", required: true }), "Where its files are: runs:/RUN_ID/model, models:/m-…, s3://…"),
            field("Run", h("input", { name: "run_id" }), "The id of the run that made it, if there is one"),
            field("Description", h("textarea", { name: "description" })),
        ], "Create", async (form) => {
            const made = await post("model-versions/create", { name, source: form.source.trim(), run_id: form.run_id.trim() || undefined, description: form.description || undefined });
            go("models", name, "versions", made.model_version.version);
        }), { class: "small" })), versions);
    await showVersions();

    async function showVersions() {
        const rows = [];
        let token;
        const more = async () => {
            const page = await get("model-versions/search", { filter: named(name), order_by: "version_number DESC", max_results: 100, page_token: token }, view.signal);
            rows.push(...(page.model_versions || []).filter((v) => v.name === name));
            token = page.next_page_token;
            put(versions, rows.length ? grid("Versions", ["Version", "Aliases", "Stage", "Created", "Run", "Description", "Tags"], rows.map((v) => [
                h("a", { href: versionLink(name, v.version) }, `Version ${v.version}`), aliasChips(view, aliases[v.version] || []), stage(v.current_stage),
                ago(v.creation_timestamp), v.run_id && h("a.mono", { href: versionLink(name, v.version) }, v.run_id.slice(0, 8)), (v.description || "").slice(0, 200), tagList(mapOf(v.tags)),
            ])) : [h("p.quiet", "No versions yet. Register a logged model under this name:"),
                pythonLines(`mlflow.register_model("runs:/RUN_ID/model", ${python(name)})`)],
            token && button("Show more", more));
        };
        await more();
    }
}

// --- One version ---

/** What a version was made from: its run, and the logged model or the folder in the run. */
async function lineage(view, version) {
    const found = { source: linkOut(version.source) };
    const quietly = (promise) => promise.catch((error) => {
        if (error.name === "AbortError") throw error;
        return null;
    });
    const logged = /^models:\/(m-[0-9a-f]{32})\/?$/.exec(version.source);
    const run = version.run_id && (await quietly(get("runs/get", { run_id: version.run_id }, view.signal)))?.run;
    if (run) {
        const { experiment_id: experiment, run_id: id, run_name } = run.info;
        found.run = h("a", { href: link("experiments", experiment, "runs", id) }, run_name || id);
        const file = new RegExp(`^runs:/${id}/(.+)$`).exec(version.source)?.[1]
            ?? (version.source.startsWith(`${run.info.artifact_uri}/`) ? version.source.slice(run.info.artifact_uri.length + 1) : null);
        if (file) found.source = h("a", { href: link("experiments", experiment, "runs", id, "artifacts", ...file.split("/")) }, version.source);
        const experimentInfo = (await quietly(get("experiments/get", { experiment_id: experiment }, view.signal)))?.experiment;
        if (experimentInfo) found.experiment = h("a", { href: link("experiments", experiment) }, experimentInfo.name);
    } else if (version.run_id) {
        found.run = [h("code", version.run_id), " (it cannot be read here)"];
    }
    if (logged) {
        const model = (await quietly(get(`logged-models/${logged[1]}`, {}, view.signal)))?.model;
        if (model) found.model = h("a", { href: link("experiments", model.info.experiment_id, "models", logged[1]) }, model.info.name);
    }
    return found;
}

export async function versionPage(view) {
    const { name, version } = view.params;
    const info = (await get("model-versions/get", { name, version }, view.signal)).model_version;
    const from = await lineage(view, info);
    const tags = mapOf(info.tags);
    view.title(`${name} v${version}`);
    const setTag = (key, value) => post("model-versions/set-tag", { name, version, key, value });
    const removeTag = (key) => erase(`${PATH}/model-versions/delete-tag`, { name, version, key });
    const setAlias = (alias) => post("registered-models/alias", { name, alias, version });
    const removeAlias = (alias) => erase(`${PATH}/registered-models/alias`, { name, alias });

    put(view.root, crumbs(h("a", { href: "#/models" }, "Models"), h("a", { href: link("models", name) }, name), `Version ${version}`),
        h("div.head", h("h1", `${name}, version ${version}`), h("span.grow", status(info.status)),
            button("Change stage", () => dialog("Change stage", [
                field("Stage", select(STAGES, info.current_stage, null, { name: "stage" }), "Aliases say the same with names of your own; clients of MLflow 3 use those."),
                h("label.check", h("input", { type: "checkbox", name: "archive" }), "Archive the other versions in that stage"),
            ], "Change", async (form) => {
                await post("model-versions/transition-stage", { name, version, stage: form.stage, archive_existing_versions: Boolean(form.archive) });
                view.again();
                if (!form.archive) toast(`The stage is ${form.stage}.`, "Undo", async () => {
                    await post("model-versions/transition-stage", { name, version, stage: info.current_stage, archive_existing_versions: false });
                    anew();
                });
            }), { class: "small" }),
            eraser("version", `Version ${version} of “${name}” will be gone for good, with its aliases. The files of the run stay.`, () => erase(`${PATH}/model-versions/delete`, { name, version }), ["models", name])),
        h("section.card", facts([["Stage", info.current_stage], ["Created", ago(info.creation_timestamp)], ["Updated", ago(info.last_updated_timestamp)],
            ["Run", from.run], ["Experiment", from.experiment], ["Logged model", from.model], ["Source", from.source], ["Link of the run", info.run_link && linkOut(info.run_link)]]),
        aliasChips(view, info.aliases || [], setAlias, removeAlias),
        tagEditor(view, tags, setTag, removeTag)),
        note(info.description, (description) => call(`${PATH}/model-versions/update`, { method: "PATCH", body: { name, version, description } })),
        h("section.card", h("h2", "Use it"), pythonLines(`model = mlflow.pyfunc.load_model(${python(`models:/${name}/${version}`)})`)));
}

// --- A model that a run has logged ---

export async function loggedModelPage(view) {
    const { experiment, model: id } = view.params;
    const { info, data = {} } = (await get(`logged-models/${encodeURIComponent(id)}`, {}, view.signal)).model;
    const tags = mapOf(info.tags);
    view.title(info.name);
    const setTag = (key, value) => call(`${PATH}/logged-models/${id}/tags`, { method: "PATCH", body: { tags: [{ key, value }] } });
    put(view.root, crumbs(h("a", { href: "#/experiments" }, "Experiments"), h("a", { href: link("experiments", experiment, "models") }, "Models"), info.name),
        h("div.head", h("h1", info.name), status(String(info.status).replace("LOGGED_MODEL_", "")), h("span.grow"),
            button("Register", () => nameDialog("Register as a version of", "", "Register", async (name) => {
                await post("registered-models/create", { name }).catch((error) => {
                    if (error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
                });
                const made = await post("model-versions/create", { name, source: `models:/${id}`, run_id: info.source_run_id || undefined, model_id: id });
                go("models", name, "versions", made.model_version.version);
            }), { class: "small" }),
            eraser("logged model", `“${info.name}” will not be shown any more.`, () => erase(`${PATH}/logged-models/${id}`), ["experiments", experiment, "models"])),
        h("section.card", facts([["Id", info.model_id], ["Type", info.model_type], ["Created", ago(info.creation_timestamp_ms)],
            ["Run", info.source_run_id && h("a.mono", { href: link("experiments", experiment, "runs", info.source_run_id) }, info.source_run_id)], ["Files", info.artifact_uri]]),
        tagEditor(view, tags, setTag, (key) => erase(`${PATH}/logged-models/${id}/tags/${encodeURIComponent(key)}`))),
        h("div.columns",
            h("section.card", h("h2", plural((data.params || []).length, "parameter")), data.params && grid("Parameters", ["Name", "Value"], data.params.map((p) => [p.key, p.value]))),
            h("section.card", h("h2", plural((data.metrics || []).length, "metric value")), data.metrics && grid("Metrics", ["Name", "Value", "Step", "Dataset"],
                data.metrics.map((m) => [m.key, num(m.value), m.step, m.dataset_name])))));
}
