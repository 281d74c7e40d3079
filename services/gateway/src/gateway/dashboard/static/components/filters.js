// Filters live in the address bar: a filtered list can be linked, bookmarked and reached with "back".

import { debounce, h } from "../dom.js";
import { setQuery } from "../router.js";

const SEARCH_AFTER_MS = 250;

/** The row of filters above a list; there is nothing to submit, each acts at once. */
export const filters = (...controls) =>
  h.form({ class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, ...controls);

export function searchBox(label, value, name = "search") {
  const search = debounce((text) => setQuery({ [name]: text.trim() }), SEARCH_AFTER_MS);
  return h.label(
    { class: "filter" },
    h.span(label),
    h.input({
      type: "search",
      name,
      value: value ?? "",
      autocomplete: "off",
      oninput: (event) => search(event.target.value),
    }),
  );
}

/** A time of the reader's own clock, in the address as a moment in UTC. Nothing that is still to come can be chosen. */
export function momentBox(label, value, name = "moment") {
  return h.label(
    { class: "filter" },
    h.span(label),
    h.input({
      type: "datetime-local",
      name,
      step: "1",
      value: value ? localText(new Date(value)) : "",
      max: localText(new Date()),
      onchange: (event) => setQuery({ [name]: event.target.value && new Date(event.target.value).toISOString() }),
    }),
  );
}

/** As the field wants it: local time without an offset. */
function localText(date) {
  const asIfUtc = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return Number.isNaN(asIfUtc.getTime()) ? "" : asIfUtc.toISOString().slice(0, 19);
}

/** `options` is a list of [value, label]; the empty value shows all. */
export function choice(label, name, value, options) {
  return h.label(
    { class: "filter" },
    h.span(label),
    h.select(
      { name, onchange: (event) => setQuery({ [name]: event.target.value }) },
      options.map(([option, text]) => h.option({ value: option, selected: option === (value ?? "") }, text)),
    ),
  );
}
