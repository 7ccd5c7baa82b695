import assert from "node:assert/strict";

const SECRET = "sk-live-0123456789abcdef";

/** The secret is nowhere in the page, its address or what it keeps. */
async function nowhere(page, assert) {
    const kept = await page.evaluate(() => JSON.stringify([document.documentElement.outerHTML, location.href, { ...localStorage }, { ...sessionStorage },
        performance.getEntriesByType("resource").map((one) => one.name), [...document.querySelectorAll("input")].map((one) => one.value)]));
    assert.ok(!kept.includes(SECRET), "the secret is kept");
}

export async function gateway({ page, open, said }, { nasty, upstream }) {
    const dialog = page.getByRole("dialog");
    await open("gateway");
    await said("No endpoints yet");
    await page.getByRole("link", { name: "make a secret" }).click();
    await said("No secrets yet");
    await page.getByRole("button", { name: "New secret" }).first().click();
    await dialog.getByLabel("Name").fill(nasty);
    await dialog.getByLabel("Provider").selectOption("openai");
    const key = dialog.getByLabel("api_key");
    assert.equal(await key.getAttribute("type"), "password");
    await key.fill(SECRET);
    await dialog.getByLabel("api_base").fill(upstream);
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("cell", { name: nasty, exact: true }).waitFor();
    await said("sk-...cdef");
    await nowhere(page, assert);

    await page.getByRole("link", { name: "Models", exact: true }).last().click();
    await said("No models yet");
    await page.getByRole("button", { name: "New model" }).first().click();
    await dialog.getByLabel("Name").fill(`small ${nasty}`);
    await dialog.getByLabel("Model", { exact: false }).last().fill("gpt-x");
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("cell", { name: `small ${nasty}`, exact: true }).waitFor();

    await page.getByRole("link", { name: "Endpoints" }).click();
    await page.getByRole("button", { name: "New endpoint" }).first().click();
    await dialog.getByLabel("Name").fill("bad name");
    await dialog.getByRole("button", { name: "Create" }).click();
    assert.equal(await dialog.getByLabel("Name").evaluate((el) => el.validity.valid), false);
    await dialog.getByLabel("Name").fill("chat");
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("link", { name: "chat", exact: true }).waitFor();
    await page.getByRole("button", { name: "+ Tag" }).click();
    await dialog.getByLabel("Key", { exact: true }).fill("team");
    await dialog.getByLabel("Value", { exact: true }).fill(nasty);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await said(nasty);
}

export async function playground({ page, open, said }, { answer, detail }) {
    await open("gateway/playground?endpoint=chat");
    const box = page.getByLabel("Message", { exact: true });
    await box.fill("hello");
    await page.keyboard.press("Enter");
    const talk = page.getByRole("log");
    await talk.getByText("the first words", { exact: true }).waitFor(); // the rest comes later: it streams
    await talk.getByText(answer, { exact: true }).waitFor();
    await said("3 tokens in, 4 out");
    await box.fill("again");
    await page.getByRole("button", { name: "Send" }).click();
    await said(detail);
    assert.equal(await box.inputValue(), "again");
    assert.ok(!page.url().includes("hello"));
    await box.fill("and on");
    await page.keyboard.press("Enter");
    await talk.getByText("never ends").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await said("stopped");
}

export async function usage({ page, open, said }) {
    await open("gateway/usage");
    await page.getByRole("cell", { name: "chat", exact: true }).waitFor();
    assert.ok((await page.locator("figure rect").count()) > 0);
    if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/gateway_used-light.png` });
    await page.getByLabel("Show").selectOption("tokens");
    await page.waitForURL(/measure=tokens/);
    await page.locator("figure title", { hasText: "chat: " }).first().waitFor({ state: "attached" });
    await open("gateway/usage?endpoint=nobody");
    await said("No calls in this time");
}

export async function secret_is_replaced_and_deleted({ page, open, said }, { nasty }) {
    const dialog = page.getByRole("dialog");
    await open("gateway/secrets");
    await page.getByRole("button", { name: `Edit ${nasty}` }).click();
    await dialog.getByLabel("api_key").fill("another-key-wxyz");
    await dialog.getByRole("button", { name: "Change" }).click();
    await said("ano...wxyz");
    await page.getByRole("button", { name: `Delete ${nasty}` }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await said("No secrets yet");
    await open("gateway/models");
    await said("none: it cannot be called");
    await page.getByRole("button", { name: /^Delete small/ }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("alert").waitFor(); // an endpoint uses it
    assert.ok(await dialog.isVisible());
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await open("gateway/endpoints");
    await page.getByRole("button", { name: "Delete chat" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await said("No endpoints yet");
}
