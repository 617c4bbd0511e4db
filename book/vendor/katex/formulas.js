// Renders the formulas that Sphinx left as TeX in elements of class "math".
for (const element of document.querySelectorAll(".math.notranslate")) {
  const number = element.querySelector(".eqno");
  number?.remove();
  const text = element.textContent.trim();
  const displayMode = text.startsWith("\\[");
  const place = document.createElement(displayMode ? "div" : "span");
  katex.render(text.slice(2, -2), place, { displayMode, throwOnError: false });
  element.replaceChildren(place);
  if (number) element.append(number);
}
