import { h } from "../dom.js";

/** A SKU that leads to the explanation of its quantity at a location. */
export const skuLink = (locationId, sku) =>
  h.a({ href: `/dashboard/stock/${encodeURIComponent(locationId)}/${encodeURIComponent(sku)}` }, sku);
