// The bar at the top: where one can go, whether the page is live, colours, and the way out.

import { put } from "../api.js";
import { h } from "../dom.js";
import { onLiveState } from "../live.js";
import { signOut } from "../session.js";

const LINKS = [
  ["/dashboard/", "Overview"],
  ["/dashboard/stores", "Stores"],
  ["/dashboard/stock", "Stock"],
  ["/dashboard/sales", "Sales"],
  ["/dashboard/live", "Live"],
  ["/dashboard/parked", "Parked"],
  ["/dashboard/prokip", "Prokip"],
];
const LIVE_WORDS = { connecting: "Connecting", live: "Live", offline: "Reconnecting" };

export function showHeader(session) {
  const nav = h.nav(
    { id: "nav", "aria-label": "Pages" },
    LINKS.map(([href, label]) => h.a({ href }, label)),
  );
  const menu = h.button(
    { type: "button", class: "button quiet menu-button", "aria-controls": "nav", "aria-expanded": "false" },
    "Menu",
  );
  menu.onclick = () => menu.setAttribute("aria-expanded", String(menu.getAttribute("aria-expanded") !== "true"));
  document
    .getElementById("header")
    .replaceChildren(
      h.a(
        { class: "brand", href: "/dashboard/" },
        h.img({ src: "/dashboard/assets/icon.svg", alt: "", width: "24", height: "24" }),
        "prokip-sync",
      ),
      menu,
      nav,
      h.div({ class: "header-end" }, liveState(), business(session), themeButton(), signOutButton(session)),
    );
}

/** Marks the open page in the navigation and folds the phone's menu. */
export function markCurrent(pathname) {
  document.querySelector(".menu-button")?.setAttribute("aria-expanded", "false");
  for (const link of document.querySelectorAll("#nav a")) {
    const path = new URL(link.href).pathname;
    const current = path === "/dashboard/" ? pathname === path : pathname.startsWith(path);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function liveState() {
  const element = h.span({ class: "live-state", role: "status" });
  onLiveState((state) => {
    element.dataset.state = state;
    element.textContent = LIVE_WORDS[state];
  });
  return element;
}

function business({ business: current, businesses }) {
  if (businesses.length < 2) return h.span({ class: "business" }, current.name);
  const select = h.select(
    { "aria-label": "Business" },
    businesses.map(({ id, name }) => h.option({ value: id, selected: id === current.id }, name)),
  );
  select.onchange = async () => {
    await put("/api/v1/session", { businessId: Number(select.value) });
    location.assign("/dashboard/");
  };
  return select;
}

function themeButton() {
  const root = document.documentElement;
  const isDark = () =>
    (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = h.button({ type: "button", class: "button quiet" });
  const label = () => (button.textContent = isDark() ? "Light" : "Dark");
  button.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    label();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  button.setAttribute("aria-description", "Switches between light and dark colours");
  return button;
}

const signOutButton = ({ user }) =>
  h.button(
    { type: "button", class: "button quiet", title: `Signed in as ${user.username}`, onclick: () => signOut() },
    "Sign out",
  );
