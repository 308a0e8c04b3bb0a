"use strict";
(() => {
  const root = document.documentElement;
  const themeButton = document.getElementById("theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const memory = {
    read: () => { try { return localStorage.getItem("retally-theme"); } catch { return null; } },
    write: (theme) => { try { localStorage.setItem("retally-theme", theme); } catch { /* a page from a file may have no storage */ } },
  };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const showTheme = () => themeButton.setAttribute("aria-pressed", String(isDark()));
  const asked = new URLSearchParams(location.search).get("theme") || memory.read();
  if (asked === "dark" || asked === "light") root.dataset.theme = asked;
  themeButton.hidden = false;
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    memory.write(root.dataset.theme);
    showTheme();
  });
  systemDark.addEventListener("change", showTheme);
  showTheme();

  // A link into closed evidence opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // A click on a cell shows its evidence at once; without this script the link leads to the same text below the table.
  const dialog = document.getElementById("evidence-dialog");
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#evidence-"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const evidence = document.getElementById(link.getAttribute("href").slice(1));
    if (!evidence) return;
    event.preventDefault();
    const body = dialog.querySelector("div");
    body.replaceChildren(...[...evidence.children].map((child) => child.cloneNode(true)));
    dialog.showModal();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // Sorting: first by rising value, then by falling, then as printed. Entries without a value stay last.
  const collator = new Intl.Collator("en", { numeric: true });
  const key = (row, column) => {
    const entry = row.cells[column];
    const text = entry.textContent.trim();
    if (entry.dataset.sort !== undefined) return Number(entry.dataset.sort);
    const number = Number(text.replace("\u2212", "-"));
    return text === "" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const printed = [...body.rows];
    const headings = [...table.querySelectorAll("th[data-column]")];
    const sort = (heading) => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.getAttribute("aria-sort")];
      for (const other of headings) other.setAttribute("aria-sort", other === heading ? next : "none");
      table.toggleAttribute("data-sorted", next !== "none");
      const column = Number(heading.dataset.column);
      const sign = next === "descending" ? -1 : 1;
      const rows = printed.map((row) => ({ row, key: key(row, column) }));
      if (next !== "none") rows.sort((a, b) => {
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
        return sign * compare(a.key, b.key);
      });
      body.append(...rows.map(({ row }) => row));
    };
    for (const heading of headings) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(heading));
    }
  }
})();
