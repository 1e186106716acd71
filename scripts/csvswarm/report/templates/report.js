"use strict";
// Sorts and filters the table of attempts, and shows what is under the pointer in the timeline.
(() => {
  const text = document.getElementById("data").textContent;
  if (!text) return;
  const data = JSON.parse(text);
  const statuses = ["done", "second", "misfit", "failed", "lost"];
  const [CHUNK, BOARD, STATUS, LANE, START, END, ROWS, BYTES, PEAK, WAITED, STARTING] = [...Array(11).keys()];
  const rows = data.attempts.map((a, index) => {
    const took = Math.max(a[END] - a[START], 0);
    return {
      index, a, took,
      values: [a[CHUNK], data.boards[a[BOARD]], statuses[a[STATUS]], a[START], took, a[ROWS],
        took ? a[ROWS] / took : 0, a[BYTES] / 1e6, took ? a[BYTES] / 1e6 / took : 0, a[PEAK], data.messages[index] || ""],
    };
  });
  const digits = [0, null, null, 2, 2, 0, 0, 1, 1, 0, null];
  const show = (value, place) => digits[place] === null ? value
    : value.toLocaleString("en", {minimumFractionDigits: digits[place], maximumFractionDigits: digits[place]});

  // -- the table
  const PAGE = 200;
  const table = document.getElementById("table"), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const filter = document.getElementById("filter"), status = document.getElementById("status");
  const more = document.getElementById("more"), shown = document.getElementById("shown");
  let sorted = 0, down = false, limit = PAGE;

  function draw() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter(row => (!status.value || row.values[2] === status.value) && words.every(word =>
      row.values[1].toLowerCase().includes(word) || row.values[2] === word || String(row.values[0]) === word
      || row.values[10].toLowerCase().includes(word)));
    const sign = down ? -1 : 1;
    found.sort((one, other) => {
      const x = one.values[sorted], y = other.values[sorted];
      return x === y ? one.index - other.index : (x < y ? -sign : sign);
    });
    body.replaceChildren(...found.slice(0, limit).map(row => {
      const line = document.createElement("tr");
      row.values.forEach((value, place) => {
        const cell = line.insertCell();
        cell.textContent = show(value, place);
        cell.className = digits[place] === null ? (place === 10 ? "free" : "") : "number";
      });
      return line;
    }));
    shown.textContent = `${Math.min(limit, found.length)} of ${found.length} attempts`;
    more.parentElement.hidden = found.length <= limit;
    heads.forEach((head, place) => {
      if (place === sorted) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      down = sorted === place ? !down : false;
      sorted = place;
      draw();
    });
    head.replaceChildren(button);
  });
  filter.addEventListener("input", draw);
  status.addEventListener("change", draw);
  more.addEventListener("click", () => { limit += 5 * PAGE; draw(); });
  filter.closest(".tools").hidden = false;
  draw();

  // -- the timeline
  const tip = document.getElementById("tip");
  const total = data.pieces.reduce((sum, [start, end]) => sum + end - start, 0) || 1e-9;
  const elapsed = moment => data.pieces.reduce((sum, [start, end]) =>
    sum + (moment > start ? Math.min(moment, end) - start : 0), 0);
  const describe = row => {
    const v = row.values;
    return `chunk ${v[0]}, ${v[2]}\n${v[1]}\n${show(v[5], 5)} records in ${show(v[4], 4)} s`
      + (row.took ? `, ${show(v[6], 6)} records/s` : "") + `\n${show(v[9], 9)} MB of memory`
      + (row.a.length > WAITED ? `\n${row.a[WAITED]} s of waiting for a board, ${row.a[STARTING]} s of starting` : "")
      + (v[10] ? `\n${v[10].slice(0, 200)}` : "");
  };
  function point(row, x, y) {
    tip.textContent = describe(row);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 4))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 12) : y + 18}px`;
  }
  const hide = () => { tip.hidden = true; };
  document.querySelectorAll("svg[data-lane]").forEach(lane => {
    const own = rows.filter(row => row.a[LANE] === Number(lane.dataset.lane)).sort((x, y) => x.a[START] - y.a[START]);
    let place = -1;
    lane.addEventListener("pointermove", event => {
      const box = lane.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width * total, slack = total / box.width * 2;
      const row = own.find(row => elapsed(row.a[START]) - slack <= at && at <= elapsed(row.a[END]) + slack);
      if (row) point(row, event.clientX, event.clientY);
      else hide();
    });
    lane.addEventListener("pointerleave", hide);
    lane.addEventListener("blur", hide);
    lane.addEventListener("keydown", event => {
      if (event.key === "Escape") hide();
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      event.preventDefault();
      place = Math.max(0, Math.min(own.length - 1, place + (event.key === "ArrowRight" ? 1 : -1)));
      const box = lane.getBoundingClientRect();
      point(own[place], box.left + elapsed(own[place].a[START]) / total * box.width, box.top);
    });
  });
  document.addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
})();
