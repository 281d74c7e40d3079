// A button that does something at the gateway: busy meanwhile, with the reason beside it when it failed.

import { h } from "../dom.js";

/**
 * action("Pause", {key, run, style?}): `run(say)` is awaited; `say(text)` shows progress beside the button.
 * `key` names what the button stands for: a refresh of the view leaves a button with the same key alone.
 */
export function action(label, { key, run, style = "" }) {
  const message = h.span({ class: "action-message", role: "status" });
  const say = (text, kind = "muted") => {
    message.className = `action-message ${kind}`;
    message.textContent = text;
  };
  const button = h.button({ type: "button", class: `button ${style}` }, label);
  button.onclick = () => whileBusy(button, () => run(say), say);
  return h.span({ class: "action", "data-keep": key }, button, message);
}

/** Runs `work` with the button busy; a failure is told by `say` and swallowed. */
export async function whileBusy(button, work, say) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  say("");
  try {
    await work();
  } catch (error) {
    if (error.status === undefined) console.error(error);
    say(error.message, "bad");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Copies a text; where the browser refuses (no secure origin) the text is selected for Ctrl-C. */
export function copyButton(text, source) {
  return action("Copy", {
    key: `copy-${source.id}`,
    run: async (say) => {
      try {
        await navigator.clipboard.writeText(text);
        say("Copied.", "good");
      } catch {
        getSelection().selectAllChildren(source);
        say("Selected: press Ctrl-C.");
      }
    },
  });
}
