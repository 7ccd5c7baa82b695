// What the server says of itself.

import { h, put, bytes, button, duration, errorBox, facts, grid, num } from "./dom.js";
import { call as ajax, get, request, session } from "./api.js";

/** A GET whose failure is an answer, too. */
async function ask(work) {
    try {
        return await work();
    } catch (error) {
        if (error.name === "AbortError") throw error;
        return { error };
    }
}

async function health(signal) {
    const began = performance.now();
    const response = await fetch("health?full=1", { signal, cache: "no-store", credentials: "same-origin" });
    const elapsed = performance.now() - began;
    const body = await response.text();
    if (response.headers.get("content-type")?.startsWith("application/json")) return { ...JSON.parse(body), elapsed };
    return { status: response.ok ? "ok" : "failed", checks: [], elapsed };
}

/** Samples of Prometheus' text format: name and labels -> number. */
function samples(text) {
    const found = new Map();
    for (const line of text.split("\n")) {
        const at = line.lastIndexOf(" ");
        if (at > 0 && line[0] !== "#") found.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
    return found;
}

function queues(found) {
    const rows = [];
    for (const [key, value] of found) {
        const labels = /^tracklight_queue_depth\{(.*)\}$/.exec(key)?.[1];
        if (labels) rows.push([[...labels.matchAll(/="([^"]*)"/g)].map((m) => m[1].toLowerCase()).join(", "), num(value)]);
    }
    return rows;
}

const condition = (name) => h(`span.status.${{ ok: "good", warning: "warn", failed: "bad" }[name] || "plain"}`, name);

export async function serverPage(view) {
    view.title("Server");
    const { signal } = view;
    const text = (path) => ask(async () => (await request(path, { signal })).text());
    const [alive, version, metrics, first, secrets] = await Promise.all([
        ask(() => health(signal)), text("version"), text("metrics"), ask(() => get("experiments/get", { experiment_id: "0" }, signal)),
        ask(() => ajax("3.0/mlflow/gateway/secrets/config", { signal })),
    ]);
    const known = typeof metrics === "string" ? samples(metrics) : null;
    const waiting = known ? queues(known) : [];
    put(view.root, h("div.head", h("h1.grow", "Server"), button("Ask again", () => view.again(), { class: "small" })),
        h("section.card", h("h2", "Health"), alive.error ? errorBox(alive.error) : [
            facts([["State", h("span", condition(alive.status))], ["Answered in", duration(alive.elapsed)],
                ["MLflow's API", typeof version === "string" ? version : ""], ["Users", session.required ? `Logged in as ${session.user?.username}` : "No authentication: whoever reaches the server may do everything"]]),
            alive.checks?.length > 0 && grid("Checks", ["Check", "State", ""], alive.checks.map((check) => [check.name, condition(check.status), check.message])),
        ]),
        h("section.card", h("h2", "Storage"), facts([
            ["Database", bytes(known?.get("tracklight_database_bytes"))], ["Write-ahead log", bytes(known?.get("tracklight_database_wal_bytes"))],
            ["Artifacts of the default experiment", first.experiment?.artifact_location]]),
        !known && h("p.quiet", "Sizes and queues are shown when the server keeps metrics: start it with --expose-prometheus DIR."),
        waiting.length > 0 && grid("Queues", ["Queue", "Waiting"], waiting)),
        !secrets.error && h("section.card", h("h2", "Secrets of the gateway"), secrets.using_default_passphrase
            ? h("p", condition("warning"), ": they are encrypted with the passphrase that everybody knows. Set MLFLOW_CRYPTO_KEK_PASSPHRASE before you keep any.")
            : h("p", "They are encrypted with a passphrase of your own.")));
}
