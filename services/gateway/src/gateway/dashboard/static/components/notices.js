// What the page says about itself: an error with its reason, an empty list with the next step, a short confirmation.

import { h } from "../dom.js";

const TOAST_FOR_MS = 6000;

/** An error in the gateway's own words, with a way to try again. */
export function problem(error, retry) {
  if (!(error instanceof Error) || error.status === undefined) console.error(error);
  return h.div(
    { class: "notice bad", role: "alert" },
    h.p(error.message),
    retry && h.button({ type: "button", class: "button", onclick: () => retry() }, "Try again"),
  );
}

/** A list without rows: a sentence that tells what to do next. */
export const empty = (...content) => h.p({ class: "empty" }, ...content);

export const notice = (kind, ...content) => h.div({ class: `notice ${kind}` }, ...content);

/** Services that did not answer, so that a missing number is not read as zero. */
export function unavailable(services) {
  if (!services?.length) return null;
  return notice(
    "warn",
    h.p(`No answer from ${services.join(", ")} right now: what comes from there is missing below.`),
  );
}

/** Said aloud by screen readers, gone after a while. */
export function toast(text) {
  const element = h.p({ class: "toast" }, text);
  document.getElementById("toasts").append(element);
  setTimeout(() => element.remove(), TOAST_FOR_MS);
}
