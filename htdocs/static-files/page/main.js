// The shell: navigation, routes, keys, login.

import { h, put, button, iconButton, errorBox, field, dialog, loading } from "./dom.js";
import { findSession, login, logout, session } from "./api.js";
import { state, parseHash, setQuery } from "./router.js";

const NAVIGATION = [
    ["experiments", "Experiments"], ["models", "Models"], ["prompts", "Prompts"], ["datasets", "Datasets"],
    ["gateway", "Gateway"], ["jobs", "Jobs"], ["users", "Users"], ["server", "Server"],
];

// A pattern's named parts become view.params. The first that fits counts; addresses that MLflow's clients print are among them.
const ROUTES = [
    ["experiments", "experiments", "experimentList"],
    ["experiments/:experiment", "experiments", "experimentPage", { tab: "runs" }],
    ["experiments/:experiment/runs", "experiments", "experimentPage", { tab: "runs" }],
    ["experiments/:experiment/runs/:run", "run", "runPage", { tab: "overview" }],
    ["experiments/:experiment/runs/:run/:tab", "run", "runPage"],
    ["experiments/:experiment/runs/:run/artifacts/*file", "run", "runPage", { tab: "artifacts" }],
    ["experiments/:experiment/models/:model", "models", "loggedModelPage"],
    ["experiments/:experiment/prompts", "prompts", "promptList"],
    ["experiments/:experiment/prompts/:name", "prompts", "promptPage"],
    ["experiments/:experiment/traces/:trace", "traces", "tracePage"],
    ["experiments/:experiment/:tab", "experiments", "experimentPage"],
    ["compare", "compare", "comparePage"],
    ["compare-runs", "compare", "comparePage"],
    ["models", "models", "modelList"],
    ["models/:name", "models", "modelPage"],
    ["models/:name/versions/:version", "models", "versionPage"],
    ["prompts", "prompts", "promptList"],
    ["prompts/:name", "prompts", "promptPage"],
    ["datasets", "datasets", "datasetList"],
    ["datasets/:dataset", "datasets", "datasetPage"],
    ["gateway", "gateway", "gatewayPage", { tab: "endpoints" }],
    ["gateway/:tab", "gateway", "gatewayPage"],
    ["jobs", "jobs", "jobList"],
    ["jobs/:job", "jobs", "jobPage"],
    ["users", "users", "userList"],
    ["users/:name", "users", "userPage"],
    ["server", "server", "serverPage"],
];

const main = h("main", { id: "main", tabindex: -1 });
const nav = h("nav.main", { "aria-label": "Main" });
const who = h("div.who");

function match(pattern, path) {
    const parts = pattern.split("/"), params = {};
    const rest = parts.at(-1).startsWith("*");
    if (rest ? path.length < parts.length : path.length !== parts.length) return null;
    for (let i = 0; i < parts.length; i++) {
        if (parts[i].startsWith("*")) params[parts[i].slice(1)] = path.slice(i).join("/");
        else if (parts[i].startsWith(":")) params[parts[i].slice(1)] = path[i];
        else if (parts[i] !== path[i]) return null;
    }
    return params;
}

function find(path) {
    for (const [pattern, module, name, more] of ROUTES) {
        const params = match(pattern, path);
        if (params) return { module, name, params: { ...more, ...params } };
    }
    return null;
}

let leaving = null, shownPath = null;

async function route() {
    const { path, query } = parseHash(location.hash);
    if (!path.length) {
        history.replaceState(null, "", "#/experiments");
        return route();
    }
    leaving?.abort();
    leaving = new AbortController();
    document.querySelectorAll("dialog[open]").forEach((box) => box.close());
    const root = h("div.view");
    const view = { root, path, query, signal: leaving.signal, keys: {}, search: null,
        set: (changes) => setQuery(view, changes),
        title: (text) => (document.title = `${text} · Tracklight`),
        /** Shows the view anew, also when it was meanwhile; not when another one is shown. */
        again: () => state.view.path.join("/") === path.join("/") && route(),
        /** Runs work every `ms` while the page is seen and this view is shown. */
        every(ms, work) {
            const timer = setInterval(() => document.hidden || work(), ms);
            view.signal.addEventListener("abort", () => clearInterval(timer));
        },
    };
    state.view = view;
    for (const a of nav.querySelectorAll("a")) {
        const on = a.dataset.name === path[0] || (a.dataset.name === "experiments" && path[0].startsWith("compare"));
        if (on) a.setAttribute("aria-current", "page");
        else a.removeAttribute("aria-current");
    }
    const found = find(path);
    try {
        if (!found) throw Object.assign(new Error("There is no such page here."), { hint: "Begin at Experiments." });
        view.params = found.params;
        view.title(path.at(-1));
        const module = await import(`./${found.module}.js`);
        if (view.signal.aborted) return;
        put(main, put(root, loading()));
        if (shownPath !== null && shownPath !== path.join("/")) main.focus({ preventScroll: true });
        shownPath = path.join("/");
        await module[found.name](view);
    } catch (error) {
        if (error.name === "AbortError" || view.signal.aborted) return;
        if (error.status === 401 && !session.user) return;
        put(main, h("div.view", errorBox(error, route)));
        if (error.status === undefined && found) console.error(error);
    }
}

// --- Login ---

function askForLogin() {
    session.user = null;
    showWho();
    if (document.querySelector("form.login")) return;
    const problem = h("div");
    const name = h("input", { name: "username", autocomplete: "username", required: true });
    put(main, h("form.login", { onsubmit: async (e) => {
        e.preventDefault();
        try {
            await login(name.value, e.target.elements.password.value);
            showWho();
            route();
        } catch (error) {
            if (error.status === 401) Object.assign(error, { message: "The name or the password is wrong.", hint: "" });
            put(problem, errorBox(error));
        }
    } }, h("h1", "Log in"), field("User name", name), field("Password", h("input", { name: "password", type: "password", autocomplete: "current-password", required: true })),
    problem, h("button.primary", { type: "submit" }, "Log in")));
    name.focus();
}

function showWho() {
    document.body.classList.toggle("anonymous", session.required && !session.user);
    put(nav, NAVIGATION.filter(([name]) => name !== "users" || session.user).map(([name, label]) =>
        h("a", { href: `#/${name}`, "data-name": name }, label)));
    put(who, session.user && [h("span", session.user.username), button("Log out", async () => {
        await logout();
        askForLogin();
    }, { class: "small" })]);
}

// --- Light, dark, keys ---

const THEMES = { auto: "As the system has it", light: "Light", dark: "Dark" };

function theme(next) {
    let now = "auto";
    try {
        now = localStorage.getItem("theme") || "auto";
        if (next) localStorage.setItem("theme", (now = next));
    } catch { /* storage may be forbidden */ }
    document.documentElement.dataset.theme = THEMES[now] ? now : "auto";
    if (next) state.view?.again();
    return now;
}

const KEYS = [
    ["/", "search"], ["j", "next row"], ["k", "row before"], ["Enter", "open the row"], ["x", "select the row"], ["c", "compare what is selected"],
    ["g e", "experiments"], ["g m", "models"], ["g p", "prompts"], ["t", "light, dark, as the system"], ["?", "this help"], ["Esc", "leave a box, close"],
];

const help = () => dialog("Keyboard", h("dl.keys", KEYS.map(([key, what]) => h("div", h("dt", key.split(" ").map((k) => h("kbd", k))), h("dd", what)))));

let goes = 0;

document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (e.target.closest?.("input, textarea, select, [contenteditable]") && e.target.type !== "checkbox") return;
    const view = state.view;
    if (e.key === "Enter" && e.target.closest?.("a, button, summary")) return;
    if (Date.now() - goes < 1000 && { e: 1, m: 1, p: 1 }[e.key]) location.hash = { e: "#/experiments", m: "#/models", p: "#/prompts" }[e.key];
    else if (e.key === "g") goes = Date.now();
    else if (e.key === "?") help();
    else if (e.key === "t") theme({ auto: "light", light: "dark", dark: "auto" }[theme()]);
    else if (e.key === "/" && view?.search) {
        view.search.focus();
        view.search.select();
    } else if (view?.keys[e.key]) view.keys[e.key](e);
    else return;
    e.preventDefault();
});

// --- Start ---

theme();
document.body.append(
    h("a.skip", { href: "#main", onclick: (e) => {
        e.preventDefault();
        main.focus();
    } }, "Skip to the content"),
    h("header.bar", h("a.brand", { href: "#/experiments" }, "Tracklight"), nav, h("div.tools", who,
        iconButton("◐", "Light, dark, or as the system (t)", () => theme({ auto: "light", light: "dark", dark: "auto" }[theme()])),
        iconButton("?", "Keyboard (?)", help))),
    main,
    h("div", { id: "toasts", role: "status", "aria-live": "polite" }),
);
showWho();
window.addEventListener("hashchange", () => (session.required && !session.user ? askForLogin() : route()));

async function start() {
    try {
        const known = await findSession(askForLogin);
        showWho();
        if (known) await route();
        else askForLogin();
    } catch (error) {
        put(main, h("div.view", errorBox(error, start)));
    }
}

start();
