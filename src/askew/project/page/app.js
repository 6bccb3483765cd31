// The page on which people answer. Plain JavaScript: no build step, nothing from elsewhere.
"use strict";
(() => {
  const AHEAD = 6; // questions held, so that the next picture is there at once
  const UNDOABLE = 30; // answers that can be taken back
  const HOTKEYS = 20; // up to so many classes each has a key; beyond, typing finds them
  const LETTERS = "abcdefghijklmnopqrtvwxyz"; // S skips and U undoes
  const WAIT_MS = 2500, STATE_MS = 12000, RENEW_MS = 45000, SLOWEST_MS = 10000;

  const $ = (id) => document.getElementById(id);
  const token = new URLSearchParams(location.search).get("token") || "";
  const main = { classes: [], queue: [], current: null, shown: false, past: [], done: new Set(), state: null, refused: false };
  let who = "", project = "", finding = false;
  const editor = askewBoxes({ host: $("picture"), say: (text) => say(text), changed: () => boxFacts() });
  const boxed = (q) => Boolean(q) && Array.isArray(q.detail);

  // --- what is kept in the browser: in its storage, or for this visit where it has none -----------------------------
  const visit = new Map();
  const kept = {
    get: (name) => { try { return localStorage.getItem(name) ?? visit.get(name) ?? null; } catch { return visit.get(name) ?? null; } },
    set: (name, text) => { try { localStorage.setItem(name, text); } catch { visit.set(name, text); } },
    remove: (name) => { visit.delete(name); try { localStorage.removeItem(name); } catch { /* it has none */ } },
    names: (start) => {
      let all = [...visit.keys()];
      try { all = all.concat(Object.keys(localStorage)); } catch { /* it has none */ }
      return all.filter((name) => name.startsWith(start)).sort();
    },
  };
  const place = (what) => `askew.${project}.${what}`;

  // --- talking to the server ----------------------------------------------------------------------------------------
  class Refused extends Error {} // it will not do: no use in saying it again
  class Away extends Error {} // it may do later

  async function talk(path, body) {
    const ask = { headers: { Authorization: `Bearer ${token}` }, cache: "no-store", signal: AbortSignal.timeout(30000) };
    if (body !== undefined) {
      Object.assign(ask, { method: "POST", body: JSON.stringify(body) });
      ask.headers["Content-Type"] = "application/json";
    }
    let reply;
    try { reply = await fetch(path, ask); } catch { throw new Away("No connection to askew."); }
    if (reply.ok) return reply;
    const said = await reply.json().catch(() => ({}));
    if (reply.status === 403) { closed(said.error || "The address has no valid token."); throw new Away("refused"); }
    throw new (reply.status >= 500 || reply.status === 429 ? Away : Refused)(said.error || `askew said ${reply.status}.`);
  }
  const json = async (path, body) => (await talk(path, body)).json();

  function closed(reason) {
    main.refused = true;
    rest("This page is closed", `${reason[0].toUpperCase()}${reason.slice(1)}.`, true);
  }

  // Answers go out one after the other, and are kept until the server has them on its disk. Each carries a key, so that
  // one which is sent twice, by a reload or a second window, is counted once.
  let sending = null, again = 0, counter = 0;

  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  const unsent = () => (project ? kept.names(place("unsent.")) : []);

  function send(path, body) {
    const name = place(`unsent.${String(Date.now()).padStart(14, "0")}.${String(counter++).padStart(6, "0")}.${newKey().slice(0, 6)}`);
    kept.set(name, JSON.stringify({ path, body: { who, ...body } }));
    flush();
  }

  function flush() {
    if (!sending && !main.refused) sending = drain().finally(() => { sending = null; });
    return sending;
  }

  async function drain() {
    for (let names = unsent(); names.length; names = unsent()) {
      const { path, body } = JSON.parse(kept.get(names[0]) || "{}");
      try {
        if (path) await talk(path, body);
      } catch (error) {
        if (error instanceof Away) return offline(error);
        banner(`One answer was refused: ${error.message}`);
      }
      kept.remove(names[0]);
      if (again) online();
    }
  }

  function offline(error) {
    if (main.refused) return;
    const n = unsent().length;
    const safe = n ? ` ${n === 1 ? "One answer is" : `${n} answers are`} kept here and will be sent.` : "";
    banner(`${error.message}${safe} Trying again …`);
    again = Math.min(again + 1, 5);
    setTimeout(flush, Math.min(SLOWEST_MS, 500 * 2 ** again));
  }

  function online() {
    again = 0;
    banner("");
  }

  function banner(text) {
    if ($("banner").textContent === text) return;
    $("banner").textContent = text;
    $("banner").hidden = !text;
  }

  // --- pictures: fetched ahead, decoded, held for the way back ------------------------------------------------------
  const pictures = new Map();

  function picture(question) {
    const held = pictures.get(question.item);
    if (held) return held;
    const made = (async () => {
      const blob = await (await talk(`/image/${question.item}`)).blob();
      const img = new Image();
      img.src = URL.createObjectURL(blob);
      img.alt = "The picture to label";
      img.draggable = false;
      await img.decode();
      return img;
    })();
    made.catch(() => pictures.delete(question.item));
    pictures.set(question.item, made);
    return made;
  }

  function tidy() {
    const wanted = new Set([main.current, ...main.queue, ...main.past.slice(-8)].filter(Boolean).map((q) => q.item));
    for (const [item, made] of pictures) {
      if (wanted.has(item)) continue;
      pictures.delete(item);
      made.then((img) => URL.revokeObjectURL(img.src), () => {});
    }
  }

  // --- questions ----------------------------------------------------------------------------------------------------
  let asking = null;

  const refill = () => (asking ??= fetchQuestions().finally(() => { asking = null; }));

  async function fetchQuestions() {
    if (!who || main.refused) return;
    let found;
    try {
      const n = Math.min(100, Math.max(AHEAD, main.queue.length + 1) + unsent().length);
      found = (await json("/api/next", { who, n })).questions;
    } catch (error) {
      if (error instanceof Away) offline(error); else banner(error.message);
      return;
    }
    if (again && !unsent().length) online();
    const offered = new Map(found.map((q) => [q.question, q]));
    main.queue = main.queue.filter((q) => offered.has(q.question)); // others are answered by somebody else
    const held = new Set([main.current, ...main.queue].filter(Boolean).map((q) => q.question));
    for (const q of found) if (!held.has(q.question) && !main.done.has(q.question)) main.queue.push(q);
    if (!main.current) next();
    main.queue.slice(0, AHEAD).forEach((q) => picture(q).catch(() => {}));
  }

  function next() {
    main.current = main.queue.shift() || null;
    show();
    tidy();
    if (main.queue.length < AHEAD - 2) refill();
  }

  function show() {
    const q = main.current;
    main.shown = false;
    if (!q) return idle();
    $("stage").hidden = $("answers").hidden = false;
    $("rest").hidden = true;
    about(q);
    editor.close();
    mode(boxed(q));
    enable();
    $("picture").setAttribute("aria-busy", "true");
    picture(q).then((img) => { if (main.current === q) put(img); }, (error) => {
      if (main.current !== q) return;
      const note = document.createElement("p");
      note.textContent = error instanceof Refused ? `This picture cannot be shown: ${error.message}` : "The picture has not come yet.";
      $("picture").replaceChildren(note);
      if (!(error instanceof Refused)) setTimeout(() => { if (main.current === q && !main.shown) show(); }, WAIT_MS);
    });
  }

  function put(img) {
    const most = Math.max(480, 5 * Math.max(img.naturalWidth, img.naturalHeight));
    img.style.maxWidth = img.style.maxHeight = `${most}px`;
    $("picture").replaceChildren(img);
    $("picture").removeAttribute("aria-busy");
    main.shown = true;
    const q = main.current;
    if (boxed(q)) {
      editor.open(q.width, q.height, img, kept.get("askew.guess") === "off" ? [] : q.detail, main.classes, q.boxes);
      if (!$("settings").open) editor.focus();
    }
    enable();
  }

  // --- boxes: a question with them is answered by them; see boxes.js ------------------------------------------------
  function mode(on) {
    if ($("boxing").hidden !== on) return;
    $("boxing").hidden = !on;
    document.body.classList.toggle("boxed", on);
    listClasses();
    listKeys();
  }

  function boxFacts() {
    if (!editor.on) return;
    const n = editor.answer.length, one = editor.chosen;
    $("counted").textContent = editor.told;
    $("go-on").querySelector("span").textContent = n === 0 ? "There is no box" : n === 1 ? "This box is right" : `These ${n} boxes are right`;
    $("which-class").textContent = one ? `The chosen box is: ${one.class}` : `New boxes are: ${editor.newClass}`;
    for (const b of $("classes").querySelectorAll("button")) b.setAttribute("aria-pressed", String(b.dataset.name === (one ? one.class : editor.newClass)));
    $("accept-box").setAttribute("aria-disabled", String(!one || one.kept));
    $("reject-box").setAttribute("aria-disabled", String(!one || !one.kept));
    enable();
  }

  function pick(name) {
    if (!boxed(main.current)) return answer("class", name);
    if (!editor.on) return;
    if (finding) { $("filter").value = ""; listClasses(); }
    editor.setClass(name);
    editor.focus();
  }

  function about(q) {
    const shown = kept.get("askew.guess") !== "off" && q.guess;
    $("guess").replaceChildren();
    if (shown) {
      const name = document.createElement("b");
      name.textContent = q.guess;
      const sure = q.confidence == null ? "" : `, ${Math.round(100 * q.confidence)} %`;
      $("guess").append("The model guesses ", name, sure);
    }
    $("reason").textContent = q.reason ? `Asked: ${q.reason}` : "";
  }

  // --- answers ------------------------------------------------------------------------------------------------------
  function answer(kind, name) {
    const q = main.current, boxes = kind === "boxes" ? editor.answer : undefined;
    if (!q || (!main.shown && kind !== "skip")) return;
    const key = newKey();
    main.done.add(q.question);
    if (kind === "skip") send("/api/skip", { question: q.question });
    else send("/api/answer", { question: q.question, item: q.item, key, kind, ...(name === undefined ? {} : { class: name }), ...(boxes && { boxes }) });
    if (boxes) name = boxes.length === 1 ? "1 box" : `${boxes.length} boxes`;
    remember({ ...q, key, kind, name, ...(boxed(q) && editor.on && { boxes: editor.state }) });
    if (kind !== "skip") count(1);
    hit(kind === "class" ? buttonOf(name) : $({ skip: "skip", boxes: "go-on" }[kind] || "cannot"));
    if (finding) { $("filter").value = ""; listClasses(); }
    main.current = null;
    next();
    say(`${name !== undefined ? name : kind === "skip" ? "Skipped" : "Cannot tell"}. ${main.current ? "Next picture." : ""}`);
  }

  function undo() {
    if (editor.on && editor.undo()) return;
    const last = main.past.pop();
    if (!last) return say("Nothing to undo.");
    keepPast();
    main.done.delete(last.question);
    if (last.kind === "skip") send("/api/unskip", { question: last.question });
    else { send("/api/undo", { key: last.key }); count(-1); }
    if (main.current) main.queue.unshift(main.current);
    main.current = last;
    hit($("undo"));
    show();
    say(`Undone: ${last.name || (last.kind === "skip" ? "skipped" : "cannot tell")}. The picture is back.`);
  }

  function remember(entry) {
    main.past.push(entry);
    main.past = main.past.slice(-UNDOABLE);
    keepPast();
  }

  function keepPast() {
    kept.set(place(`past.${who}`), JSON.stringify(main.past));
    const last = main.past.at(-1);
    const what = last && (last.name || (last.kind === "skip" ? "skip" : "cannot tell"));
    $("undo").setAttribute("aria-label", last ? `Undo: ${what}` : "Undo");
    $("undo").title = last ? `Undo: ${what}` : "Nothing to undo";
    enable();
  }

  function count(by) {
    if (!main.state) return;
    main.state.labelled += by;
    main.state.by_you += by;
    if (main.state.round) main.state.round.answered += by;
    facts();
  }

  function enable() {
    const off = String(!main.shown);
    for (const b of document.querySelectorAll("#classes button, #cannot, #go-on, #add-box")) b.setAttribute("aria-disabled", off);
    $("skip").setAttribute("aria-disabled", String(!main.current));
    $("undo").setAttribute("aria-disabled", String(!main.past.length && !editor.changes));
  }

  function hit(button) {
    if (!button) return;
    button.classList.add("hit");
    setTimeout(() => button.classList.remove("hit"), 160);
  }

  let spoken = false;
  function say(text) { // the same words twice are spoken twice
    spoken = !spoken;
    $("say").textContent = spoken ? text : `${text}\u00a0`;
  }

  // --- classes ------------------------------------------------------------------------------------------------------
  const keyOf = (i) => (i < 9 ? String(i + 1) : finding || boxed(main.current) ? "" : LETTERS[i - 9] || "");
  const buttonOf = (name) => [...$("classes").children].find((b) => b.dataset.name === name);
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  function setClasses(names) {
    if (names.length === main.classes.length && names.every((name, i) => name === main.classes[i])) return;
    main.classes = names;
    finding = names.length > HOTKEYS;
    $("finder").hidden = !finding;
    $("classes").className = finding ? "some many" : names.length > 9 ? "some" : "";
    listClasses();
    listKeys();
  }

  function found() {
    const wanted = fold($("filter").value.trim());
    if (!finding || !wanted) return main.classes;
    const rank = (name) => (name.startsWith(wanted) ? 0 : name.split(/[\s_-]+/).some((word) => word.startsWith(wanted)) ? 1 : name.includes(wanted) ? 2 : 3);
    return main.classes.map((name) => [rank(fold(name)), name]).filter(([r]) => r < 3).sort((a, b) => a[0] - b[0]).map(([, name]) => name);
  }

  function listClasses() {
    const names = found();
    const first = finding && $("filter").value.trim() ? names[0] : null;
    $("classes").replaceChildren(...names.map((name, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.name = name;
      const text = document.createElement("span");
      text.textContent = name;
      button.append(text);
      if (name === first) { button.classList.add("first"); button.append(kbd("↵")); }
      else if (keyOf(i)) { button.append(kbd(keyOf(i).toUpperCase())); button.setAttribute("aria-keyshortcuts", keyOf(i).toUpperCase()); }
      return button;
    }));
    if (!names.length) {
      const none = document.createElement("p");
      none.textContent = "No class of that name.";
      $("classes").append(none);
    }
    enable();
    boxFacts();
  }

  function kbd(text) {
    const made = document.createElement("kbd");
    made.textContent = text;
    made.setAttribute("aria-hidden", "true");
    return made;
  }

  function listKeys() {
    const rows = boxed(main.current) ? [[["↵"], "these boxes are right: the next picture"], [["Tab", "[", "]"], "choose a box"],
      [["←", "↑", "↓", "→"], "move it; with Ctrl by 1 px, with Shift its size"], [["Del"], "reject it"], [["A"], "accept it"],
      [["N"], "add a box"], [["1", "…", "9"], "its class"], [["U"], "undo"], [["S"], "skip"], [["?", "0"], "cannot tell"]]
      : finding
      ? [[["a"], "type to find a class"], [["↵"], "take the first that is found"], [["1", "…", "9"], "one of the first nine"], [["→"], "skip"], [["←"], "undo"], [["?"], "cannot tell"]]
      : [[main.classes.length > 9 ? ["1", "…", "9", "A", "…"] : ["1", "…", String(main.classes.length)], "the classes"],
        [["S", "→"], "skip"], [["U", "←", "⌫"], "undo"], [["?", "0"], "cannot tell"]];
    $("keys").replaceChildren(...rows.flatMap(([keys, what]) => {
      const key = document.createElement("dt"), text = document.createElement("dd");
      key.append(...keys.map((one) => { const k = kbd(one); k.removeAttribute("aria-hidden"); return k; }));
      text.textContent = what;
      return [key, text];
    }));
    for (const [id, key] of [["undo", finding && !boxed(main.current) ? "←" : "U"], ["skip", finding && !boxed(main.current) ? "→" : "S"]]) $(id).querySelector("kbd").textContent = key;
  }

  // --- state, and what is shown when there is nothing to ask ----------------------------------------------------------
  async function refresh() {
    if (main.refused) return;
    try {
      main.state = await json(`/api/state?who=${encodeURIComponent(who)}`);
    } catch (error) {
      if (error instanceof Away) offline(error); else banner(error.message);
      return;
    }
    if (again && !unsent().length) online();
    const waiting = unsent().map((name) => JSON.parse(kept.get(name) || "{}").path);
    const ahead = waiting.filter((p) => p === "/api/answer").length - waiting.filter((p) => p === "/api/undo").length;
    project = main.state.id;
    setClasses(main.state.classes);
    facts();
    if (ahead) count(ahead);
    if (!main.current && who) idle();
  }

  const percent = (share) => `${Math.round(100 * share)} %`;

  function facts() {
    const s = main.state, t = s.training;
    document.title = `${s.project}: label`;
    $("project").textContent = s.project;
    $("labelled").textContent = s.labelled.toLocaleString("en");
    $("labelled").title = `of ${s.items.toLocaleString("en")} pictures`;
    $("mine").textContent = s.by_you.toLocaleString("en");
    $("measured").hidden = !t || t.accuracy == null;
    if (t && t.accuracy != null) {
      const within = document.createElement("small");
      if (t.low != null) within.textContent = ` ${Math.round(100 * t.low)}–${Math.round(100 * t.high)}`;
      $("accuracy").replaceChildren(percent(t.accuracy), within);
      $("measured").title = `On ${t.n_test} test pictures, with its interval of 95 %, after ${t.n_labeled} labels`;
      curve(s.curve);
    }
    $("round").max = s.round ? s.round.n : 1;
    $("round").value = s.round ? s.round.answered : 0;
  }

  function curve(points) {
    $("curve").toggleAttribute("hidden", points.length < 2);
    if (points.length < 2) return;
    const x = points.map((p) => p[0]), y = points.map((p) => p[1]);
    const scale = (v, all, size) => (v - Math.min(...all)) / ((Math.max(...all) - Math.min(...all)) || 1) * size;
    const at = points.map(([n, share]) => [1 + scale(n, x, 68), 18 - scale(share, y, 16)]);
    $("curve").querySelector("polyline").setAttribute("points", at.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "));
    $("curve").querySelector("circle").setAttribute("cx", at.at(-1)[0]);
    $("curve").querySelector("circle").setAttribute("cy", at.at(-1)[1]);
  }

  function idle() {
    const s = main.state;
    if (main.refused || !s) return;
    if (asking && !main.queue.length && $("rest").hidden) return void asking.then(() => { if (!main.current) idle(); });
    if (s.unlabelled === 0) return rest("Everything is labelled", `All ${s.items.toLocaleString("en")} pictures have an answer. Thank you.`, true);
    if (s.open > 0) return rest("Nothing for you just now", "The questions that are left are in other hands, or you skipped them. New ones come by themselves.");
    if (!s.learning) return rest("No more questions", `Ask for more in a terminal: askew query ${s.project}`, true);
    if (!s.round) return rest("Finding the first questions", "askew looks at all pictures once to find those that tell most. With many pictures this takes minutes.");
    rest("The model is learning", "It learns from your answers. New questions come by themselves.");
  }

  function rest(title, text, still = false) {
    const fresh = $("rest").hidden || $("rest-title").textContent !== title;
    $("stage").hidden = $("answers").hidden = true;
    $("rest").hidden = false;
    $("rest").classList.toggle("still", still);
    $("rest-title").textContent = title;
    $("rest-text").textContent = text;
    if (!fresh) return;
    say(`${title}. ${text}`);
    if (!$("settings").open) $("rest").focus();
  }

  function watch() {
    let renewed = Date.now(), looked = 0;
    setInterval(() => {
      if (document.hidden || main.refused || !who || !project) return;
      const now = Date.now();
      if (!main.current) { refill().then(refresh); return; }
      if (now - looked > STATE_MS) { looked = now; refresh(); }
      if (now - renewed > RENEW_MS) { renewed = now; refill(); }
    }, WAIT_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden && who) { flush(); refill(); refresh(); } });
    addEventListener("online", flush);
  }

  // --- keys -----------------------------------------------------------------------------------------------------------
  function onKey(event) {
    if ($("settings").open || event.altKey || event.metaKey || event.isComposing) return;
    if (boxed(main.current) && boxKey(event)) return;
    if (event.ctrlKey && event.key.toLowerCase() !== "z") return;
    const typing = event.target === $("filter") && $("filter").value !== "";
    const act = event.ctrlKey ? (typing ? null : undo) : action(event.key, typing);
    if (act) {
      event.preventDefault();
      if (!event.repeat) act();
    } else if (finding && !event.ctrlKey && event.key.length === 1 && event.key.trim() && event.target !== $("filter") && main.current) {
      $("filter").focus(); // the letter goes there
    }
  }

  // What boxes take of the keys; the rest is as for classes, but for letters and arrows.
  function boxKey(event) {
    if (event.target === $("filter")) {
      if (event.key === "Enter" && found().length) { event.preventDefault(); pick(found()[0]); }
      return true;
    }
    const button = event.target.closest("button");
    if (event.key === "Enter" && button) return true;
    const digit = event.ctrlKey || event.key.length !== 1 ? -1 : "123456789".indexOf(event.key);
    const plain = { Enter: () => answer("boxes"), "?": () => answer("cannot_tell"), 0: () => answer("cannot_tell"), s: () => answer("skip"), u: undo };
    const act = event.ctrlKey && event.key.toLowerCase() === "z" ? undo : (editor.on && editor.action(event))
      || (digit >= 0 && found()[digit] !== undefined ? () => pick(found()[digit]) : event.ctrlKey ? null : plain[event.key.length === 1 ? event.key.toLowerCase() : event.key]);
    if (act) {
      event.preventDefault();
      if (!event.repeat || event.key.startsWith("Arrow")) act();
    }
    return true;
  }

  function action(key, typing) {
    const name = classOf(key);
    if (name !== undefined) return () => answer("class", name);
    if (key === "?" || (key === "0" && !typing)) return () => answer("cannot_tell");
    if (typing) return key === "Enter" && found().length ? () => answer("class", found()[0])
      : key === "Escape" ? () => { $("filter").value = ""; listClasses(); } : null;
    if (key === "ArrowRight" || (!finding && key.toLowerCase() === "s")) return () => answer("skip");
    if (key === "ArrowLeft" || key === "Backspace" || (!finding && key.toLowerCase() === "u")) return undo;
    return null;
  }

  function classOf(key) {
    if (key.length !== 1) return undefined;
    const digit = "123456789".indexOf(key);
    if (digit >= 0) return found()[digit];
    const letter = finding ? -1 : LETTERS.indexOf(key.toLowerCase());
    return letter >= 0 ? main.classes[letter + 9] : undefined;
  }

  // --- who is labelling -------------------------------------------------------------------------------------------------
  function settings(first) {
    $("settings-title").textContent = first ? "Who is labelling?" : "Settings";
    $("more").hidden = first;
    $("done").textContent = first ? "Begin" : "Done";
    $("name").value = who;
    $("show-guess").checked = kept.get("askew.guess") !== "off";
    $("settings").showModal();
  }

  function named() {
    const name = $("name").value.trim().slice(0, 60);
    if (!name) return;
    const other = name !== who;
    who = name;
    kept.set("askew.who", name);
    $("who").textContent = name;
    if (other) begin();
    else if (main.current && editor.on && !editor.changes) show(); // with the guessed boxes, or without
    else if (main.current) about(main.current);
  }

  async function begin() {
    Object.assign(main, { queue: [], current: null, done: new Set() });
    if (asking) await asking;
    await refresh();
    if (!project) return void setTimeout(begin, WAIT_MS);
    main.past = JSON.parse(kept.get(place(`past.${who}`)) || "[]");
    keepPast();
    await flush();
    await refill();
    idleOrFocus();
  }

  function idleOrFocus() {
    if (!main.current) idle();
    else if (finding && matchMedia("(pointer: fine)").matches) $("filter").focus();
  }

  function start() {
    $("classes").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) pick(button.dataset.name);
    });
    $("go-on").addEventListener("click", () => answer("boxes"));
    $("add-box").addEventListener("click", (event) => { if (editor.on) event.detail ? editor.draws() : editor.add(); });
    $("accept-box").addEventListener("click", () => { if (editor.on) editor.keep(true); });
    $("reject-box").addEventListener("click", () => { if (editor.on) editor.keep(false); });
    $("skip").addEventListener("click", () => answer("skip"));
    $("cannot").addEventListener("click", () => answer("cannot_tell"));
    $("undo").addEventListener("click", undo);
    $("filter").addEventListener("input", listClasses);
    $("menu").addEventListener("click", () => settings(false));
    $("show-guess").addEventListener("change", () => kept.set("askew.guess", $("show-guess").checked ? "on" : "off"));
    $("settings").addEventListener("cancel", (event) => { if (!who) event.preventDefault(); });
    $("settings").addEventListener("close", () => { if (editor.on) editor.focus(); });
    $("form").addEventListener("submit", named);
    document.addEventListener("keydown", onKey);
    listKeys();
    watch();
    who = kept.get("askew.who") || "";
    $("who").textContent = who;
    if (who) begin();
    else refresh().then(() => settings(true));
  }

  start();
})();
