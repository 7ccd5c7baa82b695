// Prompts: registered models of their own kind. Their versions, side by side with what differs.

import { h, put, ago, button, dialog, facts, field, mapOf, parsed, select, tagList } from "./dom.js";
import { get, post } from "./api.js";
import { link } from "./router.js";
import { aliasChips, anew, changing, crumbs, erase, eraser, named, pagedList, python, pythonLines, tagEditor } from "./blocks.js";

const PATH = "2.0/mlflow";
const KIND = "mlflow.prompt.is_prompt", TEXT = "mlflow.prompt.text", TYPE = "_mlflow_prompt_type", EXPERIMENTS = "_mlflow_experiment_ids";
const ONLY = `tags.\`${KIND}\` = 'true'`;
const LONGEST = 4e6; // cells of a comparison
const place = (view, ...rest) => (view.params.experiment ? link("experiments", view.params.experiment, "prompts", ...rest) : link("prompts", ...rest));

/** What a version says: text, or messages as clients keep chats. */
function template(version) {
    const tags = mapOf(version.tags), text = tags[TEXT] ?? "";
    const list = tags[TYPE] === "chat" ? parsed(text) : null;
    const messages = Array.isArray(list) && list.every((m) => m && typeof m === "object") ? list.map((m) => [String(m.role), typeof m.content === "string" ? m.content : JSON.stringify(m.content, null, 2)]) : null;
    return { text: messages ? messages.map(([role, content]) => `${role}:\n${content}`).join("\n\n") : text, raw: text, messages, type: messages ? "chat" : "text" };
}

/** Two lists of parts: [kind, text], kind 0 for what is the same; -1 only in a, 1 only in b. */
export function compare(a, b, parts = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) {
    const x = a.match(parts) || [], y = b.match(parts) || [];
    let from = 0, end = 0;
    while (from < x.length && from < y.length && x[from] === y[from]) from++;
    while (end < x.length - from && end < y.length - from && x[x.length - 1 - end] === y[y.length - 1 - end]) end++;
    const m = x.slice(from, x.length - end), n = y.slice(from, y.length - end), width = n.length + 1;
    if (m.length * n.length > LONGEST && parts.source !== ".*\\n?") return compare(a, b, /.*\n?/g);
    const out = [], add = (kind, text) => {
        if (text && out.at(-1)?.[0] === kind) out.at(-1)[1] += text;
        else if (text) out.push([kind, text]);
    };
    add(0, x.slice(0, from).join(""));
    if (m.length * n.length > LONGEST) {
        add(-1, m.join(""));
        add(1, n.join(""));
    } else {
        const best = new Uint32Array((m.length + 1) * width); // lengths of the longest common subsequences of what follows
        for (let i = m.length - 1; i >= 0; i--) for (let j = n.length - 1; j >= 0; j--) {
            best[i * width + j] = m[i] === n[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
        }
        for (let i = 0, j = 0; i < m.length || j < n.length;) {
            if (i < m.length && j < n.length && m[i] === n[j]) add(0, m[i++], j++);
            else if (j === n.length || (i < m.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) add(-1, m[i++]);
            else add(1, n[j++]);
        }
    }
    add(0, x.slice(x.length - end).join(""));
    return out;
}

// --- All prompts ---

export function promptList(view) {
    const { experiment } = view.params;
    view.title("Prompts");
    return pagedList(view, {
        label: "Prompts", field: "registered_models", order: "last_updated_timestamp DESC", key: (p) => p.name, open: (p) => (location.hash = place(view, p.name)),
        fetch: (filter, order, page_token) => get("registered-models/search", { max_results: 200, page_token, order_by: order.replace("last_updated_timestamp", "timestamp"),
            filter: [filter, ONLY, experiment && `tags.\`${EXPERIMENTS}\` LIKE '%,${experiment},%'`].filter(Boolean).join(" AND ") }, view.signal),
        searchKeys: ["name", "tags."], placeholder: "a part of the name, or tags.team = 'a'",
        columns: [
            { id: "name", label: "Name", width: 320, sortable: true, cell: (p) => h("a", { href: place(view, p.name) }, p.name) },
            { id: "version", label: "Latest", width: 90, cell: (p) => `v${Math.max(0, ...(p.latest_versions || []).map((v) => Number(v.version)))}` },
            { id: "last_updated_timestamp", label: "Updated", width: 130, sortable: true, cell: (p) => ago(p.last_updated_timestamp) },
            { id: "tags", label: "Tags", width: 320, cell: (p) => tagList(mapOf(p.tags)) },
        ],
        head: button("New prompt", () => dialog("New prompt", [field("Name", h("input", { name: "name", required: true, pattern: "[A-Za-z0-9_.\\-]+" }), "Letters, digits, _, - and ."), ...templateFields()], "Create", async (form) => {
            await post("registered-models/create", { name: form.name, tags: [{ key: KIND, value: "true" }, ...(experiment ? [{ key: EXPERIMENTS, value: `,${experiment},` }] : [])] });
            await createVersion(form.name, form, "text");
            location.hash = place(view, form.name);
        }, { wide: true }), { class: "primary" }),
        nothing: ["No prompts yet", h("p", "Prompts are kept in versions, so that it is known what an answer was made with. Make one here, or:"),
            pythonLines('mlflow.genai.register_prompt("greet", "Say hello to {{name}}.")')],
    });
}

const templateFields = (text = "") => [field("Template", h("textarea", { name: "text", value: text, required: true, rows: 10 }), "Variables stand in {{double braces}}"), field("What is new", h("input", { name: "description", autocomplete: "off" }))];

const createVersion = (name, form, type) => post("model-versions/create", { name, source: "prompt-template", description: form.description || undefined,
    tags: [{ key: KIND, value: "true" }, { key: TYPE, value: type }, { key: TEXT, value: form.text.replaceAll("\r\n", "\n") }] });

// --- One prompt ---

export async function promptPage(view) {
    const { name } = view.params;
    const prompt = (await get("registered-models/get", { name }, view.signal)).registered_model;
    const versions = [];
    let token;
    do {
        const page = await get("model-versions/search", { filter: `${named(name)} AND ${ONLY}`, order_by: "version_number DESC", max_results: 200, page_token: token }, view.signal);
        versions.push(...(page.model_versions || []).filter((v) => v.name === name));
        token = page.next_page_token;
    } while (token && versions.length < 1000);
    view.title(name);
    const tags = mapOf(prompt.tags), setTag = (key, value) => post("registered-models/set-tag", { name, key, value });
    const aliases = {};
    for (const { alias, version } of prompt.aliases || []) (aliases[version] ||= []).push(alias);
    const chosen = versions.find((v) => v.version === view.query.version) || versions[0];
    const other = versions.find((v) => v.version === view.query.with && v !== chosen);
    const choose = (key) => changing(view, (value) => view.set({ [key]: value }));
    const labels = versions.map((v) => [v.version, [`Version ${v.version}`, ...(aliases[v.version] || []).map((a) => `@${a}`)].join(" ")]);

    put(view.root, crumbs(h("a", { href: place(view) }, "Prompts"), name),
        h("div.head", h("h1.grow", name), button("New version", () => {
            const from = chosen ? template(chosen) : { raw: "", type: "text" };
            dialog("New version", [from.type === "chat" && h("p.quiet", "A chat: a JSON list of messages with role and content."), ...templateFields(from.raw)], "Create", async (form) => {
                const messages = parsed(form.text);
                if (from.type === "chat" && !Array.isArray(messages)) throw new Error("This is not a JSON list of messages.");
                const made = await createVersion(name, form, from.type);
                view.set({ version: made.model_version.version, with: chosen?.version });
                anew();
            }, { wide: true });
        }, { class: "primary" }), eraser("prompt", `“${name}” and all its versions will be gone for good.`, () => erase(`${PATH}/registered-models/delete`, { name }), () => (location.hash = place(view)))),
        prompt.description && h("p", prompt.description),
        tagEditor(view, tags, setTag, (key) => erase(`${PATH}/registered-models/delete-tag`, { name, key })),
        !chosen ? h("p.quiet", "No versions yet. Make the first one above.") : [
            h("div.row", field("Version", select(labels, chosen.version, choose("version"))), versions.length > 1 && field("Beside it", select([["", "nothing"], ...labels.filter(([v]) => v !== chosen.version)], other?.version || "", choose("with")))),
            other ? sideBySide(other, chosen, (v) => about(view, v, aliases[v.version])) : h("section.card", about(view, chosen, aliases[chosen.version]), shown(template(chosen))),
            h("section.card", h("h2", "Use it"), pythonLines(`prompt = mlflow.genai.load_prompt(${python(`prompts:/${name}/${chosen.version}`)})`)),
        ]);
}

const shown = ({ text, messages }) => (messages ? messages.map(([role, content]) => h(`div.message.${/^(user|assistant|tool)$/.test(role) ? role : "other"}`, h("small", role), h("pre", content))) : h("pre.text", { tabindex: 0 }, text));

function about(view, version, aliases = []) {
    const { name } = version, of = { name, version: version.version };
    const set = (alias) => post("registered-models/alias", { ...of, alias });
    return [h("div.row", h("h2", `Version ${of.version}`), aliasChips(view, aliases, set, (alias) => erase(`${PATH}/registered-models/alias`, { name, alias })), h("span.grow"),
        eraser("version", `Version ${of.version} of “${name}” will be gone for good.`, () => erase(`${PATH}/model-versions/delete`, of), () => {
            view.set({ version: null, with: null });
            view.again();
        }, `Delete version ${of.version}`)), version.description && h("p", version.description), facts([["Created", ago(version.creation_timestamp)]])];
}

function sideBySide(before, after, head) {
    const parts = compare(template(before).text, template(after).text);
    const side = (version, left) => h("section.card", head(version), h("pre.text", { tabindex: 0 }, parts.filter(([kind]) => (left ? kind <= 0 : kind >= 0))
        .map(([kind, text]) => (kind ? h(kind < 0 ? "del" : "ins", text) : text))));
    return h("div.columns", side(before, true), side(after, false), parts.every(([kind]) => !kind) && h("p.quiet", "The texts are the same."));
}
