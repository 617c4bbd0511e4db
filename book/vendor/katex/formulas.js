// Sphinx names this script on the pages that have formulas, which it leaves as TeX in elements of
// class "math": loads KaTeX from beside this file, and renders them.
const folder = document.currentScript.src.replace(/[^/]*$/, "");
const style = Object.assign(document.createElement("link"), { rel: "stylesheet" });
style.href = `${folder}katex.min.css`;
const script = Object.assign(document.createElement("script"), { src: `${folder}katex.min.js` });
script.addEventListener("load", () => {
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
});
document.head.append(style, script);
