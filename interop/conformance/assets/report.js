// Filters the cases, and unfolds what a link leads to. Without it the page shows everything, folded.
"use strict";
const form = document.getElementById("filter");
const cases = [...document.querySelectorAll("#cases .case")];
const containers = [".group", ".section", ".document"].flatMap((name) => [...document.querySelectorAll(`#cases ${name}`)]);
const fields = [...form.querySelectorAll("select")];
const texts = new WeakMap(); // what a case says, in small letters, made when it is first asked for

// Of an exchange, only the frames that there is something to say of: nearly every one has a PING somewhere.
function says(element, text) {
  if (!texts.has(element)) {
    const parts = element.querySelectorAll("summary, p, ul, li:has(mark), li:has(em)");
    const words = [element.closest(".section").id, ...[...parts].map((part) => part.textContent)];
    texts.set(element, words.join(" ").toLowerCase());
  }
  return texts.get(element).includes(text);
}

function filter() {
  const text = form.elements.text.value.trim().toLowerCase();
  const wanted = fields.filter((field) => field.value);
  let shown = 0;
  for (const element of cases) {
    const fits = wanted.every((field) => element.dataset[field.name] === field.value) && (!text || says(element, text));
    element.hidden = !fits;
    shown += fits;
  }
  for (const element of containers) {
    element.hidden = !element.querySelector(".case:not([hidden])");
    if (element.matches(".section") && (text || wanted.length)) element.open = !element.hidden;
  }
  form.querySelector("output").value = `${shown} of ${cases.length} cases`;
}

function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) {
    form.reset();
    filter();
  }
  for (let at = target; at; at = at.parentElement) if (at.matches("details")) at.open = true;
  target.scrollIntoView();
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.elements.unfold.addEventListener("click", () => {
  for (const element of cases.filter((element) => !element.hidden)) {
    element.open = true;
    element.closest(".section").open = true;
  }
});
form.elements.fold.addEventListener("click", () => {
  for (const element of document.querySelectorAll("#cases details")) element.open = false;
});
addEventListener("hashchange", reveal);
form.hidden = false;
filter();
reveal();
