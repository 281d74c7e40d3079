// Questions in front of the page, in the browser's own <dialog>: focus stays inside, Escape means no.

import { h } from "../dom.js";
import { whileBusy } from "./action.js";

let lastId = 0;

/**
 * Asks before something that matters. `confirmLabel` names what will be done to what.
 * `run(values)` is done with the dialog open, so that its failure is read where it was asked for.
 * Resolves to true when done, false when the operator stepped back.
 */
export function confirmDialog({ title, body, fields = [], confirmLabel, style = "danger", run }) {
  return new Promise((resolve) => {
    const message = h.p({ class: "form-error", role: "alert" });
    const confirm = h.button({ type: "submit", class: `button ${style}` }, confirmLabel);
    const cancel = h.button({ type: "button", class: "button", onclick: () => dialog.close() }, "Cancel");
    const form = h.form(
      { class: "stack", method: "dialog" },
      ...body.map((text) => h.p(text)),
      ...fields,
      message,
      h.div({ class: "buttons end" }, cancel, confirm),
    );
    const dialog = openDialog(title, form);
    let done = false;
    form.onsubmit = (event) => {
      event.preventDefault();
      const values = Object.fromEntries(new FormData(form));
      const say = (text) => (message.textContent = text);
      whileBusy(
        confirm,
        async () => {
          await run(values);
          done = true;
          dialog.close();
        },
        say,
      );
    };
    dialog.addEventListener("close", () => resolve(done));
    cancel.focus();
  });
}

/** A modal dialog with a heading; removed when it closes. */
export function openDialog(title, content) {
  const id = `dialog-${(lastId += 1)}`;
  const dialog = h.dialog({ "aria-labelledby": id }, h.h2({ id }, title), content);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  return dialog;
}
