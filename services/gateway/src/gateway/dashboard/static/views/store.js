import { get, withQuery } from "../api.js";
import { badge, reason } from "../components/badge.js";
import { choice, filters, searchBox } from "../components/filters.js";
import { empty } from "../components/notices.js";
import { health, storeActions } from "../components/store-card.js";
import { secretSection } from "../components/secret.js";
import { skuLink } from "../components/sku-link.js";
import { pages, table } from "../components/table.js";
import { time } from "../components/times.js";
import { upkeep } from "../components/upkeep.js";
import { webhookMeter } from "../components/webhook-meter.js";
import { h } from "../dom.js";
import { exact, PLATFORMS, quantity } from "../format.js";
import { STORE_EVENTS } from "../live.js";
import { navigate } from "../router.js";

const STATES = {
  matched: "Written to",
  no_sku: "No SKU",
  duplicate_sku: "SKU used twice",
  held_by_parent: "Stock held by its product",
  not_tracked: "Not counted by the store",
  inactive: "Not stocked at the location",
  gone: "No longer in the store",
  ignored: "Left alone",
};

export const store = {
  title: "Store",
  refreshOn: STORE_EVENTS,
  async render({ params, query, signal, refresh }) {
    const path = `/api/v1/connections/${encodeURIComponent(params.id)}`;
    const [connection, secretUse, listings] = await Promise.all([
      get(path, { signal }),
      get(`${path}/secret`, { signal }).catch(() => null),
      get(withQuery(`${path}/listings`, { search: query.search, state: query.state, cursor: query.cursor }), {
        signal,
      }),
    ]);
    const [webhooks, care] = await Promise.all([webhookMeter(connection, signal), upkeep(connection, signal)]);
    return h.div(
      { class: "stack" },
      h.p({ class: "back" }, h.a({ href: "/dashboard/stores" }, "Stores")),
      h.h1(connection.storeName),
      facts(connection),
      health(connection),
      connection.status !== "disconnected" && storeActions(connection, refresh, () => navigate("/dashboard/stores")),
      h.p(
        h.a({ href: `/dashboard/stores/${connection.id}/catalogue` }, "Catalogue: what matches what, and why"),
        connection.platform !== "custom" && [
          " · ",
          h.a({ href: `/dashboard/stores/${connection.id}/first-quantities` }, "First quantities"),
          " · ",
          h.a({ href: `/dashboard/stores/${connection.id}/products` }, "Products from Prokip"),
        ],
        " · ",
        h.a({ href: `/dashboard/stores/${connection.id}/rules` }, "Rules: what it shows differently, and differences"),
      ),
      webhooks,
      care,
      h.h2("Listings"),
      filters(
        searchBox("SKU", query.search),
        choice("State", "state", query.state, [["", "All"], ...Object.entries(STATES)]),
      ),
      listings.items.length ? listingTable(listings.items, connection) : nothing(query),
      pages(listings.next, query.cursor),
      connection.status !== "disconnected" && secretSection(connection, secretUse, refresh),
    );
  },
};

/** A listing that is written to is known by how far that is, another by why it is not written to. */
function stateBadge({ state, target, confirmed }) {
  if (state !== "matched") return badge(state, STATES[state]?.toLowerCase());
  if (target === null) return badge("not_in_prokip");
  return badge(target === confirmed ? "in_step" : "waiting");
}

function facts({ platform, storeUrl, lastSync, locationId, connectedAt }) {
  return h.p(
    { class: "muted" },
    [PLATFORMS[platform], storeUrl, `sells from ${locationId}`, connectedAt && `connected ${exact(connectedAt)}`]
      .filter(Boolean)
      .join(" · "),
    " · last in step ",
    time(lastSync),
  );
}

function listingTable(items, { locationId }) {
  return table({
    caption: "Listings",
    rows: items,
    columns: [
      {
        label: "SKU",
        kind: "main",
        cell: ({ sku }) => (sku ? skuLink(locationId, sku) : h.span({ class: "muted" }, "no SKU")),
      },
      { label: "Name", kind: "wide", cell: ({ name }) => name },
      { label: "Should show", kind: "number", cell: ({ target }) => quantity(target) },
      { label: "Shows", kind: "number", cell: ({ confirmed }) => quantity(confirmed) },
      { label: "State", kind: "wide", cell: (listing) => [stateBadge(listing), reason(listing.detail)] },
    ],
  });
}

function nothing({ search, state }) {
  if (search || state) return empty("No listing fits. Try a shorter search or another state.");
  return empty(
    "No listing is known yet. They are read right after connecting; a store without products stays empty here.",
  );
}
