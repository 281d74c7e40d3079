// Names for the store ids in histories; stores that were disconnected since are named too.

import { get } from "../api.js";

/** Resolves to a function from a connection's id to its name. */
export async function storeNames(signal) {
  const { items } = await get("/api/v1/connections?status=all", { signal });
  const names = new Map(items.map(({ id, storeName }) => [id, storeName]));
  return (id) => names.get(id) ?? `Store ${id}`;
}
