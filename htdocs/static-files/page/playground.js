// A conversation with an endpoint. Answers are shown as they come; nothing of it is kept.

import { h, put, button, duration, empty, errorBox, field, select } from "./dom.js";
import { get3, request } from "./api.js";
import { link } from "./router.js";

/** The values of the data frames of a stream (WHATWG HTML, server-sent events), as they come. */
export async function* events(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "", data = [];
    for (;;) {
        const { value, done } = await reader.read();
        const lines = (rest + (value || "") + (done ? "\n\n" : "")).split(/\r\n|\n|\r(?!$)/);
        rest = lines.pop();
        for (const line of lines) {
            if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
            if (line || !data.length) continue;
            const text = data.join("\n");
            data = [];
            if (text === "[DONE]") return;
            yield JSON.parse(text);
        }
        if (done) return;
    }
}

export async function playground(view) {
    const all = (await get3("gateway/endpoints/list", {}, view.signal)).endpoints || [];
    if (!all.length) {
        put(view.body, empty("Nothing to talk to yet", h("p", "The playground calls an endpoint. ", h("a", { href: link("gateway", "endpoints") }, "Make one"), " first.")));
        return;
    }
    const messages = [];
    let running = null;
    const talk = h("div.stack.talk", { role: "log", "aria-label": "Conversation", tabindex: 0 });
    const problem = h("div.maybe"), facts = h("p.quiet", { "aria-live": "polite" });
    const endpoint = select(all.map((one) => one.name), view.query.endpoint || all[0].name, (name) => view.set({ endpoint: name }), { "aria-label": "Endpoint" });
    const system = h("textarea", { rows: 2, value: "" });
    const number = (min, max, step) => h("input.short", { type: "number", min, max, step });
    const temperature = number(0, 2, "any"), limit = number(1, null, 1);
    const box = h("textarea", { rows: 3, "aria-label": "Message", placeholder: "Say something. Enter sends, Shift+Enter begins a line.", onkeydown: (e) => {
        if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
        e.preventDefault();
        send();
    } });
    const say = button("Send", () => send(), { class: "primary" });
    const stop = button("Stop", () => running?.abort(), { hidden: true });
    const message = (role, text) => {
        const content = h("pre", text);
        talk.append(h(`div.message.${role}`, h("small", role), content));
        return content;
    };

    async function send() {
        const text = box.value.trim();
        if (!text || running) return;
        put(problem);
        put(facts);
        const asked = message("user", text), answer = message("assistant", "…");
        box.value = "";
        running = new AbortController();
        view.signal.addEventListener("abort", () => running?.abort(), { once: true });
        say.disabled = true;
        stop.hidden = false;
        const began = performance.now();
        let first = 0, got = "", usage = null, reason = "";
        const body = { messages: [...(system.value.trim() ? [{ role: "system", content: system.value }] : []), ...messages, { role: "user", content: text }],
            stream: true, stream_options: { include_usage: true },
            ...(temperature.value ? { temperature: Number(temperature.value) } : {}), ...(limit.value ? { max_tokens: Number(limit.value) } : {}) };
        try {
            const response = await request(`gateway/${encodeURIComponent(endpoint.value)}/mlflow/invocations`, { body, signal: running.signal });
            for await (const event of events(response.body)) {
                if (event.error) throw new Error(event.error.message || "The provider broke off.");
                usage = event.usage || usage;
                const choice = event.choices?.[0];
                reason = choice?.finish_reason || reason;
                if (!choice?.delta?.content) continue;
                first ||= performance.now();
                if (!got) answer.textContent = "";
                got += choice.delta.content;
                answer.append(choice.delta.content);
                talk.scrollTop = talk.scrollHeight;
            }
            if (!got) answer.textContent = "(no text)";
        } catch (error) {
            if (error.name === "AbortError") reason = "stopped";
            else put(problem, errorBox(error));
            if (!got) {
                asked.parentNode.remove();
                answer.parentNode.remove();
                box.value = text;
            }
        } finally {
            running = null;
            say.disabled = false;
            stop.hidden = true;
            if (got) {
                messages.push({ role: "user", content: text }, { role: "assistant", content: got });
                put(facts, [`first words after ${duration(first - began)}`, `all after ${duration(performance.now() - began)}`,
                    usage && `${usage.prompt_tokens} tokens in, ${usage.completion_tokens} out`, reason].filter(Boolean).join(" · "));
            }
            box.focus();
        }
    }

    put(view.body, h("div.row", field("Endpoint", endpoint), field("Temperature", temperature), field("Most tokens", limit),
        button("Begin anew", () => {
            running?.abort();
            messages.length = 0;
            put(talk);
            put(facts);
            put(problem);
            box.focus();
        }, { class: "small" })),
    h("details", h("summary", "Instructions for the model"), field("System message", system)), talk, problem, facts, h("div.row", h("div.grow", box), say, stop));
    box.focus();
}
