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
// Values in figures and definitions of terms: the title of a mark or link, shown at once, by keyboard and
// touch too. A finger's first tap on a link shows its title, the second follows it; Escape hides it.
const titled = ".picture [data-tip], .picture :has(> title), article a:not(.headerlink):is([title], [data-tip])";
const tip = document.createElement("div");
Object.assign(tip, { className: "tip", id: "tip", role: "tooltip", hidden: true });
let [marked, tapped] = [null, null];
function say(event) {
  if (event.target === tip || (event.type === "pointerover" && event.pointerType === "touch")) return;
  const mark = event.target.closest?.(titled) || null;
  if (event.type === "pointerdown") tapped = event.pointerType === "touch" && (mark !== marked || tip.hidden) ? mark : null;
  marked?.removeAttribute("aria-describedby");
  marked = mark;
  tip.hidden = !mark;
  if (!mark) return;
  const title = mark.querySelector(":scope > title");
  mark.dataset.tip ||= title?.textContent || mark.title;
  title?.remove(); // else the browser shows it again
  mark.removeAttribute("title");
  mark.setAttribute("aria-describedby", "tip");
  tip.textContent = mark.dataset.tip;
  document.body.append(tip);
  const link = mark.matches("a[href]") && !mark.closest(".picture");
  tip.classList.toggle("of-link", link);
  const box = mark.getBoundingClientRect();
  const [x, y] = link || !event.clientX ? [box.left, box.top] : [event.clientX, event.clientY - 14];
  const above = y - tip.offsetHeight > 0;
  tip.style.left = `${Math.max(Math.min(x, innerWidth - tip.offsetWidth - 8), 8) + scrollX}px`;
  tip.style.top = `${(above ? y - tip.offsetHeight : box.bottom) + scrollY}px`;
}
for (const kind of ["pointerover", "pointerdown", "focusin"]) addEventListener(kind, say);
addEventListener("click", (event) => {
  if (tapped?.matches("a[href]") && tapped.contains(event.target)) event.preventDefault();
});
addEventListener("keydown", (event) => { tip.hidden ||= event.key === "Escape"; });
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
