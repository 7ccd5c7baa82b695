// Hash routes. A view is shown by show(view): view = {root, path, query, signal, set(changes), keys, onsearch}.

export const state = { view: null };

export function parseHash(hash) {
    const text = hash.replace(/^#/, "");
    const at = text.indexOf("?");
    const path = (at < 0 ? text : text.slice(0, at)).split("/").filter(Boolean).map((part) => {
        try {
            return decodeURIComponent(part);
        } catch {
            return part;
        }
    });
    return { path, query: Object.fromEntries(new URLSearchParams(at < 0 ? "" : text.slice(at + 1))) };
}

/** link("experiments", id, {filter}): the address of a view. */
export function link(...parts) {
    const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
    const list = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== null && value !== "") list.set(key, value);
    const text = list.toString();
    return `#/${parts.map((part) => encodeURIComponent(part)).join("/")}${text ? `?${text}` : ""}`;
}

export const go = (...parts) => {
    location.hash = link(...parts);
};

/** Changes the state in the address without showing the view anew. */
export function setQuery(view, changes) {
    Object.assign(view.query, changes);
    for (const key of Object.keys(view.query)) if (view.query[key] === null || view.query[key] === "" || view.query[key] === undefined) delete view.query[key];
    if (state.view === view) history.replaceState(null, "", link(...view.path, view.query));
}
