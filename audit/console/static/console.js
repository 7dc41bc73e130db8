// What pages gain from script: lists that renew themselves, and the keyboard. Everything else works
// without it.
"use strict";

(() => {
  const every = 1500; // ms between looks for something new in a list that people wait at
  const calm = 10000; // ms between looks where nobody waits for a single finding
  const slowest = 30000; // ms between looks while the server does not answer

  // --- lists renew themselves, without moving under the reader's hands

  const list = () => document.getElementById("list");
  const pace = () => ("quiet" in list().dataset ? calm : every);

  // busy: the reader is in the list, has marked something in it, or has scrolled into it.
  const busy = (l) => {
    const s = document.getSelection();
    const marked = s && !s.isCollapsed && l.contains(s.anchorNode);
    return l.contains(document.activeElement) || marked || l.getBoundingClientRect().top < 0;
  };

  const ids = (l) => new Set([...l.querySelectorAll("tr[data-id]")].map((r) => r.dataset.id));

  const put = (next, fresh) => {
    for (const row of next.querySelectorAll("tr[data-id]")) {
      if (fresh.has(row.dataset.id)) row.classList.add("fresh");
    }
    list().replaceWith(next);
    state(false);
  };

  const news = (count) => {
    const l = list();
    return count === 1 ? l.dataset.newOne : l.dataset.newMany.replace("{n}", count);
  };

  const state = (lost) => {
    const at = list().querySelector("[data-state]");
    if (!at) return;
    at.hidden = false;
    at.classList.toggle("lost", lost);
    if (!at.dataset.on) at.dataset.on = at.textContent;
    at.textContent = lost ? list().dataset.lost : at.dataset.on;
  };

  const offer = (next, fresh) => {
    const at = list().querySelector("[data-news]");
    let button = at.querySelector("button");
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      at.replaceChildren(button);
    }
    const text = `${news(fresh.size)} · ${list().dataset.show}`;
    if (button.textContent !== text) button.textContent = text;
    button.onclick = () => {
      put(next, fresh);
      scrollTo({ top: 0 });
      const first = list().querySelector("[data-open]");
      if (first) first.focus({ preventScroll: true });
    };
  };

  let shown = ""; // what the server last said; saying the same again changes nothing

  const renew = async () => {
    const l = list();
    const answer = await fetch(l.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (text === shown) {
      state(false);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const next = document.importNode(page.getElementById("list"), true);
    const before = ids(l);
    const fresh = new Set([...ids(next)].filter((id) => !before.has(id)));
    if (list() !== l) return; // renewed meanwhile
    if (!busy(l)) {
      put(next, fresh);
      shown = text;
      const at = list().querySelector("[data-news]");
      if (at && fresh.size) {
        const said = document.createElement("span");
        said.className = "aside";
        said.textContent = news(fresh.size);
        at.replaceChildren(said);
      }
    } else if (fresh.size && !("quiet" in l.dataset)) {
      offer(next, fresh);
    }
    state(false);
  };

  const follow = async (wait) => {
    await new Promise((done) => setTimeout(done, wait));
    if (!list() || !list().dataset.live) return;
    if (document.hidden) {
      await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
    }
    try {
      await renew();
      follow(pace());
    } catch {
      state(true);
      follow(Math.min(wait * 2, slowest));
    }
  };
  if (list() && list().dataset.live) {
    state(false);
    follow(pace());
  }

  // --- a filter applies when it is chosen

  for (const form of document.querySelectorAll("form[data-submit]")) {
    form.addEventListener("change", (e) => {
      if (e.target.matches("select")) form.requestSubmit();
    });
    form.addEventListener("submit", () => {
      // The address holds what was chosen and nothing else.
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
      if (form.elements.from.value || form.elements.to.value) form.elements.period.disabled = true;
    });
    addEventListener("pageshow", () => {
      for (const field of form.elements) field.disabled = false;
    });
  }
  for (const period of document.querySelectorAll("select[name=period]")) {
    period.addEventListener("change", () => {
      for (const name of ["from", "to"]) period.form.elements[name].value = "";
    });
  }

  // --- signing in with a link: what stands after # never leaves the browser

  const secret = document.getElementById("code") || document.getElementById("token");
  if (secret && location.hash.length > 1) {
    try {
      secret.value = decodeURIComponent(location.hash.slice(1));
    } catch {
      secret.value = location.hash.slice(1); // not encoded as it should be: the person sees it
    }
    const folded = secret.closest("details");
    if (folded) folded.open = true;
    history.replaceState(null, "", location.pathname + location.search);
  }

  // --- the keyboard

  const setting = "mingjian.keys";
  const allowed = () => localStorage.getItem(setting) !== "off";
  const help = document.getElementById("keys");
  const box = document.getElementById("keys-on");
  box.checked = allowed();
  box.addEventListener("change", () => localStorage.setItem(setting, box.checked ? "on" : "off"));
  for (const b of document.querySelectorAll("[data-keys]")) {
    b.hidden = false;
    b.addEventListener("click", () => help.showModal());
  }

  const move = (step) => {
    const rows = [...document.querySelectorAll("[data-row] [data-open]")];
    if (!rows.length) return;
    const at = rows.findIndex((a) => a.closest("[data-row]").contains(document.activeElement));
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (e) => {
    if (!allowed() || e.ctrlKey || e.metaKey || e.altKey || help.open) return;
    if (e.target.matches("input:not([type=radio], [type=checkbox]), select, textarea")) return;
    const acts = {
      j: () => move(1),
      k: () => move(-1),
      "/": () => document.querySelector("[data-first]")?.focus(),
      "?": () => help.showModal(),
    };
    if (acts[e.key]) {
      e.preventDefault();
      acts[e.key]();
    }
  });
})();
