// A session that ended in the middle of the work is renewed over the open page, which keeps what was typed into it.

import { h } from "../dom.js";
import { here, navigate } from "../router.js";
import { session } from "../session.js";
import { openDialog } from "./dialog.js";
import { signInForm } from "./sign-in-form.js";

let renewal = null;

/** Resolves when somebody is signed in again; calls that fail together share one dialog. */
export function renewSession() {
  if (session() === null) {
    navigate(`/dashboard/sign-in?next=${encodeURIComponent(here())}`);
    return new Promise(() => {});
  }
  renewal ??= openSignInDialog(session().user.username).finally(() => (renewal = null));
  return renewal;
}

function openSignInDialog(username) {
  return new Promise((resolve) => {
    const done = () => {
      // What is open belongs to the user before: another one starts from a fresh page.
      if (session().user.username !== username) location.assign("/dashboard/");
      dialog.close();
      resolve();
    };
    const content = h.div(
      { class: "stack" },
      h.p("Your session has ended. Sign in again: nothing on this page is lost."),
      signInForm(done, username),
    );
    const dialog = openDialog("Sign in again", content);
    // Escape would leave the page waiting for an answer that never comes.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    content.querySelector("input[type=password]").focus();
  });
}
