"use strict";
(() => {
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const memory = {
    read: () => { try { return localStorage.getItem("retally-theme"); } catch { return null; } },
    write: (theme) => { try { localStorage.setItem("retally-theme", theme); } catch { /* a page from a file may have no storage */ } },
  };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const asked = new URLSearchParams(location.search).get("theme") || memory.read();
  if (asked === "dark" || asked === "light") root.dataset.theme = asked;

  const startTheme = () => {
    const button = document.getElementById("theme");
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      memory.write(root.dataset.theme);
      show();
    });
    systemDark.addEventListener("change", show);
    show();
  };

  // What an entry is sorted by: its number where it has one, else its text; nothing stays last in both directions.
  const collator = new Intl.Collator("en", { numeric: true });
  const keyOf = (cell) => {
    if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    const text = cell.textContent.trim();
    return text === "" || cell.classList.contains("absent") ? null : text;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));

  const startSorting = (table, body) => {
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    const sort = (column) => {
      const heading = headings[column];
      // Of numbers the largest come first: that is what most look for.
      const order = heading.classList.contains("number")
        ? { none: "descending", descending: "ascending", ascending: "none" }
        : { none: "ascending", ascending: "descending", descending: "none" };
      const next = order[heading.getAttribute("aria-sort")];
      for (const other of headings) other.setAttribute("aria-sort", other === heading ? next : "none");
      let rows = original;
      if (next !== "none") {
        const sign = next === "descending" ? -1 : 1;
        const keyed = original.map((row) => ({ row, key: keyOf(row.cells[column]) }));
        keyed.sort((a, b) => {
          if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
          return sign * compare(a.key, b.key);
        });
        rows = keyed.map(({ row }) => row);
      }
      body.replaceChildren(...rows);
    };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(column));
    });
    return original;
  };

  // Shows the lines that hold all words.
  const startFilter = (table, rows, number) => {
    const name = table.dataset.name;
    const tools = document.createElement("div");
    tools.className = "tools";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const shown = document.createElement("output");
    input.type = "search";
    input.id = label.htmlFor = `filter-${number}`;
    input.autocomplete = "off";
    input.spellcheck = false;
    label.textContent = "Filter";
    input.setAttribute("aria-label", `Filter ${name}`);
    shown.htmlFor.add(input.id);
    tools.append(label, input, shown);
    table.closest(".scroll").before(tools);
    const total = rows.length.toLocaleString("en");
    let texts;
    const apply = () => {
      texts ??= rows.map((row) => row.textContent.toLowerCase());
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, index) => {
        const fits = words.every((word) => texts[index].includes(word));
        if (row.hidden === fits) row.hidden = !fits;
        count += fits;
      });
      shown.textContent = words.length ? `${count.toLocaleString("en")} of ${total} lines` : `${total} lines`;
    };
    let waiting;
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, 60);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && input.value) {
        event.preventDefault();
        input.value = "";
        apply();
      }
    });
    shown.textContent = `${total} lines`;
  };

  document.addEventListener("DOMContentLoaded", () => {
    startTheme();
    document.querySelectorAll("table.board").forEach((table, number) => {
      const body = table.tBodies[0];
      if (body.rows.length < 2) return;
      const rows = startSorting(table, body);
      // A reader takes in as many lines at a glance.
      if (rows.length > 10) startFilter(table, rows, number);
    });
    // A link into a closed part opens it.
    const reveal = () => {
      // Anchors of these pages hold no character that an address writes differently.
      const target = document.getElementById(location.hash.slice(1));
      for (let box = target?.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
      target?.scrollIntoView();
    };
    addEventListener("hashchange", reveal);
    reveal();
  });
})();
