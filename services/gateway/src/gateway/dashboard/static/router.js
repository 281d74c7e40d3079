// Addresses to views. A view is `{title, render(context) → element, refreshOn?}`; the address holds all of its state.

import { debounce, h, morph } from "./dom.js";
import { onEvent } from "./live.js";
import { problem } from "./components/notices.js";

const PREFIX = "/dashboard";
const REFRESH_AFTER_MS = 400;

let routes = [];
let shown = null;
let settledPath = null; // whose content stands on the page; an event may ask for a refresh before a new page has come
let afterNavigation = () => {};

export const here = () => location.pathname + location.search;

/** Starts routing: `table` is a list of [pattern, view]; `{name}` in a pattern is a parameter. */
export function startRouter(table, { onNavigate }) {
  routes = table.map(([pattern, view]) => ({ segments: pattern.split("/").filter(Boolean), view }));
  afterNavigation = onNavigate;
  document.addEventListener("click", followLink);
  addEventListener("popstate", () => show());
  const refreshSoon = debounce(() => refresh(), REFRESH_AFTER_MS);
  onEvent((event) => {
    const kinds = shown?.view.refreshOn;
    if (kinds && (event.kind === "gap" || kinds.includes(event.kind))) refreshSoon();
  });
  return show();
}

/** Goes to an address of ours; `replace` for what should not become a step of "back". */
export function navigate(address, { replace = false } = {}) {
  if (address !== here()) history[replace ? "replaceState" : "pushState"](null, "", address);
  return show();
}

/** Changes some values of the address' query and shows the view again; a new filter starts at the first page. */
export function setQuery(values) {
  const query = new URLSearchParams(location.search);
  query.delete("cursor");
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  const text = query.toString();
  return navigate(location.pathname + (text ? `?${text}` : ""), { replace: true });
}

/** The address of this view with some values of its query changed. */
export function addressWith(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  return `${location.pathname}?${query}`;
}

/** Renders the open view again with fresh data, in place. */
export const refresh = () => show();

async function show() {
  const { view, params } = match(location.pathname);
  const path = location.pathname;
  const first = settledPath === null;
  const same = settledPath === path;
  shown?.controller.abort();
  const controller = new AbortController();
  shown = { view, controller };
  const main = document.getElementById("main");
  if (!same) main.setAttribute("aria-busy", "true");
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const context = { params, query, signal: controller.signal, refresh };
  let content;
  try {
    content = await view.render(context);
  } catch (error) {
    if (controller.signal.aborted) return;
    content = h.div({ class: "stack" }, h.h1(view.title), problem(error, refresh));
  }
  if (controller.signal.aborted) return;
  place(main, content, same);
  main.removeAttribute("aria-busy");
  settledPath = path;
  if (!same) settle(view, content);
  // A link followed inside the page moves the reader into the new content, as loading a page would.
  if (!same && !first && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
}

function place(main, content, same) {
  const old = main.firstElementChild;
  if (same && old && main.childNodes.length === 1) morph(old, content);
  else main.replaceChildren(content);
}

function settle(view, content) {
  const heading = content.querySelector("h1")?.textContent ?? view.title;
  document.title = `${heading} · prokip-sync`;
  afterNavigation(location.pathname);
  scrollTo(0, 0);
}

function match(pathname) {
  const segments = pathname.slice(PREFIX.length).split("/").filter(Boolean);
  for (const { segments: pattern, view } of routes) {
    const params = matchSegments(pattern, segments);
    if (params) return { view, params };
  }
  return { view: NOT_FOUND, params: {} };
}

function matchSegments(pattern, segments) {
  if (pattern.length !== segments.length) return null;
  const params = {};
  for (const [index, part] of pattern.entries()) {
    if (part.startsWith("{")) params[part.slice(1, -1)] = decodeURIComponent(segments[index]);
    else if (part !== segments[index]) return null;
  }
  return params;
}

const NOT_FOUND = {
  title: "No such page",
  render: () =>
    h.div(
      { class: "stack" },
      h.h1("No such page"),
      h.p("Nothing lives at this address. ", h.a({ href: "/dashboard/" }, "Go to the overview"), "."),
    ),
};

function followLink(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target) return;
  const address = new URL(link.href);
  if (address.origin !== location.origin || !address.pathname.startsWith(`${PREFIX}/`) || address.hash) return;
  event.preventDefault();
  navigate(address.pathname + address.search);
}
