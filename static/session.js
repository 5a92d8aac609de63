// The page of check_session_iframe (OpenID Connect Session Management 1.0 §4.2): tells an application whether the browser's
// state is still the one that its session_state was made of. The state is a random text that says nothing of the person.
"use strict";

const cookie = document.currentScript.dataset.cookie + "=";

const browserState = () => {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(cookie));
  return found ? found.slice(cookie.length) : "";
};

const digest = async (text) => {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

// Some browsers keep cookies from frames on other sites' pages. Such a frame knows nothing of the state, and an application
// that were told "changed" would sign the person out for nothing; upon "error" it does nothing (§3.1).
const isBlind = async () => !document.cookie && document.hasStorageAccess && !(await document.hasStorageAccess());

const answerTo = async (message, origin) => {
  const parts = typeof message === "string" ? message.split(" ") : [];
  const [client, given] = parts;
  const salt = given ? given.split(".")[1] : "";
  if (parts.length !== 2 || !client || !salt || (await isBlind())) return "error";
  const own = (await digest([client, origin, browserState(), salt].join(" "))) + "." + salt;
  return own === given ? "unchanged" : "changed";
};

window.addEventListener("message", async (event) => {
  if (!event.source || event.origin === "null") return;
  const answer = await answerTo(event.data, event.origin).catch(() => "error");
  event.source.postMessage(answer, event.origin);
});
