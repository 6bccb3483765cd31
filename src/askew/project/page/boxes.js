// Boxes over a picture: an SVG that scales with it, worked by pointer (mouse, touch, pen) or by keys alone.
"use strict";
window.askewBoxes = ({ host, say, changed }) => {
  const SVG = "http://www.w3.org/2000/svg";
  const MOST = 500, EDITS = 100, DRAG_PX = 5, HANDLE_PX = 8, NEAR_PX = { mouse: 12, pen: 16, touch: 26 };
  const SIGNS = { detected: "", suspected: "?", missed: "+" };
  const WORDS = { detected: "detected", suspected: "probably wrong", missed: "probably missed", added: "added by you" };
  const CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]]; // which sides of [left, top, right, bottom] meet in each

  let svg = null, size = [1, 1], boxes = [], chosen = -1, past = [], drag = null, drawing = false, classes = [], newClass = null;
  const watcher = new ResizeObserver(() => { if (svg) draw(); });

  // --- what is there --------------------------------------------------------------------------------------------------
  const clamp = (x, most) => Math.min(Math.max(x, 0), most);
  const rounded = (x) => Math.round(x * 100) / 100;
  const scale = () => svg.getScreenCTM()?.a || 1; // screen pixels in one of the picture
  const words = (i) => {
    const b = boxes[i];
    return `Box ${i + 1} of ${boxes.length}, ${b.class}, ${WORDS[b.kind]}, ${b.kept ? "in the answer" : "left out"}`;
  };
  const place = (b) => `left ${Math.round(b.box[0])}, top ${Math.round(b.box[1])}, ${Math.round(b.box[2] - b.box[0])} by ${Math.round(b.box[3] - b.box[1])}`;

  function open(width, height, img, found, names, state) {
    close();
    size = [width, height];
    classes = names;
    newClass = names.includes(newClass) ? newClass : names[0];
    // What is probably wrong stays out until it is accepted; all else is in until it is rejected.
    boxes = state || found.map((b) => ({
      class: b.class, box: within(b.box), kind: b.kind || "detected", kept: b.kind !== "suspected",
    }));
    svg = made("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Boxes on the picture", tabindex: "-1" });
    svg.style.maxWidth = img.style.maxWidth;
    svg.style.maxHeight = img.style.maxHeight;
    host.append(svg);
    for (const [name, act] of [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up]]) svg.addEventListener(name, act);
    svg.addEventListener("focusin", (event) => {
      const i = Number(event.target.dataset?.box ?? -1);
      if (i >= 0 && i !== chosen) choose(i, false);
    });
    watcher.observe(host);
    draw();
  }

  function close() {
    svg?.remove();
    watcher.disconnect();
    svg = null;
    boxes = []; past = []; chosen = -1; drag = null; drawing = false;
  }

  function within([left, top, right, bottom]) {
    return [clamp(left, size[0]), clamp(top, size[1]), clamp(right, size[0]), clamp(bottom, size[1])].map(rounded);
  }

  // --- drawing ----------------------------------------------------------------------------------------------------------
  function made(tag, attributes, text) {
    const one = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    if (text !== undefined) one.textContent = text;
    return one;
  }

  function draw() {
    const px = 1 / scale(), focus = svg.contains(document.activeElement) && document.activeElement !== svg;
    svg.classList.toggle("drawing", drawing);
    svg.replaceChildren(...boxes.map((b, i) => group(b, i, px)));
    if (chosen >= 0) {
      svg.append(svg.children[chosen].cloneNode(true)); // over the others; the one below keeps its place for Tab
      const top = svg.lastChild;
      for (const name of ["tabindex", "role", "aria-checked", "aria-label", "data-box"]) top.removeAttribute(name);
      top.setAttribute("aria-hidden", "true");
      for (const [x, y] of CORNERS) {
        const [cx, cy] = [boxes[chosen].box[x], boxes[chosen].box[y]];
        svg.append(made("circle", { class: "handle", cx, cy, r: HANDLE_PX * px, "aria-hidden": "true" }));
      }
    }
    if (focus && chosen >= 0) svg.children[chosen].focus({ preventScroll: true });
    changed();
  }

  function group(b, i, px) {
    const [left, top, right, bottom] = b.box, around = { x: left, y: top, width: right - left, height: bottom - top };
    const one = made("g", {
      class: `box ${b.kind}${b.kept ? "" : " out"}${i === chosen ? " chosen" : ""}`, "data-box": i, tabindex: "0",
      role: "checkbox", "aria-checked": String(b.kept), "aria-label": `${words(i)}, ${place(b)}`,
    });
    one.append(made("rect", { ...around, class: "under" }), made("rect", { ...around, class: "line" }));
    if (!b.kept) one.append(made("path", { class: "strike", d: `M${left} ${top}L${right} ${bottom}` }));
    const height = 14 * px, above = top > height * 1.4;
    const tag = `${i + 1} ${b.class}${SIGNS[b.kind] ? ` ${SIGNS[b.kind]}` : ""}${b.kept ? "" : " (out)"}`;
    const late = left + tag.length * height * 0.6 > size[0]; // it would run out of the picture: it ends at the box's right side
    const x = late ? { x: right - 2 * px, "text-anchor": "end" } : { x: left + 2 * px };
    one.append(made("text", { ...x, y: above ? top - 5 * px : top + height * 1.1, "font-size": height }, tag));
    return one;
  }

  // --- changes ----------------------------------------------------------------------------------------------------------
  function edit(change) {
    past.push(JSON.stringify({ boxes, chosen }));
    past = past.slice(-EDITS);
    change();
    draw();
  }

  function undo() {
    if (!past.length) return false;
    ({ boxes, chosen } = JSON.parse(past.pop()));
    draw();
    focus();
    say("The last change of a box is undone.");
    return true;
  }

  function choose(i, focused = true) {
    chosen = i;
    draw();
    if (focused) focus();
  }

  function focus() {
    if (svg) (chosen >= 0 ? svg.children[chosen] : svg).focus({ preventScroll: true });
  }

  const step = (by) => {
    if (boxes.length) choose(chosen < 0 ? (by > 0 ? 0 : boxes.length - 1) : (chosen + by + boxes.length) % boxes.length);
    else say("There is no box yet. N adds one.");
  };

  function add(sides) {
    if (boxes.length >= MOST) return say(`There are ${MOST} boxes, and no more are taken.`);
    const [w, h] = size, box = sides || [w * 0.4, h * 0.4, w * 0.6, h * 0.6];
    drawing = false;
    edit(() => {
      boxes.push({ class: newClass, box: within(box), kind: "added", kept: true });
      chosen = boxes.length - 1;
    });
    focus();
    say(`Added. ${words(chosen)}.`);
  }

  function keep(kept) {
    if (chosen < 0) return say("Choose a box first.");
    const i = chosen;
    if (!kept && boxes[i].kind === "added") {
      edit(() => { boxes.splice(i, 1); chosen = Math.min(i, boxes.length - 1); });
      say("The box that you added is gone.");
    } else if (boxes[i].kept === kept) {
      say(`It is ${kept ? "in the answer" : "left out"} already.`);
    } else {
      edit(() => { boxes[i].kept = kept; });
      say(`${kept ? "Accepted" : "Rejected"}. ${words(i)}.`);
    }
    focus();
  }

  function setClass(name) {
    newClass = name;
    if (chosen < 0) { changed(); return say(`New boxes are ${name}.`); }
    edit(() => { boxes[chosen].class = name; boxes[chosen].kept = true; });
    focus();
    say(`${words(chosen)}.`);
  }

  function nudge(dx, dy, resize, fine) {
    const by = fine ? 1 : Math.max(1, Math.round(Math.max(...size) / 200));
    const [left, top, right, bottom] = boxes[chosen].box;
    edit(() => {
      boxes[chosen].box = resize
        ? [left, top, clamp(Math.max(right + dx * by, left + 1), size[0]), clamp(Math.max(bottom + dy * by, top + 1), size[1])]
        : moved(boxes[chosen].box, dx * by, dy * by);
      boxes[chosen].kept = true;
    });
    say(`${resize ? "Size" : "Moved"}: ${place(boxes[chosen])}.`);
  }

  function moved([left, top, right, bottom], dx, dy) {
    const x = Math.min(Math.max(dx, -left), size[0] - right), y = Math.min(Math.max(dy, -top), size[1] - bottom);
    return [left + x, top + y, right + x, bottom + y].map(rounded);
  }

  // --- pointer ----------------------------------------------------------------------------------------------------------
  function point(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [at.x, at.y];
  }

  function corner(x, y, near) {
    if (chosen < 0) return -1;
    const [left, top, right, bottom] = boxes[chosen].box;
    const inside = x > left && x < right && y > top && y < bottom;
    const most = inside ? Math.min(near, Math.min(right - left, bottom - top) / 3) : near; // the middle always moves
    let best = -1, least = most;
    CORNERS.forEach(([a, b], i) => {
      const away = Math.hypot(boxes[chosen].box[a] - x, boxes[chosen].box[b] - y);
      if (away <= least) { best = i; least = away; }
    });
    return best;
  }

  function under(x, y, near) {
    let best = -1, least = Infinity;
    boxes.forEach(({ box: [left, top, right, bottom] }, i) => {
      const area = (right - left) * (bottom - top);
      const slack = i === chosen ? 0 : Math.max(0, (near - Math.min(right - left, bottom - top)) / 2); // thin ones can be hit
      if (x >= left - slack && x <= right + slack && y >= top - slack && y <= bottom + slack && area < least) { best = i; least = area; }
    });
    return best;
  }

  function down(event) {
    if (drag || event.button !== 0) return;
    event.preventDefault();
    const [x, y] = point(event), near = (NEAR_PX[event.pointerType] || 16) / scale();
    const grip = drawing ? -1 : corner(x, y, near), hit = drawing || grip >= 0 ? -1 : under(x, y, near);
    if (grip < 0 && hit !== chosen && hit >= 0) choose(hit);
    drag = { id: event.pointerId, from: [x, y], screen: [event.clientX, event.clientY], grip, hit, was: hit >= 0 || grip >= 0 ? [...boxes[chosen].box] : null, going: false };
    svg.setPointerCapture(event.pointerId);
  }

  function move(event) {
    if (!drag || event.pointerId !== drag.id) return;
    if (!drag.going && Math.hypot(event.clientX - drag.screen[0], event.clientY - drag.screen[1]) < DRAG_PX) return;
    const [x, y] = point(event), [fx, fy] = drag.from;
    if (!drag.going) {
      drag.going = true;
      if (!drag.was && boxes.length >= MOST) { drag = null; return say(`There are ${MOST} boxes, and no more are taken.`); }
      past.push(JSON.stringify({ boxes, chosen }));
      if (!drag.was) {
        boxes.push({ class: newClass, box: within([fx, fy, fx, fy]), kind: "added", kept: true });
        chosen = boxes.length - 1;
      }
    }
    const b = boxes[chosen];
    if (drag.grip >= 0) {
      const [a, c] = CORNERS[drag.grip];
      b.box = [...drag.was];
      b.box[a] += x - fx;
      b.box[c] += y - fy;
    } else b.box = drag.was ? moved(drag.was, x - fx, y - fy) : [fx, fy, x, y];
    b.box = within([Math.min(b.box[0], b.box[2]), Math.min(b.box[1], b.box[3]), Math.max(b.box[0], b.box[2]), Math.max(b.box[1], b.box[3])]);
    b.kept = true; // who mends a box wants it
    draw();
  }

  function up(event) {
    if (!drag || event.pointerId !== drag.id) return;
    const { going, was, hit, grip, from } = drag;
    drag = null;
    if (going) {
      const b = boxes[chosen];
      if (b.box[2] - b.box[0] < 1 || b.box[3] - b.box[1] < 1) { // too thin to be meant
        ({ boxes, chosen } = JSON.parse(past.pop()));
        draw();
        return say("Too small: nothing changed.");
      }
      drawing = false;
      draw();
      focus();
      say(was ? `Changed. ${place(b)}.` : `Added. ${words(chosen)}.`);
    } else if (drawing && event.type === "pointerup") {
      const [w, h] = [size[0] / 10, size[1] / 10];
      add([from[0] - w, from[1] - h, from[0] + w, from[1] + h]);
    } else if (hit < 0 && grip < 0) choose(-1);
    else focus();
  }

  function draws() {
    drawing = true;
    draw();
    say("Drag on the picture to draw a box, or touch it to put one there.");
  }

  // --- keys ---------------------------------------------------------------------------------------------------------------
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function action(event) {
    const arrow = ARROWS[event.key];
    if (arrow && chosen < 0) return () => step(arrow[0] + arrow[1]);
    if (arrow) return () => nudge(...arrow, event.shiftKey, event.ctrlKey);
    if (event.ctrlKey) return null;
    if (event.key === "Delete" || event.key === "Backspace") return () => keep(false);
    if (event.key === " " && chosen >= 0 && !event.target.closest("button")) return () => keep(!boxes[chosen].kept);
    if (event.key === "Escape") return () => { drawing = false; choose(-1); };
    return { a: () => keep(true), n: () => add(), "]": () => step(1), "[": () => step(-1) }[event.key.toLowerCase()] || null;
  }

  return {
    open, close, add, draws, keep, setClass, undo, focus, action,
    get on() { return svg !== null; },
    get state() { return boxes; },
    get answer() { return boxes.filter((b) => b.kept && b.box[2] > b.box[0] && b.box[3] > b.box[1]).map((b) => ({ class: b.class, box: b.box })); },
    get chosen() { return boxes[chosen] || null; },
    get newClass() { return newClass; },
    get changes() { return past.length; },
    get told() {
      const count = (kind, kept) => boxes.filter((b) => b.kind === kind && b.kept === kept).length;
      const parts = Object.keys(WORDS).flatMap((kind) => [[true, "in"], [false, "out"]].map(([kept, what]) => [count(kind, kept), WORDS[kind], what]));
      return parts.filter(([n]) => n).map(([n, what, where]) => `${n} ${what}: ${where}`).join(" · ") || "No box";
    },
  };
};
