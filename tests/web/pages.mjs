// Drives Chromium. Each line of the input is {"step", "url", "arguments"}, each line of the output {"value"} or {"error"}.
// Whatever a step does, it fails by an error in the console, a violation of the policy, and script out of somebody's text.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import path from "node:path";

const modules = process.env.WEB_MODULES;
const require = createRequire(path.join(modules, "none.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(path.join(modules, "axe-core", "axe.min.js"), "utf8");
const steps = {};
for (const part of ["models", "prompts", "gateway", "jobs", "users"]) Object.assign(steps, await import(`./steps_${part}.mjs`));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });

const LOOKS = { light: [1280, 800, "light"], dark: [1280, 800, "dark"], narrow: [390, 780, "light"] };

/** Where a view is: a heading or an error stands there, and nothing is loading. */
async function settled(page) {
    await page.waitForSelector("main h1, main .error, main .empty");
    await page.waitForFunction(() => !document.querySelector(".loading"));
}

async function accessible(page, what) {
    const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.filter((v) => ["serious", "critical"].includes(v.impact))
        .map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")))`);
    assert.deepEqual(found, [], `accessibility of ${what}`);
}

async function carryOut({ step, url, arguments: args }) {
    const [width, height, colorScheme] = LOOKS[args.look || "light"];
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, acceptDownloads: true });
    const page = await context.newPage();
    const problems = [];
    page.setDefaultTimeout(10000);
    page.on("console", (message) => {
        // What the server refuses is in the console, too; steps look at how it is shown.
        if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)));
    const open = async (hash) => {
        await page.goto(`${url}/#/${hash}`);
        await settled(page);
    };
    const api = (route, body) => page.evaluate(async ([where, what]) => (await fetch(where, what === null ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) })).json(), [`${url}/ajax-api/2.0/mlflow/${route}`, body ?? null]);
    try {
        const value = await steps[step]({ page, context, url, open, api, said: (text) => page.getByText(text).first().waitFor() }, args);
        assert.equal(await page.evaluate(() => window.hacked), undefined, "somebody's text was run");
        assert.deepEqual(problems, []);
        return value;
    } catch (error) {
        const shown = await page.locator("body").innerText().catch(() => "");
        throw new Error(`${error.stack}\n${problems.join("\n")}\n--- ${page.url()}\n${shown.slice(0, 1500)}`);
    } finally {
        await context.close();
    }
}

// --- Every view ---

steps.look = async ({ page, open }, { views, look }) => {
    for (const [name, hash] of Object.entries(views)) {
        await open(hash);
        assert.equal(await page.locator("main .error").count(), 0, `${name} shows an error: ${await page.locator("main").innerText()}`);
        if (name.startsWith("chart") || name.startsWith("compare_curves")) await page.waitForSelector(".chart[data-drawn]");
        await accessible(page, name);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(beyond <= 0, `${name} is ${beyond} px too wide`);
        assert.equal(await page.locator("main script, main [onerror], main [onclick], main a[href^='javascript']").count(), 0, `${name}: somebody's text became an element`);
        if (process.env.PICTURES) await page.screenshot({ path: path.join(process.env.PICTURES, `${name}-${look}.png`) });
    }
};

// --- Runs ---

steps.experiments = async ({ page, open, api }, { name }) => {
    await open("experiments");
    await page.keyboard.press("/");
    await page.keyboard.type(`name = '${name}'`);
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("table.virtual tbody tr:not(.spacer, .end)").length === 1);
    assert.match(page.url(), /filter=/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForSelector(`h1:text-is("${name}")`);
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill(`${name} again`);
    await page.locator("dialog button.primary").click();
    await page.waitForSelector(`h1:text-is("${name} again")`);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.waitForFunction(() => !document.querySelector(".head .status"));
    const id = /experiments\/(\d+)/.exec(page.url())[1];
    const { experiment } = await api(`experiments/get?experiment_id=${id}`);
    assert.equal(experiment.lifecycle_stage, "active");
};

const shownRuns = (page) => page.locator("table.virtual tbody tr td:nth-child(2)").allInnerTexts();

steps.search = async ({ page, open }, { experiment, model, count, key }) => {
    await open(`experiments/${experiment}`);
    await page.keyboard.press("/");
    await page.keyboard.type(`params.${key}`);
    await page.waitForSelector(".completions li");
    await page.keyboard.press("Tab");
    const box = page.getByRole("combobox", { name: "Search runs" });
    assert.match(await box.inputValue(), /^params\.model $/);
    await page.keyboard.type(`= '${model}'`);
    await page.keyboard.press("Enter");
    await page.waitForFunction((n) => document.querySelector("[aria-live]").textContent.startsWith(`${n} runs`) || [...document.querySelectorAll("main span")].some((s) => s.textContent === `${n} runs`), count);
    const link = page.url();
    await box.fill("params.model = ");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".problem").textContent.length > 10);
    assert.equal(await box.getAttribute("aria-invalid"), "true");
    await page.goto("about:blank");
    await page.goto(link);
    await page.waitForFunction((n) => [...document.querySelectorAll("main span")].some((s) => s.textContent === `${n} runs`), count);
};

steps.sort = async ({ page, open }, { experiment }) => {
    await open(`experiments/${experiment}`);
    const column = page.locator("table.virtual th", { hasText: "loss" }).first();
    for (const direction of ["descending", "ascending"]) {
        await column.locator("button").click();
        await page.locator(`th[aria-sort="${direction}"]`, { hasText: "loss" }).waitFor();
        await page.waitForFunction(() => document.querySelectorAll("table.virtual tbody tr:not(.spacer, .end)").length > 5);
        const at = await column.evaluate((th) => [...th.parentNode.children].indexOf(th) + 1);
        const values = (await page.locator(`table.virtual tbody tr:not(.spacer, .end) td:nth-child(${at})`).allInnerTexts()).filter(Boolean).map(Number);
        assert.deepEqual(values, [...values].sort((a, b) => (direction === "ascending" ? a - b : b - a)));
    }
    await page.getByRole("button", { name: "Columns" }).click();
    await accessible(page, "the choice of columns");
    await page.getByLabel("Run id").check();
    await page.locator("dialog").getByLabel("Status", { exact: true }).uncheck();
    await page.getByRole("button", { name: "Show" }).click();
    assert.ok((await page.locator("thead").innerText()).includes("Run id"));
    assert.ok(!(await page.locator("thead").innerText()).includes("Status"));
    assert.match(page.url(), /cols=/);
    await page.reload();
    await settled(page);
    assert.ok((await page.locator("thead").innerText()).includes("Run id"));
};

steps.groups = async ({ page, open }, { experiment, groups }) => {
    await open(`experiments/${experiment}`);
    await page.getByLabel("Group by").focus();
    await page.getByLabel("Group by").selectOption("p.model");
    await page.waitForSelector("table.plain");
    const rows = await page.locator("table.plain tbody tr").evaluateAll((list) => list.map((tr) => [...tr.children].map((td) => td.textContent)));
    for (const [name, [count, mean]] of Object.entries(groups)) {
        const row = rows.find((r) => r[0] === name);
        assert.equal(row[1], String(count));
        assert.ok(Math.abs(Number(row[2]) - mean) < 1e-4, `${row[2]} is not ${mean}`);
    }
};

steps.scroll = async ({ page, open }, { experiment, count }) => {
    await open(`experiments/${experiment}`);
    const box = page.locator(".viewport");
    for (let i = 0; i < 400; i++) {
        await box.evaluate((el) => (el.scrollTop = el.scrollHeight));
        await page.waitForTimeout(30);
        if (await page.locator("main span", { hasText: new RegExp(`^${count.toLocaleString("en")} runs$`) }).count()) break;
    }
    await page.locator("main span", { hasText: new RegExp(`^${count.toLocaleString("en")} runs$`) }).waitFor();
    await box.evaluate((el) => (el.scrollTop = el.scrollHeight));
    await page.waitForTimeout(200);
    const rows = await page.locator("table.virtual tbody tr").count();
    assert.ok(rows < 120, `${rows} rows are in the document`);
    assert.equal(await page.locator("table.virtual tbody tr:not(.spacer)").last().getAttribute("aria-rowindex"), String(count + 1));
};

steps.edit_runs = async ({ page, open, api }, { experiment, name }) => {
    await open(`experiments/${experiment}?filter=${encodeURIComponent(`attributes.run_name = '${name}'`)}`);
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.getByRole("button", { name: "Delete" }).last().click();
    await page.getByRole("button", { name: "Undo" }).waitFor();
    await page.waitForFunction(() => !document.querySelector("table.virtual tbody tr:not(.spacer, .end)"));
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("link", { name }).click();
    await page.waitForSelector(`h1:text-is("${name}")`);
    await page.getByRole("button", { name: "+ Tag" }).click();
    await page.getByLabel("Key", { exact: true }).fill("mood");
    await page.getByLabel("Value", { exact: true }).fill("<b>calm</b>");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.locator(".chip", { hasText: "<b>calm</b>" }).waitFor();
    await page.getByRole("button", { name: "Add a note" }).click();
    await page.locator("textarea").fill("# A note\n\n- with **weight** and <i>no html</i>");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".markdown strong", { hasText: "weight" }).waitFor();
    await page.getByRole("button", { name: "Rename" }).click();
    await page.locator("dialog input").fill(`${name} renamed`);
    await page.locator("dialog button.primary").click();
    await page.waitForSelector(`h1:text-is("${name} renamed")`);
    await page.getByRole("button", { name: "Remove the tag mood" }).click();
    await page.locator(".chip", { hasText: "mood" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await page.locator(".chip", { hasText: "mood" }).waitFor();
    const { run } = await api(`runs/get?run_id=${/runs\/(\w+)/.exec(page.url())[1]}`);
    const tags = Object.fromEntries(run.data.tags.map((t) => [t.key, t.value]));
    assert.equal(run.info.run_name, `${name} renamed`);
    assert.equal(tags.mood, "<b>calm</b>");
    assert.match(tags["mlflow.note.content"], /weight/);
};

steps.live = async ({ page, open, api }, { experiment, run }) => {
    await open(`experiments/${experiment}?filter=${encodeURIComponent(`attributes.run_id = '${run}'`)}`);
    await page.locator("table.virtual .status", { hasText: "running" }).waitFor();
    await api("runs/update", { run_id: run, status: "FINISHED", end_time: Date.now() });
    await page.locator("table.virtual .status", { hasText: "finished" }).waitFor();
};

// --- Charts and comparison ---

steps.chart = async ({ page, open }, { experiment, run, metric }) => {
    await open(`experiments/${experiment}/runs/${run}/charts?chart=${metric}`);
    await page.waitForSelector(".chart[data-drawn] canvas");
    const asked = page.waitForRequest((r) => r.url().includes("start_step="));
    const box = await page.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await asked;
    await page.waitForSelector(".chart[data-drawn='2']");
    await page.getByLabel("log y").check();
    await page.locator("select").selectOption("relative");
    await page.getByLabel("smoothing").fill("0.6");
    assert.match(page.url(), /logy=1/);
    assert.match(page.url(), /x=relative/);
    assert.match(page.url(), /smooth=0.6/);
    await page.getByText("Export").click();
    for (const [kind, start] of [["CSV", "run_id,run,relative"], ["SVG", "<svg"], ["PNG", "\x89PNG"]]) {
        const coming = page.waitForEvent("download");
        await page.getByRole("button", { name: kind, exact: true }).click();
        const text = readFileSync(await (await coming).path(), "latin1");
        assert.ok(text.startsWith(start), `${kind} begins with ${text.slice(0, 40)}`);
        if (kind === "CSV") assert.ok(text.split("\n").length > 50);
    }
};

steps.compare = async ({ page, open }, { experiment, names }) => {
    await open(`experiments/${experiment}`);
    for (const name of names) await page.getByLabel(`Select ${name}`, { exact: true }).check();
    await page.locator("h1").click();
    await page.keyboard.press("c");
    await page.waitForSelector(`h1:text-is("${names.length} runs")`);
    await page.waitForSelector(".chart[data-drawn]");
    await page.getByRole("link", { name: "Differences" }).click();
    await page.waitForSelector("table.plain");
    const heads = await page.locator("table.plain tbody tr td:nth-child(2)").allInnerTexts();
    assert.ok(heads.includes("depth") && !heads.includes("same"), heads.join());
    await page.getByLabel("Show also what is the same").check();
    assert.ok((await page.locator("table.plain tbody tr td:nth-child(2)").allInnerTexts()).includes("same"));
    await page.getByRole("link", { name: "Scatter" }).click();
    await page.waitForSelector(".chart svg circle");
    assert.equal(await page.locator(".chart svg circle").count(), names.length);
    await page.getByRole("link", { name: "Parallel" }).click();
    await page.waitForSelector(".chart svg polyline");
    assert.equal(await page.locator(".chart svg polyline").count(), names.length);
    await page.getByRole("link", { name: "Box plot" }).click();
    await page.getByLabel("group").selectOption("p.model");
    await page.waitForSelector(".chart svg rect");
    await page.getByText("Export").click();
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: "SVG", exact: true }).click();
    assert.ok(readFileSync(await (await coming).path(), "utf8").includes("<rect"));
};

// --- Files ---

steps.files = async ({ page, open }, { experiment, run }) => {
    await open(`experiments/${experiment}/runs/${run}/artifacts`);
    await page.getByRole("button", { name: /readme.md/ }).click();
    await page.locator(".markdown h2").waitFor();
    assert.equal(await page.locator(".markdown img").count(), 0);
    await page.getByRole("button", { name: "▸ deep" }).click();
    await page.getByRole("button", { name: /table.csv/ }).click();
    await page.locator("td", { hasText: "<b>x" }).waitFor();
    assert.match(page.url(), /artifacts\/deep\/table\.csv$/);
    await page.getByRole("button", { name: /picture.svg/ }).click();
    await page.waitForFunction(() => document.querySelector(".preview img")?.naturalWidth === 40);
    await page.getByRole("button", { name: /page.html/ }).click();
    const frame = page.locator("iframe");
    await frame.waitFor();
    assert.equal(await frame.getAttribute("sandbox"), "");
    assert.equal(await page.frameLocator("iframe").locator("h1").innerText(), "hello");
    assert.equal(await page.frameLocator("iframe").locator("script, style, img").count(), 0);
    await page.getByRole("button", { name: /data.json/ }).click();
    await page.locator("pre.text", { hasText: '"a": [' }).waitFor();
    const coming = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    assert.equal(readFileSync(await (await coming).path(), "utf8"), '{"a":[1,2]}');
};

// --- Traces ---

steps.traces = async ({ page, open }, { experiment, errors, trace }) => {
    await open(`experiments/${experiment}/traces`);
    const box = page.getByRole("combobox", { name: "Search traces" });
    await box.fill("status = 'ERROR'");
    await page.keyboard.press("Enter");
    await page.locator("main span", { hasText: new RegExp(`^${errors} traces$`) }).waitFor();
    await box.fill("nonsense ==");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".problem").textContent.length > 10);
    await open(`experiments/${experiment}/traces?selectedEvaluationId=${trace}`);
    await page.waitForSelector(".spans");
    assert.equal(await page.locator(".span").count(), 3);
    await page.locator("h1").click();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.locator(".message.user", { hasText: "fjord" }).waitFor();
    await page.locator(".message.assistant").waitFor();
    assert.match(page.url(), /span=/);
    await page.getByRole("button", { name: "Assess" }).click();
    await accessible(page, "an assessment");
    await page.getByLabel("What is judged").fill("tone");
    await page.getByLabel("Value").fill("0.5");
    await page.getByLabel("Why").fill("<u>so</u>");
    await page.locator("dialog button.primary").click();
    await page.locator("section", { hasText: "Assessments (1)" }).waitFor();
    const text = await page.locator("section", { hasText: "Assessments (1)" }).innerText();
    assert.ok(text.includes("tone") && text.includes("0.5") && text.includes("<u>so</u>"), text);
};

// --- The shell ---

steps.shell = async ({ page, open, url }) => {
    await open("experiments");
    await page.keyboard.press("?");
    await page.locator("dialog kbd").first().waitFor();
    await accessible(page, "the list of keys");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("t");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
    await page.keyboard.press("t");
    await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(21, 25, 28)");
    await open("experiments/424242");
    const text = await page.locator("main .error").innerText();
    assert.ok(text.includes("424242") && text.includes("Request id"), text);
    await page.route("**/experiments/search*", (route) => route.abort());
    await page.goto(`${url}/#/experiments`);
    await page.getByText("The server does not answer.").waitFor();
    await page.unroute("**/experiments/search*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("table.virtual tbody tr td a").first().waitFor();
};

steps.empty = async ({ page, open, url }, { experiment }) => {
    await open(`experiments/${experiment}`);
    assert.ok((await page.locator(".empty").innerText()).includes(`MLFLOW_TRACKING_URI=${url}`));
    await open(`experiments/${experiment}/traces`);
    await page.locator(".empty").waitFor();
    await page.goto(`${url}/#/nowhere/at/all`);
    await page.getByText("There is no such page here.").waitFor();
};

steps.login = async ({ page, url }, { name, password, other, other_password }) => {
    await page.goto(url + "/");
    await page.getByLabel("User name").fill(name);
    await page.getByLabel("Password").fill("not this one, surely");
    await page.locator("main button").click();
    await page.getByText("The name or the password is wrong.").waitFor();
    await accessible(page, "login");
    await page.getByLabel("Password").fill(password);
    await page.locator("main button").click();
    await page.getByRole("button", { name: "New experiment" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("made by a session");
    await page.locator("dialog button.primary").click();
    await page.waitForSelector('h1:text-is("made by a session")');
    await page.reload();
    await page.waitForSelector('h1:text-is("made by a session")');
    const here = page.url();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("User name").fill(other);
    await page.getByLabel("Password").fill(other_password);
    await page.locator("main button").click();
    await page.waitForSelector('h1:text-is("made by a session")');
    await page.getByRole("button", { name: "Delete" }).click();
    await page.locator(".toast", { hasText: "Permission denied" }).waitFor();
    assert.equal(page.url(), here);
};

steps.without_charts = async ({ page, open }, { experiment, run }) => {
    await page.route("**/lib/**", (route) => route.fulfill({ status: 404, body: "" }));
    await open(`experiments/${experiment}/runs/${run}/charts?chart=loss`);
    await page.getByText("Charts need a library").first().waitFor();
};

/** Bytes of scripts and styles that a first visit of a view loads, as they are before compression. */
steps.weight = async ({ page, open, url }, { views }) => {
    const weights = {};
    for (const [name, hash] of Object.entries(views)) {
        await page.goto("about:blank");
        await open(hash);
        if (name === "compare") await page.waitForSelector(".chart[data-drawn]");
        weights[name] = await page.evaluate((base) => performance.getEntriesByType("resource").filter((e) => e.name.startsWith(`${base}/static-files/`)).reduce((sum, e) => sum + e.decodedBodySize, 0), url);
    }
    return weights;
};

// --- Times ---

/** How long after the click the first rows stand there, and a press of a key moves the current row. */
steps.time_table = async ({ page, open }, { name }) => {
    await open("experiments");
    const link = page.getByRole("link", { name, exact: true });
    await link.waitFor();
    await page.evaluate(() => {
        document.addEventListener("click", () => (window.clicked = performance.now()), { capture: true, once: true });
        new MutationObserver(() => {
            if (window.clicked && !window.ready && document.querySelector("table.virtual[aria-label='Runs'] tbody td a")) requestAnimationFrame(() => setTimeout(() => (window.ready = performance.now())));
        }).observe(document.body, { childList: true, subtree: true });
    });
    await link.click();
    await page.waitForFunction(() => window.ready);
    const ms = await page.evaluate(() => window.ready - window.clicked);
    // Frames while it scrolls.
    const frames = await page.evaluate(async () => {
        const box = document.querySelector(".viewport"), times = [];
        let last = performance.now();
        for (let i = 0; i < 90; i++) {
            box.scrollTop += 120;
            await new Promise(requestAnimationFrame);
            const now = performance.now();
            times.push(now - last);
            last = now;
        }
        return times.sort((a, b) => a - b);
    });
    return { ms, p50: frames[45], p95: frames[85], max: frames.at(-1) };
};

steps.time_chart = async ({ page, open, url }, { runs, metric }) => {
    await open("compare?runs=none");
    await page.evaluate(() => {
        new MutationObserver(() => {
            if (window.begun && !window.drawn && document.querySelector(".chart[data-drawn]")) requestAnimationFrame(() => setTimeout(() => (window.drawn = performance.now())));
        }).observe(document.body, { childList: true, subtree: true, attributes: true });
    });
    await page.evaluate((hash) => {
        window.begun = performance.now();
        location.hash = hash;
    }, `#/compare?runs=${runs.join(",")}&chart=${metric}`);
    await page.waitForFunction(() => window.drawn);
    void url;
    return page.evaluate(() => window.drawn - window.begun);
};

console.log(JSON.stringify({ value: null }));
for await (const line of createInterface({ input: process.stdin })) {
    let answer;
    try {
        answer = { value: (await carryOut(JSON.parse(line))) ?? null };
    } catch (error) {
        answer = { error: error.message };
    }
    console.log(JSON.stringify(answer));
}
await browser.close();
