import { get } from "../api.js";
import { eventLine } from "../components/event-line.js";
import { heldPlans } from "../components/held-plans.js";
import { empty, notice, unavailable } from "../components/notices.js";
import { time } from "../components/times.js";
import { h } from "../dom.js";
import { quantity } from "../format.js";
import { EVENT_KINDS } from "../live.js";

const RECENT_MAX = 8;

export const overview = {
  title: "Overview",
  refreshOn: EVENT_KINDS,
  async render({ signal }) {
    const [counts, held, recent] = await Promise.all([
      get("/api/v1/overview", { signal }),
      heldPlans(signal),
      get(`/api/v1/events/recent?limit=${RECENT_MAX}`, { signal }),
    ]);
    // Before the first step every count is zero and says nothing.
    const begun = counts.prokip?.configured || counts.stores?.total > 0;
    return h.div(
      { class: "stack" },
      h.h1("Overview"),
      unavailable(counts.unavailable),
      checklist(counts, recent.items),
      prokipTrouble(counts.prokip),
      held,
      begun && h.ul({ class: "tiles" }, figures(counts).map(tile)),
      begun && h.ul({ class: "tiles small", "aria-label": "Needs a look" }, troubles(counts).map(tile)),
      h.section(
        { class: "stack", "aria-labelledby": "recent" },
        h.div({ class: "row" }, h.h2({ id: "recent" }, "Latest"), h.a({ href: "/dashboard/live" }, "Watch live")),
        recent.items.length
          ? h.ol({ class: "feed" }, recent.items.map(eventLine))
          : empty("Nothing has happened yet. The first sale in a connected store appears here within a second."),
      ),
    );
  },
};

function figures({ stores, stock, sales, prokip }) {
  return [
    ["SKUs", stock?.skus, "/dashboard/stock"],
    ["Sales today", sales?.today, "/dashboard/sales"],
    ["Stores healthy", stores && `${stores.healthy} of ${stores.total}`, "/dashboard/stores"],
    ["Prokip read", time(prokip?.lastReadAt), "/dashboard/prokip"],
  ];
}

function troubles({ stores, stock, sales, parked, prokip }) {
  return [
    ["Reads held", prokip?.heldReads, "/dashboard/prokip/reads", "bad"],
    ["Stores failing", stores?.failing, "/dashboard/stores", "bad"],
    ["Oversold", stock?.oversold, "/dashboard/stock?state=oversold", "bad"],
    ["Sales in doubt", sales?.inDoubt, "/dashboard/sales?show=prokip&state=in_doubt", "bad"],
    ["Sales refused", sales?.refused, "/dashboard/sales?show=prokip&state=refused", "bad"],
    ["Unmatched SKUs", stock?.unmatched, "/dashboard/stock?state=unmatched", "warn"],
    ["Pending SKUs", stock?.pending, "/dashboard/stock?state=pending", "warn"],
    ["Parked messages", parked, "/dashboard/parked", "warn"],
  ];
}

/** A count that asks for attention takes its tone only when it is not zero. */
function tile([label, value, href, tone]) {
  const number = value instanceof Node || typeof value === "string" ? value : quantity(value);
  const alarming = tone && Number(value) > 0;
  return h.li(
    h.a(
      { class: `tile ${alarming ? tone : ""}`, href },
      h.span({ class: "tile-number" }, number),
      h.span({ class: "tile-label" }, label),
    ),
  );
}

function prokipTrouble(prokip) {
  if (!prokip?.configured || !prokip.lastError) return null;
  return notice(
    "bad",
    h.p(h.strong("Prokip could not be read. "), prokip.lastError),
    h.a({ href: "/dashboard/prokip" }, "Look at the settings"),
  );
}

function checklist({ prokip, stores }, recent) {
  const steps = [
    [prokip?.configured, "Set up Prokip", "Say where your stock is kept.", "/dashboard/prokip"],
    [stores?.total > 0, "Connect a store", "WooCommerce, Shopify or your own.", "/dashboard/stores/connect"],
    [recent.length > 0, "See stock move", "Sell something, or change a quantity in Prokip.", "/dashboard/live"],
  ];
  if (prokip === null || stores === null || steps.every(([done]) => done)) return null;
  const current = steps.findIndex(([done]) => !done);
  return h.section(
    { class: "card stack", "aria-labelledby": "first-steps" },
    h.h2({ id: "first-steps" }, "First steps"),
    h.ol(
      { class: "steps" },
      steps.map((step, index) => stepLine(step, index === current)),
    ),
  );
}

function stepLine([done, label, hint, href], isCurrent) {
  return h.li(
    { class: done ? "done" : "", "aria-current": isCurrent ? "step" : null },
    done ? h.span(label, h.span({ class: "visually-hidden" }, " (done)")) : h.a({ href }, label),
    h.span({ class: "muted" }, hint),
  );
}
