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

  // A browser lays out some hundred lines at once without a pause; the others come when they are asked for.
  const FIRST = 200;

  // A table's lines: in which order, which of them, and how many at once.
  class Lines {
    constructor(table) {
      this.body = table.tBodies[0];
      this.original = [...this.body.rows];
      this.ordered = this.original;
      this.words = [];
      // A link may lead to a line that has a name, so those are always there.
      this.isWhole = this.original.length <= FIRST || this.original.some((row) => row.id);
      this.counts = document.createElement("output");
      this.more = document.createElement("button");
      this.more.type = "button";
      this.more.addEventListener("click", () => {
        const next = this.body.rows.length;
        this.isWhole = true;
        this.show();
        // The button is gone; whoever pressed it goes on with the first line that came.
        this.body.rows[next]?.querySelector("a")?.focus();
      });
      table.closest(".scroll").after(this.more);
      this.show();
    }

    fits(row) {
      this.texts ??= new Map(this.original.map((line) => [line, line.textContent.toLowerCase()]));
      const text = this.texts.get(row);
      return this.words.every((word) => text.includes(word));
    }

    show() {
      const fitting = this.words.length ? this.ordered.filter((row) => this.fits(row)) : this.ordered;
      const shown = this.isWhole ? fitting : fitting.slice(0, FIRST);
      this.body.replaceChildren(...shown);
      const [count, total] = [fitting.length, this.original.length].map((number) => number.toLocaleString("en"));
      const part = shown.length < fitting.length ? `, the first ${shown.length} shown` : "";
      this.counts.textContent = this.words.length ? `${count} of ${total} lines${part}` : `${total} lines${part}`;
      this.more.hidden = part === "";
      this.more.textContent = `Show all ${count} lines`;
    }

    sort(column, order) {
      this.ordered = this.original;
      if (order !== "none") {
        const sign = order === "descending" ? -1 : 1;
        const keyed = this.original.map((row) => ({ row, key: keyOf(row.cells[column]) }));
        keyed.sort((a, b) => {
          if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
          return sign * compare(a.key, b.key);
        });
        this.ordered = keyed.map(({ row }) => row);
      }
      this.show();
    }

    filter(text) {
      this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
      this.show();
    }
  }

  const startSorting = (table, lines) => {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      // Of numbers the largest come first: that is what most look for.
      const next = heading.classList.contains("number")
        ? { none: "descending", descending: "ascending", ascending: "none" }
        : { none: "ascending", ascending: "descending", descending: "none" };
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const order = next[heading.getAttribute("aria-sort")];
        for (const other of headings) other.setAttribute("aria-sort", other === heading ? order : "none");
        lines.sort(column, order);
      });
    });
  };

  // Shows the lines that hold all words.
  const startFilter = (table, lines, number) => {
    const tools = document.createElement("div");
    tools.className = "tools";
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "search";
    input.id = label.htmlFor = `filter-${number}`;
    input.autocomplete = "off";
    input.spellcheck = false;
    label.textContent = "Filter";
    input.setAttribute("aria-label", `Filter ${table.dataset.name}`);
    lines.counts.htmlFor.add(input.id);
    tools.append(label, input, lines.counts);
    table.closest(".scroll").before(tools);
    let waiting;
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => lines.filter(input.value), 60);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !input.value) return;
      event.preventDefault();
      clearTimeout(waiting);
      input.value = "";
      lines.filter("");
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    startTheme();
    document.querySelectorAll("table.board").forEach((table, number) => {
      if (table.tBodies[0].rows.length < 2) return;
      const lines = new Lines(table);
      startSorting(table, lines);
      // A reader takes in as many lines at a glance.
      if (lines.original.length > 10) startFilter(table, lines, number);
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
