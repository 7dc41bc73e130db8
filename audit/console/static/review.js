// What reviews gain from script: what is typed is kept at once, and everything can be done by keys.
// Without it the forms work the same.
"use strict";

(() => {
  const form = document.getElementById("verdict");

  // --- sending twice: a button answers once

  for (const f of document.querySelectorAll("form.claim")) {
    const button = f.querySelector("button");
    f.addEventListener("submit", () => button.setAttribute("aria-disabled", "true"));
    addEventListener("pageshow", () => button.removeAttribute("aria-disabled"));
  }

  // --- what was just said wrong is where reading goes on

  document.getElementById("problem")?.focus();

  // --- the draft: in this browser with every letter, on the server a moment after

  const pause = 800; // ms after the last letter until the draft is sent
  const slowest = 30000; // ms between tries while the server cannot be reached

  const fields = () =>
    [...form.elements].filter((e) => e.name && e.type !== "submit" && !["version", "revision", "act"].includes(e.name));

  const collect = () => {
    const out = {};
    for (const e of fields()) {
      if (e.type === "radio" ? e.checked : e.value !== "") out[e.name] = e.value;
    }
    return out;
  };

  const fill = (values) => {
    for (const e of fields()) {
      if (e.type === "radio") e.checked = values[e.name] === e.value;
      else if (!e.name.startsWith("fv.")) e.value = values[e.name] ?? "";
      if (e.value && e.closest("details") && e.type !== "radio") e.closest("details").open = true;
    }
    progress();
  };

  const same = (a, b) => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

  const progress = () => {
    const items = [...document.querySelectorAll("[data-item]")].filter((i) => i.querySelector("input[type=radio]") && i.checkVisibility());
    const done = items.filter((i) => i.querySelector("input[type=radio]:checked")).length;
    const at = form.querySelector("[data-progress]");
    at.hidden = false;
    at.textContent = at.dataset.text.replace("{n}", done).replace("{m}", items.length);
  };

  const keeping = () => {
    const place = `mingjian.draft.${form.dataset.who}.${form.dataset.task}`;
    const version = form.elements.version;
    const say = (text, link) => {
      const at = form.querySelector("[data-state]");
      at.textContent = text;
      if (link) at.append(" ", link);
    };
    const link = (text, href) => Object.assign(document.createElement("a"), { textContent: text, href });
    let base = collect(); // what the server has
    let timer = 0;
    let saving = null;
    let stopped = ""; // why this cannot be saved any more: conflict, out
    let away = false; // the server could not be reached
    let sending = false;

    const save = async (wait) => {
      const values = collect();
      away = false;
      if (stopped || same(values, base)) return;
      say(form.dataset.saving);
      try {
        const answer = await fetch(form.dataset.draft, {
          method: "POST",
          headers: { "Content-Type": "application/json", Accept: "application/json" },
          body: JSON.stringify({ version: Number(version.value), draft: values }),
          signal: AbortSignal.timeout(10000),
        });
        if (answer.ok) {
          version.value = (await answer.json()).version;
          base = values;
          if (same(collect(), base)) {
            localStorage.removeItem(place);
            say(form.dataset.saved);
          } else later(pause);
          return;
        }
        if (answer.status < 500) {
          const out = answer.status === 401 || answer.status === 403;
          stopped = out ? "out" : "conflict";
          const here = location.pathname;
          say(
            out ? form.dataset.signedout : form.dataset.conflict,
            out ? link(form.dataset.signin, `/signin?next=${encodeURIComponent(here)}`) : link(form.dataset.reload, here),
          );
          return;
        }
        throw new Error(answer.status);
      } catch {
        away = true;
        say(form.dataset.kept);
        later(Math.min(wait * 2, slowest), wait * 2);
      }
    };

    const run = (wait) => {
      saving = (saving ?? Promise.resolve()).then(() => save(wait));
      return saving;
    };

    const later = (delay, wait = pause) => {
      clearTimeout(timer);
      timer = setTimeout(() => run(wait), delay);
    };

    const changed = () => {
      localStorage.setItem(place, JSON.stringify({ base, values: collect() }));
      progress();
      later(pause);
    };
    document.addEventListener("input", (e) => e.target.form === form && changed());

    // Leaving takes along what was not sent yet; what does not arrive is still in this browser.
    addEventListener("pagehide", () => {
      const values = collect();
      if (sending || stopped || same(values, base)) return;
      fetch(form.dataset.draft, {
        method: "POST",
        keepalive: true,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ version: Number(version.value), draft: values }),
      }).catch(() => {});
    });

    // A draft on its way has raised the version by the time that the form is sent.
    form.addEventListener("submit", (e) => {
      clearTimeout(timer);
      if (sending) return;
      e.preventDefault();
      const by = e.submitter;
      if (stopped === "out") stopped = ""; // they may have signed in again in another tab
      run(pause).then(() => {
        if (stopped === "out" || away) return; // the page stays, and says so
        clearTimeout(timer);
        sending = true;
        form.requestSubmit(by);
      });
    });

    // What could not be saved last time comes back, unless the draft went on elsewhere since.
    const kept = JSON.parse(localStorage.getItem(place) ?? "null");
    if (kept && same(kept.values, base)) {
      localStorage.removeItem(place);
    } else if (kept && !("unsaved" in form.dataset)) {
      const use = () => {
        fill(kept.values);
        changed();
        say(form.dataset.restored);
      };
      if (same(kept.base, base)) {
        use();
      } else {
        const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: form.dataset.use, onclick: use });
        say(form.dataset.older, button);
      }
    }
    if ("unsaved" in form.dataset) {
      base = {};
      changed();
    }
  };

  if (form) {
    if (form.dataset.draft) keeping();
    document.addEventListener("change", progress);
    progress();
  }

  // --- the keyboard

  const allowed = () => localStorage.getItem("mingjian.keys") !== "off";
  const help = document.getElementById("keys");
  const items = () => [...document.querySelectorAll("[data-item]")].filter((i) => i.checkVisibility());
  const here = () => document.activeElement.closest?.("[data-item]");

  // Keys go where the item is: its chosen answer, or the first one, or where there is none the item.
  const answer = (item) => item.querySelector("input[type=radio]:checked") ?? item.querySelector("input[type=radio]") ?? item;
  const enter = (item) => {
    const at = answer(item);
    at.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  };

  const move = (step) => {
    const all = items();
    const at = all.indexOf(here());
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
    if (next >= all.length) form.querySelector(".send button").focus();
    else enter(all[Math.max(next, 0)]);
  };

  const choose = (key) => {
    const input = here()?.querySelector(`input[data-key="${key}"]`);
    if (!input) return false;
    input.checked = true;
    input.focus();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };

  const words = () => {
    const at = [...(here()?.querySelectorAll("textarea") ?? [])].find((e) => e.checkVisibility() || e.closest("details"));
    if (!at) return false;
    const folded = at.closest("details");
    if (folded && here().contains(folded)) folded.open = true;
    at.focus();
    return true;
  };

  document.addEventListener(
    "keydown",
    (e) => {
      if (e.defaultPrevented || help.open) return;
      const writing = e.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
      if (form && e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        form.requestSubmit(form.querySelector(".send button"));
        return;
      }
      if (form && e.key === "Escape" && writing && here()) {
        e.preventDefault();
        answer(here()).focus();
        return;
      }
      if (writing || !allowed() || e.ctrlKey || e.metaKey || e.altKey) return;
      const claim = document.querySelector("[data-claim]");
      let done = false;
      if (e.key === "c" && claim) {
        claim.form.requestSubmit(claim);
        done = true;
      } else if (form) {
        if (e.key === "j" || e.key === "k") {
          move(e.key === "j" ? 1 : -1);
          done = true;
        } else if (e.key === "w") done = words();
        else if (e.key === "t") {
          const talk = document.getElementById("talk-title");
          talk.focus();
          talk.parentElement.scrollIntoView();
          done = true;
        } else if (/^[uopfxyn0-9]$/.test(e.key)) done = choose(e.key);
      }
      if (done) {
        e.preventDefault();
        e.stopImmediatePropagation();
      }
    },
    true,
  );
})();
