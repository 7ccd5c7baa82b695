// Evaluation datasets and their records; in an experiment, the data that its runs have used as well.

import { h, put, ago, button, dialog, empty, facts, field, grid, loading, parsed, plural, pretty, tagList } from "./dom.js";
import { all, call, get, get3, post, post3 } from "./api.js";
import { go, link } from "./router.js";
import { crumbs, erase, eraser, pagedList, pythonLines, tagEditor } from "./blocks.js";

const path = (id, ...rest) => ["3.0/mlflow/datasets", ...[id, ...rest].map(encodeURIComponent)].join("/");

/** JSON as Python writes it: what JSON has no word for becomes a text. */
const python = (text) => parsed(text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (m) => (m[0] === '"' ? m : `"${m}"`)));
const count = (dataset) => parsed(dataset.profile, {})?.num_records ?? 0;

const newDataset = (experiment) => dialog("New dataset", [field("Name", h("input", { name: "name", required: true, maxlength: 255 })),
    field("Experiment", h("input", { name: "experiment", value: experiment || "", pattern: "[0-9]*" }), "Its id; it may be left out")], "Create", async (form) => {
    const made = await post3("datasets/create", { name: form.name.trim(), experiment_ids: form.experiment ? [form.experiment] : [] });
    go("datasets", made.dataset.dataset_id);
});

const nothing = () => ["No evaluation datasets yet", h("p", "Inputs, and what is expected of an application that gets them. Make one here, or:"), pythonLines('mlflow.genai.create_dataset("questions", experiment_id=["0"])')];

export function datasetList(view) {
    view.title("Datasets");
    return pagedList(view, {
        label: "Evaluation datasets", field: "datasets", order: "last_update_time DESC", key: (d) => d.dataset_id, open: (d) => go("datasets", d.dataset_id),
        fetch: (filter_string, order, page_token) => post3("datasets/search", { filter_string, order_by: [order], max_results: 200, page_token }, view.signal),
        searchKeys: ["name", "created_by", "last_update_time", "tags."], placeholder: "a part of the name, or tags.team = 'a'",
        columns: [
            { id: "name", label: "Name", width: 320, sortable: true, cell: (d) => h("a", { href: link("datasets", d.dataset_id) }, d.name) },
            { id: "records", label: "Records", width: 90, numeric: true, cell: count },
            { id: "created_time", label: "Created", width: 130, sortable: true, cell: (d) => ago(d.created_time) },
            { id: "last_update_time", label: "Updated", width: 130, sortable: true, cell: (d) => ago(d.last_update_time) },
            { id: "tags", label: "Tags", width: 320, cell: (d) => tagList(parsed(d.tags, {})) },
        ],
        head: button("New dataset", () => newDataset(), { class: "primary" }), nothing: nothing(),
    });
}

export async function datasetsTab(view, experiment) {
    put(view.body, loading());
    const [made, used] = await Promise.all([
        all((page_token) => post3("datasets/search", { experiment_ids: [experiment], max_results: 200, page_token }, view.signal), "datasets"),
        post("experiments/search-datasets", { experiment_ids: [experiment] }, view.signal),
    ]);
    const summaries = used.dataset_summaries || [];
    put(view.body, h("div.row", h("h2.grow", "Evaluation datasets"), button("New dataset", () => newDataset(experiment), { class: "small" })),
        made.length ? grid("Evaluation datasets", ["Name", "Records", "Updated"], made.map((d) => [h("a", { href: link("datasets", d.dataset_id) }, d.name), count(d), ago(d.last_update_time)])) : empty(...nothing()),
        summaries.length > 0 && [h("h2", "Data that runs have used"), grid("Data of runs", ["Name", "Digest", "Context", ""], summaries.map((d) => [d.name, h("code", d.digest), d.context,
            !/'/.test(d.name) && h("a", { href: link("experiments", experiment, "runs", { filter: `dataset.name = '${d.name}'` }) }, "Runs")]))]);
}

const brief = (value) => {
    if (value === undefined || value === null || (typeof value === "object" && !Object.keys(value).length)) return "";
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return text.length > 160 ? `${text.slice(0, 160)}…` : text;
};

function showRecord(record) {
    const part = (label, value) => brief(value) && [h("h3", label), h("pre.text", { tabindex: 0 }, pretty(value))];
    dialog("Record", [facts([["Id", h("span.mono", record.dataset_record_id)], ["Created", ago(record.created_time)], ["By", record.created_by], ["Source", record.source_type]]),
        part("Inputs", record.inputs), part("Expectations", record.expectations), part("Outputs", record.outputs), part("Tags", record.tags), part("Source", record.source)], null, null, { wide: true });
}

export async function datasetPage(view) {
    const { dataset: id } = view.params;
    const [{ dataset }, { experiment_ids: experiments = [] }] = await Promise.all([get3(`datasets/${encodeURIComponent(id)}`, {}, view.signal), get3(`datasets/${encodeURIComponent(id)}/experiment-ids`, {}, view.signal)]);
    view.title(dataset.name);
    const names = await Promise.all(experiments.slice(0, 20).map((one) => get("experiments/get", { experiment_id: one }, view.signal).then((found) => found.experiment.name, () => one)));
    const tags = parsed(dataset.tags, {}), setTag = (key, value) => call(path(id, "tags"), { method: "PATCH", body: { tags: JSON.stringify({ [key]: value }) } });
    const body = h("div.stack"), rows = [];
    let token;

    const json = (text, what) => {
        const value = text.trim() ? parsed(text) : {};
        if (!value || typeof value !== "object" || Array.isArray(value)) throw Object.assign(new Error(`The ${what} are not a JSON object.`), { hint: 'For example: {"question": "What is MLflow?"}' });
        return value;
    };
    const area = (name, label, value) => field(label, h("textarea", { name, rows: 5, spellcheck: "false", value }), "A JSON object");
    const addRecord = () => dialog("Add a record", [area("inputs", "Inputs", '{"question": ""}'), area("expectations", "Expectations", ""), h("p.quiet", "A record with the same inputs is changed.")], "Add", async (form) => {
        const record = { inputs: json(form.inputs, "inputs"), expectations: json(form.expectations, "expectations"), source: { source_type: "HUMAN", source_data: {} } };
        if (!Object.keys(record.expectations).length) delete record.expectations;
        await call(path(id, "records"), { body: { records: JSON.stringify([record]) } });
        view.again();
    }, { wide: true });
    const more = async () => {
        const page = await get3(`datasets/${encodeURIComponent(id)}/records`, { max_results: 100, page_token: token }, view.signal);
        const found = python(page.records || "[]");
        if (!found) throw new Error("The records cannot be read as JSON.");
        rows.push(...found);
        token = page.next_page_token;
        put(body, rows.length ? grid("Records", ["Inputs", "Expectations", "Source", "Updated", ""], rows.map((record) => [brief(record.inputs), brief(record.expectations),
            record.source_type === "TRACE" && record.source_id && experiments.length ? h("a", { href: link("experiments", experiments[0], "traces", record.source_id) }, "trace") : (record.source_type || "").toLowerCase(), ago(record.last_update_time),
            button("Show", () => showRecord(record), { class: "small" })])) : h("p.quiet", "No records yet. Add one above, or let a client merge traces into the dataset."),
        token && button("Show more", more));
    };

    put(view.root, crumbs(h("a", { href: "#/datasets" }, "Datasets"), dataset.name),
        h("div.head", h("h1.grow", dataset.name), eraser("dataset", `“${dataset.name}” and its ${plural(count(dataset), "record")} will be gone for good.`, () => erase(path(id)), ["datasets"])),
        h("section.card", facts([["Records", count(dataset)], ["Created", ago(dataset.created_time)], ["By", dataset.created_by], ["Updated", ago(dataset.last_update_time)], ["Digest", h("code", dataset.digest)],
            ["Experiments", names.length > 0 && names.map((name, i) => [i > 0 && ", ", h("a", { href: link("experiments", experiments[i]) }, name)])]]),
        tagEditor(view, tags, setTag, (key) => erase(path(id, "tags", key)))),
        h("div.row", h("h2.grow", "Records"), button("Add a record", addRecord, { class: "small" })), body);
    await more();
}
