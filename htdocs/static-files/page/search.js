// The box of the search language: completes keys and words, and shows what the server could not read.

import { h, put, button } from "./dom.js";

/** options: label, value, placeholder, keys() -> texts, submit(text), values(key) -> texts for a completed comparison */
export function searchBox(options) {
    const id = `search-${Math.random().toString(36).slice(2)}`;
    const input = h("input", { type: "search", value: options.value || "", placeholder: options.placeholder, autocomplete: "off", spellcheck: "false",
        "aria-label": options.label, role: "combobox", "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list", "aria-describedby": `${id}-error` });
    const list = h("ul.completions", { id: `${id}-list`, role: "listbox", "aria-label": "Completions", hidden: true });
    const problem = h("p.problem", { id: `${id}-error`, "aria-live": "polite" });
    let items = [], chosen = -1, submitted = input.value;

    const wordBefore = () => {
        const before = input.value.slice(0, input.selectionStart);
        return /(?:[A-Za-z_]+\.)?(?:`[^`]*|"[^"]*|[\w.\-/]*)$/.exec(before)[0];
    };

    function close() {
        list.hidden = true;
        items = [];
        chosen = -1;
        input.setAttribute("aria-expanded", "false");
        input.removeAttribute("aria-activedescendant");
    }

    function take(text) {
        const word = wordBefore(), at = input.selectionStart;
        const head = input.value.slice(0, at - word.length) + text;
        input.value = `${head} ${input.value.slice(at).trimStart()}`;
        input.setSelectionRange(head.length + 1, head.length + 1);
        close();
        input.focus();
    }

    function suggest() {
        const word = wordBefore().toLowerCase().replaceAll("`", "");
        const before = input.value.slice(0, input.selectionStart - wordBefore().length).trimEnd();
        const afterValue = /(?:'[^']*'|"[^"]*"|[\d.]+|\))$/.test(before);
        const afterKey = /[\w`"]$/.test(before) && !/\b(?:and|or)$/i.test(before) && !afterValue;
        const from = afterKey ? ["=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN"] : afterValue ? (input.value[input.selectionStart - 1] === " " || word ? ["AND"] : []) : word ? options.keys() : [];
        items = from.filter((key) => key.toLowerCase().replaceAll("`", "").includes(word) && key.toLowerCase() !== word).slice(0, 10);
        if (!items.length || (afterKey && word && !items.length)) return close();
        chosen = -1;
        put(list, items.map((text, i) => h("li", { role: "option", id: `${id}-${i}`, "aria-selected": "false", onmousedown: (e) => {
            e.preventDefault();
            take(text);
        } }, text)));
        list.hidden = false;
        input.setAttribute("aria-expanded", "true");
    }

    function choose(step) {
        chosen = (chosen + step + items.length + (chosen < 0 && step < 0 ? 1 : 0)) % items.length;
        [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === chosen)));
        input.setAttribute("aria-activedescendant", `${id}-${chosen}`);
    }

    const submit = () => {
        close();
        submitted = input.value.trim();
        put(problem);
        options.submit(submitted);
    };

    input.addEventListener("input", () => {
        suggest();
        if (!input.value && submitted) submit();
    });
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (e) => {
        if (e.key === "ArrowDown" || e.key === "ArrowUp") {
            if (!items.length) suggest();
            if (items.length) {
                e.preventDefault();
                choose(e.key === "ArrowDown" ? 1 : -1);
            }
        } else if (e.key === "Tab" && items.length) {
            e.preventDefault();
            take(items[Math.max(chosen, 0)]);
        } else if (e.key === "Escape") {
            // A search field would empty itself.
            e.preventDefault();
            if (!items.length) input.blur();
            close();
        }
    });

    const el = h("form.search", { role: "search", onsubmit: (e) => {
        e.preventDefault();
        if (chosen >= 0) take(items[chosen]);
        else submit();
    } }, h("div.box", input, list), button("Search", submit, { class: "primary" }), problem);
    return {
        el, input,
        fail(error) {
            put(problem, error ? error.message : "");
            input.setAttribute("aria-invalid", String(Boolean(error)));
        },
    };
}
