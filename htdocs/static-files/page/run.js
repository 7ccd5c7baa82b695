// One run.

import { h, put, ago, button, duration, facts, grid, linkOut, num, parsed, pretty, status, tabs, tagList, toast } from "./dom.js";
import { get, post } from "./api.js";
import { link } from "./router.js";
import { note, nameDialog, clientLines } from "./experiments.js";
import { toRow, runTime } from "./runs.js";
import { chartPanel, histories, sparkline } from "./charts.js";
import { artifacts } from "./artifacts.js";

const TAB_NAMES = { overview: "overview", charts: "charts", "model-metrics": "charts", "system-metrics": "charts", artifacts: "artifacts", traces: "traces" };

export async function runPage(view) {
    const id = view.params.run;
    let { run } = await get("runs/get", { run_id: id }, view.signal);
    let row = toRow(run);
    const { info } = run, experiment = info.experiment_id, tab = TAB_NAMES[view.params.tab] || "overview";
    view.title(row.name);

    const setTag = async (key, value) => {
        await post("runs/set-tag", { run_id: id, key, value });
        view.again();
    };
    const removeTag = async (key) => {
        await post("runs/delete-tag", { run_id: id, key });
        view.again();
        toast(`Removed the tag ${key}.`, "Undo", () => setTag(key, row.t[key]));
    };
    const state = async (what) => {
        await post(`runs/${what}`, { run_id: id });
        view.again();
        if (what === "delete") toast("Deleted the run.", "Undo", () => state("restore"));
    };
    const gone = info.lifecycle_stage === "deleted";
    const head = h("div.head"), body = h("div.stack.grow");
    const showHead = () => put(head, h("div.grow", h("div.crumbs", h("a", { href: link("experiments", experiment) }, `Experiment ${experiment}`)), h("div.row", h("h1", row.name), status(row.info.status), gone && status("deleted"))),
        button("Rename", () => nameDialog("Rename the run", row.name, "Rename", async (name) => {
            await post("runs/update", { run_id: id, run_name: name });
            view.again();
        }), { class: "small" }), button(gone ? "Restore" : "Delete", () => state(gone ? "restore" : "delete"), { class: "small" }));
    showHead();
    const at = (name) => link("experiments", experiment, "runs", id, ...(name === "overview" ? [] : [name]));
    put(view.root, head, tabs([["Overview", at("overview"), "overview"], ["Charts", at("charts"), "charts"], ["Artifacts", at("artifacts"), "artifacts"], ["Traces", at("traces"), "traces"]], tab), body);
    view.body = body;

    let panel = null;
    if (tab === "overview") overview();
    else if (tab === "charts") put(body, (panel = chartPanel(view, Object.keys(row.m), [{ id, name: row.name }])).el);
    else if (tab === "artifacts") {
        view.root.classList.add("fixed");
        await artifacts(view, body, { run_id: id }, view.params.file || view.query.path || "", (path) => history.replaceState(null, "", path ? `${at("artifacts")}/${path.split("/").map(encodeURIComponent).join("/")}` : at("artifacts")));
    } else {
        view.root.classList.add("fixed");
        await (await import("./traces.js")).tracesTab(view, experiment, id);
    }

    view.every(4000, async () => {
        if (row.info.status !== "RUNNING") return;
        try {
            run = (await get("runs/get", { run_id: id }, view.signal)).run;
        } catch {
            return;
        }
        row = toRow(run);
        showHead();
        if (tab === "overview" && !document.querySelector("dialog[open], textarea")) overview();
        panel?.refresh();
    });

    function overview() {
        const sections = [
            h("section.card", { "aria-label": "About" }, facts([["Run id", h("span.mono", id)], ["Started", ago(info.start_time)], ["Duration", duration(runTime(row.info))], ["User", info.user_id || row.t["mlflow.user"]],
                ["Source", linkOut(row.t["mlflow.source.name"] || "")], ["Git commit", row.t["mlflow.source.git.commit"] && h("span.mono", row.t["mlflow.source.git.commit"])], ["Parent", row.t["mlflow.parentRunId"] && h("a.mono", { href: link("experiments", experiment, "runs", row.t["mlflow.parentRunId"]) }, row.t["mlflow.parentRunId"])],
                ["Artifacts", info.artifact_uri]]), tagList(row.t, setTag, removeTag)),
            metrics(), params(), note(row.t["mlflow.note.content"], (value) => post("runs/set-tag", { run_id: id, key: "mlflow.note.content", value })), datasets(), models(),
        ];
        put(body, h("div.cards", sections));
    }

    function filtered(title, rows, heads, nothing) {
        const table = grid(title, heads, rows.map((r) => r.cells));
        const trs = [...table.querySelectorAll("tbody tr")];
        return h("section.card", { "aria-label": title }, h("div.row", h("h2.grow", `${title} (${rows.length})`), rows.length > 8 && h("input", { type: "search", placeholder: "Filter", "aria-label": `Filter ${title.toLowerCase()}`, oninput: (e) => {
            const text = e.target.value.toLowerCase();
            trs.forEach((tr, i) => (tr.hidden = !rows[i].key.toLowerCase().includes(text)));
        } })), rows.length ? table : nothing);
    }

    function metrics() {
        const seen = new IntersectionObserver((entries) => {
            for (const e of entries) {
                if (!e.isIntersecting) continue;
                seen.unobserve(e.target);
                histories([id], e.target.dataset.key, 60, null, view.signal).then((found) => {
                    const line = sparkline(found.get(id).map((p) => p.value));
                    if (line) put(e.target, line);
                }, () => {});
            }
        });
        view.signal.addEventListener("abort", () => seen.disconnect());
        const rows = [...row.metrics].sort((a, b) => (a.key < b.key ? -1 : 1)).map((m) => {
            const spark = h("span", { "data-key": m.key });
            if (Number(m.step) > 0) seen.observe(spark);
            return { key: m.key, cells: [h("a", { href: link("experiments", experiment, "runs", id, "charts", { chart: m.key }) }, m.key), h("span", { title: String(m.value) }, num(m.value)), m.step, spark] };
        });
        return filtered("Metrics", rows, ["Name", "Latest", "Step", "History"], clientLines(`python -c "import mlflow; mlflow.start_run('${id}'); mlflow.log_metric('loss', 0.1)"`));
    }

    function params() {
        const rows = Object.keys(row.p).sort().map((key) => ({ key, cells: [key, row.p[key]] }));
        return filtered("Params", rows, ["Name", "Value"], h("p.quiet", "No params."));
    }

    function datasets() {
        const list = run.inputs?.dataset_inputs || [];
        return list.length > 0 && h("section.card", h("h2", `Datasets (${list.length})`), list.map(({ dataset, tags }) => h("details", h("summary", dataset.name, " ", h("small", `${dataset.source_type || ""} · ${dataset.digest || ""}`, (tags || []).map((t) => ` · ${t.value}`))),
            [["Source", dataset.source], ["Schema", dataset.schema], ["Profile", dataset.profile]].filter(([, v]) => v).map(([name, v]) => [h("h3", name), h("pre.text", { tabindex: 0 }, pretty(parsed(v, v)))]))));
    }

    function models() {
        const list = [...(run.outputs?.model_outputs || []).map((m) => ["Made", m]), ...(run.inputs?.model_inputs || []).map((m) => ["Used", m])];
        const box = h("section.card", { hidden: true });
        const versions = get("model-versions/search", { filter: `run_id='${id}'`, max_results: 100 }, view.signal).then((page) => page.model_versions || [], () => []);
        versions.then((found) => {
            if (!found.length && !list.length) return;
            box.hidden = false;
            put(box, h("h2", "Models"), grid("Models of this run", ["", "Model", ""], [
                ...list.map(([what, m]) => [what, h("a", { href: link("experiments", experiment, "models", m.model_id) }, m.model_id), m.step === undefined ? "" : `step ${m.step}`]),
                ...found.map((v) => ["Registered", h("a", { href: link("models", v.name, "versions", v.version) }, `${v.name} ${v.version}`), (v.aliases || []).join(", ")])]));
        });
        return box;
    }
}
