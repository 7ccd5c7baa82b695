// Users and what they were granted, for administrators; for everybody else, one's own password.

import { h, put, ago, button, dialog, empty, field, grid, select } from "./dom.js";
import { call as ajax, get, get3, session } from "./api.js";
import { go, link } from "./router.js";
import { call, changing, confirmBox, crumbs } from "./blocks.js";

const USERS = "api/2.0/mlflow/users";
const LEVELS = ["READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS"];
const named = (rows, id, name) => (rows || []).map((row) => [row[id], row[name]]);

// kind: what it is called, path of its permissions, key of its id, things(signal) -> [[id, name]], address(id) of its view
const KINDS = {
    experiment: ["Experiment", "2.0/mlflow/experiments", "experiment_id",
        async (signal) => named((await get("experiments/search", { max_results: 1000 }, signal)).experiments, "experiment_id", "name"), (id) => link("experiments", id)],
    model: ["Model", "2.0/mlflow/registered-models", "name", async (signal) => named((await get("registered-models/search", { max_results: 1000 }, signal)).registered_models, "name", "name"), (id) => link("models", id)],
    scorer: ["Scorer", "3.0/mlflow/scorers", "experiment_id", (signal) => KINDS.experiment[3](signal), (id) => link("experiments", id)],
    secret: ["Gateway secret", "3.0/mlflow/gateway/secrets", "secret_id", async (signal) => named((await get3("gateway/secrets/list", {}, signal)).secrets, "secret_id", "secret_name"), () => link("gateway", "secrets")],
    endpoint: ["Gateway endpoint", "3.0/mlflow/gateway/endpoints", "endpoint_id", async (signal) => named((await get3("gateway/endpoints/list", {}, signal)).endpoints, "endpoint_id", "name"), () => link("gateway", "endpoints")],
    "model-definition": ["Gateway model", "3.0/mlflow/gateway/model-definitions", "model_definition_id",
        async (signal) => named((await get3("gateway/model-definitions/list", {}, signal)).model_definitions, "model_definition_id", "name"), () => link("gateway", "models")],
};

const passwordField = (label) => field(label, h("input", { type: "password", name: "password", required: true, minlength: 12, autocomplete: "new-password" }), "12 characters or more");

const passwordDialog = (username) => dialog(`New password for ${username}`, [passwordField("New password"), h("p.quiet", "All sessions of this user end.")], "Change", async (form) => {
    await call(`${USERS}/update-password`, { method: "PATCH", body: { username, password: form.password } });
});

/** True if there is nothing to manage here; then it says why. */
function refused(view) {
    if (!session.user) {
        put(view.root, empty("This server has no users", h("p", "Whoever reaches it may do everything. Start it with --app-name basic-auth, and make an administrator first: tracklight user add --admin NAME")));
    } else if (!session.user.is_admin) {
        put(view.root, h("div.head", h("h1", session.user.username)), h("p", "Administrators make users and grant permissions."),
            h("p", button("Change your password", () => passwordDialog(session.user.username))));
    } else {
        return false;
    }
    return true;
}

export async function userList(view) {
    view.title("Users");
    if (refused(view)) return;
    const { users } = await ajax("3.0/tracklight/users", { signal: view.signal });
    const input = h("input", { type: "search", value: view.query.find || "", placeholder: "A part of the name", "aria-label": "Search users", oninput: () => {
        view.set({ find: input.value });
        draw();
    } });
    const body = h("div.stack");
    const draw = () => put(body, grid("Users", ["Name", "Role", "Password", "Since"], users.filter((user) => user.username.toLowerCase().includes(input.value.toLowerCase())).map((user) => [
        h("a", { href: link("users", user.username) }, user.username), user.is_admin ? "administrator" : "user", user.has_password ? "yes" : "none", ago(user.creation_time),
    ])), users.length < 2 && h("p.quiet", "Nobody else yet. Make users here, then grant them permissions."));
    view.search = input;
    draw();
    put(view.root, h("div.head", h("h1.grow", "Users"), button("New user", () => dialog("New user", [
        field("Name", h("input", { name: "username", required: true, maxlength: 255, pattern: "[^:]+", autocomplete: "off" }), "Without a colon"), passwordField("Password"),
        h("label.check", h("input", { type: "checkbox", name: "admin" }), "An administrator, who may do everything"),
    ], "Create", async (form) => {
        await call(`${USERS}/create`, { body: { username: form.username, password: form.password } });
        if (form.admin) await call(`${USERS}/update-admin`, { method: "PATCH", body: { username: form.username, is_admin: true } });
        go("users", form.username);
    }), { class: "primary" })), h("div.row", input), body);
}

export async function userPage(view) {
    const { name: username } = view.params;
    view.title(username);
    if (refused(view)) return;
    const [{ users }, { grants }] = await Promise.all([ajax("3.0/tracklight/users", { signal: view.signal }), ajax("3.0/tracklight/users/grants", { query: { username }, signal: view.signal })]);
    const user = users.find((one) => one.username === username);
    const names = {};
    await Promise.all([...new Set(grants.map((grant) => grant.kind))].map(async (kind) => {
        names[kind] = Object.fromEntries(await KINDS[kind][3](view.signal).catch(() => []));
    }));
    const change = (kind, verb, method, id, name, permission) => call(`api/${KINDS[kind][1]}/permissions/${verb}`, { method,
        body: { username, [KINDS[kind][2]]: id, ...(kind === "scorer" ? { scorer_name: name } : {}), ...(permission ? { permission } : {}) } });
    put(view.root, crumbs(h("a", { href: "#/users" }, "Users"), username),
        h("div.head", h("h1", username), h("span.chip", user.is_admin ? "administrator" : "user"), h("span.grow"),
            button("New password", () => passwordDialog(username), { class: "small" }),
            button(user.is_admin ? "Make a user" : "Make an administrator", () => confirmBox(user.is_admin ? "Take the administrator's rights?" : "Make an administrator?",
                user.is_admin ? `“${username}” keeps what was granted below.` : `“${username}” may then do everything, and manage all users.`, user.is_admin ? "Take them" : "Make", async () => {
                    await call(`${USERS}/update-admin`, { method: "PATCH", body: { username, is_admin: !user.is_admin } });
                    view.again();
                }), { class: "small" }),
            button("Delete", () => confirmBox("Delete the user?", `“${username}” cannot log in any more; permissions and tokens are gone, too.`, "Delete", async () => {
                await call(`${USERS}/delete`, { method: "DELETE", body: { username } });
                go("users");
            }), { class: "small" })),
        h("section.card", h("div.row", h("h2.grow", "Permissions"), button("Grant", () => grantDialog(view, change), { class: "small" })),
            user.is_admin && h("p.quiet", "An administrator may do everything, whatever is granted here."),
            grants.length ? grid("Permissions", ["On", "", "Level", ""], grants.map((grant) => {
                const [label, , , , address] = KINDS[grant.kind];
                const title = names[grant.kind][grant.id] || grant.id;
                return [label, [h("a", { href: address(grant.id) }, title), grant.name && `: ${grant.name}`],
                    select(LEVELS, grant.permission, changing(view, (level) => change(grant.kind, "update", "PATCH", grant.id, grant.name, level)), { "aria-label": `Level on ${title}` }),
                    button("Take back", changing(view, () => change(grant.kind, "delete", "DELETE", grant.id, grant.name)), { class: "small", "aria-label": `Take back ${title}` })];
            })) : h("p.quiet", "Nothing granted yet: the server's default counts, which lets everybody read if it was not changed.")));
}

function grantDialog(view, change) {
    const things = h("datalist", { id: "things" }), extra = h("div");
    async function ofKind(kind) {
        put(extra, kind === "scorer" && field("Scorer", h("input", { name: "name", required: true })));
        put(things);
        const found = await KINDS[kind][3](view.signal).catch(() => []);
        put(things, found.map(([id, name]) => h("option", { value: id }, name)));
    }
    dialog("Grant a permission", [
        field("On", select(Object.entries(KINDS).map(([kind, [label]]) => [kind, label]), "experiment", ofKind, { name: "kind" })),
        field("Which", h("input", { name: "id", required: true, list: "things", autocomplete: "off" }), "Its id; a model's name; a scorer's experiment"), things, extra,
        field("Level", select(LEVELS, "EDIT", null, { name: "level" }), "READ sees, USE calls or runs as well, EDIT changes, MANAGE deletes and grants"),
    ], "Grant", async (form) => {
        await change(form.kind, "create", "POST", form.id.trim(), form.name, form.level);
        view.again();
    });
    return ofKind("experiment");
}
