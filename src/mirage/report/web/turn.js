"use strict";

const TURN_MS = 4800; // one full turn
const DRAG_TURN = 1.2; // widths of a picture dragged for one full turn
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function makeTurntable(root, { positions, labels }) {
  const stages = root.querySelectorAll(".stage");
  const thumbs = root.querySelectorAll(".thumb");
  const slider = root.querySelector("input[type=range]");
  const output = root.querySelector("output");
  const button = root.querySelector(".play");
  const count = positions.length;
  let view = 0, playing = false, visible = true, last = 0;

  function show(next) {
    view = ((next % count) + count) % count;
    for (const stage of stages) stage.style.setProperty("--at", positions[view]);
    for (const thumb of thumbs) thumb.classList.toggle("now", Number(thumb.dataset.index) === view);
    slider.value = view;
    slider.setAttribute("aria-valuetext", labels[view]);
    output.textContent = labels[view];
  }

  function tick(now) {
    if (!playing) return;
    if (now - last >= Math.max(TURN_MS / count, 60)) {
      last = now;
      if (visible) show(view + 1);
    }
    requestAnimationFrame(tick);
  }

  function play(on) {
    if (on === playing) return;
    playing = on;
    button.setAttribute("aria-pressed", String(on));
    if (on) requestAnimationFrame(tick);
  }

  function turnTo(next) {
    play(false);
    show(next);
  }

  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => turnTo(Number(slider.value)));
  for (const stage of stages) {
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) turnTo(view + step);
      else if (event.key === "Home") turnTo(0);
      else if (event.key === "End") turnTo(count - 1);
      else if (event.key === " ") play(!playing);
      else return;
      event.preventDefault();
    });
    stage.addEventListener("pointerdown", (down) => {
      const start = view;
      const perView = (stage.clientWidth * DRAG_TURN) / count;
      const move = (event) => turnTo(start + Math.round((event.clientX - down.clientX) / perView));
      const stop = () => {
        stage.removeEventListener("pointermove", move);
        stage.removeEventListener("pointerup", stop);
        stage.removeEventListener("pointercancel", stop);
      };
      play(false);
      stage.setPointerCapture(down.pointerId);
      stage.addEventListener("pointermove", move);
      stage.addEventListener("pointerup", stop);
      stage.addEventListener("pointercancel", stop);
    });
  }
  for (const thumb of thumbs) {
    thumb.addEventListener("click", () => turnTo(Number(thumb.dataset.index)));
  }
  new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; }).observe(root);
  show(0);
  return { play };
}

const orbits = JSON.parse(document.getElementById("orbit-data").textContent);
for (const root of document.querySelectorAll(".orbit")) {
  const turntable = makeTurntable(root, orbits[Number(root.dataset.orbit)]);
  if (root.classList.contains("turning") && !calm.matches) turntable.play(true);
}
