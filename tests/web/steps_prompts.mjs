import assert from "node:assert/strict";

export async function prompts({ page, open, said }, { name, nasty }) {
    const dialog = page.getByRole("dialog");
    await open("prompts");
    await said("No prompts yet");
    await page.getByRole("button", { name: "New prompt" }).click();
    await dialog.getByLabel("Name").fill(name);
    await dialog.getByLabel("Template").fill(`Say hello to {{name}}, please. ${nasty}`);
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await page.locator("pre", { hasText: `Say hello to {{name}}, please. ${nasty}` }).waitFor();

    await page.getByRole("button", { name: "New version" }).click();
    assert.equal(await dialog.getByLabel("Template").inputValue(), `Say hello to {{name}}, please. ${nasty}`);
    await dialog.getByLabel("Template").fill(`Say goodbye to {{name}}, please. ${nasty}`);
    await dialog.getByLabel("What is new").fill(`shorter ${nasty}`);
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.waitForURL(/version=2&with=1/);
    await page.locator("del").first().waitFor();
    assert.deepEqual(await page.locator("del").allTextContents(), ["hello"]);
    assert.deepEqual(await page.locator("ins").allTextContents(), ["goodbye"]);
    await said(`shorter ${nasty}`);

    await page.getByRole("button", { name: "+ Alias" }).last().click();
    await dialog.getByLabel("Alias").fill("live");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await page.locator(".alias", { hasText: "@live" }).waitFor();
    await page.getByLabel("Beside it").selectOption("");
    await page.waitForURL((url) => !url.hash.includes("with="));
    await open(`models/${name}`); // a prompt has its own view
    await page.waitForURL(/#\/prompts\//);
}

/** What is marked as old gives the old text, what is marked as new the new one, whatever the texts are. */
async function differences(page) {
    const wrong = await page.evaluate(async () => {
        const { compare } = await import("./static-files/page/prompts.js");
        const words = ["a", "b", " ", "\n", "long", "ü", ".", "{{x}}"], text = (n, seed) => Array.from({ length: n }, (_, i) => words[(i * i * seed + i * 7 + seed) % words.length]).join("");
        const cases = [["", ""], ["", "x"], ["x", ""], ["same", "same"], [text(3000, 3), text(2900, 5)], [`${"word ".repeat(9000)}end`, `other ${"more ".repeat(9000)}`]];
        for (let i = 0; i < 60; i++) cases.push([text(i % 17, i), text((i * 3) % 19, i + 1)]);
        return cases.filter(([a, b]) => {
            const parts = compare(a, b), of = (kind) => parts.filter(([k]) => k === 0 || k === kind).map(([, t]) => t).join("");
            return of(-1) !== a || of(1) !== b || (a === b && parts.some(([k]) => k));
        }).map(([a, b]) => [a.slice(0, 40), b.slice(0, 40)]);
    });
    assert.deepEqual(wrong, []);
}

export async function a_chat({ page, open, said }, { name, experiment, nasty }) {
    await open(`experiments/${experiment}/prompts`);
    await page.getByRole("link", { name, exact: true }).click();
    await page.locator(".message.system", { hasText: "Be brief." }).or(page.locator(".message.other", { hasText: "Be brief." })).waitFor();
    await page.locator(".message.user", { hasText: nasty }).waitFor();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { level: 1, name: "Prompts" }).waitFor();
    await differences(page);
}

export async function datasets({ page, open, said }, { nasty, experiment, data }) {
    const dialog = page.getByRole("dialog");
    await open("datasets");
    await said("No evaluation datasets yet");
    await open(`experiments/${experiment}/datasets`);
    await said(data);
    await page.getByRole("button", { name: "New dataset" }).click();
    await dialog.getByLabel("Name").fill(`questions ${nasty}`);
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { level: 1, name: `questions ${nasty}` }).waitFor();
    await said("No records yet");
    await page.getByRole("button", { name: "Add a record" }).click();
    await dialog.getByLabel("Inputs").fill("{ no JSON");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await dialog.getByRole("alert").getByText("are not a JSON object").waitFor();
    await dialog.getByLabel("Inputs").fill(JSON.stringify({ question: nasty }));
    await dialog.getByLabel("Expectations").fill('{"answer": 42}');
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("cell", { name: '{"answer":42}' }).waitFor();
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await dialog.getByText('"answer": 42').waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "+ Tag" }).click();
    await dialog.getByLabel("Key", { exact: true }).fill("team");
    await dialog.getByLabel("Value", { exact: true }).fill(nasty);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("button", { name: "Remove the tag team" }).waitFor();
    await open("datasets?filter=questions");
    await page.getByRole("link", { name: `questions ${nasty}`, exact: true }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { level: 1, name: "Evaluation datasets" }).waitFor();
}

export async function records({ page, open, said }, { id, count }) {
    await open(`datasets/${id}`);
    await page.getByRole("cell", { name: '"NaN"' }).waitFor();
    await page.getByRole("button", { name: "Show more" }).click();
    await page.waitForFunction((n) => document.querySelectorAll("table tbody tr").length === n, count);
}
