// Times that stay true while the page is open: relative to read, exact on hover.

import { h } from "../dom.js";
import { exact, relative } from "../format.js";

const REFRESH_EVERY_MS = 5000;

export function time(iso, { missing = "never" } = {}) {
  if (!iso) return h.span({ class: "muted" }, missing);
  return h.time({ datetime: iso, title: exact(iso) }, relative(iso, Date.now()));
}

export function keepTimesFresh() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[datetime]")) {
      const shown = relative(element.dateTime, Date.now());
      if (element.textContent !== shown) element.textContent = shown;
    }
  }, REFRESH_EVERY_MS);
}
