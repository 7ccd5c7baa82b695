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

/** A page of a user without scripts, styles and anything that would be fetched; null without the library. */
export async function harmlessPage(text) {
    const purify = await load("purify.min.js", "DOMPurify");
    // The browser reports what the page's policy forbids already while the text is looked through: that much is left out before.
    const quiet = text.replace(/<style\b[\s\S]*?<\/style\s*>/gi, "").replace(/<[^>]*>/g, (tag) => tag.replace(/[\s/"'](on\w+|style)\s*=/gi, " data-$1="));
    return purify && purify.sanitize(quiet, {
        WHOLE_DOCUMENT: true, FORBID_ATTR: ["style", "src", "srcset", "href", "xlink:href", "background", "action", "poster"], ALLOW_DATA_ATTR: false,
        FORBID_TAGS: ["style", "link", "meta", "base", "img", "image", "video", "audio", "source", "form", "svg", "math", "iframe"],
    });
}
