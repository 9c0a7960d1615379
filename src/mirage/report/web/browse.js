// The ring of poses, parts laid over photos, and text to copy.

for (const browser of document.querySelectorAll(".ring-browser")) {
  const buttons = [...browser.querySelectorAll(".ring button")];
  const figures = [...browser.querySelectorAll(".members figure")];
  const anchors = browser.querySelector(".anchors");
  const all = anchors?.querySelector("input");

  function pick(button) {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    for (const figure of figures) {
      figure.hidden = !all?.checked && figure.dataset.pose !== button.dataset.pose;
    }
  }

  buttons.forEach((button, index) => {
    button.addEventListener("click", () => pick(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = buttons[(index + step + buttons.length) % buttons.length];
      next.focus();
      pick(next);
      event.preventDefault();
    });
  });
  if (anchors) {
    const listing = anchors.querySelector(".listing");
    const fields = figures.map((figure) => [figure.dataset.pose, figure.querySelector(".anchor input")]);
    const tell = () => {
      const given = fields.filter(([, field]) => field.value !== "" && field.checkValidity());
      const pairs = given.map(([pose, field]) => `${pose}: ${Number(field.value)}`);
      listing.hidden = !pairs.length;
      listing.querySelector("pre").textContent =
        `${anchors.dataset.command} poses.anchors='{${pairs.join(", ")}}'`;
    };
    for (const [, field] of fields) field.addEventListener("input", tell);
    all.addEventListener("change", () => {
      browser.classList.toggle("all", all.checked);
      pick(buttons.find((button) => button.getAttribute("aria-pressed") === "true"));
    });
  }
  for (const figure of figures) {
    const pose = figure.dataset.pose;
    const count = cards.filter((card) => String(factsOf(card).pose) === pose).length;
    if (!filters || !count) continue;
    const link = figure.querySelector(".to-views");
    link.hidden = false;
    link.textContent = count === 1 ? "see its turned photo" : `see its ${count} turned photos`;
    link.addEventListener("click", () => {
      filters.reset();
      if (filters.least) fitRange();
      filters.pose.value = pose;
      filterCards();
      filters.scrollIntoView();
      filters.pose.focus({ preventScroll: true });
    });
  }
}

for (const browser of document.querySelectorAll(".part-browser")) {
  for (const choice of browser.querySelectorAll("input")) {
    choice.addEventListener("change", () => {
      for (const layer of browser.querySelectorAll(`[data-layer="${choice.value}"]`)) {
        layer.hidden = !choice.checked;
      }
    });
  }
}

for (const listing of document.querySelectorAll(".listing")) {
  const button = listing.querySelector(".copy");
  let resetting;
  const tell = (outcome) => {
    button.textContent = outcome;
    clearTimeout(resetting);
    resetting = setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  button.addEventListener("click", async () => {
    const text = listing.querySelector("pre");
    getSelection().selectAllChildren(text); // where the clipboard is closed, one keystroke is left
    tell("Selected"); // a browser may keep its answer about the clipboard to itself for good
    try {
      await navigator.clipboard.writeText(text.textContent);
      tell("Copied");
    } catch {
      if (document.execCommand("copy")) tell("Copied");
    }
  });
}
