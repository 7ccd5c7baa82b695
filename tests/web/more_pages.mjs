// Drives Chromium through the pages of models, jobs, the gateway, users, prompts and datasets.
//
// One process for all tests: each line of the input is {"scenario", "url", "args"}, each line of the output {"ok"} or {"error"}.
// A scenario fails, too, by an error in the console, a violation of the CSP, and by script that came out of somebody's text.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.WEB_MODULES, "none.js"));
const { chromium } = require("playwright-core");
const WAIT_MS = 5000;

const steps = {};
for (const file of ["models", "jobs", "gateway", "users", "prompts"]) {
    try {
        Object.assign(steps, await import(`./more_${file}.mjs`));
    } catch (error) {
        if (error.code !== "ERR_MODULE_NOT_FOUND" || !error.message.includes(`more_${file}`)) throw error;
    }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });

async function run({ scenario, url, args, screenshot }) {
    const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } });
    const problems = [];
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    page.on("console", (message) => {
        // What the server refuses on purpose is in the console as well, and is looked at where it is shown.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP ${e.violatedDirective}: ${e.blockedURI}`)));
    const at = async (hash) => {
        await page.goto(`${url}/#/${hash}`);
        await page.waitForSelector("main > .view h1, main > .view .error");
    };
    const said = (text) => page.getByText(text, { exact: false }).first().waitFor();
    try {
        await steps[scenario]({ page, url, at, said, assert, problems, context }, args);
        if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${scenario}.png`) });
        assert.equal(await page.evaluate(() => globalThis.pwned), undefined, "somebody's text was run");
        assert.equal(await page.locator("main img, main script, main iframe").count(), 0, "somebody's text became an element");
        assert.deepEqual(problems, []);
    } catch (error) {
        const shown = await page.locator("body").innerText().catch(() => "");
        const wrong = problems.length ? `\n${problems.join("\n")}` : "";
        if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${scenario}-failed.png`) });
        throw new Error(`${error.stack}${wrong}\n--- ${page.url()}\n${shown.slice(0, 1500)}`);
    } finally {
        await context.close();
    }
}

console.log(JSON.stringify({ ok: true }));
for await (const line of createInterface({ input: process.stdin })) {
    let answer = { ok: true };
    try {
        await run(JSON.parse(line));
    } catch (error) {
        answer = { error: error.message };
    }
    console.log(JSON.stringify(answer));
}
await browser.close();
