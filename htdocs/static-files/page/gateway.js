// The gateway: endpoints, model definitions and secrets. Calling them and their usage are in modules of their own.

import { h, put, ago, button, code, dialog, empty, field, grid, iconButton, mapOf, select, tabs } from "./dom.js";
import { get3, post3 } from "./api.js";
import { link } from "./router.js";
import { erase, eraser, tagEditor } from "./blocks.js";

const PATH = "3.0/mlflow/gateway";
const list = async (view, kind, name) => (await get3(`gateway/${kind}/list`, {}, view.signal))[name] || [];
const TABS = [["Endpoints", "endpoints"], ["Models", "models"], ["Secrets", "secrets"], ["Playground", "playground"], ["Usage", "usage"]];
const PAGES = { endpoints, models, secrets };

export async function gatewayPage(view) {
    const { tab } = view.params;
    view.title(`Gateway, ${tab}`);
    view.body = h("div.stack.grow");
    view.actions = h("div.row");
    put(view.root, h("div.head", h("h1.grow", "Gateway"), view.actions), tabs(TABS.map(([name, key]) => [name, link("gateway", key), key]), tab), view.body);
    if (tab === "playground") return (await import("./playground.js")).playground(view);
    if (tab === "usage") return (await import("./usage.js")).usage(view);
    if (PAGES[tab]) return PAGES[tab](view);
    throw Object.assign(new Error(`The gateway has no part “${tab}” here.`), { hint: "Choose one above." });
}

/** A box that leaves only the rows in which its text stands. */
function finder(view, label, rows, show) {
    const input = h("input", { type: "search", value: view.query.find || "", placeholder: "A part of a name", "aria-label": label, oninput: () => {
        view.set({ find: input.value });
        draw();
    } });
    const body = h("div");
    const draw = () => {
        const fits = rows.filter((row) => JSON.stringify(row).toLowerCase().includes(input.value.toLowerCase()));
        put(body, fits.length ? show(fits) : h("p.quiet", "Nothing fits."));
    };
    view.search = input;
    draw();
    return [h("div.row", input), body];
}

const rowActions = (view, name, edit, what, text, kind, body) => h("div.row", button("Edit", edit, { class: "small", "aria-label": `Edit ${name}` }),
    eraser(what, text, () => erase(`${PATH}/${kind}/delete`, body), view.again, `Delete ${name}`));

// --- Secrets ---

async function secrets(view) {
    const [rows, config] = await Promise.all([list(view, "secrets", "secrets"), get3("gateway/secrets/config", {}, view.signal).catch(() => ({}))]);
    put(view.actions, button("New secret", () => secretDialog(view), { class: "primary" }));
    put(view.body, config.using_default_passphrase && h("p.warning", "Secrets are encrypted with the passphrase that everybody knows. Set MLFLOW_CRYPTO_KEK_PASSPHRASE for the server before you keep any here."),
        rows.length ? finder(view, "Search secrets", rows, (fits) => grid("Secrets", ["Name", "Provider", "Value", "Settings", "Changed", ""], fits.map((row) => [
            row.secret_name, row.provider, Object.entries(row.masked_values || {}).map(([key, value]) => h("div", key, " ", h("code", value))),
            Object.entries(row.auth_config || {}).map(([key, value]) => h("div", key, " ", h("code", value))), ago(row.last_updated_at),
            rowActions(view, row.secret_name, () => secretDialog(view, row), "secret", `Models that use “${row.secret_name}” cannot be called until they get another one. The value cannot be had back.`,
                "secrets", { secret_id: row.secret_id }),
        ]))) : empty("No secrets yet", h("p", "A secret holds the key with which the gateway calls a provider. It is kept encrypted, and is never shown again."),
            button("New secret", () => secretDialog(view))));
}

/** Values go from password fields into the body of one request, and nowhere else. */
async function secretDialog(view, row) {
    const { providers } = await get3("gateway/supported-providers", {}, view.signal);
    const fields = h("div.stack"), names = { secret: [], config: [] };
    let mode = null, config = null;

    async function ofProvider(provider) {
        config = provider ? await get3("gateway/provider-config", { provider }, view.signal) : null;
        show(row?.auth_config?.auth_mode);
    }

    function show(wanted) {
        if (!config) return put(fields);
        mode = config.auth_modes.find((one) => one.mode === wanted) || config.auth_modes.find((one) => one.mode === config.default_mode);
        const known = mode.config_fields.map((one) => one.name);
        const more = [...new Set([...Object.keys(row?.auth_config || {}), "api_base"])].filter((name) => !known.includes(name) && name !== "auth_mode");
        names.secret = mode.secret_fields.map((one) => one.name);
        names.config = [...known, ...more];
        put(fields, config.auth_modes.length > 1 && field("Way to sign in", select(config.auth_modes.map((one) => [one.mode, one.display_name]), mode.mode, show)),
            mode.secret_fields.map((one) => field(one.name, h("input", { type: "password", name: `secret ${one.name}`, autocomplete: "new-password", spellcheck: "false", required: one.required && !row }),
                row ? "Stays as it is if nothing is put in" : one.description)),
            mode.config_fields.map((one) => field(one.name, h("input", { name: `config ${one.name}`, value: row?.auth_config?.[one.name] ?? one.default ?? "", required: one.required, spellcheck: "false" }), one.description)),
            more.map((name) => field(name, h("input", { name: `config ${name}`, value: row?.auth_config?.[name] ?? "", spellcheck: "false" }), name === "api_base" ? "Another address than the provider's own" : null)));
    }

    const provider = row?.provider || "";
    const box = dialog(row ? `Change ${row.secret_name}` : "New secret", [
        !row && field("Name", h("input", { name: "name", required: true, maxlength: 255, autocomplete: "off" }), "It stays as it is"),
        row?.provider ? h("p", "Provider: ", h("b", provider)) : field("Provider", select([["", "Choose one"], ...providers], provider, ofProvider, { name: "provider", required: !row })), fields,
    ], row ? "Change" : "Create", async (form) => {
        const take = (kind) => Object.fromEntries(names[kind].map((name) => [name, form[`${kind} ${name}`] || ""]).filter(([, value]) => value));
        const auth_config = take("config"), secret_value = take("secret");
        if (config && mode.mode !== config.default_mode) auth_config.auth_mode = mode.mode;
        const rest = { ...(Object.keys(secret_value).length ? { secret_value } : {}), ...(Object.keys(auth_config).length ? { auth_config } : {}) };
        if (row) await post3("gateway/secrets/update", { secret_id: row.secret_id, ...rest });
        else await post3("gateway/secrets/create", { secret_name: form.name.trim(), provider: form.provider, ...rest });
        view.again();
    });
    box.querySelector("form").autocomplete = "off";
    if (provider) await ofProvider(provider);
}

// --- Model definitions ---

async function models(view) {
    const [rows, keys] = await Promise.all([list(view, "model-definitions", "model_definitions"), list(view, "secrets", "secrets")]);
    put(view.actions, button("New model", () => modelDialog(view, keys), { class: "primary", disabled: !keys.length }));
    put(view.body, rows.length ? finder(view, "Search models", rows, (fits) => grid("Model definitions", ["Name", "Provider", "Model", "Secret", "Changed", ""], fits.map((row) => [
        row.name, row.provider, h("code", row.model_name), row.secret_name || h("span.status.bad", "none: it cannot be called"), ago(row.last_updated_at),
        rowActions(view, row.name, () => modelDialog(view, keys, row), "model definition", `“${row.name}” must not be in use by an endpoint.`, "model-definitions", { model_definition_id: row.model_definition_id }),
    ]))) : empty("No models yet", h("p", "A model definition says which model of a provider is called, and with which secret."),
        keys.length ? button("New model", () => modelDialog(view, keys)) : h("p", "First, ", h("a", { href: link("gateway", "secrets") }, "make a secret"), ".")));
}

async function modelDialog(view, keys, row) {
    const { providers } = await get3("gateway/supported-providers", {}, view.signal);
    const known = h("datalist", { id: "known-models" });
    const secret = h("select", { name: "secret_id", required: true });
    async function ofProvider(provider) {
        const fits = keys.filter((key) => !key.provider || key.provider === provider);
        put(secret, fits.map((key) => h("option", { value: key.secret_id, selected: key.secret_id === row?.secret_id }, key.secret_name)));
        const found = provider ? await get3("gateway/supported-models", { provider }, view.signal).catch(() => ({})) : {};
        put(known, (found.models || []).map((model) => h("option", { value: model.model })));
    }
    const provider = row?.provider || keys.find((key) => key.provider)?.provider || providers[0];
    const all = [...new Set([...providers, ...keys.map((key) => key.provider).filter(Boolean), provider])];
    dialog(row ? `Change ${row.name}` : "New model", [
        field("Name", h("input", { name: "name", value: row?.name || "", required: true, maxlength: 255, autocomplete: "off" })),
        field("Provider", select(all, provider, ofProvider, { name: "provider" })),
        field("Model", h("input", { name: "model_name", value: row?.model_name || "", required: true, list: "known-models", autocomplete: "off" }), "As the provider calls it"), known,
        field("Secret", secret, "Secrets of this provider"),
    ], row ? "Change" : "Create", async (form) => {
        if (!form.secret_id) throw Object.assign(new Error("There is no secret for this provider."), { hint: "Make one under Secrets first." });
        const body = { name: form.name.trim(), provider: form.provider, model_name: form.model_name.trim(), secret_id: form.secret_id };
        if (row) await post3("gateway/model-definitions/update", { model_definition_id: row.model_definition_id, ...body });
        else await post3("gateway/model-definitions/create", body);
        view.again();
    });
    await ofProvider(provider);
}

// --- Endpoints ---

async function endpoints(view) {
    const [rows, definitions] = await Promise.all([list(view, "endpoints", "endpoints"), list(view, "model-definitions", "model_definitions")]);
    put(view.actions, button("New endpoint", () => endpointDialog(view, definitions), { class: "primary", disabled: !definitions.length }));
    const tagged = (row) => {
        const tags = mapOf(row.tags);
        const set = (key, value) => post3("gateway/endpoints/set-tag", { endpoint_id: row.endpoint_id, key, value });
        return tagEditor(view, tags, set, (key) => erase(`${PATH}/endpoints/delete-tag`, { endpoint_id: row.endpoint_id, key }));
    };
    const uses = (mapping) => h("div", mapping.model_definition.name, " ", h("small", mapping.linkage_type === "FALLBACK" ? "fallback" : "", ` ${mapping.model_definition.provider}/${mapping.model_definition.model_name}`));
    put(view.body, rows.length ? finder(view, "Search endpoints", rows, (fits) => [grid("Endpoints", ["Name", "Models", "Tags", "Changed", ""], fits.map((row) => [
        h("a", { href: link("gateway", "playground", { endpoint: row.name }), title: "Try it" }, row.name), (row.model_mappings || []).map(uses), tagged(row), ago(row.last_updated_at),
        rowActions(view, row.name, () => endpointDialog(view, definitions, row), "endpoint", `Programs that call “${row.name}” get an error from then on.`, "endpoints", { endpoint_id: row.endpoint_id }),
    ])), h("section.card", h("h2", "Call one"), code(`curl ${new URL(`gateway/${encodeURIComponent(fits[0].name)}/mlflow/invocations`, location.href.split("#")[0]).href} \\`,
        "    -H 'content-type: application/json' -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'"))])
        : empty("No endpoints yet", h("p", "An endpoint is the name that programs call; behind it are one or more models."),
            definitions.length ? button("New endpoint", () => endpointDialog(view, definitions)) : h("p", "First, ", h("a", { href: link("gateway", "secrets") }, "make a secret"), ", then ", h("a", { href: link("gateway", "models") }, "a model"), ".")));
}

function endpointDialog(view, definitions, row) {
    const lines = [], body = h("div.stack");
    const split = h("input", { type: "checkbox", checked: row?.routing_strategy === "REQUEST_BASED_TRAFFIC_SPLIT", disabled: row?.routing_strategy === "REQUEST_BASED_TRAFFIC_SPLIT" });
    const draw = () => put(body, lines.map((line, i) => h("div.row", { role: "group", "aria-label": `Model ${i + 1}` }, line.model, line.linkage, line.weight,
        lines.length > 1 && iconButton("×", `Remove model ${i + 1}`, () => {
            lines.splice(i, 1);
            draw();
        }))));
    function add(mapping) {
        lines.push({
            model: select(definitions.map((one) => [one.model_definition_id, one.name]), mapping?.model_definition_id, null, { "aria-label": "Model" }),
            linkage: select([["PRIMARY", "answers"], ["FALLBACK", "when others fail"]], mapping?.linkage_type || "PRIMARY", null, { "aria-label": "Role" }),
            weight: h("input.short", { type: "number", min: 0, step: "any", value: mapping?.weight ?? 1, "aria-label": "Weight", title: "Its part of the calls, if they are split" }),
        });
        draw();
    }
    const before = [...(row?.model_mappings || [])].sort((a, b) => (a.fallback_order ?? Infinity) - (b.fallback_order ?? Infinity) || 0);
    if (before.length) before.forEach(add);
    else add();
    dialog(row ? `Change ${row.name}` : "New endpoint", [
        field("Name", h("input", { name: "name", value: row?.name || "", required: true, maxlength: 255, pattern: "[A-Za-z0-9_.\\-]+", autocomplete: "off" }), "Letters, digits, _, - and ."),
        h("h3", "Models"), body, button("Add a model", () => add(), { class: "small" }),
        h("label.check", split, "Split the calls among those that answer, by weight"),
        split.disabled && h("small", "A split cannot be taken back; with one model that answers it changes nothing."),
    ], row ? "Change" : "Create", async (form) => {
        let order = 0;
        const model_configs = lines.map((line) => ({ model_definition_id: line.model.value, linkage_type: line.linkage.value, weight: Number(line.weight.value),
            ...(line.linkage.value === "FALLBACK" ? { fallback_order: ++order } : {}) }));
        const sent = { name: form.name.trim(), model_configs, ...(split.checked ? { routing_strategy: "REQUEST_BASED_TRAFFIC_SPLIT" } : {}),
            ...(order ? { fallback_config: { strategy: "SEQUENTIAL", max_attempts: order } } : {}) };
        if (row) await post3("gateway/endpoints/update", { endpoint_id: row.endpoint_id, ...sent });
        else await post3("gateway/endpoints/create", sent);
        view.again();
    }, { wide: true });
}
