// Keeps an open page current: fetches its own address while it is visible, and changes only what differs. Elements that stay
// the same are kept, so focus, scroll and open details stay; while text is selected nothing changes.
(() => {
  "use strict";
  const EVERY = 30_000;
  const MOST_FAILURES = 5;
  const notice = document.getElementById("refresh");
  let failures = 0;
  let timer;
  let current = new Date();

  const isSame = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

  function update(old, next) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
    }
    updateChildren(old, next);
  }

  function updateChildren(old, next) {
    const ids = new Set([...next.children].map((child) => child.id).filter(Boolean));
    let at = old.firstChild;
    const remove = () => {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    };
    for (const node of [...next.childNodes]) {
      while (at && at.id && !ids.has(at.id)) remove();
      if (at && isSame(at, node)) {
        update(at, node);
        at = at.nextSibling;
      } else {
        old.insertBefore(document.importNode(node, true), at);
        if (at && !at.id) remove();
      }
    }
    while (at) remove();
  }

  async function refresh() {
    if (getSelection().type === "Range") return;
    try {
      const address = location.href.split("#")[0];
      const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (!page.getElementById("main")) throw new Error("another page");
      for (const id of ["main", "foot"]) {
        const [old, next] = [document.getElementById(id), page.getElementById(id)];
        if (old && next) update(old, next);
      }
      if (document.title !== page.title) document.title = page.title;
      failures = 0;
      current = new Date();
      if (notice.textContent) notice.textContent = "";
    } catch {
      failures += 1;
      const time = current.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      const end = failures < MOST_FAILURES ? "Trying again." : "Reload the page to try again.";
      const text = `This page is from ${time}: it could not be refreshed. ${end}`;
      if (failures > 1 && notice.textContent !== text) notice.textContent = text;
    }
  }

  function plan() {
    clearTimeout(timer);
    if (document.hidden || failures >= MOST_FAILURES) return;
    timer = setTimeout(() => refresh().then(plan), EVERY);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) return;
    failures = 0;
    refresh().then(plan);
  });
  plan();
})();
