// What the views of models, prompts, datasets, jobs, the gateway and users have in common.

import { h, put, button, code, dialog, empty, errorBox, field, iconButton, tagList, toast } from "./dom.js";
import { call as ajax, request } from "./api.js";
import { go, state } from "./router.js";
import { searchBox } from "./search.js";
import { virtualTable } from "./table.js";

document.head.append(h("link", { rel: "stylesheet", href: new URL("blocks.css", import.meta.url).href }));

/** For operations that are not below ajax-api. */
export async function call(path, options) {
    const text = await (await request(path, options)).text();
    return text ? JSON.parse(text) : {};
}

export const crumbs = (...parts) => h("nav.crumbs", { "aria-label": "Where this is" }, parts.map((part, i) => [i > 0 && " / ", part]));

export const confirmBox = (title, text, action, run) => dialog(title, h("p", text), action, run, { danger: true });

const here = () => new URL(".", location.href).href.replace(/\/$/, "");

/** Lines of Python; what comes from users goes into them as python(text). */
export const pythonLines = (...lines) => code("import mlflow", `mlflow.set_tracking_uri(${python(here())})`, ...lines);
export const python = (text) => JSON.stringify(text);

/** Text in the quotes that it does not have. With both kinds in it only LIKE finds it, since nothing escapes a quote. */
const quoted = (text) => (text.includes("'") ? (text.includes('"') ? `'${text.replaceAll("'", "_")}'` : `"${text}"`) : `'${text}'`);

/** A filter that finds all that is called so, and perhaps a little more. */
export const named = (text) => `name ${/'.*"|".*'/s.test(text) ? "LIKE" : "="} ${quoted(text)}`;

/** What is no comparison is looked for in the name. */
export const asFilter = (text) => (!text || /[=<>]|\b(?:I?LIKE|IN)\b\s*['"(]/i.test(text) ? text : `name ILIKE ${quoted(`%${text}%`)}`);

/** Shows anew what is shown now: an undo may come when another view is. */
export const anew = () => state.view.again();

/** Runs a change and shows the view anew; what goes wrong is told at the bottom. */
export const changing = (view, run) => async (...args) => {
    try {
        await run(...args);
        view.again();
    } catch (error) {
        toast(error.message);
    }
};

/** Removes something that can be set again. */
export const undoable = (view, text, remove, restore) => changing(view, async () => {
    await remove();
    toast(text, "Undo", async () => {
        await restore();
        anew();
    });
});

/** Puts `el` there, unless it is: what is taken out and put back loses where it was scrolled to, and the focus. */
export const show = (box, el) => box.firstChild === el || put(box, el);

/** Tags with adding and removing, which can be undone. */
export const tagEditor = (view, tags, set, remove) => tagList(tags, async (key, value) => {
    await set(key, value);
    view.again();
}, (key) => undoable(view, `Removed the tag ${key}.`, () => remove(key), () => set(key, tags[key]))());

/** The names that stand for a version; with `set` and `remove` they can be changed. */
export const aliasChips = (view, aliases, set, remove) => h("div.chips", aliases.map((alias) => h("span.chip.alias", `@${alias}`,
    remove && iconButton("×", `Remove the alias ${alias}`, () => undoable(view, `Removed the alias ${alias}.`, () => remove(alias), () => set(alias))()))),
set && button("+ Alias", () => dialog("Add an alias", [
    field("Alias", h("input", { name: "alias", required: true, maxlength: 255 }), "A name has one version; if another version has it, it moves here."),
], "Add", async (form) => {
    await set(form.alias.trim());
    view.again();
}), { class: "small" }));

export const erase = (path, body) => ajax(path, { method: "DELETE", body });

/** A button that deletes for good, after a question, and goes elsewhere. */
export const eraser = (what, text, run, where, label) => button("Delete", () => confirmBox(`Delete the ${what}?`, text, "Delete", async () => {
    await run();
    if (Array.isArray(where)) go(...where);
    else where();
}), { class: "small", "aria-label": label });

/**
 * A list of everything of a kind, with search, order and paging; its state is in the address.
 * options: label, columns, key(row), open(row), order, fetch(filter, order, token) -> page, field, searchKeys, placeholder, nothing: [title, …nodes], head: nodes
 */
export function pagedList(view, options) {
    let rows = [], token, busy = false, done = false, epoch = 0;
    const order = view.query.sort || options.order;
    const [sorted, direction] = order.split(" ");
    const problem = h("div.maybe"), body = h("div.stack.grow.fill");
    view.root.classList.add("fixed");
    const table = virtualTable({ label: options.label, key: options.key, open: options.open, more: () => load(), sort(column) {
        view.set({ sort: `${column.id} ${order === `${column.id} ASC` ? "DESC" : "ASC"}` });
        view.again();
    } });
    table.setColumns(options.columns, { id: sorted, descending: direction === "DESC" });

    async function load() {
        if (busy || done) return;
        busy = true;
        const mine = epoch;
        try {
            const page = await options.fetch(asFilter(view.query.filter || ""), order, token);
            if (mine !== epoch) return;
            rows.push(...(page[options.field] || []));
            token = page.next_page_token;
            done = !token;
            box.fail(null);
            put(problem);
            show(body, rows.length ? table.el : view.query.filter ? h("p.quiet", "Nothing fits. Shorten the search.") : empty(...options.nothing));
            table.setRows(rows, token && "Loading…");
        } catch (error) {
            if (error.name === "AbortError" || mine !== epoch) return;
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
        return load();
    }

    const box = searchBox({ label: `Search: ${options.label}`, value: view.query.filter, placeholder: options.placeholder, keys: () => options.searchKeys,
        submit(text) {
            view.set({ filter: text });
            restart();
        } });
    view.search = box.input;
    Object.assign(view.keys, table.keys);
    put(view.root, h("div.head", h("h1.grow", options.label), options.head), h("div.row", box.el), problem, body);
    return load();
}
