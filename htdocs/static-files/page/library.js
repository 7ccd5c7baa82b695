// Libraries that were taken in when the page was built. Without them the page works, and says what is missing.

const loads = new Map();

function load(file, name) {
    if (!loads.has(file)) {
        loads.set(file, new Promise((resolve) => {
            const script = document.createElement("script");
            script.src = new URL(`lib/${file}`, import.meta.url).href;
            script.onload = () => resolve(globalThis[name] || null);
            script.onerror = () => resolve(null);
            document.head.append(script);
        }));
    }
    return loads.get(file);
}

let style = null;

export async function uplot() {
    style ||= document.head.appendChild(Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("lib/uPlot.min.css", import.meta.url).href }));
    return load("uPlot.iife.min.js", "uPlot");
}

export const NO_CHARTS = "Charts need a library that this server was installed without: run “make pages” where npm can be reached.";

const KEPT = new Set(("HTML HEAD TITLE BODY H1 H2 H3 H4 H5 H6 P DIV SPAN SECTION ARTICLE HEADER FOOTER MAIN ASIDE NAV BR HR PRE CODE KBD SAMP B I U S EM STRONG SMALL SUB SUP MARK DEL INS Q "
    + "BLOCKQUOTE UL OL LI DL DT DD TABLE CAPTION THEAD TBODY TFOOT TR TH TD COLGROUP COL FIGURE FIGCAPTION DETAILS SUMMARY ABBR TIME A CENTER FONT TT").split(" "));
const KEPT_ATTRIBUTES = new Set(["colspan", "rowspan", "title", "lang", "dir", "align", "valign", "border", "start", "open", "scope"]);
const EMPTIED = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "IFRAME", "OBJECT", "SVG", "MATH", "TEXTAREA", "SELECT"]);

/**
 * The bones of a user's page, for a frame without any rights (sandbox="") that has this page's policy besides. What neither
 * would let through is left out here, so that the browser has nothing to report.
 */
export function harmlessPage(text) {
    // The browser reports what the policy forbids already while the text is looked through: that much is left out before.
    const quiet = text.replace(/<(style|script)\b[\s\S]*?<\/\1\s*>/gi, "").replace(/<[^>]*>/g, (tag) => tag.replace(/[\s/"'](on\w+|style)\s*=/gi, " data-$1="));
    const page = new DOMParser().parseFromString(quiet, "text/html");
    for (const el of [...page.querySelectorAll("*")]) {
        const name = el.tagName.toUpperCase();
        if (!KEPT.has(name)) el.replaceWith(...(EMPTIED.has(name) ? [] : el.childNodes));
        else for (const { name: attribute } of [...el.attributes]) if (!KEPT_ATTRIBUTES.has(attribute)) el.removeAttribute(attribute);
    }
    return page.documentElement.outerHTML;
}
