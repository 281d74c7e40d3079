import { get } from "../api.js";
import { dueListings } from "../components/due.js";
import { heldPlans } from "../components/held-plans.js";
import { storeCard } from "../components/store-card.js";
import { syncAction } from "../components/sync.js";
import { empty } from "../components/notices.js";
import { h } from "../dom.js";
import { STORE_EVENTS } from "../live.js";

export const stores = {
  title: "Stores",
  refreshOn: STORE_EVENTS,
  async render({ signal, refresh }) {
    const [{ items }, dueOf, held] = await Promise.all([
      get("/api/v1/connections", { signal }),
      dueListings(signal),
      heldPlans(signal),
    ]);
    return h.div(
      { class: "stack" },
      h.div(
        { class: "row" },
        h.h1("Stores"),
        h.div(
          { class: "buttons" },
          items.length > 0 && syncAction(null, refresh),
          h.a({ class: "button primary", href: "/dashboard/stores/connect" }, "Connect a store"),
        ),
      ),
      held,
      items.length
        ? h.ul(
            { class: "cards" },
            items.map((connection) => h.li(storeCard(connection, dueOf(connection.id), refresh))),
          )
        : empty(
            "No store is connected yet. ",
            h.a({ href: "/dashboard/stores/connect" }, "Connect the first one"),
            ": it takes a minute.",
          ),
    );
  },
};
