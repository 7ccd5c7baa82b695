// Markdown as elements: headings, lists, tables, quotes, code, emphasis, links. It never becomes HTML text: what a user
// writes ends up in text nodes, so there is nothing to sanitise. Pictures are links, since nothing foreign is fetched.

import { h } from "./dom.js";

const INLINE = /(`+)([\s\S]+?)\1(?!`)|\*\*([\s\S]+?)\*\*|__([\s\S]+?)__|\*([^\s*][^*]*?)\*|(?<!\w)_([^\s_][^_]*?)_(?!\w)|~~([\s\S]+?)~~|!?\[([^\]]*)\]\(\s*<?([^\s)>]+)>?[^)]*\)|(https?:\/\/[^\s<>"')\]]+)|\\([!-/:-@[-`{-~])/;

const safe = (url) => /^(?:https?:\/\/|mailto:|#\/)/i.test(url);
const anchor = (url, text) => (safe(url) ? h("a", { href: url, rel: "noopener noreferrer", target: url[0] === "#" ? null : "_blank" }, text) : h("span", text));

function inline(text, depth = 0) {
    const out = [];
    while (text) {
        const m = depth < 6 && INLINE.exec(text);
        if (!m) {
            out.push(text);
            break;
        }
        out.push(text.slice(0, m.index));
        const [all, , codeText, b1, b2, i1, i2, del, label, href, url, escaped] = m;
        const strong = b1 ?? b2, em = i1 ?? i2;
        out.push(codeText !== undefined ? h("code", codeText.trim())
            : strong !== undefined ? h("strong", inline(strong, depth + 1))
            : em !== undefined ? h("em", inline(em, depth + 1))
            : del !== undefined ? h("s", inline(del, depth + 1))
            : href !== undefined ? anchor(href, label || href)
            : url !== undefined ? anchor(url, url) : escaped);
        text = text.slice(m.index + all.length);
    }
    return out;
}

const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));

function blocks(lines, depth) {
    const out = [];
    for (let i = 0; i < lines.length;) {
        const line = lines[i];
        let m;
        if (!line.trim()) i++;
        else if ((m = /^\s{0,3}(`{3,}|~{3,})/.exec(line))) {
            let end = i + 1;
            while (end < lines.length && !lines[end].trim().startsWith(m[1])) end++;
            out.push(h("pre.code", { tabindex: 0 }, h("code", lines.slice(i + 1, end).join("\n"))));
            i = end + 1;
        } else if ((m = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line))) {
            out.push(h(`h${Math.min(6, m[1].length + 1)}`, inline(m[2])));
            i++;
        } else if (/^\s*([-*_])(?:\s*\1){2,}\s*$/.test(line)) {
            out.push(h("hr"));
            i++;
        } else if (line.startsWith(">") && depth < 6) {
            let end = i;
            while (end < lines.length && lines[end].startsWith(">")) end++;
            out.push(h("blockquote", blocks(lines.slice(i, end).map((l) => l.replace(/^>\s?/, "")), depth + 1)));
            i = end;
        } else if (depth < 6 && (m = ITEM.exec(line))) {
            const indent = m[1].length, ordered = m[2] !== undefined, items = [];
            for (; i < lines.length; i++) {
                const item = ITEM.exec(lines[i]);
                if (item && item[1].length <= indent + 1 && item[1].length >= indent && (item[2] !== undefined) === ordered) items.push([item[3]]);
                else if (lines[i].trim() && lines[i].search(/\S/) > indent) items.at(-1).push(lines[i].slice(Math.min(lines[i].search(/\S/), indent + 2)));
                else break;
            }
            out.push(h(ordered ? "ol" : "ul", ordered && m[2] !== "1" && { start: m[2] }, items.map((item) => h("li", item.length === 1 ? inline(item[0]) : blocks(item, depth + 1)))));
        } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] || "") && lines[i + 1].includes("-")) {
            let end = i + 2;
            while (end < lines.length && lines[end].includes("|")) end++;
            out.push(h("table", { tabindex: 0 }, h("thead", h("tr", cells(line).map((c) => h("th", { scope: "col" }, c)))),
                h("tbody", lines.slice(i + 2, end).map((l) => h("tr", cells(l).map((c) => h("td", c)))))));
            i = end;
        } else {
            let end = i + 1;
            while (end < lines.length && lines[end].trim() && !/^(?:#{1,6}\s|>|\s{0,3}```|\s*[-*+]\s)/.test(lines[end])) end++;
            out.push(h("p", inline(lines.slice(i, end).join("\n"))));
            i = end;
        }
    }
    return out;
}

export const markdown = (text) => h("div.markdown", blocks(String(text).slice(0, 200000).replace(/\r\n?/g, "\n").replaceAll("\t", "    ").split("\n"), 0));
