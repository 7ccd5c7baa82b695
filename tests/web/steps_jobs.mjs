import assert from "node:assert/strict";

export async function jobs({ page, open, said }, { running, done, failed }) {
    await open("jobs");
    await page.getByRole("link", { name: "count" }).first().waitFor();
    await page.getByRole("button", { name: "failed", exact: true }).click();
    await page.waitForURL(/status=FAILED/);
    await page.getByRole("link", { name: "fails" }).click();
    await page.getByRole("heading", { level: 1, name: "fails" }).waitFor();
    await said("it went <b>wrong</b>");
    assert.ok(page.url().endsWith(failed));

    await open(`jobs/${done}`);
    await said('"answer": "<b>42</b>"');

    await open(`jobs/${running}`);
    const log = page.getByRole("log");
    await log.getByText("line <i>1</i>").waitFor();
    await log.getByText("line <i>3</i>").waitFor();
    await said("half <u>done</u>");
    assert.equal(await page.getByRole("progressbar").evaluate((el) => el.value), 0.5);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the job" }).click();
    await page.locator(".status", { hasText: "canceled" }).waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
    assert.ok(file.suggestedFilename().endsWith(".log"));
}

export async function server({ page, open, said }, { version }) {
    await open("server");
    await said(version);
    await page.locator(".status").first().waitFor();
    await said("No authentication");
    await said("--expose-prometheus");
    await open("jobs");
    await said("--enable-jobs");
    await page.goto(page.url().replace(/#.*/, "#/users"));
    await said("This server has no users");
}
