// Who is signed in. The token lives in an HttpOnly cookie that scripts cannot read; this module knows names only.

import { get, post } from "./api.js";

/** `{user, business, businesses, expiresAt}` or null. */
let current = null;

export const session = () => current;

/** Asks who is signed in; null when nobody is. */
export async function loadSession() {
  try {
    current = await get("/api/v1/session", { anonymous: true });
  } catch (error) {
    if (error.status !== 401) throw error;
    current = null;
  }
  return current;
}

export async function signIn(username, password) {
  await post("/auth/login", { username, password }, { anonymous: true });
  return loadSession();
}

export async function signOut() {
  await post("/auth/logout", {}, { anonymous: true });
  // A fresh document: nothing of this business stays in memory.
  location.assign("/dashboard/sign-in");
}
