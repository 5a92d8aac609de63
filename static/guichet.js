// Small comforts; every page works without this file.
"use strict";

// A button that shows what was typed as a password. It goes back to dots when the form is sent, so that the browser
// does not keep the password among ordinary form entries.
for (const button of document.querySelectorAll("[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  if (!input) continue;
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? button.dataset.hide : button.dataset.show;
    const label = input.labels[0] ? " — " + input.labels[0].textContent : "";
    button.setAttribute("aria-label", button.textContent + label);
  };
  show(false);
  button.hidden = false;
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  if (input.form) input.form.addEventListener("submit", () => show(false));
}

// A second press of a button while the first is on its way is not sent. Coming back by history begins anew.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    form.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  });
}

// A logo that cannot be had leaves no broken picture.
for (const logo of document.querySelectorAll("img.client-mark")) {
  const leave = () => logo.remove();
  if (logo.complete && logo.naturalWidth === 0) leave();
  else logo.addEventListener("error", leave);
}

// The applications in the frames sign the person out; once they have loaded, or in three seconds, it goes on.
for (const link of document.querySelectorAll("a[data-go]")) {
  let gone = false;
  const go = () => {
    if (!gone) location.replace(link.href);
    gone = true;
  };
  window.addEventListener("load", go);
  setTimeout(go, 3000);
}

// An answer on its way to the application.
for (const form of document.querySelectorAll("form[data-auto]")) form.requestSubmit();
