// A table that keeps in the document only the rows that are seen. Rows are of one height; more are asked for near the end.

import { h, put } from "./dom.js";

const HEIGHT = 34;
// Rows come and go in steps, so that most frames of scrolling change nothing.
const STEP = 8;

/**
 * options: label, key(row), open(row), more() when rows near the end are seen, sort(column), select: bool, onselect(), rowClass(row)
 * column: id, label, width (px), cell(row) -> node or text, numeric, sortable, group
 */
export function virtualTable(options) {
    let columns = [], rows = [], current = -1, order = {}, from = -1, to = -1, end = null;
    const selected = new Set();
    const head = h("thead"), body = h("tbody"), cols = h("colgroup");
    const table = h("table.virtual", { "aria-label": options.label }, cols, head, body);
    const el = h("div.viewport", { tabindex: 0, role: "region", "aria-label": `${options.label}, scrollable` }, table);
    const live = new Map();
    const above = h("tr.spacer", { "aria-hidden": "true" }), below = h("tr.spacer", { "aria-hidden": "true" });

    const check = (row) => {
        const key = options.key(row);
        return h("td.check", h("input", { type: "checkbox", checked: selected.has(key), "aria-label": `Select ${options.name ? options.name(row) : key}`,
            onclick: (e) => {
                e.stopPropagation();
                toggle(row);
            } }));
    };

    function makeRow(row, index) {
        const tr = h("tr", { "aria-rowindex": index + 2, onclick: (e) => {
            if (e.target.closest("a, button, input, label") || getSelection().toString()) return;
            setCurrent(index);
            if (options.open) options.open(row);
        } }, options.select && check(row), columns.map((column) => {
            const value = column.cell(row);
            return h(column.numeric ? "td.number" : "td", { title: value instanceof Node ? null : value }, value);
        }));
        const extra = options.rowClass && options.rowClass(row);
        if (extra) tr.classList.add(extra);
        return tr;
    }

    function render(force) {
        const step = (at) => Math.floor(at / HEIGHT / STEP) * STEP;
        const first = Math.max(0, step(el.scrollTop) - STEP), last = Math.min(rows.length, step(el.scrollTop + el.clientHeight) + 2 * STEP);
        if (!force && first === from && last === to) return;
        if (force) live.clear();
        from = first;
        to = last;
        const shown = [];
        for (let i = first; i < last; i++) {
            const row = rows[i];
            let tr = live.get(row);
            if (!tr) live.set(row, (tr = makeRow(row, i)));
            const on = selected.has(options.key(row));
            const looks = `${on ? "selected " : ""}${i === current ? "current " : ""}${(options.rowClass && options.rowClass(row)) || ""}`;
            if (tr.className !== looks) tr.className = looks;
            const box = options.select && tr.querySelector("input");
            if (box) box.checked = on;
            shown.push(tr);
        }
        if (live.size > 400) {
            const keep = new Set(rows.slice(first, last));
            for (const row of live.keys()) if (!keep.has(row)) live.delete(row);
        }
        above.style.height = `${first * HEIGHT}px`;
        below.style.height = `${(rows.length - last) * HEIGHT}px`;
        const wanted = [above, ...shown, below, ...(end ? [end] : [])], keep = new Set(wanted);
        for (const tr of [...body.children]) if (!keep.has(tr)) tr.remove();
        let next = body.firstChild;
        for (const tr of wanted) {
            if (tr === next) next = next.nextSibling;
            else body.insertBefore(tr, next);
        }
        table.setAttribute("aria-rowcount", end ? -1 : rows.length + 1);
        if (options.more && last >= rows.length - STEP) options.more();
    }

    let frame = 0;
    el.addEventListener("scroll", () => {
        frame ||= requestAnimationFrame(() => {
            frame = 0;
            render();
        });
    }, { passive: true });
    new ResizeObserver(() => render()).observe(el);

    function renderHead() {
        put(cols, options.select && h("col", { style: { width: "40px" } }), columns.map((c) => h("col", { style: { width: `${c.width || 140}px` } })));
        table.style.width = `max(100%, ${columns.reduce((sum, c) => sum + (c.width || 140), options.select ? 40 : 0)}px)`;
        put(head, h("tr", { "aria-rowindex": 1 }, options.select && h("th.check", { scope: "col" }, h("input", { type: "checkbox", "aria-label": "Select all that are loaded", onclick: (e) => {
            if (e.target.checked) rows.forEach((row) => selected.add(options.key(row)));
            else selected.clear();
            changed();
        } })), columns.map((column) => {
            const dir = order.id === column.id ? (order.descending ? "descending" : "ascending") : null;
            const text = [column.group && h("small", column.group), h("span", column.label), dir && (order.descending ? " ↓" : " ↑")];
            return h(column.numeric ? "th.number" : "th", { scope: "col", "aria-sort": dir, title: column.label },
                column.sortable ? h("button", { type: "button", onclick: () => options.sort(column) }, text) : text);
        })));
    }

    function changed() {
        from = -1;
        render();
        if (options.onselect) options.onselect();
    }

    function toggle(row) {
        const key = options.key(row);
        if (!selected.delete(key)) selected.add(key);
        changed();
    }

    function setCurrent(index) {
        current = Math.max(0, Math.min(rows.length - 1, index));
        const top = current * HEIGHT, space = el.clientHeight - HEIGHT * 2;
        if (top < el.scrollTop) el.scrollTop = top;
        else if (top > el.scrollTop + space) el.scrollTop = top - space;
        from = -1;
        render();
    }

    return {
        el, selected,
        setColumns(list, sorted) {
            columns = list;
            order = sorted || {};
            renderHead();
            render(true);
        },
        /** `note` stands behind the last row, as long as there may be more. */
        setRows(list, note) {
            rows = list;
            end = note ? h("tr.end", h("td", { colspan: columns.length + 1 }, note)) : null;
            current = Math.min(current, rows.length - 1);
            from = -1;
            render();
        },
        replaceRow(old, row) {
            const at = rows.indexOf(old);
            if (at < 0) return;
            rows[at] = row;
            live.delete(old);
            from = -1;
            render();
        },
        refresh: () => render(true),
        clearSelection() {
            selected.clear();
            changed();
        },
        keys: {
            j: () => setCurrent(current + 1),
            k: () => setCurrent(current - 1),
            Enter: () => rows[current] && options.open && options.open(rows[current]),
            x: () => options.select && rows[current] && toggle(rows[current]),
        },
    };
}
