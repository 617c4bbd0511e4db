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
addEventListener("load", () => document.fonts.ready.then(reach));
addEventListener("resize", reach);
// Paper shows folded tables as well.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.hide:has(table)")) folded.open = true;
});
