// What scrolls sideways can be reached by keyboard, and has a name.
const wide = ".math, .math > div, .katex-display, pre, .pst-scrollable-table-container, .output, .picture, .wide";
function reach() {
  for (const element of document.querySelectorAll(wide)) {
    if (element.scrollWidth <= element.clientWidth || element.tabIndex === 0) continue;
    if (getComputedStyle(element).display === "inline") continue;
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    const kind = element.closest(".math") ? "Formula" : element.closest("pre") ? "Code" : "Table";
    element.setAttribute("aria-label", `${kind}, scrolls sideways`);
  }
}
// On a phone a table that is wider than its place becomes a stack: a card for each row, in which
// each cell stands below the name of its column, or beside it where a table has long cells.
const short = 24; // letters, of three columns on a phone
const phone = matchMedia("(max-width: 600px)");
function label(table) {
  const names = [...table.querySelectorAll("thead tr:last-child > *")].map((cell) => cell.textContent.trim());
  const roles = { table: "table", "thead, tbody": "rowgroup", tr: "row", "thead th": "columnheader",
    "tbody th": "rowheader", td: "cell" };
  for (const [kind, role] of Object.entries(roles)) {
    for (const one of kind === "table" ? [table] : table.querySelectorAll(kind)) one.setAttribute("role", role);
  }
  for (const row of table.querySelectorAll("tbody tr")) {
    [...row.children].forEach((cell, column) => {
      const value = document.createElement("div");
      value.append(...cell.childNodes);
      cell.append(value);
      if (column && names[column]) cell.dataset.name = names[column];
      cell.classList.toggle("empty", !value.textContent.trim() && !value.querySelector("img, svg"));
    });
  }
  const cells = [...table.querySelectorAll("tbody tr > :not(:first-child)")];
  table.classList.toggle("short", cells.every((cell) => cell.textContent.trim().length <= short));
}
function stack() {
  for (const table of document.querySelectorAll("article table")) {
    table.classList.remove("stacked");
    if (!phone.matches || table.offsetWidth <= table.parentElement.clientWidth) continue;
    if (!table.hasAttribute("role")) label(table);
    table.classList.add("stacked");
  }
}
// Values in figures: the title of a mark, shown at once and by touch too.
const tip = document.createElement("div");
tip.className = "tip";
function say(event) {
  const mark = event.target.closest?.(".picture [data-tip], .picture :has(> title)");
  tip.hidden = !mark;
  if (!mark) return;
  const title = mark.querySelector(":scope > title");
  if (title) mark.dataset.tip = title.textContent;
  title?.remove(); // else the browser shows it again
  tip.textContent = mark.dataset.tip;
  document.body.append(tip);
  const left = Math.min(event.clientX, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(left, 8)}px`;
  tip.style.top = `${Math.max(event.clientY - tip.offsetHeight - 14, 8)}px`;
}
addEventListener("pointerover", say);
addEventListener("pointerdown", say);
function fit() {
  stack();
  reach();
}
addEventListener("load", () => document.fonts.ready.then(fit));
addEventListener("resize", fit);
document.addEventListener("toggle", fit, true); // of what was folded, when it opens
// Paper shows folded tables as well, and the code of the one page that is about code (custom.css).
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.hide")) folded.open = true;
});
