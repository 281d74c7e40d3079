// Starts the page: who is signed in, the header, the addresses.

import { whenSessionEnds } from "./api.js";
import { h } from "./dom.js";
import { problem } from "./components/notices.js";
import { markCurrent, showHeader } from "./components/header.js";
import { renewSession } from "./components/renew-session.js";
import { keepTimesFresh } from "./components/times.js";
import { startLive } from "./live.js";
import { here, navigate, startRouter } from "./router.js";
import { loadSession } from "./session.js";
import { bundles } from "./views/bundles.js";
import { catalogue } from "./views/catalogue.js";
import { connect } from "./views/connect.js";
import { firstQuantities } from "./views/first-quantities.js";
import { liveFeed } from "./views/live-feed.js";
import { overview } from "./views/overview.js";
import { parked } from "./views/parked.js";
import { productPlan } from "./views/product-plan.js";
import { productPlans } from "./views/product-plans.js";
import { prokipSettings } from "./views/prokip-settings.js";
import { read } from "./views/read.js";
import { reads } from "./views/reads.js";
import { rules } from "./views/rules.js";
import { sales } from "./views/sales.js";
import { signIn } from "./views/sign-in.js";
import { sku } from "./views/sku.js";
import { stock } from "./views/stock.js";
import { store } from "./views/store.js";
import { stores } from "./views/stores.js";

const ROUTES = [
  ["/", overview],
  ["/sign-in", signIn],
  ["/stores", stores],
  ["/stores/connect", connect],
  ["/stores/connect/{platform}", connect],
  ["/stores/{id}", store],
  ["/stores/{id}/rules", rules],
  ["/stores/{id}/catalogue", catalogue],
  ["/stores/{id}/first-quantities", firstQuantities],
  ["/stores/{id}/products", productPlans],
  ["/product-plans/{id}", productPlan],
  ["/stock", stock],
  ["/bundles", bundles],
  ["/stock/{location}/{sku}", sku],
  ["/sales", sales],
  ["/live", liveFeed],
  ["/parked", parked],
  ["/prokip", prokipSettings],
  ["/prokip/reads", reads],
  ["/prokip/reads/{id}", read],
];

async function start() {
  whenSessionEnds(renewSession);
  const session = await loadSession();
  keepTimesFresh();
  const signingIn = location.pathname === "/dashboard/sign-in";
  if (session) {
    showHeader(session);
    await startLive();
  } else if (!signingIn) {
    history.replaceState(null, "", `/dashboard/sign-in?next=${encodeURIComponent(here())}`);
  }
  await startRouter(ROUTES, { onNavigate: markCurrent });
  if (session && signingIn) await navigate("/dashboard/", { replace: true });
}

start().catch((error) => {
  const content = h.div(
    { class: "stack" },
    h.h1("prokip-sync"),
    problem(error, () => location.reload()),
  );
  document.getElementById("main").replaceChildren(content);
});
