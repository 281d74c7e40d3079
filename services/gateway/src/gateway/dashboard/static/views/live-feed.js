import { get } from "../api.js";
import { eventLine, groupOf } from "../components/event-line.js";
import { choice, filters } from "../components/filters.js";
import { empty } from "../components/notices.js";
import { h } from "../dom.js";
import { onEvent } from "../live.js";

const LINES_MAX = 200;
const RECENT_MAX = 100;
const GROUPS = [
  ["", "Everything"],
  ["sale", "Sales"],
  ["push", "Writes to stores"],
  ["store", "Stores"],
  ["trouble", "Trouble"],
];

let feedsMade = 0;

export const liveFeed = {
  title: "Live",
  async render({ query, signal, refresh }) {
    const wanted = (event) => !query.only || groupOf(event) === query.only;
    const arrived = [];
    const collect = (event) => arrived.push(event);
    // Listening starts before the recent ones are asked for, so that nothing falls between the two.
    let receive = collect;
    onEvent((event) => receive(event), signal);
    const { items } = await get(`/api/v1/events/recent?limit=${RECENT_MAX}`, { signal });
    const known = new Set(items.map(({ id }) => id));
    const fresh = arrived.filter(({ kind, id }) => kind !== "gap" && !known.has(id)).reverse();
    const feed = feedOf([...fresh, ...items].filter(wanted));
    receive = (event) => {
      if (event.kind === "gap") refresh();
      else if (wanted(event)) feed.add(event);
    };
    return h.div(
      { class: "stack" },
      h.h1("Live"),
      filters(choice("Show", "only", query.only, GROUPS), feed.holdButton),
      feed.element,
    );
  },
};

/** A list that grows at its top; held back on request, so that a line can be read in peace. */
function feedOf(events) {
  const list = h.ol(
    { class: "feed", role: "log", "aria-live": "polite", "aria-label": "Events, newest first" },
    events.map(eventLine),
  );
  const nothing = empty(
    "Nothing has happened yet. Sales, writes to the stores and trouble appear here as they happen.",
  );
  const waiting = [];
  // Keys of their own: another filter brings another feed instead of changing this one.
  const key = `feed-${(feedsMade += 1)}`;
  const holdButton = h.button(
    { type: "button", class: "button", "aria-pressed": "false", "data-keep": `hold-${key}` },
    "Hold",
  );
  const isHeld = () => holdButton.getAttribute("aria-pressed") === "true";
  const label = () => {
    if (!isHeld()) holdButton.textContent = "Hold";
    else holdButton.textContent = waiting.length ? `Show ${waiting.length} new` : "Go on";
  };
  const place = (event) => {
    nothing.remove();
    list.prepend(eventLine(event));
    while (list.childElementCount > LINES_MAX) list.lastElementChild.remove();
  };
  holdButton.onclick = () => {
    holdButton.setAttribute("aria-pressed", String(!isHeld()));
    waiting.splice(0).forEach(place);
    label();
  };
  const add = (event) => {
    if (isHeld()) waiting.push(event);
    else place(event);
    label();
  };
  const element = h.div({ "data-keep": key }, list, events.length === 0 && nothing);
  return { element, holdButton, add };
}
