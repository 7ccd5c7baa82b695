// Files of a run, a model version or a logged model: a tree, and previews.

import { h, put, bytes, empty, errorBox, grid, loading, parsed } from "./dom.js";
import { get, queryString, request } from "./api.js";
import { markdown } from "./markdown.js";
import { harmlessPage } from "./library.js";
import { clientLines } from "./experiments.js";

const TEXT_MAX = 512 * 1024;
const KINDS = [
    ["image", /\.(png|jpe?g|gif|webp|avif|bmp|ico|svg)$/i], ["audio", /\.(mp3|wav|ogg|oga|flac|m4a|opus)$/i], ["video", /\.(mp4|webm|ogv|mov)$/i],
    ["html", /\.html?$/i], ["json", /\.(json|ipynb|geojson)$/i], ["table", /\.(csv|tsv)$/i], ["markdown", /\.(md|markdown)$/i],
    ["text", /(\.(txt|log|ya?ml|toml|ini|cfg|conf|py|js|ts|r|c|h|cpp|java|sh|sql|xml|jsonl|env|rst|tex|diff|patch|css)|(^|\/)(MLmodel|MLproject|Dockerfile|README|LICENSE|requirements[^/]*))$/i],
];
const kindOf = (path) => KINDS.find(([, pattern]) => pattern.test(path))?.[0];

/** RFC 4180, at most `limit` rows. */
export function csvRows(text, separator, limit) {
    const rows = [[]];
    let cell = "", quoted = false;
    for (let i = 0; i < text.length; i++) {
        const c = text[i];
        if (quoted) {
            if (c === '"' && text[i + 1] === '"') cell += text[++i];
            else if (c === '"') quoted = false;
            else cell += c;
        } else if (c === '"' && !cell) quoted = true;
        else if (c === separator || c === "\n") {
            rows.at(-1).push(cell.replace(/\r$/, ""));
            cell = "";
            if (c === "\n") {
                if (rows.length > limit) return rows;
                rows.push([]);
            }
        } else cell += c;
    }
    if (cell || rows.at(-1).length) rows.at(-1).push(cell);
    return rows.filter((r) => r.length > 1 || r[0]);
}

/** source: what the API wants besides the path, as {run_id}. `moved` is told which file is shown. */
export async function artifacts(view, box, source, path, moved, options = {}) {
    const file = options.file || "get-artifact";
    const list = options.list || ((at) => get("artifacts/list", { ...source, path: at }, view.signal));
    const shown = h("div.preview.stack", { "aria-live": "polite" });
    const top = await branch("");
    if (!top) {
        put(box, empty("No artifacts yet", h("p", "Files that are logged with this run stand here:"), clientLines(`python -c "import mlflow; mlflow.start_run('${source.run_id || "…"}'); mlflow.log_text('hello', 'hello.txt')"`)));
        return;
    }
    put(box, h("div.split", h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Files" }, top), shown));
    if (path) await reveal(path);
    else put(shown, h("p.quiet", "Choose a file."));

    async function branch(at) {
        const files = [];
        let token;
        do {
            const page = await list(at, token);
            files.push(...(page.files || []));
            token = page.next_page_token;
        } while (token && files.length < 5000);
        if (!files.length) return null;
        return h("ul.tree", files.map((one) => {
            const name = one.path.split("/").at(-1);
            if (!one.is_dir) return h("li", h("button", { type: "button", "data-path": one.path, onclick: () => show(one) }, h("span.name", name), h("small", bytes(one.file_size || 0))));
            const inner = h("div", { hidden: true });
            const li = h("li", h("button", { type: "button", "aria-expanded": "false", "data-path": one.path, onclick: () => li.open() }, h("span.name", `▸ ${name}`)), inner);
            li.open = async (stay) => {
                const head = li.firstChild, wide = stay || inner.hidden;
                if (!inner.firstChild) put(inner, (await branch(one.path).catch((error) => errorBox(error))) || h("p.quiet", "Empty."));
                inner.hidden = !wide;
                head.setAttribute("aria-expanded", String(wide));
                head.firstChild.textContent = `${wide ? "▾" : "▸"} ${name}`;
            };
            return li;
        }));
    }

    async function reveal(wanted) {
        const parts = wanted.split("/");
        for (let i = 1; i < parts.length; i++) {
            const head = box.querySelector(`button[data-path="${CSS.escape(parts.slice(0, i).join("/"))}"]`);
            if (head?.parentNode.open) await head.parentNode.open(true);
        }
        const head = box.querySelector(`button[data-path="${CSS.escape(wanted)}"]`);
        if (head?.parentNode.open) await head.parentNode.open(true);
        else await show({ path: wanted });
    }

    async function show(one) {
        for (const b of box.querySelectorAll(".tree button")) {
            if (b.dataset.path === one.path) b.setAttribute("aria-current", "true");
            else b.removeAttribute("aria-current");
        }
        moved?.(one.path);
        const url = file + queryString(options.query ? options.query(one.path) : { ...source, path: one.path });
        const name = one.path.split("/").at(-1), kind = kindOf(one.path);
        const head = h("div.row", h("h2.grow", name), one.file_size !== undefined && h("span.quiet", bytes(one.file_size)), h("a", { href: url, download: name }, "Download"));
        const failed = () => put(shown, head, h("p.quiet", "The browser cannot show this file."));
        if (kind === "image") return put(shown, head, h("img", { src: url, alt: name, onerror: failed }));
        if (kind === "audio") return put(shown, head, h("audio", { src: url, controls: true, "aria-label": name, onerror: failed }));
        if (kind === "video") return put(shown, head, h("video", { src: url, controls: true, "aria-label": name, onerror: failed }));
        if (!kind && Number(one.file_size) > TEXT_MAX) return put(shown, head, h("p.quiet", "There is no preview for files of this kind."));
        put(shown, head, loading());
        try {
            const [text, cut] = await beginning(url);
            put(shown, head, cut && h("p.quiet", `The first ${bytes(TEXT_MAX)} are shown.`), await render(kind, text, name));
        } catch (error) {
            if (error.name !== "AbortError") put(shown, head, errorBox(error, () => show(one)));
        }
    }

    /** The beginning of a file as text, and whether there is more. */
    async function beginning(url) {
        const response = await request(url, { signal: view.signal });
        const reader = response.body.getReader(), parts = [];
        let size = 0;
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return [await new Blob(parts).text(), false];
            parts.push(value);
            size += value.length;
            if (size > TEXT_MAX) {
                reader.cancel();
                return [(await new Blob(parts).text()).slice(0, TEXT_MAX), true];
            }
        }
    }
}

async function render(kind, text, name) {
    const plain = (value) => h("pre.text", { tabindex: 0, "aria-label": name }, value);
    if (!kind && text.includes("\0")) return h("p.quiet", "There is no preview for files of this kind.");
    if (kind === "markdown") return markdown(text);
    if (kind === "json") {
        const value = parsed(text);
        if (value && Array.isArray(value.columns) && Array.isArray(value.data)) return grid(name, value.columns.map(String), value.data.slice(0, 500).map((r) => [r].flat().map((c) => (typeof c === "object" ? JSON.stringify(c) : String(c)))));
        return plain(value === null ? text : JSON.stringify(value, null, 2));
    }
    if (kind === "table") {
        const rows = csvRows(text, name.toLowerCase().endsWith(".tsv") ? "\t" : ",", 500);
        return [grid(name, rows[0] || [], rows.slice(1)), rows.length > 500 && h("p.quiet", "The first 500 rows are shown.")];
    }
    if (kind === "html") {
        return [h("p.quiet", "Shown without its scripts, styles and pictures. Download it to see it whole."), h("iframe", { sandbox: "", srcdoc: harmlessPage(text), title: name })];
    }
    return plain(text);
}
