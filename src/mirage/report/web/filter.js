// Which modes are compared, and which references are listed.

for (const fieldset of document.querySelectorAll(".modes")) {
  const choices = [...fieldset.querySelectorAll("input")];
  fieldset.addEventListener("change", ({ target }) => {
    // one mode always stays in sight
    if (!choices.some((choice) => choice.checked)) target.checked = true;
    const shown = new Set(choices.filter((choice) => choice.checked).map((choice) => choice.value));
    for (const part of fieldset.closest("section").querySelectorAll("[data-mode]")) {
      part.hidden = !shown.has(part.dataset.mode);
    }
  });
}

const filters = document.querySelector(".filters");
const cards = [...document.querySelectorAll("#views .orbit")];
const factsOf = (card) => orbits[Number(card.dataset.orbit)];
const scoreOf = (card) => factsOf(card).scores[filters.score?.value];

const rounding = 1e-4;

function fitRange() {
  // the slider runs over what this score is here; at its left end all pass, unscored ones too
  const values = cards.map(scoreOf).filter((value) => value !== undefined);
  filters.least.min = Math.min(...values);
  filters.least.max = Math.max(...values);
  filters.least.value = filters.least.min;
}

function passes(card) {
  const { name, pose } = factsOf(card);
  if (!name.toLowerCase().includes(filters.elements.name.value.trim().toLowerCase())) return false;
  if (filters.pose.value !== "" && Number(filters.pose.value) !== pose) return false;
  if (!filters.least) return true;
  // the browser rounds what a slider holds: two thirds must pass at "two thirds"
  const least = Number(filters.least.value) - rounding;
  return least <= Number(filters.least.min) || scoreOf(card) >= least;
}

function filterCards() {
  const shown = cards.filter(passes);
  for (const card of cards) card.hidden = !shown.includes(card);
  const sign = Number(filters.order?.value || 0);
  const sorted = sign === 0 ? cards
    : cards.toSorted((a, b) => sign * ((scoreOf(a) ?? Infinity * sign) - (scoreOf(b) ?? Infinity * sign)) || 0);
  document.querySelector(".cards").append(...sorted);
  filters.querySelector(".count").value = `${shown.length} of ${cards.length}`;
  if (filters.least) filters.querySelector(".least").value = Number(filters.least.value).toFixed(2);
}

if (filters) {
  if (filters.least) fitRange();
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", (event) => {
    if (event.target === filters.score) fitRange();
    filterCards();
  });
  filterCards();
}
