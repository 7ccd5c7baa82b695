// Jobs: what waits, runs and has run; one job with its log.

import { h, put, ago, button, code, download, duration, empty, errorBox, facts, pretty, status, toast } from "./dom.js";
import { call } from "./api.js";
import { go, link } from "./router.js";
import { virtualTable } from "./table.js";
import { changing, confirmBox, crumbs, show } from "./blocks.js";

const STATUSES = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "TIMEOUT", "CANCELED"];
const REFRESH_MS = 2000;
const LOG_TAIL = 64 * 1024;
const LOG_SHOWN = 2 * 1024 * 1024;

const isOpen = (job) => job.status === "PENDING" || job.status === "RUNNING";
const path = (...parts) => ["3.0/jobs", ...parts.map(encodeURIComponent)].join("/");

function progressBar(job) {
    if (job.progress === null || job.progress === undefined) return job.progress_message || "";
    const share = Math.max(0, Math.min(1, job.progress));
    const text = `${Math.round(share * 100)} %${job.progress_message ? `, ${job.progress_message}` : ""}`;
    return h("div.progress", h("progress", { max: 1, value: share, "aria-label": "Progress" }), h("small", text));
}

const cancel = (job, after) => confirmBox("Cancel the job?", `“${job.job_name}” ends, whatever it has done so far.`, "Cancel the job", async () => {
    await call(path("cancel", job.job_id), { method: "PATCH" });
    after();
});

// --- All jobs ---

export async function jobList(view) {
    view.title("Jobs");
    view.root.classList.add("fixed");
    let jobs = [], busy = false, last = 0;
    const problem = h("div.maybe"), body = h("div.stack.grow.fill");
    const name = h("input", { type: "search", value: view.query.name || "", placeholder: "A part of the name", "aria-label": "Search jobs", oninput: () => {
        view.set({ name: name.value });
        draw();
    } });
    const table = virtualTable({ label: "Jobs", key: (job) => job.job_id, open: (job) => go("jobs", job.job_id) });
    table.setColumns([
        { id: "name", label: "Job", width: 240, cell: (job) => h("a", { href: link("jobs", job.job_id) }, job.job_name) },
        { id: "status", label: "Status", width: 120, cell: (job) => status(job.status) },
        { id: "progress", label: "Progress", width: 280, cell: progressBar },
        { id: "created", label: "Created", width: 130, cell: (job) => ago(job.creation_time) },
        { id: "updated", label: "Updated", width: 130, cell: (job) => ago(job.last_update_time) },
        { id: "retries", label: "Retries", width: 80, numeric: true, cell: (job) => job.retry_count || "" },
        { id: "cancel", label: "", width: 90, cell: (job) => isOpen(job) && button("Cancel", () => cancel(job, load), { class: "small", "aria-label": `Cancel ${job.job_name}` }) },
    ]);

    function draw() {
        const text = name.value.toLowerCase();
        const rows = jobs.filter((job) => job.job_name.toLowerCase().includes(text));
        table.setRows(rows);
        show(body, rows.length ? table.el : jobs.length || view.query.status ? h("p.quiet", "No job fits.") : empty("No jobs yet",
            h("p", "A job is a program that the server's administrator has declared in jobs.d. The server runs jobs when it is started with --enable-jobs. Then:"),
            code(`curl -H 'content-type: application/json' ${new URL("ajax-api/3.0/jobs/", location.href.split("#")[0]).href} \\`, "    -d '{\"job_name\": \"hello\", \"params\": {}}'")));
    }

    async function load() {
        if (busy) return;
        busy = true;
        last = Date.now();
        try {
            const found = await call("3.0/jobs/search", { body: view.query.status ? { statuses: [view.query.status] } : {}, signal: view.signal });
            const before = new Map(jobs.map((job) => [job.job_id, job]));
            const now = (found.jobs || []).reverse().map((job) => (JSON.stringify(before.get(job.job_id)) === JSON.stringify(job) ? before.get(job.job_id) : job));
            put(problem);
            // Rows that are as they were stay, with the focus in them.
            if (jobs.length && now.length === jobs.length && now.every((job, i) => job === jobs[i])) return;
            jobs = now;
            draw();
        } catch (error) {
            if (error.name !== "AbortError") put(problem, errorBox(error, load));
        } finally {
            busy = false;
        }
    }

    const choose = (value) => button(value ? value.toLowerCase() : "all", changing(view, () => view.set({ status: value })),
        { class: "small", "aria-pressed": String((view.query.status || "") === value) });
    view.search = name;
    Object.assign(view.keys, table.keys);
    put(view.root, h("div.head", h("h1.grow", "Jobs")), h("div.row", h("div.row", { role: "group", "aria-label": "Status" }, choose(""), STATUSES.map(choose)), name), problem, body);
    await load();
    // A long list takes the server a while: then it is asked less often.
    view.every(REFRESH_MS, () => Date.now() - last >= REFRESH_MS * (1 + jobs.length / 1000) && load());
}

// --- One job ---

export async function jobPage(view) {
    const { job: id } = view.params;
    let job = await call(path(id), { signal: view.signal });
    view.title(job.job_name);
    const head = h("div.stack"), outcome = h("div.stack"), problem = h("div.maybe");

    function draw() {
        put(head, h("div.head", h("h1", job.job_name), status(job.status), h("span.grow"),
            isOpen(job) && button("Cancel", () => cancel(job, refresh), { class: "small" })),
        h("section.card", facts([["Id", h("span.mono", job.job_id)], ["Created", ago(job.creation_time)], ["Updated", ago(job.last_update_time)],
            [isOpen(job) ? "For" : "Took", duration((isOpen(job) ? Date.now() : job.last_update_time) - job.creation_time)],
            ["Time limit", job.timeout ? duration(job.timeout * 1000) : "none"], ["Retries", job.retry_count]]),
        progressBar(job), job.status_details && h("pre.text", pretty(job.status_details))));
        put(outcome, job.result !== null && job.result !== undefined && h("section.card", h("h2", job.status === "SUCCEEDED" ? "Result" : "Error"), h("pre.text", { tabindex: 0 }, pretty(job.result))),
            h("section.card", h("h2", "Parameters"), h("pre.text", { tabindex: 0 }, pretty(job.params))));
    }

    async function refresh() {
        try {
            const before = job.status;
            job = await call(path(id), { signal: view.signal });
            put(problem);
            // What has the focus is not taken away while nothing changes but time.
            if (job.status !== before || !head.contains(document.activeElement)) draw();
        } catch (error) {
            if (error.name !== "AbortError") put(problem, errorBox(error));
        }
    }

    const log = logBox(view, id, job.job_name);
    draw();
    put(view.root, crumbs(h("a", { href: "#/jobs" }, "Jobs"), job.job_name), problem, head, outcome, log.el);
    await log.read();
    view.every(1000, () => {
        if (isOpen(job)) refresh();
        log.read();
    });
}

/** What a job prints, from near its end on, and then as it comes. */
function logBox(view, id, name) {
    let offset = -LOG_TAIL, complete = false, busy = false, shown = 0;
    const text = h("pre.text.log", { tabindex: 0, role: "log", "aria-live": "off", "aria-label": "Log" });
    const follow = h("input", { type: "checkbox", checked: true });
    const say = h("p.quiet"), earlier = h("span");

    async function part(from) {
        return call(path(id, "log"), { query: { offset: from }, signal: view.signal });
    }

    async function read() {
        if (busy || complete) return;
        busy = true;
        try {
            for (;;) {
                const got = await part(offset);
                if (offset < 0) put(earlier, got.offset > 0 && button("From the beginning", () => {
                    offset = shown = 0;
                    complete = false;
                    text.replaceChildren();
                    put(earlier);
                    read();
                }, { class: "small" }));
                offset = got.next_offset;
                complete = got.complete;
                if (got.text) text.append(got.text);
                shown += got.text.length;
                while (shown > LOG_SHOWN && text.childNodes.length > 1) {
                    shown -= text.firstChild.length;
                    text.firstChild.remove();
                }
                if (follow.checked) text.scrollTop = text.scrollHeight;
                put(say, shown ? "" : complete ? "The job has printed nothing." : "Nothing printed yet.");
                if (complete || offset >= got.size || !got.text) break;
            }
        } catch (error) {
            if (error.name === "AbortError") return;
            put(say, `The log cannot be read: ${error.message}`);
        } finally {
            busy = false;
        }
    }

    async function save() {
        try {
            const parts = [];
            for (let from = 0; ;) {
                const got = await part(from);
                parts.push(got.text);
                if (got.next_offset <= from || got.next_offset >= got.size) break;
                from = got.next_offset;
            }
            download(`${name}-${id}.log`, parts.join(""), "text/plain");
        } catch (error) {
            toast(error.message);
        }
    }

    const el = h("section.card", h("div.row", h("h2.grow", "Log"), earlier, h("label.check", follow, "Follow"), button("Download", save, { class: "small" })), say, text);
    return { el, read };
}
