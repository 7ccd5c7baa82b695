import assert from "node:assert/strict";

async function logIn(page, name, password) {
    await page.getByLabel("User name").fill(name);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Log in" }).click();
}

export async function users({ page, url, open, said }, { admin, password, name, experiment, title }) {
    const dialog = page.getByRole("dialog");
    await page.goto(`${url}/#/users`);
    await logIn(page, admin, password);
    await page.getByRole("button", { name: "New user" }).click();
    await dialog.getByLabel("Name", { exact: false }).first().fill(name);
    await dialog.getByLabel("Password").fill("short");
    await dialog.getByRole("button", { name: "Create" }).click();
    assert.equal(await dialog.getByLabel("Password").evaluate((el) => el.validity.valid), false);
    await dialog.getByLabel("Password").fill("a long enough one");
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

    await page.getByRole("button", { name: "Grant" }).click();
    await dialog.getByLabel("Which").fill(experiment);
    await dialog.getByRole("button", { name: "Grant" }).click();
    await page.getByRole("link", { name: title, exact: true }).waitFor();
    await page.getByLabel(`Level on ${title}`).selectOption("MANAGE");
    await page.waitForFunction(() => document.querySelector("table select")?.value === "MANAGE");
    await page.getByRole("button", { name: "Grant" }).click();
    await dialog.getByLabel("Which").fill(experiment);
    await dialog.getByRole("button", { name: "Grant" }).click();
    await dialog.getByRole("alert").waitFor(); // it was granted before
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.ok(!(await page.evaluate(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }]))).includes("long enough"));
    await open("users");
    await page.getByRole("link", { name, exact: true }).waitFor();
}

export async function a_user_without_rights({ page, url, said }, { name }) {
    await page.goto(`${url}/#/users`);
    await logIn(page, name, "a long enough one");
    await said("Administrators make users");
    assert.equal(await page.getByRole("button", { name: "New user" }).count(), 0);
}

export async function users_go({ page, url, said }, { admin, password, name, title }) {
    const dialog = page.getByRole("dialog");
    await page.goto(`${url}/#/users/${encodeURIComponent(name)}`);
    await logIn(page, admin, password);
    await page.getByRole("button", { name: `Take back ${title}` }).click();
    await said("Nothing granted yet");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
    assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
}
