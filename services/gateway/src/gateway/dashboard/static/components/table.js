// Lists. On a phone each row becomes a small block whose cells carry their column's name.

import { h } from "../dom.js";
import { addressWith } from "../router.js";

/**
 * table({caption, columns, rows}): a column is `{label, cell(row), kind?}`. Kind "number" is set right in tabular
 * figures and "main" names the row; on a phone "mark" stands beside that name, "wide" takes a line of its own and
 * "bare" shows no label.
 */
export function table({ caption, columns, rows }) {
  const head = columns.map(({ label, kind = "" }) => h.th({ scope: "col", class: kind }, label));
  const body = rows.map((row) => h.tr(columns.map((column) => cellOf(column, row))));
  return h.table(h.caption({ class: "visually-hidden" }, caption), h.thead(h.tr(head)), h.tbody(body));
}

function cellOf({ label, cell, kind = "" }, row) {
  const tag = kind.includes("main") ? "th" : "td";
  return h[tag]({ class: kind, scope: tag === "th" ? "row" : null, "data-label": label }, cell(row));
}

/** Links to the first and the next page; the place in the list is in the address. */
export function pages(next, cursor, parameter = "cursor") {
  if (!next && !cursor) return null;
  return h.nav(
    { class: "pages", "aria-label": "Pages" },
    cursor && h.a({ class: "button", href: addressWith({ [parameter]: null }) }, "First page"),
    next && h.a({ class: "button", href: addressWith({ [parameter]: next }) }, "Next page"),
  );
}
