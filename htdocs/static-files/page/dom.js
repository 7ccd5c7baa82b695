// Elements, formats, messages. Text from anywhere enters the document as text nodes only.

const SVG = "http://www.w3.org/2000/svg";

function fill(el, args) {
    for (const arg of args.flat(3)) {
        if (arg === null || arg === undefined || arg === false) continue;
        if (arg instanceof Node) el.append(arg);
        else if (typeof arg === "object") attributes(el, arg);
        else el.append(String(arg));
    }
    return el;
}

function attributes(el, values) {
    for (const [name, value] of Object.entries(values)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
        else if (name === "style") Object.assign(el.style, value);
        else if (name === "value" || name === "checked" || name === "srcdoc") el[name] = value;
        else el.setAttribute(name, value === true ? "" : value);
    }
}

/** h("tag.class", {attributes, onclick}, children…): an element. Children are nodes, texts, lists; null is left out. */
export function h(spec, ...args) {
    const [tag, ...classes] = spec.split(".");
    const el = document.createElement(tag || "div");
    if (classes.length) el.className = classes.join(" ");
    return fill(el, args);
}

/** The same for SVG. Looks are attributes, not styles, so that an exported picture has them. */
export const s = (tag, ...args) => fill(document.createElementNS(SVG, tag), args);

export const put = (el, ...children) => {
    el.replaceChildren();
    return fill(el, children);
};

/** What a press of a button fails with is shown. */
const told = (run) => async (event) => {
    try {
        await run(event);
    } catch (error) {
        if (error.name !== "AbortError") toast(error.message);
    }
};

export const button = (text, onclick, more) => h("button", { type: "button", onclick: told(onclick), ...more }, text);

export const iconButton = (icon, label, onclick, more) =>
    h("button.icon", { type: "button", onclick: told(onclick), "aria-label": label, title: label, ...more }, icon);

/** A link out of texts of users: only where it leads to http or https. */
export function linkOut(text) {
    const value = String(text);
    return /^https?:\/\/[^\s]+$/i.test(value) ? h("a", { href: value, rel: "noopener noreferrer", target: "_blank" }, value) : value;
}

// --- Formats ---

export function num(value) {
    if (value === null || value === undefined || value === "") return "";
    const n = Number(value);
    if (!Number.isFinite(n)) return String(value);
    if (Number.isInteger(n) && Math.abs(n) < 1e9) return n.toLocaleString("en");
    const size = Math.abs(n);
    return size !== 0 && (size < 1e-4 || size >= 1e9) ? n.toExponential(3) : String(Number(n.toPrecision(6)));
}

export function duration(ms) {
    if (!(ms >= 0)) return "";
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60e3) return `${(ms / 1000).toFixed(ms < 10e3 ? 2 : 1)} s`;
    const m = Math.floor(ms / 60e3);
    if (m < 60) return `${m} min ${Math.floor((ms % 60e3) / 1000)} s`;
    return m < 2880 ? `${Math.floor(m / 60)} h ${m % 60} min` : `${Math.floor(m / 1440)} d ${Math.floor((m % 1440) / 60)} h`;
}

const stamp = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** Milliseconds or ISO text as "5 min ago", with the moment as its title. */
export function ago(time) {
    const ms = typeof time === "string" && !/^\d+$/.test(time) ? Date.parse(time) : Number(time);
    if (!(ms > 0)) return h("span", "");
    const past = Date.now() - ms;
    const text = past < 0 || past > 7 * 864e5 ? day.format(ms)
        : past < 60e3 ? "just now"
        : past < 36e5 ? `${Math.floor(past / 60e3)} min ago`
        : past < 864e5 ? `${Math.floor(past / 36e5)} h ago` : `${Math.floor(past / 864e5)} d ago`;
    return h("time", { datetime: new Date(ms).toISOString(), title: stamp.format(ms) }, text);
}

export function bytes(n) {
    n = Number(n);
    if (!(n >= 0)) return "";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;
    for (; n >= 1024 && i < 4; i++) n /= 1024;
    return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export const plural = (n, one, many = one + "s") => `${Number(n).toLocaleString("en")} ${n === 1 ? one : many}`;
export const mapOf = (list) => Object.fromEntries((list || []).map((item) => [item.key, item.value]));
export const parsed = (text, otherwise = null) => {
    try {
        return JSON.parse(text);
    } catch {
        return otherwise;
    }
};
export const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

export function status(value) {
    const name = String(value || "").toLowerCase().replaceAll("_", " ");
    const kind = { finished: "good", succeeded: "good", ok: "good", ready: "good", failed: "bad", error: "bad", timeout: "bad",
        killed: "warn", canceled: "warn", running: "live", scheduled: "live", pending: "live", "in progress": "live" }[name];
    return h(`span.status.${kind || "plain"}`, name || "none");
}

// --- Blocks ---

export const loading = () => h("p.loading", { role: "status" }, "Loading…");
export const empty = (title, ...rest) => h("div.empty", h("h2", title), rest);
export const code = (...lines) => h("pre.code", { tabindex: 0 }, h("code", lines.join("\n")));
export const facts = (pairs) => h("dl.facts", pairs.filter(([, value]) => value || value === 0)
    .map(([name, value]) => h("div", h("dt", name), h("dd", value))));

/** What went wrong, what to do, and the id by which the server's log knows it. */
export function errorBox(error, retry) {
    return h("div.error", { role: "alert" },
        h("p", h("strong", error.message || String(error))),
        error.hint && h("p", error.hint),
        error.requestId && h("p.quiet", "Request id ", h("code", error.requestId)),
        retry && button("Try again", retry));
}

/** A plain table: heads, then rows of cells. */
export function grid(label, heads, rows, more = {}) {
    return h("div.scroll", { tabindex: 0, role: "region", "aria-label": label }, h("table.plain", more,
        h("thead", h("tr", heads.map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", rows.map((cells) => (cells instanceof Node ? cells : h("tr", cells.map((cell) => h("td", cell))))))));
}

export const tabs = (items, current) => h("nav.tabs", { "aria-label": "Parts of this page" },
    items.map(([name, href, key]) => h("a", { href, "aria-current": key === current ? "page" : null }, name)));

export const field = (label, input, hint) => h("label.field", h("span", label), input, hint && h("small", hint));

export const select = (options, value, onchange, more) => h("select", { onchange: (e) => onchange && onchange(e.target.value), ...more },
    options.map((o) => (Array.isArray(o) ? o : [o, o])).map(([key, text]) => h("option", { value: key, selected: String(key) === String(value) }, text)));

// --- Messages and dialogues ---

/** A line at the bottom, with an action for as long as it is there. */
export function toast(text, action, run) {
    const box = document.getElementById("toasts");
    const line = h("div.toast", h("span", text), action && button(action, () => {
        line.remove();
        return run();
    }), iconButton("×", "Dismiss", () => line.remove()));
    box.append(line);
    setTimeout(() => line.remove(), action ? 12000 : 6000);
}

/** A modal dialogue. `submit` gets the form's values; what it throws is shown and the dialogue stays. */
export function dialog(title, body, action, submit, more = {}) {
    const problem = h("div");
    const form = h("form", { method: "dialog" }, h("h2", title), body, problem,
        h("div.actions", button(action ? "Cancel" : "Close", () => box.close()),
            action && h(`button.${more.danger ? "danger" : "primary"}`, { type: "submit" }, action)));
    const box = h("dialog", { class: more.wide ? "wide" : null, "aria-label": title, onclose: () => box.remove() }, form);
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        try {
            if (submit) await submit(Object.fromEntries(new FormData(form)));
            box.close();
        } catch (error) {
            put(problem, errorBox(error));
        }
    });
    document.body.append(box);
    box.showModal();
    return box;
}

/** Tags as chips, with adding and removing where `set` and `remove` are given. */
export function tagList(tags, set, remove) {
    const shown = Object.entries(tags).filter(([key]) => !key.startsWith("mlflow.") && !key.startsWith("_mlflow"));
    return h("div.chips", shown.map(([key, value]) => h("span.chip", { title: `${key}: ${value}` }, h("b", key), value && ` ${value}`,
        remove && iconButton("×", `Remove the tag ${key}`, () => remove(key)))),
    set && button("+ Tag", () => dialog("Add a tag", [
        field("Key", h("input", { name: "key", required: true, maxlength: 250 })),
        field("Value", h("input", { name: "value" })),
    ], "Add", (form) => set(form.key, form.value)), { class: "small" }));
}

export function download(name, content, type) {
    const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** RFC 4180; what a spreadsheet would take for a formula is led by an apostrophe. */
export const csv = (rows) => rows.map((row) => row.map((cell) => {
    let text = cell === null || cell === undefined ? "" : String(cell);
    if (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(",")).join("\r\n") + "\r\n";

export const debounce = (ms, run) => {
    let timer;
    return (...args) => {
        clearTimeout(timer);
        timer = setTimeout(() => run(...args), ms);
    };
};
