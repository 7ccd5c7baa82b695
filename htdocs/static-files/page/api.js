// Calls to the server. Paths are relative to the page, so they work below a static prefix.

let csrf = "";
let onLogin = () => {};
export const session = { user: null, required: false };

export class ApiError extends Error {
    constructor(message, fields) {
        super(message);
        Object.assign(this, fields);
    }
}

const HINTS = {
    0: "Check that the server runs and that you are connected, then try again.",
    401: "Log in again.",
    403: "Ask whoever manages this for a permission, or log in as somebody else.",
    404: "It may have been deleted, or the link is of another server.",
    429: "Wait a moment, then try again.",
    503: "The server is busy. Try again in a moment.",
};

const hint = (status) => HINTS[status] || (status >= 500 ? "The server's log says more, under the request id." : "");

async function failure(response) {
    const text = await response.text().catch(() => "");
    let body = {};
    try {
        body = JSON.parse(text);
    } catch {
        if (response.status !== 401 && text.length < 300 && !text.includes("<")) body.message = text;
    }
    const detail = body.message || body.detail || body.error?.message;
    return new ApiError(typeof detail === "string" && detail ? detail : `The server answered ${response.status} ${response.statusText}`, {
        status: response.status, code: body.error_code, hint: hint(response.status), requestId: response.headers.get("x-request-id"),
    });
}

export function queryString(query) {
    const list = new URLSearchParams();
    for (const [key, value] of Object.entries(query || {})) {
        for (const one of [value].flat()) if (one !== undefined && one !== null && one !== "") list.append(key, one);
    }
    const text = list.toString();
    return text ? `?${text}` : "";
}

/** The response itself, for streams and files. */
export async function request(path, { method, body, query, signal, headers = {} } = {}) {
    method ||= body === undefined ? "GET" : "POST";
    const options = { method, signal, headers: { "X-Requested-With": "XMLHttpRequest", ...headers }, credentials: "same-origin", cache: "no-store" };
    if (body !== undefined) {
        options.body = JSON.stringify(body);
        options.headers["Content-Type"] = "application/json";
    }
    if (method !== "GET" && csrf) options.headers["X-CSRFToken"] = csrf;
    let response;
    try {
        response = await fetch(path + queryString(query), options);
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError("The server does not answer.", { status: 0, hint: HINTS[0] });
    }
    if (response.ok) return response;
    const error = await failure(response);
    if (response.status === 401 && session.required && !path.includes("tracklight/")) {
        error.message = "Your session has ended.";
        onLogin();
    }
    throw error;
}

export async function call(path, options) {
    const response = await request(`ajax-api/${path}`, options);
    const text = await response.text();
    return text ? JSON.parse(text) : {};
}

export const get = (path, query, signal) => call(`2.0/mlflow/${path}`, { query, signal });
export const post = (path, body, signal) => call(`2.0/mlflow/${path}`, { body, signal });
export const get3 = (path, query, signal) => call(`3.0/mlflow/${path}`, { query, signal });
export const post3 = (path, body, signal) => call(`3.0/mlflow/${path}`, { body, signal });
export const send = (method, path, body) => call(path, { method, body });

/** Pages of a search until `limit` items are there. `more` says whether there would be others. */
export async function all(fetchPage, field, limit = 1000) {
    const items = [];
    let token;
    do {
        const page = await fetchPage(token);
        items.push(...(page[field] || []));
        token = page.next_page_token;
    } while (token && items.length < limit);
    items.more = Boolean(token);
    return items;
}

// --- Who is asking ---

/** Asks who is logged in. Without authentication there is no such operation, and nobody needs to. */
export async function findSession(askForLogin) {
    onLogin = askForLogin;
    try {
        const answer = await call("3.0/tracklight/session");
        Object.assign(session, { user: answer.user, required: true });
        csrf = answer.csrf_token;
    } catch (error) {
        session.user = null;
        session.required = error.status === 401;
        if (!session.required && error.status !== 404 && error.status !== 405) throw error;
    }
    return !session.required || session.user;
}

export async function login(username, password) {
    const answer = await call("3.0/tracklight/login", { body: { username, password } });
    Object.assign(session, { user: answer.user, required: true });
    csrf = answer.csrf_token;
}

export async function logout() {
    await call("3.0/tracklight/logout", { body: {} });
    session.user = null;
    csrf = "";
}
