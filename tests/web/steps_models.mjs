import assert from "node:assert/strict";

export async function models({ page, open, said }, { name, nasty, run }) {
    await open("models");
    await page.getByRole("searchbox").or(page.getByRole("combobox")).first().fill(name);
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => url.hash.includes(encodeURIComponent(name)) || url.hash.includes("filter="));
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    await said(nasty);

    await page.getByRole("button", { name: "+ Tag" }).click();
    await page.getByLabel("Key", { exact: true }).fill("team");
    await page.getByLabel("Value", { exact: true }).fill(nasty);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("button", { name: "Remove the tag team" }).click();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("button", { name: "Remove the tag team" }).waitFor();

    await page.getByRole("button", { name: /^(Edit|Add a note)$/ }).click();
    await page.getByLabel("Note, as markdown").fill(`what it is for ${nasty}`);
    await page.getByRole("button", { name: "Save" }).click();
    await said("what it is for");

    await page.getByRole("link", { name: "Version 1", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: `${name}, version 1` }).waitFor();
    await page.getByRole("button", { name: "+ Alias" }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("champion");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("@champion").waitFor();
    await page.getByRole("button", { name: "Change stage" }).click();
    await page.getByRole("dialog").getByRole("combobox").selectOption("Production");
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await page.getByRole("definition").filter({ hasText: /^Production$/ }).waitFor();
    assert.ok((await page.getByRole("link", { name: run.name }).getAttribute("href")).endsWith(`/runs/${run.id}`));
    await page.getByRole("button", { name: "Remove the alias champion" }).click();
    await page.getByText("@champion").waitFor({ state: "detached" });
}

export async function model_pages({ page, open }, { prefix, count }) {
    await open(`models?filter=${encodeURIComponent(prefix)}&sort=name ASC`);
    await page.getByRole("link", { name: `${prefix}-000`, exact: true }).waitFor();
    const table = page.getByRole("region", { name: /^Models/ });
    for (let i = 0; i < 40 && !(await page.getByRole("link", { name: `${prefix}-${count - 1}`, exact: true }).count()); i++) {
        await table.evaluate((el) => (el.scrollTop = el.scrollHeight));
        await page.waitForTimeout(50);
    }
    await page.getByRole("link", { name: `${prefix}-${count - 1}`, exact: true }).waitFor();
    assert.ok((await table.locator("tbody tr").count()) < 100);
    assert.ok((await table.evaluate((el) => el.scrollTop)) > 5000, "the table went back to its beginning");
}

export async function a_model_is_deleted_after_a_question({ page, open, said }, { name }) {
    await open(`models/${encodeURIComponent(name)}`);
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { level: 1, name: "Models" }).waitFor();
    await open(`models/${encodeURIComponent(name)}`);
    await said("not found");
}

export async function a_logged_model({ page, open, said }, { experiment, id, nasty }) {
    await open(`experiments/${experiment}/models/${id}`);
    await said(nasty);
    await page.getByRole("button", { name: "Register" }).click();
    await page.getByLabel("Name", { exact: true }).fill(`registered-${id}`);
    await page.getByRole("dialog").getByRole("button", { name: "Register" }).click();
    await page.getByRole("heading", { level: 1, name: `registered-${id}, version 1` }).waitFor();
    await page.locator(`dd a[href$="/models/${id}"]`).first().waitFor();
}
